"""What test modules share: quiet threads, repeatable examples, stages, the browser last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import settings

if TYPE_CHECKING:
    from jamflow_rt.client import RemoteSession
    from tests.conversation_fakes import Talk
    from tests.socket_fakes import Server
    from tests.stream_fakes import Stage

# Timing of a shared machine must not decide a property test, and a failure must come back.
settings.register_profile("repeatable", deadline=None, derandomize=True)
# `make fuzz` looks for what a hundred examples do not find, and for others each time.
settings.register_profile("thorough", deadline=None, max_examples=3_000, print_blob=True)
settings.load_profile("repeatable")

# Toy networks are too small to gain from more threads, and other processes share the cores.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright's synchronous interface keeps an event loop running in this thread until its
    # browser is closed; no asyncio test can run meanwhile.
    items.sort(key=lambda item: "e2e" in item.path.parts)


# The fixtures import what they need by themselves: most modules need none of it.


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A session that has started, without a model."""
    from tests.stream_fakes import Stage

    stage = Stage()
    await stage.session.start()
    yield stage
    await stage.session.aclose()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server over WebSockets, without a model."""
    from tests.socket_fakes import serving

    async with serving(resume_seconds=20) as server:
        yield server


@pytest.fixture
async def session(server: Server) -> AsyncIterator[RemoteSession]:
    """A session at `server` that is heard and not seen."""
    from jamflow_rt.client import connect

    async with connect(server.url, media="audio") as session:
        yield session


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    """A conversation whose greeting has been given."""
    from tests.conversation_fakes import GREETING, Talk

    async with Talk(greeting=GREETING) as talk:
        talk.got.clear()
        yield talk
