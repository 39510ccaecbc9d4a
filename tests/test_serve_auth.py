from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, JamflowError, NotAuthorized
from jamflow_rt.serve.auth import (
    MAX_TOKEN,
    SCOPES,
    Forbidden,
    Gate,
    Grant,
    check_exposure,
    subject_of,
)
from jamflow_rt.serve.exchange import Exchange
from jamflow_rt.serve.limits import FAILURES_PER_MINUTE, Limits
from jamflow_rt.serve.refusals import refusal

KEY = "a-key-that-nobody-guesses"
CONFIG = ServerConfig(auth_key=SecretStr(KEY))
GATE = Gate(CONFIG)
GOOD: dict[str, Any] = {
    "sub": "ann",
    "iat": int(time.time()) - 1,
    "exp": int(time.time()) + 86_400,
    "jti": "1",
    "scope": ["say"],
    "max_sessions": 1,
}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def signed(claims: object, key: bytes | None = None) -> str:
    """A token as the gate would sign it, whatever it claims."""
    return signed_text(json.dumps(claims).encode(), key)


def signed_text(payload: bytes, key: bytes | None = None) -> str:
    signing = GATE._signing if key is None else key
    return jwt.api_jws.encode(payload, signing, "HS256")  # type: ignore[arg-type]


# Tokens


def test_a_token_grants_what_it_was_made_for() -> None:
    token, expires = GATE.token("ann", ["say", "view"], seconds=60, max_sessions=3)
    grant = GATE.grant(bearer(token))
    assert grant.subject == "ann"
    assert grant.scopes == {"say", "view"}
    assert grant.expires == pytest.approx(expires)
    assert expires == pytest.approx(time.time() + 60, abs=5)
    assert grant.max_sessions == 3
    assert grant.token_id != GATE.grant(bearer(GATE.token("ann")[0])).token_id


def test_a_websocket_carries_its_token_as_a_sub_protocol() -> None:
    token, _ = GATE.token("ann")
    assert GATE.grant({}, ["jamflow.v1", f"bearer.{token}"]).subject == "ann"
    for protocols in ([], ["jamflow.v1"], ["bearer."], [token]):
        with pytest.raises(NotAuthorized, match="missing"):
            GATE.grant({}, protocols)


def test_a_token_in_the_address_is_refused() -> None:
    token, _ = GATE.token("ann")
    with pytest.raises(NotAuthorized, match="logs"):
        GATE.grant({}, query={"token": token})
    assert GATE.grant(bearer(token), query={"portrait": "mara"}).subject == "ann"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer\t", KEY])
def test_without_a_token_nothing_is_granted(header: str) -> None:
    with pytest.raises(NotAuthorized):
        GATE.grant({"authorization": header})


def test_the_key_itself_opens_no_session() -> None:
    with pytest.raises(NotAuthorized):
        GATE.grant(bearer(KEY))


def test_an_expired_token_says_so() -> None:
    past = Gate(CONFIG, now=lambda: time.time() - 700)
    with pytest.raises(NotAuthorized, match="expired"):
        GATE.grant(bearer(past.token("ann")[0]))


def test_another_server_s_token_is_refused() -> None:
    other = Gate(ServerConfig(auth_key=SecretStr("quite-another-long-key")))
    with pytest.raises(NotAuthorized, match="not one of this server's"):
        GATE.grant(bearer(other.token("ann")[0]))
    # The key is not what signs: what it signs by itself means nothing here.
    with pytest.raises(NotAuthorized):
        GATE.grant(bearer(signed(GOOD, hashlib.sha256(KEY.encode()).digest())))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS512", "RS256", "HS256 "])
def test_the_token_does_not_choose_the_algorithm(algorithm: str) -> None:
    head = {"alg": algorithm, "typ": "JWT"}
    parts = [base64.urlsafe_b64encode(json.dumps(x).encode()).rstrip(b"=") for x in (head, GOOD)]
    real = signed(GOOD).rpartition(".")[2]
    for signature in ("", real):
        with pytest.raises(NotAuthorized):
            GATE.grant(bearer(b".".join(parts).decode() + "." + signature))


@pytest.mark.parametrize("missing", ["sub", "exp", "iat", "jti", "scope"])
def test_every_claim_must_be_there(missing: str) -> None:
    assert GATE.grant(bearer(signed(GOOD))).subject == "ann"
    claims = {key: value for key, value in GOOD.items() if key != missing}
    with pytest.raises(NotAuthorized):
        GATE.grant(bearer(signed(claims)))


def test_what_a_token_is_asked_for_is_checked() -> None:
    with pytest.raises(InvalidInput, match="no scope 'fly'"):
        GATE.token("ann", ["say", "fly"])
    with pytest.raises(InvalidInput, match="up to 600 seconds"):
        GATE.token("ann", seconds=601)
    with pytest.raises(InvalidInput, match="1 to 128 characters"):
        GATE.token("")


