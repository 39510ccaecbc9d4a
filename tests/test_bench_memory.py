from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.bench import memory
from jamflow_rt.bench.memory import resident_megabytes, speak_out
from tests.stream_fakes import Stage


@pytest.mark.parametrize("proc", [True, False])
def test_what_is_allocated_is_seen(proc: bool, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    if not proc:
        monkeypatch.setattr(memory, "_STATM", tmp_path / "gone")
    before = resident_megabytes()
    # Where only the highest mark is known, less than it ever was is not seen.
    block = np.ones(2**27 if proc else 2**28, np.uint8)
    after = resident_megabytes()
    assert block[-1] == 1
    assert after >= before > 1
    if proc:
        assert after - before == pytest.approx(128, abs=8)


async def test_a_text_is_heard_to_its_end() -> None:
    async with (stage := Stage()).session:
        frames = await speak_out(stage.session, "one two")
        assert stage.session.time == pytest.approx(frames / 25)
        assert not stage.session.closed
