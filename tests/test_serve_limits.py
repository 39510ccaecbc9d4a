from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, JamflowError, NotSupported, Overloaded
from jamflow_rt.serve.auth import SCOPES, Grant
from jamflow_rt.serve.limits import (
    FAILURES_PER_MINUTE,
    STREAMED_PER_MINUTE,
    Allowance,
    Limits,
    RateLimited,
)
from jamflow_rt.serve.refusals import refusal


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def grant(subject: str, max_sessions: int | None = None) -> Grant:
    return Grant(subject, SCOPES, None, "", max_sessions)


def test_so_many_requests_a_minute_and_no_more() -> None:
    clock = Clock()
    limits = Limits(ServerConfig(requests_per_minute=3), now=clock)
    assert limits.allowance("ann") == Allowance(3, 3, 0.0)
    assert limits.request("ann") == Allowance(3, 2, 60.0)
    clock.time += 10
    assert limits.request("ann").remaining == 1
    assert limits.request("ann") == Allowance(3, 0, 50.0)
    with pytest.raises(RateLimited, match="At most 3 requests and events a minute") as error:
        limits.request("ann")
    assert error.value.retry_after == 50.0
    assert error.value.allowance == Allowance(3, 0, 50.0)


def test_a_refused_request_does_not_count() -> None:
    clock = Clock()
    limits = Limits(ServerConfig(requests_per_minute=1), now=clock)
    limits.request("ann")
    for _ in range(5):
        with pytest.raises(RateLimited):
            limits.request("ann")
    clock.time += 60
    assert limits.request("ann").remaining == 0


def test_subjects_do_not_take_from_one_another() -> None:
    limits = Limits(ServerConfig(requests_per_minute=1), now=Clock())
    limits.request("ann")
    assert limits.request("bob").remaining == 0


def test_streams_have_a_limit_of_their_own() -> None:
    limits = Limits(ServerConfig(requests_per_minute=2), now=Clock())
    for _ in range(STREAMED_PER_MINUTE):
        assert limits.event("ann", "input_audio_buffer.append") is None
    with pytest.raises(RateLimited, match="text, sound and motion"):
        limits.event("ann", "input_text.append")
    left = limits.event("ann", "response.create")
    assert left is not None and left.remaining == 1


def test_wrong_keys_are_counted_apart() -> None:
    clock = Clock()
    limits = Limits(ServerConfig(), now=clock)
    for _ in range(FAILURES_PER_MINUTE):
        limits.check_failures("peer")
        limits.failed("peer")
    with pytest.raises(RateLimited, match="wrong keys"):
        limits.check_failures("peer")
    limits.check_failures("another")
    assert limits.allowance("peer").remaining == ServerConfig().requests_per_minute
    clock.time += 60
    limits.check_failures("peer")


def test_sessions_at_once() -> None:
    limits = Limits(ServerConfig(sessions_per_subject=2))
    first, _second = limits.enter(grant("ann")), limits.enter(grant("ann"))
    with pytest.raises(RateLimited, match="2 sessions are open already"):
        limits.enter(grant("ann"))
    with limits.enter(grant("bob")):
        pass
    first.leave()
    first.leave()
    with limits.enter(grant("ann")), pytest.raises(RateLimited):
        limits.enter(grant("ann"))


def test_a_token_may_allow_another_number_of_sessions() -> None:
    limits = Limits(ServerConfig(sessions_per_subject=2))
    places = [limits.enter(grant("ann", 3)) for _ in range(3)]
    with pytest.raises(RateLimited):
        limits.enter(grant("ann", 3))
    for place in places:
        place.leave()
    with limits.enter(grant("ann", 1)), pytest.raises(RateLimited, match="A session is open"):
        limits.enter(grant("ann", 1))
    assert not limits._sessions


def test_who_went_away_is_forgotten() -> None:
    clock = Clock()
    limits = Limits(ServerConfig(), now=clock)
    for index in range(100):
        limits.request(f"subject-{index}")
    clock.time += 61
    limits.request("last")
    assert len(limits._limiter.storage._hits) == 1  # type: ignore[union-attr]


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from("ab")), max_size=60))
def test_never_more_than_the_limit_in_any_minute(steps: list[tuple[float, str]]) -> None:
    clock = Clock()
    limits = Limits(ServerConfig(requests_per_minute=5), now=clock)
    taken: dict[str, list[float]] = {"a": [], "b": []}
    for pause, subject in steps:
        clock.time += pause
        recent = [at for at in taken[subject] if at > clock.time - 60]
        try:
            left = limits.request(subject)
        except RateLimited as error:
            assert len(recent) == 5
            assert 0 <= error.retry_after <= 60
        else:
            assert len(recent) < 5
            assert left.remaining == 5 - len(recent) - 1
            taken[subject].append(clock.time)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RateLimited("slow down", 2.2), 429),
        (Overloaded("full", 9.0), 503),
        (InvalidInput("odd"), 400),
        (NotSupported("missing"), 501),
    ],
)
def test_errors_have_their_status(error: JamflowError, status: int) -> None:
    async def endpoint(request: Request) -> Response:
        raise error

    app = Starlette(
        routes=[Route("/", endpoint)],
        exception_handlers={JamflowError: refusal},
    )
    with TestClient(app) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.text) == (status, str(error))
    if isinstance(error, Overloaded):
        assert int(answer.headers["retry-after"]) == (3 if status == 429 else 9)
