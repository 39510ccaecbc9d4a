import math

import numpy as np
import pytest
import torch

from jamflow_rt.beats import HOP, N_MELS, SAMPLE_RATE
from jamflow_rt.codec.mel import filterbank, log_mel, mel_of, unwhiten, whiten
from jamflow_rt.codec.whitening import FLOOR, SILENCE, silence_mel


def test_the_filterbank_is_htk_without_area_normalisation() -> None:
    bank = filterbank()
    assert bank.shape == (513, N_MELS)
    mel = 2595 * math.log10(1 + 12_000 / 700)
    hertz = SAMPLE_RATE / 1024
    for band in (0, 40, 99):
        centre = 700 * (10 ** (mel * (band + 1) / (N_MELS + 1) / 2595) - 1)
        peak = bank[:, band].argmax().item() * hertz
        assert abs(peak - centre) <= hertz
    # Neighbouring triangles add up to one between the first and the last centre.
    torch.testing.assert_close(bank[10:480].sum(1), torch.ones(470), rtol=1e-4, atol=1e-4)


def test_a_tone_lights_its_band_with_its_magnitude() -> None:
    tone = 0.5 * torch.sin(2 * math.pi * 1500 * torch.arange(24_000) / SAMPLE_RATE)
    mel = log_mel(tone)
    assert mel.shape == (24_000 // HOP + 1, N_MELS)
    inner = mel[10:-10].exp()
    # A Hann window of 1024 gives a tone of height a the magnitude a·1024/4 at its bin.
    assert inner.sum(1).mean().item() == pytest.approx(0.5 * 1024 / 4 * 2, rel=0.05)


def test_silence_is_the_floor() -> None:
    assert log_mel(torch.zeros(4096)).min().item() == pytest.approx(math.log(FLOOR))
    np.testing.assert_allclose(mel_of(np.zeros(4096, np.float32)), silence_mel(16), rtol=1e-5)
    assert whiten(torch.tensor(math.log(FLOOR))).item() == pytest.approx(SILENCE)
    torch.testing.assert_close(unwhiten(whiten(torch.tensor([1.5]))), torch.tensor([1.5]))


def test_mel_of_gives_one_frame_a_hop_centred_on_its_first_sample() -> None:
    sound = np.random.default_rng(0).standard_normal(HOP * 40).astype(np.float32) * 0.1
    mel = mel_of(sound)
    assert mel.shape == (40, N_MELS)
    inside = whiten(log_mel(torch.from_numpy(sound))).numpy()
    np.testing.assert_allclose(mel[4:36], inside[4:36], rtol=1e-4, atol=1e-4)
    assert mel_of(sound[: HOP - 1]).shape == (0, N_MELS)
