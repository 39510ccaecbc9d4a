from __future__ import annotations

import pytest

from jamflow_rt.errors import Overloaded
from jamflow_rt.stream.manager import SessionManager
from tests.stream_fakes import Stage


async def test_places_are_reserved_taken_and_returned() -> None:
    manager = SessionManager(2, retry_after=3.0)
    first, second = manager.admit(), manager.admit()
    assert first != second
    with pytest.raises(Overloaded, match=r"All 2 sessions.*3 seconds") as caught:
        manager.admit()
    assert caught.value.retry_after == 3.0
    manager.give_up()
    session = Stage().session
    manager.enter(session)
    assert manager.sessions == (session,)
    third = manager.admit()
    assert third not in (first, second)
    with pytest.raises(Overloaded):
        manager.admit()
    manager.leave(session)
    manager.leave(session)
    manager.admit()
    await session.aclose()
