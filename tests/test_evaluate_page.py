from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.page import write_page
from jamflow_rt.evaluate.report import Report
from jamflow_rt.evaluate.scores import Judges, score
from tests.test_evaluate_report import full_report
from tests.test_evaluate_scores import takes


class Grey:
    size = 64

    def render(self, face: FaceState) -> np.ndarray:
        return np.full((64, 64, 3), 128, np.uint8)


def test_a_page_has_figures_plots_and_samples(tmp_path: Path) -> None:
    made = takes()
    made[0] = replace(made[0], text="<b>Be quick.</b>")
    samples = [made[0], replace(made[1], faces=())]
    page = write_page(full_report(), samples, Grey(), tmp_path / "page")
    text = page.read_text()
    assert "word error rate" in text and "DistillMOS" in text
    assert "&lt;b&gt;Be quick.&lt;/b&gt;" in text and "<b>" not in text
    assert "3.75 (-0.25)" in text and "syncnet_v2.model" in text and "network calls" in text
    plots = ("quality", "words", "sync", "lips", "curve_words", "curve_quality")
    for name in (*(f"{plot}.png" for plot in plots), "sample0.mp4", "sample1.wav"):
        assert (tmp_path / "page" / name).stat().st_size > 500
        assert f'src="{name}"' in text
    with av.open(str(tmp_path / "page" / "sample0.mp4")) as video:
        assert video.streams.video[0].frames == 40


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    page = write_page(Report(score(takes(), Judges())), [], None, tmp_path)
    assert "quality.png" not in page.read_text()
    assert "curve" not in page.read_text()
    assert not list(tmp_path.glob("sample*"))
