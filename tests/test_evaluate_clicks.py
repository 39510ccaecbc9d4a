from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.evaluate.clicks import measure_clicks
from jamflow_rt.evaluate.take import Take

EDGES = (7680, 23040)


def tone() -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 220 * np.arange(38400) / 24000)).astype(np.float32)


def test_a_smooth_tone_has_no_clicks() -> None:
    found = measure_clicks([Take("a", tone(), edges=EDGES)])
    assert found is not None
    assert found.edges == 2
    assert found.largest_at_edges <= found.inside_p999 * 1.001
    assert found.largest_inside == pytest.approx(0.3 * 2 * np.pi * 220 / 24000, rel=1e-3)


def test_a_step_at_an_edge_is_found_and_does_not_count_inside() -> None:
    sound = tone()
    sound[EDGES[1] :] += 0.2
    found = measure_clicks([Take("a", sound, edges=EDGES)])
    assert found is not None
    assert found.largest_at_edges > 0.15
    assert found.largest_inside < 0.02
    assert found.share_above >= 0.5
    assert found.share_sticking_out == 0.5


def test_a_step_beside_an_edge_is_no_edge() -> None:
    sound = tone()
    sound[EDGES[1] + 1 :] += 0.2
    found = measure_clicks([Take("a", sound, edges=EDGES)])
    assert found is not None
    assert found.largest_at_edges < 0.02
    assert found.share_sticking_out == 0.0
    assert found.largest_inside > 0.15


def test_the_first_window_may_begin_with_a_jump_out_of_silence() -> None:
    loud = np.full(3840, 0.4, np.float32)
    found = measure_clicks([Take("a", loud, edges=(0,))])
    assert found is not None
    assert found.largest_at_edges == pytest.approx(0.4)
    assert found.largest_inside == 0.0


def test_takes_without_edges_measure_nothing() -> None:
    assert measure_clicks([Take("a", tone())]) is None
    assert measure_clicks([]) is None
