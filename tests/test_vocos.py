from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jamflow_rt.codec.mel import unwhiten
from jamflow_rt.codec.vocos import Vocos, VocosShape
from jamflow_rt.errors import InvalidInput

SMALL = VocosShape(width=16, hidden=24, layers=2)


def vocos(shape: VocosShape = SMALL, seed: int = 0) -> Vocos:
    torch.manual_seed(seed)
    return Vocos(shape).eval()


def mels(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, 100)).astype(np.float32)


VOCODER = vocos()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 3))
def test_a_stream_equals_an_offline_run(sizes: list[int], seed: int) -> None:
    mel = mels(sum(sizes), seed)
    stream, sounds, at = VOCODER.stream(), [], 0
    for size in sizes:
        piece, at = mel[at : at + size], at + size
        sounds.append(stream.push(piece, mel[at:]))
        assert len(sounds[-1]) == size * 256
    whole = VOCODER.decode(mel)
    np.testing.assert_allclose(np.concatenate(sounds), whole, atol=1e-5)


def test_what_lies_beyond_its_reach_changes_nothing() -> None:
    mel = mels(80)
    other = mel.copy()
    other[40 + VOCODER.right :] += 1.0
    first, second = VOCODER.decode(mel), VOCODER.decode(other)
    np.testing.assert_array_equal(first[: 40 * 256], second[: 40 * 256])
    assert not np.allclose(first[40 * 256 :], second[40 * 256 :])


def published(vocoder: Vocos) -> dict[str, torch.Tensor]:
    """Its weights as they are published."""
    extra = {
        "feature_extractor.mel_spec.spectrogram.window": torch.zeros(1024),
        "feature_extractor.mel_spec.mel_scale.fb": torch.zeros(513, 100),
        "head.istft.window": torch.hann_window(1024),
    }
    return {**vocoder.state_dict(), **extra}


def test_published_and_saved_weights_load(tmp_path: Path) -> None:
    torch.save(published(VOCODER), tmp_path / "pytorch_model.bin")
    VOCODER.save(tmp_path / "vocoder.safetensors")
    mel = mels(12)
    for name in ("pytorch_model.bin", "vocoder.safetensors"):
        read = Vocos.load(tmp_path / name)
        np.testing.assert_array_equal(read.decode(mel), VOCODER.decode(mel))


def test_other_weights_are_refused_by_name(tmp_path: Path) -> None:
    weights = published(VOCODER)
    del weights["backbone.norm.weight"]
    torch.save(weights, tmp_path / "broken.bin")
    with pytest.raises(InvalidInput, match=r"missing: backbone\.norm\.weight"):
        Vocos.load(tmp_path / "broken.bin")


def test_the_published_size() -> None:
    count = sum(parameter.numel() for parameter in Vocos().parameters())
    assert count == 13_531_650


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The vocos package, without what it imports and decoding does not need."""
    import importlib.util

    if importlib.util.find_spec("vocos") is None:
        pytest.skip("vocos is not installed: make parity-env")
    for name in ("torchaudio", "torchaudio.functional", "torchaudio.functional.functional"):
        monkeypatch.setitem(sys.modules, name, _stand_in(name))
    for name in ("encodec", "encodec.modules"):
        monkeypatch.setitem(sys.modules, name, _stand_in(name))
    import vocos.heads
    import vocos.models

    yield vocos
    for name in [name for name in sys.modules if name.split(".")[0] == "vocos"]:
        del sys.modules[name]


def _stand_in(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__getattr__ = lambda attribute: None  # type: ignore[method-assign]
    module.__path__ = []  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("shape", [SMALL, VocosShape()])
def test_it_computes_what_the_vocos_package_does(
    package: types.ModuleType, shape: VocosShape
) -> None:
    ours = vocos(shape, seed=3)
    backbone = package.models.VocosBackbone(100, shape.width, shape.hidden, shape.layers)
    head = package.heads.ISTFTHead(shape.width, 1024, 256, padding="center")
    backbone.load_state_dict(ours.backbone.state_dict())
    head.load_state_dict({**ours.head.state_dict(), "istft.window": torch.hann_window(1024)})
    mel = mels(120, seed=5)
    with torch.inference_mode():
        theirs = head(backbone(unwhiten(torch.from_numpy(mel)).T[None]))[0].numpy()
    # Theirs has zeros around the mel, ours silence: inside they agree.
    edge = ours.right
    inside = np.s_[edge * 256 : (120 - edge) * 256]
    streamed, stream = [], ours.stream()
    for start in range(0, 120, 24):
        streamed.append(stream.push(mel[start : start + 24], mel[start + 24 :]))
    assert np.abs(theirs[inside]).max() > 0.01
    np.testing.assert_allclose(ours.decode(mel)[inside], theirs[inside], atol=1e-4)
    np.testing.assert_allclose(np.concatenate(streamed)[inside], theirs[inside], atol=1e-4)
