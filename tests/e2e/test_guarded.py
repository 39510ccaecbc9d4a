"""A server as on the internet, with a key and a relay, and what a browser makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from tests.coturn import MISSING, PROGRAM, SECRET, free_port, turn_server
from tests.e2e.conftest import Server, serving
from tests.e2e.test_page import WAIT, wait_for_sessions

KEY = "the key of the tests, which nobody guesses"
EXAMPLE = Path(__file__).parents[2] / "examples" / "own_site" / "server.py"
TEXT = "This is said to those who may hear it."
TRANSPORTS = ("webrtc", "websocket")
OpenPage = Callable[[], Page]

needs_relay = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


@dataclass(frozen=True)
class Guarded:
    """A server that wants tokens, and a site of somebody who has its key."""

    server: Server
    site: str

    def grant(self, **wanted: Any) -> dict[str, Any]:
        """What the key buys."""
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = httpx.post(f"{self.server.url}/v1/sessions", json=wanted, headers=headers)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def guarded(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    options = ["--auth-key", KEY, "--allow-origin", site]
    with ExitStack() as stack:
        if PROGRAM is not None:
            turn = stack.enter_context(turn_server(tmp_path_factory.mktemp("turn")))
            for transport in ("udp", "tcp"):
                options += ["--ice-server", f"turn:127.0.0.1:{turn}?transport={transport}"]
            options += ["--turn-secret", SECRET]
        server = stack.enter_context(serving(2, *options))
        settings = {"JAMFLOW_AUTH_KEY": KEY, "JAMFLOW_URL": server.url, "PORT": str(port)}
        process = stack.enter_context(
            subprocess.Popen([sys.executable, EXAMPLE], env={**os.environ, **settings})
        )
        stack.callback(process.terminate)
        wait_for_site(site, process)
        yield Guarded(server, site)


@pytest.fixture(autouse=True)
def empty_server(guarded: Guarded) -> None:
    wait_for_sessions(guarded.server, 0, seconds=20)


def wait_for_site(site: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the site ended at once"
        try:
            assert httpx.get(site).status_code == 200
            return
        except httpx.ConnectError:
            time.sleep(0.1)
    pytest.fail("the site does not answer")


def speak(page: Page, avatar: str) -> None:
    """Something is said, heard and seen."""
    # A gesture, without which there may be no sound.
    page.mouse.click(2, 2)
    before, after, status = page.evaluate(
        f"""async (text) => {{
          for (const video of document.querySelectorAll("video")) video.muted = false;
          const speaker = {avatar};
          const before = await speaker.stats();
          const {{ status }} = await speaker.say(text);
          return [before, await speaker.stats(), status];
        }}""",
        TEXT,
    )
    assert status == "completed"
    assert after["bytesReceived"] > before["bytesReceived"] + 10_000
    assert after["framesDecoded"] > before["framesDecoded"] + 10
    assert after["audioEnergy"] > before["audioEnergy"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_site_of_ones_own_buys_tokens_and_its_page_speaks(
    guarded: Guarded, open_page: OpenPage, transport: str
) -> None:
    page = open_page()
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))
    if transport == "websocket":
        page.add_init_script("delete window.RTCPeerConnection")
    page.goto(guarded.site, timeout=WAIT)
    element = page.locator("jamflow-avatar")
    expect(element.locator(".cover")).to_be_hidden(timeout=WAIT)
    avatar = "document.querySelector('jamflow-avatar').avatar"
    assert page.evaluate(f"{avatar}.transport") == transport
    assert page.evaluate(f"{avatar}.session.scopes") == ["audio", "say", "view"]
    element.locator("#sound").click()
    speak(page, avatar)

    bought = [request for request in requests if request.url == f"{guarded.site}/token"]
    assert len(bought) == 1
    token = bought[0].response().json()["token"]
    offers = [request for request in requests if request.url.endswith("/whep")]
    assert len(offers) == (transport == "webrtc")
    for request in requests:
        headers = request.all_headers()
        assert KEY not in request.url + str(headers) + str(request.post_data)
        assert token not in request.url
    for offer in offers:
        assert offer.all_headers()["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_page_says_what_is_wrong_with_a_token(
    guarded: Guarded, open_page: OpenPage, transport: str
) -> None:
    page = open_page()
    home = f"{guarded.server.url}/?transport={transport}"
    page.goto(home, timeout=WAIT)
    title, told = page.locator("#cover-title"), page.locator("#cover-text")
    expect(title).to_have_text("This avatar is private", timeout=WAIT)
    expect(page.locator("#status-text")).to_have_text("Offline")

    expired = guarded.grant(seconds=0.2)["token"]
    time.sleep(0.3)
    # A link that is opened in a page that is open already changes no more than the hash.
    page.goto(f"{home}#token={expired}")
    expect(title).to_have_text("The token was refused", timeout=WAIT)
    expect(told).to_contain_text("expired")

    good = guarded.grant()["token"]
    wrong = good[:-6] + ("A" if good[-6] != "A" else "B") + good[-5:]
    for given, why in ((wrong, "not one of this server's"), ("häßlich!", "no token")):
        page.locator("#token").fill(given)
        page.keyboard.press("Enter")
        expect(told).to_contain_text(why, timeout=WAIT)
        expect(title).to_have_text("The token was refused")
    assert guarded.server.sessions() == 0

    page.locator("#token").fill(good)
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#status-text")).to_have_text("Ready", timeout=WAIT)
    expect(page.locator("#cover")).to_be_hidden(timeout=WAIT)
    assert page.evaluate("avatar.transport") == transport


def test_a_token_without_the_right_to_watch_is_explained(
    guarded: Guarded, open_page: OpenPage
) -> None:
    page = open_page()
    token = guarded.grant(scopes=["say"])["token"]
    page.goto(f"{guarded.server.url}/#token={token}", timeout=WAIT)
    expect(page.locator("#cover-text")).to_contain_text("scope 'view'", timeout=WAIT)


def test_a_lost_session_whose_token_has_expired_is_explained(
    guarded: Guarded, open_page: OpenPage
) -> None:
    page = open_page()
    token = guarded.grant()["token"]
    with page.expect_response("**/whep") as opened:
        page.goto(f"{guarded.server.url}/?transport=webrtc#token={token}", timeout=WAIT)
    expect(page.locator("#status-text")).to_have_text("Ready", timeout=WAIT)
    expired = guarded.grant(seconds=0.1)["token"]
    page.evaluate("(token) => history.replaceState(null, '', `#token=${token}`)", expired)
    time.sleep(0.2)
    speak(page, "avatar")
    # As a proxy that loses the connection; whoever has a session's address may end it.
    location = opened.value.headers["location"]
    assert httpx.delete(f"{guarded.server.url}{location}").status_code == 200
    expect(page.locator("#cover-title")).to_have_text("The token was refused", timeout=WAIT)
    expect(page.locator("#cover-text")).to_contain_text("expired")
    assert page.evaluate("avatar.connection") == "failed"


# Through the relay

PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.peers.push(this); }
};
"""
CONNECT = """async ([grant, options]) => {
  const { JamflowAvatar } = await import("/static/jamflow.js");
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  window.avatar = new JamflowAvatar({ getToken: async () => grant, ...options });
  avatar.attach(video);
  await avatar.connect();
}"""
SELECTED = """async () => {
  const stats = await peers.at(-1).getStats();
  const all = [...stats.values()];
  const transport = all.find(({ type }) => type === "transport");
  const pair = stats.get(transport.selectedCandidatePairId);
  return [pair, stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
}"""


