from __future__ import annotations

import asyncio
import io
from unittest.mock import AsyncMock

import numpy as np
import pytest
from rich.console import Console

from jamflow_rt.beats import BEAT_MOTION
from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate import speed
from jamflow_rt.evaluate.speed import STAGES, Speed, bench, measure_cost, measure_rendering
from jamflow_rt.render import MeshRenderer, load_portrait
from tests.toy import toy_bundle


class GreyRenderer:
    size = 32

    def __init__(self) -> None:
        self.faces: list[FaceState] = []

    @property
    def drawn(self) -> int:
        return len(self.faces)

    def render(self, face: FaceState) -> np.ndarray:
        self.faces.append(face)
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
    assert stages == ["cost", "windows", "rendering", "first frame"]
    assert set(found.cost) == set(STAGES)
    assert min(found.cost.values()) > 0
    beats = [lengths.prefix + new + lengths.look_ahead for new in lengths.growth]
    assert set(found.windows) == {(b, e) for b in beats for e in (1, 2)}
    assert list(found.rendering) == [32], "a renderer of another kind keeps its size"
    assert found.rendering[32] > 0
    assert len(found.first_frame) == 1
    assert 0 < found.first_frame[0] < 60


def test_every_frame_of_the_sentences_is_drawn_and_encoded() -> None:
    renderer = GreyRenderer()
    bundle = toy_bundle()
    asyncio.run(measure_cost(bundle, renderer, ("Hi.", "Hello.")))
    beats = sum(bundle.front.timeline(text).beats + 1 for text in ("Hi.", "Hello."))
    assert renderer.drawn == 1 + beats * BEAT_MOTION, "one picture to warm up, then all"


def test_the_rendering_of_many_different_faces_is_measured() -> None:
    renderer = GreyRenderer()
    assert measure_rendering(toy_bundle(), renderer, faces=5) > 0
    assert renderer.drawn == 1 + 5, "one picture to warm up, then all"
    assert len({face.landmarks.tobytes() for face in renderer.faces}) == 5


def test_a_mesh_renderer_is_measured_at_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only the sizes are looked at: the rest has its own tests.
    bundle = toy_bundle()
    for name in ("measure_cost", "measure_first_frame"):
        monkeypatch.setattr(speed, name, AsyncMock(return_value={}))
    monkeypatch.setattr(speed, "measure_windows", lambda *_: {})
    renderer = MeshRenderer(load_portrait(), bundle.motion.neutral, 16)
    assert set(bench(bundle, renderer, sizes=(24, 48)).rendering) == {24, 48}


def test_the_tables_show_the_sum_and_the_median() -> None:
    measured = Speed(
        first_frame=(0.1, 0.3, 0.2),
        cost={"sampling": 0.25, "vocoder": 0.05},
        windows={(7, 2): 0.02, (7, 4): 0.04, (13, 2): 0.03, (13, 4): 0.06},
        rendering={512: 0.0042, 1024: 0.0151},
    )
    assert measured.total == pytest.approx(0.3)
    console = Console(width=100, file=io.StringIO())
    for table in measured.tables():
        console.print(table)
    text = console.file.getvalue()
    assert "0.300" in text
    assert "200 ms" in text and "100 ms" in text and "300 ms" in text
    assert "60 ms" in text
    assert "Rendering one frame" in text
    assert "4.2 ms" in text and "15.1 ms" in text
