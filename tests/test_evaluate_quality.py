from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from jamflow_rt.errors import NotSupported
from jamflow_rt.evaluate.quality import DistillMos, Dnsmos


class FakeNetwork(torch.nn.Module):
    """Prints when built, as the real one does; scores the length of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        print("weights loaded from somewhere")

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        assert wave.dtype == torch.float32
        return torch.tensor([[wave.shape[1] / 16000]])


class FakeDistillMos(ModuleType):
    """Wants torchaudio when it is imported from."""

    @property
    def ConvTransformerSQAModel(self) -> type[FakeNetwork]:
        import torchaudio  # noqa: F401

        return FakeNetwork


def test_sound_is_scored_at_16_khz_without_torchaudio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distillmos", FakeDistillMos("distillmos"))
    judge = DistillMos()
    assert judge(np.zeros(36000, np.float32)) == pytest.approx(1.5)
    assert "torchaudio" not in sys.modules
    assert capsys.readouterr().out == ""


def test_a_missing_package_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distillmos", None)
    with pytest.raises(NotSupported, match="make evaluate-env"):
        DistillMos()
    assert "torchaudio" not in sys.modules


def test_dnsmos_gets_16_khz_within_its_range(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(wave: np.ndarray, rate: int) -> dict[str, float]:
        assert rate == 16000 and np.abs(wave).max() <= 1
        return {"ovrl_mos": len(wave) / rate, "sig_mos": 0.0}

    package = ModuleType("speechmos")
    package.dnsmos = SimpleNamespace(run=run)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "speechmos", package)
    assert Dnsmos()(np.full(36000, 1.5, np.float32)) == pytest.approx(1.5)


def test_dnsmos_without_its_package_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "speechmos", None)
    with pytest.raises(NotSupported, match="make evaluate-env"):
        Dnsmos()
