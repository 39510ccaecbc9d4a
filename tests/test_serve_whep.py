"""The HTTP side of WHEP, with a host that only notes what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from jamflow_rt.config import IceServer, ServerConfig
from jamflow_rt.errors import InvalidInput, JamflowError, NotSupported, Overloaded
from jamflow_rt.serve.auth import Gate, Grant
from jamflow_rt.serve.ice import IceServers
from jamflow_rt.serve.limits import Limits
from jamflow_rt.serve.refusals import refusal
from jamflow_rt.serve.trickle import FRAGMENT, Fragment
from jamflow_rt.serve.whep import MAX_FRAGMENT, MAX_OFFER, SDP, Whep

KEY = "a key that nobody guesses"
OFFER = {"content-type": SDP}
CANDIDATES = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:secretsecretsecretsecret\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host\r\n"
)


class FakeViewer:
    def __init__(self) -> None:
        self.fragments: list[Fragment] = []
        self.error: JamflowError | None = None

    def trickle(self, fragment: Fragment) -> None:
        if self.error is not None:
            raise self.error
        self.fragments.append(fragment)


class FakeHost:
    def __init__(self) -> None:
        self.viewers: dict[str, FakeViewer] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.grants: list[Grant] = []
        self.error: JamflowError | None = None

    async def open(
        self, sdp: str, portrait: str | None, voice: str | None, grant: Grant
    ) -> tuple[str, str]:
        if self.error is not None:
            raise self.error
        self.asked.append((sdp, portrait, voice))
        self.grants.append(grant)
        self.viewers["viewer-1"] = FakeViewer()
        return "viewer-1", "v=0 the answer"

    def get(self, viewer_id: str) -> FakeViewer | None:
        return self.viewers.get(viewer_id)

    async def close(self, viewer_id: str) -> bool:
        return self.viewers.pop(viewer_id, None) is not None


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


def make_client(host: FakeHost, config: ServerConfig) -> TestClient:
    whep = Whep(host, IceServers(config, clock=lambda: 1000), Gate(config), Limits(config))
    return TestClient(Starlette(routes=whep.routes(), exception_handlers={JamflowError: refusal}))


@pytest.fixture
def client(host: FakeHost) -> Iterator[TestClient]:
    with make_client(host, ServerConfig()) as client:
        yield client


def test_an_offer_is_answered(client: TestClient, host: FakeHost) -> None:
    answer = client.post("/whep?portrait=mara&voice=plain", content="v=0 offer", headers=OFFER)
    assert (answer.status_code, answer.text) == (201, "v=0 the answer")
    assert answer.headers["content-type"] == SDP
    assert answer.headers["location"] == "/whep/viewer-1"
    assert answer.headers["etag"] == '"viewer-1"'
    assert answer.headers["accept-patch"] == FRAGMENT
    assert "link" not in answer.headers
    assert host.asked == [("v=0 offer", "mara", "plain")]


def test_a_viewer_of_a_mounted_application_is_found_and_ended(host: FakeHost) -> None:
    outer = Starlette(routes=[Mount("/avatar", make_client(host, ServerConfig()).app)])
    with TestClient(outer) as client:
        location = client.post("/avatar/whep", content="v=0", headers=OFFER).headers["location"]
        assert location == "/avatar/whep/viewer-1"
        assert client.delete(location).status_code == 200
    assert host.viewers == {}


def test_the_answer_names_ice_servers_with_credentials(host: FakeHost) -> None:
    config = ServerConfig(
        ice_servers=(IceServer(urls=("stun:a",)), IceServer(urls=("turn:b", "turns:b"))),
        turn_secret=SecretStr("north"),
        turn_seconds=60,
    )
    with make_client(host, config) as client:
        answer = client.post("/whep", content="v=0", headers=OFFER)
        links = answer.headers.get_list("link")
        assert [link.partition(";")[0] for link in links] == ["<stun:a>", "<turn:b>", "<turns:b>"]
        assert all('rel="ice-server"' in link for link in links)
        assert all('username="1060:testclient"' in link for link in links[1:])
        before = client.options("/whep")
        assert before.status_code == 204
        assert before.headers["accept-post"] == SDP
        assert before.headers.get_list("link") == links


@pytest.mark.parametrize("kind", ["application/json", "", "text/plain", FRAGMENT])
def test_an_offer_of_another_type_is_refused(client: TestClient, kind: str) -> None:
    answer = client.post("/whep", content="v=0", headers={"content-type": kind})
    assert answer.status_code == 415
    assert SDP in answer.text


def test_too_long_and_unreadable_bodies_are_refused(client: TestClient, host: FakeHost) -> None:
    assert client.post("/whep", content=b"x" * (MAX_OFFER + 1), headers=OFFER).status_code == 413
    assert client.post("/whep", content=b"\xff\xfe", headers=OFFER).status_code == 400
    assert host.asked == []


@pytest.mark.parametrize(
    ("error", "status"), [(InvalidInput("bad"), 400), (Overloaded("full", 7.0), 503)]
)
def test_what_the_host_refuses_is_told(
    client: TestClient, host: FakeHost, error: JamflowError, status: int
) -> None:
    host.error = error
    answer = client.post("/whep", content="v=0", headers=OFFER)
    assert (answer.status_code, answer.text) == (status, str(error))


def test_a_token_with_the_scope_view_is_needed(host: FakeHost) -> None:
    config = ServerConfig(auth_key=SecretStr(KEY))
    gate = Gate(config)
    watcher, _ = gate.token("mara", ["view"])
    uploader, _ = gate.token("noa", ["upload"])

    def bearer(token: str) -> dict[str, str]:
        return {"authorization": f"Bearer {token}", **OFFER}

    with make_client(host, config) as client:
        assert client.post("/whep", content="v=0", headers=OFFER).status_code == 401
        assert client.options("/whep").status_code == 401
        assert client.post("/whep", content="v=0", headers=bearer("nonsense")).status_code == 401
        assert client.post("/whep", content="v=0", headers=bearer(uploader)).status_code == 403
        assert host.asked == []
        answer = client.post("/whep", content="v=0", headers=bearer(watcher))
        assert answer.status_code == 201
        assert [grant.subject for grant in host.grants] == ["mara"]
        # Its URL is known to nobody else; the token may have expired by then.
        assert client.delete(answer.headers["location"]).status_code == 200


def test_too_many_offers_of_one_subject_are_refused(host: FakeHost) -> None:
    with make_client(host, ServerConfig(requests_per_minute=2)) as client:
        codes = [client.post("/whep", content="v=0", headers=OFFER).status_code for _ in range(3)]
    assert codes == [201, 201, 429]


@pytest.fixture
def open_client(client: TestClient) -> TestClient:
    assert client.post("/whep", content="v=0", headers=OFFER).status_code == 201
    return client


Patch = Callable[..., int]


@pytest.fixture
def patch(open_client: TestClient) -> Patch:
    def patch(
        body: str | bytes = CANDIDATES,
        *,
        match: str | None = '"viewer-1"',
        kind: str = FRAGMENT,
        viewer: str = "viewer-1",
    ) -> int:
        headers = {"content-type": kind} | ({} if match is None else {"if-match": match})
        answer = open_client.patch(f"/whep/{viewer}", content=body, headers=headers)
        assert bool(answer.text) == (answer.status_code != 204)
        return answer.status_code

    return patch


def test_candidates_reach_the_viewer(patch: Patch, host: FakeHost) -> None:
    assert patch() == 204
    assert patch("a=end-of-candidates\r\n") == 204
    first, last = host.viewers["viewer-1"].fragments
    assert [candidate.ip for candidate in first.candidates] == ["192.0.2.7"]
    assert last.complete


@pytest.mark.parametrize("match", [None, "*", '"other", "viewer-1"'])
def test_an_etag_that_means_this_session_will_do(patch: Patch, match: str | None) -> None:
    assert patch(match=match) == 204


@pytest.mark.parametrize("match", ['"other"', "viewer-1", 'W/"viewer-1"', ""])
def test_another_etag_is_refused(patch: Patch, host: FakeHost, match: str) -> None:
    assert patch(match=match) == 412
    assert host.viewers["viewer-1"].fragments == []


def test_bad_fragments_are_refused(patch: Patch) -> None:
    assert patch("hello") == 400
    assert patch(b"\xff\xfe") == 400
    assert patch("") == 400
    assert patch("x" * (MAX_FRAGMENT + 1)) == 413
    assert patch(kind=SDP) == 415
    assert patch(viewer="viewer-2") == 404


def test_a_restart_is_refused_with_the_reason(open_client: TestClient, host: FakeHost) -> None:
    host.viewers["viewer-1"].error = NotSupported("ICE cannot be restarted here.")
    headers = {"content-type": FRAGMENT, "if-match": "*"}
    answer = open_client.patch("/whep/viewer-1", content=CANDIDATES, headers=headers)
    assert (answer.status_code, answer.text) == (422, "ICE cannot be restarted here.")


def test_delete_ends_the_viewer_once(open_client: TestClient, host: FakeHost) -> None:
    assert open_client.delete("/whep/viewer-1").status_code == 200
    assert host.viewers == {}
    assert open_client.delete("/whep/viewer-1").status_code == 404
    assert open_client.patch("/whep/viewer-1").status_code == 404


def test_other_methods_are_refused(client: TestClient) -> None:
    assert client.get("/whep").status_code == 405
    assert client.get("/whep/nothing").status_code == 405