@needs_relay
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_page_that_wants_a_relay_gets_all_through_it(
    guarded: Guarded, open_page: OpenPage, transport: str
) -> None:
    grant = guarded.grant(subject="mara", seconds=60)
    servers = [one for one in grant["ice_servers"] if one["urls"][0].endswith(transport)]
    (server,) = servers
    expires, _, subject = server["username"].partition(":")
    assert time.time() < int(expires) <= time.time() + 3600 and subject == "mara"

    page = open_page()
    page.add_init_script(PEERS)
    page.goto(f"{guarded.server.url}/healthz", timeout=WAIT)
    options = {"transport": "webrtc", "iceTransportPolicy": "relay"}
    page.evaluate(CONNECT, [{**grant, "ice_servers": servers}, options])
    speak(page, "avatar")

    pair, local, _ = page.evaluate(SELECTED)
    assert pair["state"] == "succeeded"
    assert pair["bytesReceived"] > 10_000
    assert (local["candidateType"], local["relayProtocol"]) == ("relay", transport)
    assert page.evaluate("peers.length") == 1
    sent = page.evaluate("peers[0].localDescription.sdp")
    candidates = [line for line in sent.splitlines() if line.startswith("a=candidate:")]
    assert candidates and all(" typ relay" in line for line in candidates)


@needs_relay
def test_a_relay_that_only_the_answer_tells_of_is_used(
    guarded: Guarded, open_page: OpenPage
) -> None:
    page = open_page()
    page.add_init_script(PEERS)
    page.goto(f"{guarded.server.url}/healthz", timeout=WAIT)
    token = guarded.grant()["token"]
    page.evaluate(CONNECT, [token, {"transport": "webrtc", "iceTransportPolicy": "relay"}])
    speak(page, "avatar")
    _, local, _ = page.evaluate(SELECTED)
    assert local["candidateType"] == "relay"
    # The place of the attempt without it is free again.
    assert page.evaluate("peers.length") == 2
    wait_for_sessions(guarded.server, 1, seconds=10)


@needs_relay
def test_credentials_of_the_past_lead_to_a_websocket(guarded: Guarded, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{guarded.server.url}/healthz", timeout=WAIT)
    grant = guarded.grant()
    for server in grant["ice_servers"]:
        server["username"] = f"1000000000:{server['username'].partition(':')[2]}"
    page.evaluate(CONNECT, [grant, {"iceTransportPolicy": "relay"}])
    assert page.evaluate("avatar.transport") == "websocket"
    speak(page, "avatar")
