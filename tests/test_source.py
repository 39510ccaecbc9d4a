import math

import numpy as np
import pytest
import torch

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.codec.source import TOP, advance_phase, noise_table, per_sample, pulse_train


def test_phase_is_the_sum_of_frequency_and_continues() -> None:
    f0 = torch.linspace(100, 300, 1000)
    whole = advance_phase(f0)
    assert whole[0] == 0
    first = advance_phase(f0[:400])
    start = float((first[-1] + f0[399].double() / SAMPLE_RATE) % 1)
    joined = torch.cat([first, advance_phase(f0[400:], start)])
    torch.testing.assert_close(joined, whole)


@pytest.mark.parametrize("hertz", [80.0, 117.3, 240.0, 480.0])
def test_pulses_are_all_harmonics_at_unit_height(hertz: float) -> None:
    count = SAMPLE_RATE
    f0 = torch.full((count,), hertz)
    pulses = pulse_train(advance_phase(f0), f0).numpy()
    time = np.arange(count) / SAMPLE_RATE
    for k in (1, 2, int(TOP / hertz)):
        level = 2 * np.mean(pulses * np.cos(2 * math.pi * k * hertz * time))
        assert level == pytest.approx(1.0, abs=0.05)
    beyond = math.floor(TOP / hertz + 2) * hertz
    assert abs(2 * np.mean(pulses * np.cos(2 * math.pi * beyond * time))) < 0.05


def test_a_gliding_pitch_makes_no_jump_when_a_harmonic_comes_or_goes() -> None:
    f0 = torch.linspace(199.0, 201.0, 24_000)
    phase = torch.full((24_000,), 0.3, dtype=torch.float64)
    assert pulse_train(phase, f0).diff().abs().max() < 0.01


def test_frames_are_interpolated_linearly() -> None:
    values = per_sample(torch.tensor([1.0, 3.0, 2.0]))
    assert values.shape == (512,)
    assert values[0] == 1.0 and values[128] == 2.0 and values[256] == 3.0


def test_noise_is_the_same_every_time() -> None:
    assert torch.equal(noise_table(), noise_table())
    assert abs(noise_table().std().item() - 1) < 0.01
