from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.page import write_page
from jamflow_rt.evaluate.report import evaluate
from tests.test_evaluate_report import Drawn, takes


class Grey:
    size = 64

    def render(self, face: FaceState) -> np.ndarray:
        return np.full((64, 64, 3), 128, np.uint8)


def test_a_page_has_figures_plots_and_samples(tmp_path: Path) -> None:
    made = takes()
    made[0] = replace(made[0], text="<b>Be quick.</b>")
    report = evaluate(made, listener=lambda sound: "be", judge=lambda sound: 3.5, renderer=Drawn())
    page = write_page(report, [made[0], replace(made[1], faces=())], Grey(), tmp_path / "page")
    text = page.read_text()
    assert "word error rate" in text and "DistillMOS" in text
    assert "&lt;b&gt;Be quick.&lt;/b&gt;" in text and "<b>" not in text
    for name in ("quality.png", "words.png", "sync.png", "sample0.mp4", "sample1.wav"):
        assert (tmp_path / "page" / name).stat().st_size > 500
        assert f'src="{name}"' in text
    with av.open(str(tmp_path / "page" / "sample0.mp4")) as video:
        assert video.streams.video[0].frames == 40


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    page = write_page(evaluate(takes()), [], None, tmp_path)
    assert "quality.png" not in page.read_text()
    assert not list(tmp_path.glob("sample*"))
