from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jamflow_rt.beats import HOP, N_MELS
from jamflow_rt.codec.vocoder import HarmonicVocoder
from jamflow_rt.codec.whitening import SILENCE
from tests.toy import toy_vocoder

VOCODER = toy_vocoder()


def some_mel(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((frames, N_MELS)).astype(np.float32)


def test_decoding_gives_a_hop_of_sound_a_frame() -> None:
    sound = VOCODER.decode(some_mel(50))
    assert sound.shape == (50 * HOP,) and sound.dtype == np.float32
    assert np.isfinite(sound).all() and np.abs(sound).max() > 1e-4


@settings(max_examples=12)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 1000))
def test_a_stream_equals_decoding_in_one_piece(cuts: list[int], seed: int) -> None:
    mel = some_mel(sum(cuts) + VOCODER.right, seed)
    whole = VOCODER.decode(mel)
    stream, at, parts = VOCODER.stream(), 0, []
    for cut in cuts:
        parts.append(stream.push(mel[at : at + cut], mel[at + cut : at + cut + VOCODER.right]))
        at += cut
    np.testing.assert_allclose(np.concatenate(parts), whole[: at * HOP], atol=1e-4)


def test_a_piece_begins_where_the_last_one_was_going() -> None:
    mel, other = some_mel(60, 1), some_mel(60, 2)
    expected = VOCODER.decode(np.concatenate([mel[:30], other[30:]]))
    anew = VOCODER.decode(mel)
    stream = VOCODER.stream()
    stream.push(mel[:30], other[30:])
    piece = stream.push(mel[30:45], mel[45:])
    seam, end = slice(30 * HOP, 30 * HOP + 20), slice(31 * HOP, 45 * HOP)
    scale = np.abs(anew).max()
    assert np.abs(piece[:20] - expected[seam]).max() < 0.01 * scale
    assert np.abs(piece[:20] - anew[seam]).max() > 0.01 * scale
    assert np.abs(piece[HOP:]).max() <= 1.5 * np.abs(anew[end]).max()


def test_right_context_is_all_that_is_needed() -> None:
    mel = some_mel(80)
    other = mel.copy()
    other[40 + VOCODER.right :] += 1.0
    a, b = VOCODER.decode(mel), VOCODER.decode(other)
    assert np.array_equal(a[: 40 * HOP], b[: 40 * HOP])
    other = mel.copy()
    other[40] += 1.0
    assert not np.array_equal(VOCODER.decode(other)[: 40 * HOP], a[: 40 * HOP])


def test_an_empty_push_changes_nothing() -> None:
    stream = VOCODER.stream()
    assert stream.push(some_mel(0), some_mel(5)).shape == (0,)
    mel = some_mel(10)
    np.testing.assert_array_equal(stream.push(mel, some_mel(0)), VOCODER.decode(mel))


def test_what_lacks_of_the_look_ahead_is_silence() -> None:
    mel = some_mel(10)
    silence = np.full((VOCODER.right, N_MELS), SILENCE, np.float32)
    np.testing.assert_array_equal(
        VOCODER.stream().push(mel, silence), VOCODER.stream().push(mel, some_mel(0))
    )


def test_saving_and_loading(tmp_path: Path) -> None:
    torch.manual_seed(0)
    original = HarmonicVocoder()
    original.save(tmp_path / "vocoder.safetensors")
    loaded = HarmonicVocoder.load(tmp_path / "vocoder.safetensors")
    for name, tensor in original.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name].float(), tensor, rtol=1e-3, atol=1e-3)
    assert loaded.pitch_dtype == torch.float64


@torch.inference_mode()
def test_the_inner_frames_are_those_of_the_padded_network() -> None:
    mel = torch.from_numpy(some_mel(60))[None]
    for net, inputs in ((VOCODER.filter_net, mel), (VOCODER.pitch_net, mel.double())):
        inner, padded = net(inputs, inner=True), net(inputs)
        assert inner.shape[1] == 60 - net.reach - net.outlook
        torch.testing.assert_close(
            inner, padded[:, net.reach : 60 - net.outlook], rtol=1e-5, atol=1e-5
        )


def test_sampling_and_training_filter_alike() -> None:
    """The sum of shifted copies is the convolution; the inner sound is that of the whole."""
    torch.manual_seed(0)
    mel = torch.from_numpy(some_mel(60))[None]
    pulses, noise = torch.randn(1, 60 * HOP), torch.randn(1, 60 * HOP)
    trained = VOCODER.filter_sources(mel, pulses, noise)
    assert trained.requires_grad
    first, last = VOCODER.left - 4, 60 - 6
    with torch.inference_mode():
        inner = VOCODER.filter_inner(
            mel, pulses[:, first * HOP : last * HOP], noise[:, first * HOP : last * HOP]
        )
    expected = trained.detach()[:, VOCODER.left * HOP : (60 - 9) * HOP]
    torch.testing.assert_close(inner, expected, rtol=1e-4, atol=1e-5)
