from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.app import SafeHeaders
from jamflow_rt.serve.body import BodyLimit, read_body
from jamflow_rt.serve.origin import Origin, OriginCheck

HERE = "http://localhost:8080"
SOCKET = "ws://localhost:8080/socket"
FRIEND = "https://friend.example"
CLOSED = SecretStr("a-key-that-nobody-guesses")


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await read_body(request, 1000))))


async def greet(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def application(config: ServerConfig) -> Starlette:
    return Starlette(
        routes=[
            Route("/", echo, methods=["GET", "POST"]),
            Route("/large", echo, methods=["POST"]),
            WebSocketRoute("/socket", greet),
        ],
        middleware=[
            Middleware(SafeHeaders),
            Middleware(OriginCheck, config=config),
            Middleware(BodyLimit, limits={"/large": 500}, usual=100),
        ],
    )


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = application(ServerConfig(allowed_origins=(FRIEND, "http://localhost:3000/")))
    with TestClient(app, base_url=HERE) as client:
        yield client


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[TestClient]:
    app = application(ServerConfig(allowed_origins=(FRIEND,)))
    with TestClient(app, base_url=HERE) as client:
        yield client


@pytest.mark.parametrize("origin", [None, HERE, FRIEND, "http://localhost:3000"])
def test_own_pages_friends_and_programs_are_served(client: TestClient, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    answer = client.post("/", content=b"abc", headers=headers)
    assert (answer.status_code, answer.text) == (200, "3")
    assert answer.headers["x-content-type-options"] == "nosniff"
    with client.websocket_connect(SOCKET, headers=headers) as socket:
        assert socket.receive_text() == "hello"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://friend.example",
        "https://friend.example:444",
        "https://friend.example.evil.example",
        "https://evil.example/https://friend.example",
        "https://friend.example@evil.example",
        "http://localhost:8081",
        "null",
        "",
        "file://",
        "*",
        "http://[",
        "http://localhost:99999",
    ],
)
def test_foreign_pages_are_refused(client: TestClient, origin: str) -> None:
    answer = client.post("/", content=b"abc", headers={"origin": origin})
    assert answer.status_code == 403
    assert "--allow-origin" in answer.text
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    with pytest.raises(WebSocketDisconnect) as error:
        with client.websocket_connect(SOCKET, headers={"origin": origin}):
            raise AssertionError("the socket was accepted")
    assert error.value.code == 1008


def test_friends_may_read_the_answer(client: TestClient) -> None:
    answer = client.get("/", headers={"origin": FRIEND})
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "Location" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in client.get("/", headers={"origin": HERE}).headers


def test_preflights_are_answered_for_friends_only(client: TestClient) -> None:
    asked = {"access-control-request-method": "POST"}
    answer = client.options("/", headers={"origin": FRIEND, **asked})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert client.options("/", headers={"origin": "http://evil.example", **asked}).is_error


def test_two_origins_are_none(client: TestClient) -> None:
    headers = [("origin", HERE), ("origin", FRIEND)]
    assert client.get("/", headers=headers).status_code == 403


def test_everybody_may_be_allowed() -> None:
    with TestClient(application(ServerConfig(allowed_origins=("*",)))) as client:
        for origin in ("http://evil.example", "null"):
            assert client.get("/", headers={"origin": origin}).status_code == 200


@pytest.mark.parametrize("origin", ["friend.example", "ftp://friend.example", "https://a/b", ""])
def test_allowed_origins_are_checked_at_the_start(origin: str) -> None:
    with pytest.raises(InvalidInput, match="is no origin"):
        OriginCheck(PlainTextResponse(), ServerConfig(allowed_origins=(origin,)))


@pytest.mark.parametrize(
    ("config", "status"),
    [
        (ServerConfig(), 403),
        (ServerConfig(auth_key=CLOSED), 200),
        (ServerConfig(host="0.0.0.0", insecure=True), 200),
        (ServerConfig(allowed_origins=("http://rebound.example:8080",)), 200),
    ],
)
def test_a_foreign_name_of_this_machine_is_no_own_page(config: ServerConfig, status: int) -> None:
    foreign = "http://rebound.example:8080"
    with TestClient(application(config), base_url=foreign) as client:
        assert client.get("/", headers={"origin": foreign}).status_code == status
    for own in ("http://127.0.0.1:8080", "http://[::1]:8080", HERE):
        with TestClient(application(config), base_url=own) as client:
            assert client.get("/", headers={"origin": own}).status_code == 200


def test_behind_a_proxy_that_ends_tls_the_page_is_our_own() -> None:
    app = application(ServerConfig(auth_key=CLOSED))
    with TestClient(app, base_url="http://avatar.example") as client:
        headers = {"origin": "https://avatar.example"}
        assert client.get("/", headers=headers).status_code == 200


def test_origins_are_read_as_browsers_write_them() -> None:
    assert Origin.read("https://a.example") == Origin.read("HTTPS://A.example:443/")
    assert Origin.read("http://a.example") == Origin("http", "a.example", 80)
    assert Origin.read("http://[::1]:8080") == Origin("http", "::1", 8080)


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40))
@example("http://user@localhost:8080")
@example("http://localhost:8080#")
@example("http://localhost:8080?")
def test_whatever_origin_is_sent(fuzzed: TestClient, text: str) -> None:
    answer = fuzzed.get("/", headers={"origin": text.encode("latin-1")})
    assert answer.status_code in (200, 403)
    if answer.status_code == 200:
        assert Origin.read(text.strip()) in (Origin.read(HERE), Origin.read(FRIEND))


# Bodies


def test_long_bodies_are_refused_by_path(client: TestClient) -> None:
    assert client.post("/", content=b"x" * 100).text == "100"
    assert client.post("/", content=b"x" * 101).status_code == 413
    assert client.post("/large", content=b"x" * 500).text == "500"
    assert client.post("/large", content=b"x" * 501).status_code == 413
    outer = Starlette(routes=[Mount("/there", client.app)])
    with TestClient(outer, base_url=HERE) as mounted:
        assert mounted.post("/there/", content=b"x" * 101).status_code == 413
        assert mounted.post("/there/large", content=b"x" * 500).status_code == 200
        assert mounted.post("/there/large", content=b"x" * 501).status_code == 413


def test_bodies_without_announcement_are_cut_off(client: TestClient) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(10):
            sent += 50
            yield b"x" * 50

    assert client.post("/", content=endless()).status_code == 413


@pytest.mark.parametrize(("length", "status"), [("-1", 400), ("ten", 400), ("9" * 30, 400)])
def test_odd_lengths_are_refused(client: TestClient, length: str, status: int) -> None:
    answer = client.post("/", content=b"", headers={"content-length": length})
    assert answer.status_code == status
