"""The duration predictor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.durations import DurationConfig, DurationPredictor, duration_loss
from jamflow_rt.text.phonemes import symbol_ids

SMALL = DurationConfig(width=16, expansion=2, dilations=(1, 2))


def small() -> DurationPredictor:
    torch.manual_seed(0)
    return DurationPredictor(SMALL)


def constant(frames: float) -> DurationPredictor:
    """A predictor that gives every phoneme the same length."""
    predictor = small()
    with torch.no_grad():
        predictor.out.weight.zero_()
        predictor.out.bias.fill_(torch.log(torch.tensor(frames)))  # log(e^x − 1) at x = log(1 + f)
    return predictor


def test_the_default_is_small() -> None:
    assert sum(p.numel() for p in DurationPredictor().parameters()) < 500_000


def test_padding_does_not_change_what_it_pads() -> None:
    predictor = small()
    ids = torch.randint(1, 178, (2, 12))
    lengths = torch.tensor([12, 7])
    both = predictor(ids, lengths)
    alone = predictor(ids[1:, :7], torch.tensor([7]))
    assert both.shape == (2, 12)
    assert torch.allclose(both[1, :7], alone[0], atol=1e-5)
    assert (both[1, 7:] == 0).all()
    assert (both >= 0).all()


def test_neighbours_matter() -> None:
    predictor = small()
    ids = torch.tensor([[0, 50, 51, 52, 0], [0, 50, 51, 60, 0]])
    logs = predictor(ids, torch.tensor([5, 5]))
    assert not torch.allclose(logs[0, 2], logs[1, 2])


@pytest.mark.parametrize("length", [1.4, 2.5, 4.0])
@pytest.mark.parametrize("speed", [0.5, 1.0, 1.25])
def test_rounding_keeps_totals(length: float, speed: float) -> None:
    ids = [0, *symbol_ids("həlˈO ðˈɛɹ, ænd ɡˈʊd mˈɔɹnɪŋ") * 3, 0]
    frames = constant(length).frames(ids, speed)
    assert sum(frames) == pytest.approx(len(ids) * length / speed, abs=1)
    assert {abs(f - length / speed) < 1 for f in frames} == {True}


def test_sounds_get_a_frame_even_when_rushed() -> None:
    ids = [0, *symbol_ids("həlˈO ðˈɛɹ."), 0]
    frames = constant(0.05).frames(ids, 4.0)
    lengths = dict(zip([0, *"həlˈO ðˈɛɹ."], frames, strict=False))
    assert min(lengths[symbol] for symbol in "həlOðɛɹ") == 1
    assert lengths["."] == 0


@pytest.mark.parametrize("speed", [0.0, -1.0, 5.0, float("nan"), float("inf")])
def test_impossible_speeds(speed: float) -> None:
    with pytest.raises(InvalidInput, match="Speed"):
        small().frames([0, 50, 0], speed)


def test_unknown_ids() -> None:
    with pytest.raises(InvalidInput, match="178"):
        small().frames([0, 178, 0])
    assert small().frames([]) == []


@given(st.lists(st.integers(0, 177), min_size=1, max_size=60))
def test_any_ids_have_bounded_lengths(ids: list[int]) -> None:
    frames = small().frames(ids, 0.25)
    assert len(frames) == len(ids)
    assert all(0 <= f <= 4 * 181 for f in frames)


def test_voices_have_their_own_lengths() -> None:
    torch.manual_seed(0)
    predictor = DurationPredictor(DurationConfig(voices=2))
    with torch.no_grad():
        for parameter in predictor.parameters():
            parameter.normal_(std=0.5)
    lengths = [predictor.frames([0, 50, 60, 70, 0], voice=voice) for voice in range(3)]
    assert len({tuple(row) for row in lengths}) == 3
    with pytest.raises(InvalidInput, match="0 to 2, not 3"):
        predictor.frames([0, 50, 0], voice=3)


def test_files_keep_weights_and_config(tmp_path: Path) -> None:
    predictor = small()
    path = tmp_path / "durations.safetensors"
    predictor.save(path)
    loaded = DurationPredictor.load(path)
    assert loaded.config == SMALL
    assert not loaded.training
    assert loaded.out.weight.dtype == torch.float32
    ids, lengths = torch.randint(0, 178, (1, 20)), torch.tensor([20])
    assert torch.allclose(loaded(ids, lengths), predictor(ids, lengths), atol=5e-3)


def test_files_that_are_none(tmp_path: Path) -> None:
    missing, text, other = (tmp_path / name for name in ("none", "text", "other"))
    text.write_text("hello")
    save_file({"a": torch.zeros(1)}, str(other), metadata={"config": '{"width": 16}'})
    for path in (missing, text, other):
        with pytest.raises(InvalidInput, match=path.name):
            DurationPredictor.load(path)


def test_the_loss_is_least_at_the_mean() -> None:
    frames = torch.tensor([[1.0, 2.0, 3.0, 10.0, 99.0]])
    lengths = torch.tensor([4])
    guesses = torch.arange(0.5, 12.0, 0.5)
    losses = [duration_loss(torch.log1p(g).expand(1, 5), frames, lengths) for g in guesses]
    assert guesses[torch.stack(losses).argmin()] == 4.0
    assert duration_loss(torch.log1p(frames), frames, lengths).item() == pytest.approx(0, abs=1e-6)
