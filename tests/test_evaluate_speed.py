from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest
from rich.console import Console

from jamflow_rt.beats import BEAT_MOTION
from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.speed import STAGES, Speed, bench, measure_cost
from tests.toy import toy_bundle


class GreyRenderer:
    size = 32

    def __init__(self) -> None:
        self.drawn = 0

    def render(self, face: FaceState) -> np.ndarray:
        self.drawn += 1
        return np.full((32, 32, 3), 128, np.uint8)


def test_a_bench_measures_every_stage_every_window_and_the_wait() -> None:
    # Pictures would be of the default portrait; what is measured here is the measuring.
    stages: list[str] = []
    bundle = toy_bundle()
    found = bench(
        bundle,
        GreyRenderer(),
        trials=1,
        evaluations=(1, 2),
        sentences=("Hi.",),
        progress=stages.append,
    )
    lengths = bundle.windows
    assert stages == ["cost", "windows", "first frame"]
    assert set(found.cost) == set(STAGES)
    assert min(found.cost.values()) > 0
    beats = [lengths.prefix + new + lengths.look_ahead for new in lengths.growth]
    assert set(found.windows) == {(b, e) for b in beats for e in (1, 2)}
    assert len(found.first_frame) == 1
    assert 0 < found.first_frame[0] < 60


def test_every_frame_of_the_sentences_is_drawn_and_encoded() -> None:
    renderer = GreyRenderer()
    bundle = toy_bundle()
    asyncio.run(measure_cost(bundle, renderer, ("Hi.", "Hello.")))
    beats = sum(bundle.front.timeline(text).beats + 1 for text in ("Hi.", "Hello."))
    assert renderer.drawn == 1 + beats * BEAT_MOTION, "one picture to warm up, then all"


def test_the_tables_show_the_sum_and_the_median() -> None:
    speed = Speed(
        first_frame=(0.1, 0.3, 0.2),
        cost={"sampling": 0.25, "vocoder": 0.05},
        windows={(7, 2): 0.02, (7, 4): 0.04, (13, 2): 0.03, (13, 4): 0.06},
    )
    assert speed.total == pytest.approx(0.3)
    console = Console(width=100, file=io.StringIO())
    for table in speed.tables():
        console.print(table)
    text = console.file.getvalue()
    assert "0.300" in text
    assert "200 ms" in text and "100 ms" in text and "300 ms" in text
    assert "60 ms" in text
