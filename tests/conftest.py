"""What test modules share: quiet threads, repeatable examples, a stage, the browser last."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import torch
from hypothesis import settings

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


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.session.start()
    yield stage
    await stage.session.aclose()