def test_scopes_are_asked_for_by_name() -> None:
    grant = Grant("ann", frozenset({"say"}), None, "")
    grant.require("say")
    with pytest.raises(Forbidden, match="'upload'"):
        grant.require("upload")


def test_an_open_server_grants_everything_by_address() -> None:
    gate = Gate(ServerConfig())
    assert gate.open
    grant = gate.grant({}, peer="10.1.2.3")
    assert grant == Grant("10.1.2.3", SCOPES, None, "")
    gate.check_key({})
    with pytest.raises(NotAuthorized, match="open"):
        gate.token("ann")


@pytest.mark.parametrize(
    ("peer", "subject"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("testclient", "testclient"),
        ("", "unknown"),
    ],
)
def test_subjects_of_addresses(peer: str, subject: str) -> None:
    assert subject_of(peer) == subject


# Keys and exposure


@pytest.mark.parametrize("given", [KEY + "x", KEY[:-1], KEY.upper(), "é" * 20, "\udcff"])
def test_only_the_key_is_the_key(given: str) -> None:
    GATE.check_key(bearer(KEY))
    with pytest.raises(NotAuthorized, match="not the server's key"):
        GATE.check_key(bearer(given))
    with pytest.raises(NotAuthorized, match="missing"):
        GATE.check_key({})


def test_a_short_key_is_refused_without_telling_it() -> None:
    with pytest.raises(InvalidInput, match="has 6 characters") as error:
        Gate(ServerConfig(auth_key=SecretStr("secret")))
    assert "secret'" not in str(error.value)


def test_the_key_shows_nowhere() -> None:
    shown = repr(CONFIG) + str(CONFIG) + repr(GATE) + repr(vars(GATE))
    token, _ = GATE.token("ann")
    assert KEY not in shown + token + repr(GATE.grant(bearer(token)))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "127.0.0.1.x"])
def test_strangers_are_not_served_by_accident(host: str) -> None:
    with pytest.raises(InvalidInput, match="--auth-key.*127.0.0.1.*--insecure"):
        check_exposure(ServerConfig(host=host))
    check_exposure(ServerConfig(host=host, insecure=True))
    check_exposure(ServerConfig(host=host, auth_key=SecretStr(KEY)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_this_machine_the_server_may_be_open(host: str) -> None:
    assert check_exposure(ServerConfig(host=host)) is None


# The exchange


def application(config: ServerConfig) -> Starlette:
    gate, limits = Gate(config), Limits(config)
    ice = [{"urls": ["stun:stun.example.org"]}]
    exchange = Exchange(gate, limits, lambda subject: [{**ice[0], "username": subject}])

    async def guarded(request: Request) -> Response:
        grant = gate.admit(request, "say")
        return JSONResponse({"subject": grant.subject})

    routes = [*exchange.routes(), Route("/guarded", guarded)]
    return Starlette(routes=routes, exception_handlers={JamflowError: refusal})


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[TestClient]:
    with TestClient(application(CONFIG)) as client:
        yield client


@pytest.fixture(scope="module")
def patient() -> Iterator[TestClient]:
    """Nobody has guessed at its keys, and there is no end to what may be asked of it."""
    config = ServerConfig(auth_key=SecretStr(KEY), requests_per_minute=1_000_000)
    with TestClient(application(config)) as client:
        yield client


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(application(CONFIG)) as client:
        yield client


def test_the_key_buys_a_token_that_opens(client: TestClient) -> None:
    asked = {"subject": "ann", "scopes": ["say", "view"], "seconds": 30}
    answer = client.post("/v1/sessions", json=asked, headers=bearer(KEY))
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["scopes"] == ["say", "view"]
    assert body["expires_at"] == pytest.approx(time.time() + 30, abs=5)
    assert body["ice_servers"] == [{"urls": ["stun:stun.example.org"], "username": "ann"}]
    assert KEY not in answer.text
    entered = client.get("/guarded", headers=bearer(body["token"]))
    assert entered.json() == {"subject": "ann"}


def test_without_wishes_a_token_does_everything_for_a_guest(client: TestClient) -> None:
    tokens = [client.post("/v1/sessions", headers=bearer(KEY)).json() for _ in range(2)]
    grants = [GATE.grant(bearer(token["token"])) for token in tokens]
    assert grants[0].scopes == SCOPES
    assert grants[0].max_sessions == CONFIG.sessions_per_subject
    assert grants[0].subject != grants[1].subject


def test_who_is_not_known_gets_401_and_who_may_not_403(client: TestClient) -> None:
    unknown = client.get("/guarded")
    assert unknown.status_code == 401
    assert unknown.headers["www-authenticate"] == "Bearer"
    token, _ = GATE.token("ann", ["view"])
    assert client.get("/guarded", headers=bearer(token)).status_code == 403


def test_guessing_keys_is_soon_refused(client: TestClient) -> None:
    answers = [
        client.post("/v1/sessions", headers=bearer(f"guess-{n}"))
        for n in range(FAILURES_PER_MINUTE + 2)
    ]
    codes = [answer.status_code for answer in answers]
    assert codes == [401] * FAILURES_PER_MINUTE + [429, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"subject": ""}',
        b'{"subject": "' + b"x" * 129 + b'"}',
        b'{"subject": 1}',
        b'{"scopes": []}',
        b'{"scopes": ["fly"]}',
        b'{"seconds": 0}',
        b'{"seconds": 1e999}',
        b'{"seconds": NaN}',
        b'{"seconds": 601}',
        b'{"max_sessions": 0}',
        b'{"unknown": 1}',
        b"[" * 4000,
    ],
)
def test_odd_wishes_are_refused(fuzzed: TestClient, body: bytes) -> None:
    answer = fuzzed.post("/v1/sessions", content=body, headers=bearer(KEY))
    assert answer.status_code == 400, answer.text


