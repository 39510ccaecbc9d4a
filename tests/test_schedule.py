import math

import pytest

from jamflow_rt.flow.schedule import flow_times


@pytest.mark.parametrize("sway", [-1.0, -0.5, 0.0, 0.5])
@pytest.mark.parametrize("count", [1, 4, 7, 16])
@pytest.mark.parametrize("epss", [False, True])
def test_times_rise_from_noise_to_data(count: int, sway: float, epss: bool) -> None:
    times = flow_times(count, sway, epss)
    assert len(times) == count + 1
    assert times[0] == pytest.approx(0) and times[-1] == pytest.approx(1)
    assert all(a < b for a, b in zip(times, times[1:], strict=False))


def test_sway_minus_one_is_one_minus_cosine() -> None:
    assert flow_times(4)[1:4] == pytest.approx([1 - math.cos(math.pi * k / 8) for k in (1, 2, 3)])


def test_epss_follows_f5s_table() -> None:
    assert flow_times(7, 0.0, epss=True) == [k / 32 for k in (0, 2, 4, 6, 8, 16, 24, 32)]
    assert flow_times(4, 0.0, epss=True) == [0, 0.25, 0.5, 0.75, 1]
