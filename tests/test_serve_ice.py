from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jamflow_rt.config import IceServer, ServerConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.ice import (
    IceServers,
    ice_json,
    ice_links,
    rtc_configuration,
    turn_credentials,
)

STUN = IceServer(urls=("stun:stun.example.org:3478",))
TURN = IceServer(urls=("turn:turn.example.org?transport=udp", "turns:turn.example.org"))
NOW = 1_800_000_000.0


def make_servers(
    *servers: IceServer, secret: str | None = "secret", seconds: int = 60
) -> IceServers:
    config = ServerConfig(
        ice_servers=servers,
        turn_secret=None if secret is None else SecretStr(secret),
        turn_seconds=seconds,
        max_session_seconds=600,
    )
    return IceServers(config, clock=lambda: NOW)


def test_credentials_are_those_of_coturn() -> None:
    # As `printf 1433895918:mara | openssl dgst -sha1 -hmac north -binary | base64` says.
    expected = base64.b64encode(
        hmac.new(b"north", b"1433895918:mara", hashlib.sha1).digest()
    ).decode()
    assert turn_credentials("north", "mara", 1433895918) == ("1433895918:mara", expected)


@given(st.text())
def test_any_subject_makes_a_name_that_headers_and_coturn_can_read(subject: str) -> None:
    username, credential = turn_credentials("secret", subject, 7)
    expires, _, name = username.partition(":")
    assert expires == "7"
    assert len(name) <= 64
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@-")
    assert len(base64.b64decode(credential)) == 20


def test_a_client_gets_credentials_that_expire() -> None:
    stun, turn = make_servers(STUN, TURN).for_client("mara")
    assert stun == STUN
    assert turn.urls == TURN.urls
    assert turn.username == f"{int(NOW) + 60}:mara"
    assert turn.credential is not None
    expected = turn_credentials("secret", "mara", int(NOW) + 60)[1]
    assert turn.credential.get_secret_value() == expected


def test_the_servers_own_credentials_outlast_a_session() -> None:
    (turn,) = make_servers(TURN).for_server()
    assert turn.username == f"{int(NOW) + 660}:server"


def test_credentials_that_are_configured_stay() -> None:
    fixed = IceServer(urls=TURN.urls, username="me", credential=SecretStr("mine"))
    assert make_servers(fixed).for_client("mara") == (fixed,)
    assert make_servers(fixed, secret=None).for_server() == (fixed,)


def test_without_servers_there_are_none() -> None:
    servers = make_servers()
    assert servers.for_client() == servers.for_server() == ()
    # An empty list, since None would mean a public STUN server.
    assert rtc_configuration(servers.for_server()).iceServers == []


@pytest.mark.parametrize(
    "url", ["http://example.org", "stun", "turn:", "stun:a?transport=udp", "turn:host:port"]
)
def test_an_address_that_is_none_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidInput, match="is no address of an ICE server"):
        make_servers(IceServer(urls=(url,)))


def test_a_turn_server_without_credentials_is_refused() -> None:
    with pytest.raises(InvalidInput, match="turn_secret"):
        make_servers(TURN, secret=None)


def test_link_headers_say_what_a_client_needs() -> None:
    links = ice_links(make_servers(STUN, TURN).for_client("mara"))
    assert links[0] == '<stun:stun.example.org:3478>; rel="ice-server"'
    username, credential = turn_credentials("secret", "mara", int(NOW) + 60)
    tail = (
        f'; rel="ice-server"; username="{username}"; credential="{credential}"; '
        'credential-type="password"'
    )
    assert links[1:] == [f"<{url}>{tail}" for url in TURN.urls]


def test_quotes_in_configured_credentials_do_not_break_a_header() -> None:
    fixed = IceServer(urls=("turn:host",), username='a"b\\', credential=SecretStr("c"))
    (link,) = ice_links([fixed])
    assert r'username="a\"b\\"' in link


def test_json_is_what_browsers_take() -> None:
    stun, turn = ice_json(make_servers(STUN, TURN).for_client("mara"))
    assert stun == {"urls": ["stun:stun.example.org:3478"]}
    username, credential = turn_credentials("secret", "mara", int(NOW) + 60)
    assert turn == {"urls": list(TURN.urls), "username": username, "credential": credential}


def test_aiortc_gets_the_same_servers() -> None:
    configuration = rtc_configuration(make_servers(STUN, TURN).for_server(), relay_only=True)
    assert configuration.iceServers is not None
    stun, turn = configuration.iceServers
    assert (stun.urls, stun.credential) == (list(STUN.urls), None)
    assert turn.urls == list(TURN.urls)
    expected = turn_credentials("secret", "server", int(NOW) + 660)
    assert (turn.username, turn.credential) == expected
    assert configuration.iceTransportPolicy.value == "relay"