def test_endless_wishes_are_refused(fuzzed: TestClient) -> None:
    answer = fuzzed.post("/v1/sessions", content=b" " * 5000, headers=bearer(KEY))
    assert answer.status_code == 413


def test_an_open_server_makes_no_tokens_and_tells_the_way() -> None:
    with TestClient(application(ServerConfig(requests_per_minute=3))) as client:
        answer = client.post("/v1/sessions")
        assert answer.status_code == 201
        body = answer.json()
        assert body["token"] is None and body["expires_at"] is None
        assert body["scopes"] == sorted(SCOPES)
        assert body["ice_servers"][0]["username"] == "testclient"
        assert client.get("/guarded").json() == {"subject": "testclient"}
        codes = [client.post("/v1/sessions").status_code for _ in range(3)]
        assert codes == [201, 201, 429]


# Whatever comes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def refused_or_granted(token: str) -> Grant | None:
    try:
        return GATE.grant(bearer(token))
    except NotAuthorized:
        return None


@given(st.text(max_size=300))
@example("a" * (MAX_TOKEN + 1))
@example("..")
@example("\udcff.\udcff.\udcff")
@example(base64.urlsafe_b64encode(b"[" * 2500).decode().rstrip("=") + ".e30.")
@example(base64.urlsafe_b64encode(b'{"alg":"HS256","x":' + b"[" * 2500).decode() + ".e30.e30")
def test_random_text_grants_nothing(text: str) -> None:
    assert refused_or_granted(text) is None


@given(st.data())
def test_a_mutated_token_grants_nothing_new(data: st.DataObject) -> None:
    token = signed(GOOD)
    place = data.draw(st.integers(0, len(token) - 1))
    change = data.draw(st.text(max_size=3))
    width = data.draw(st.integers(0, 3))
    changed = token[:place] + change + token[place + width :]
    # The last letter of a signature has two bits that mean nothing.
    assert refused_or_granted(changed) in (None, refused_or_granted(token))


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), json_values))
@example({"exp": float("inf")})
@example({"exp": float("nan")})
@example({"exp": 10**400})
@example({"iat": float("inf")})
@example({"exp": True})
@example({"scope": "say"})
@example({"scope": [["say"]]})
@example({"max_sessions": True})
@example({"max_sessions": 10**30})
@example({"sub": "x" * 1000})
def test_odd_claims_are_refused_or_make_a_proper_grant(claims: dict[str, Any]) -> None:
    grant = refused_or_granted(signed(GOOD | claims))
    if grant is not None:
        assert isinstance(grant.subject, str) and 0 < len(grant.subject) <= 128
        assert grant.scopes <= SCOPES
        assert grant.expires is not None and grant.expires > time.time()
        assert grant.max_sessions is None or grant.max_sessions > 0


@given(json_values)
def test_odd_payloads_are_refused(payload: object) -> None:
    assert refused_or_granted(signed(payload)) is None


@given(st.binary(max_size=64))
def test_random_payloads_are_refused(payload: bytes) -> None:
    assert refused_or_granted(signed_text(payload)) is None


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60))
def test_no_header_breaks_the_server(fuzzed: TestClient, value: str) -> None:
    header = {"authorization": f"Bearer {value}".encode("latin-1")}
    assert fuzzed.get("/guarded", headers=header).status_code == 401
    assert fuzzed.post("/v1/sessions", headers=header).status_code in (401, 429)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_breaks_the_exchange(patient: TestClient, body: bytes) -> None:
    answer = patient.post("/v1/sessions", content=body, headers=bearer(KEY))
    assert answer.status_code in (201, 400)
