from __future__ import annotations

from jamflow_rt.bench.rendering import measure_rendering, rendering_figures
from jamflow_rt.bench.subject import Subject
from jamflow_rt.render import load_portrait
from tests.bench_fakes import TINY, GreyRenderer
from tests.toy import toy_bundle


def test_the_rendering_of_many_different_faces_is_measured() -> None:
    renderer = GreyRenderer()
    assert measure_rendering(toy_bundle().motion, renderer, faces=5) > 0
    assert renderer.drawn == 1 + 5, "one picture to warm up, then all"
    assert len({face.landmarks.tobytes() for face in renderer.faces}) == 5


def test_every_width_is_measured() -> None:
    figures = rendering_figures(Subject(toy_bundle(), load_portrait(), TINY))
    assert [figure.key for figure in figures] == ["pixels_16", "pixels_24"]
    assert min(figure.value for figure in figures) > 0
