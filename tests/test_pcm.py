from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jamflow_rt.codec.pcm import check_pcm
from jamflow_rt.errors import InvalidInput


@pytest.mark.parametrize(
    ("pcm", "rate", "complaint"),
    [
        (np.array([0.0, np.nan], np.float32), 24_000, "NaN"),
        (np.array([0.0, np.inf], np.float32), 24_000, "infinite"),
        (np.zeros(0, np.float32), 24_000, "empty"),
        (np.zeros((10, 2), np.float32), 24_000, r"\(10, 2\)"),
        ([0.0, 0.1], 24_000, "list"),
        (np.zeros(10, np.int32), 24_000, "int32"),
        (np.zeros(10, np.float32), 7_999, "7999"),
        (np.zeros(10, np.float32), 48_001, "48001"),
        (np.zeros(10, np.float32), 24_000.5, "whole number"),
        (np.zeros(10, np.float32), True, "whole number"),
    ],
)
def test_what_is_no_sound_is_refused(pcm: Any, rate: Any, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        check_pcm(pcm, rate)


def test_integers_are_scaled_and_loud_floats_limited() -> None:
    np.testing.assert_allclose(check_pcm(np.array([-32768, 16384], np.int16), 8000), [-1, 0.5])
    np.testing.assert_array_equal(check_pcm(np.array([-3.0, 0.25]), 48_000), [-1, 0.25])
