from __future__ import annotations

import logging

import pytest

from jamflow_rt.config import WindowConfig
from jamflow_rt.errors import Overloaded
from jamflow_rt.stream.capacity import Capacity, Cost
from jamflow_rt.stream.manager import SessionManager
from tests.stream_fakes import Stage

BEATS, NEW = 21, 16
SIZE = 512 * 512


def capacity(share: float, drawing: float = 0.0) -> Capacity:
    """A session takes this share of the engine's one core; a picture so many seconds."""
    found = Capacity(WindowConfig(), cores=2)
    found.add(Cost(BEATS, 1.0, share * NEW * 0.16, 0.0))
    if drawing:
        found.add_picture(SIZE, drawing)
    return found


async def test_places_are_reserved_taken_and_returned() -> None:
    manager = SessionManager(2, retry_after=3.0)
    first, second = manager.admit(), manager.admit()
    assert first != second
    with pytest.raises(Overloaded, match=r"All 2 sessions.*3 seconds") as caught:
        manager.admit()
    assert caught.value.retry_after == 3.0
    manager.give_up(first)
    session = Stage().session
    session.id = second
    manager.enter(session)
    assert manager.sessions == (session,)
    third = manager.admit()
    assert third not in (first, second)
    with pytest.raises(Overloaded):
        manager.admit()
    manager.leave(session)
    manager.leave(session)
    assert manager.sessions == ()
    manager.admit()
    await session.aclose()


def test_sessions_that_would_not_fit_are_refused_before_anybody_suffers() -> None:
    manager = SessionManager(None, capacity(0.25), retry_after=4.0)
    places = [manager.admit() for _ in range(3)]
    with pytest.raises(Overloaded, match=r"could not serve 4 sessions.*4 seconds") as caught:
        manager.admit()
    assert caught.value.retry_after == 4.0
    manager.give_up(places[0])
    manager.admit()


def test_pictures_count() -> None:
    manager = SessionManager(None, capacity(0.1, drawing=0.03))
    manager.admit(SIZE)
    manager.admit(SIZE)
    assert manager.refusal() is None
    assert manager.refusal(SIZE) is not None
    with pytest.raises(Overloaded):
        manager.admit(SIZE)
    manager.admit()


def test_the_users_number_is_a_limit_of_its_own() -> None:
    manager = SessionManager(1, capacity(0.01))
    assert manager.refusal() is None
    manager.admit()
    assert manager.refusal() == "All 1 sessions are in use."


def test_one_session_is_admitted_on_every_machine(caplog: pytest.LogCaptureFixture) -> None:
    manager = SessionManager(None, capacity(3.0))
    with caplog.at_level(logging.WARNING):
        manager.admit()
    assert "too slow even for one session" in caplog.text
    with pytest.raises(Overloaded):
        manager.admit()


def test_no_warning_where_it_fits(caplog: pytest.LogCaptureFixture) -> None:
    SessionManager(None, capacity(0.1)).admit()
    SessionManager(None).admit()
    assert caplog.text == ""
