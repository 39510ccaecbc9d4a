"""Training of the duration predictor, on a synthetic corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jamflow_rt.beats import MEL_RATE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.durations import DurationConfig, DurationPredictor
from jamflow_rt.train.durations import (
    DurationTraining,
    TimedPhonemes,
    collate,
    correct_bias,
    draw_losses,
    evaluate_durations,
    load_durations,
    train_durations,
)

NETWORK = DurationConfig(width=24, expansion=2, dilations=(1,), dropout=0.0)
RECIPE = DurationTraining(
    steps=120, batch=16, learning_rate=1e-2, warm_up=5, held_out=30, save_every=20
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Phonemes 40…59; each lasts its number − 38 frames, times 0.5 or 1.5 at random."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    generator = np.random.default_rng(0)
    (folder / "heart").mkdir()
    for shard in range(2):
        rows = [generator.integers(40, 60, generator.integers(5, 20)) for _ in range(100)]
        rows = [np.concatenate([[0], row, [0]]) for row in rows]
        ids = np.concatenate(rows).astype(np.int16)
        frames = np.where(ids == 0, 20, (ids - 38) * generator.choice([0.5, 1.5], len(ids)))
        offsets = np.cumsum([0, *map(len, rows)])
        seconds = (frames / MEL_RATE).astype(np.float32)
        np.savez(folder / "heart" / f"shard{shard}.npz", ids=ids, frames=seconds, offsets=offsets)
    return folder


def quiet(step: int, steps: int, loss: float) -> None:
    assert 0 < step <= steps
    assert np.isfinite(loss)


def test_a_corpus_is_read_in_order(corpus: Path) -> None:
    utterances = load_durations(corpus)
    assert len(utterances) == 200
    assert all(u.ids[0] == u.ids[-1] == 0 for u in utterances)
    assert utterances[0].frames[0] == pytest.approx(20)


def test_batches_are_padded() -> None:
    one = TimedPhonemes(np.array([0, 5, 0]), np.array([1, 2, 3], np.float32))
    two = TimedPhonemes(np.array([0, 0]), np.array([4, 5], np.float32), 2)
    ids, frames, lengths, voices = collate([one, two])
    assert ids.tolist() == [[0, 5, 0], [0, 0, 0]]
    assert frames.tolist() == [[1, 2, 3], [4, 5, 0]]
    assert lengths.tolist() == [3, 2]
    assert voices.tolist() == [0, 2]


def test_it_learns_the_mean_and_writes_everything(corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "durations.safetensors"
    report = train_durations(corpus, output, tmp_path / "work", RECIPE, NETWORK, quiet)
    assert report.correlation > 0.6  # chance leaves 0.667 at best
    assert abs(report.bias) < 0.08
    assert (tmp_path / "work" / "durations.png").stat().st_size > 1000
    predictor = DurationPredictor.load(output)
    predicted = predictor(torch.tensor([[0, 58, 42, 0]]), torch.tensor([4]))
    assert torch.expm1(predicted)[0, 1:3].tolist() == pytest.approx([20, 4], rel=0.35)


def test_an_interrupted_run_goes_on_where_it_was(corpus: Path, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(step: int, steps: int, loss: float) -> None:
        if step == 50:
            raise Interrupted

    whole, work = tmp_path / "whole", tmp_path / "work"
    with pytest.raises(Interrupted):
        train_durations(corpus, work / "d", work, RECIPE, NETWORK, interrupt)
    seen: list[int] = []
    train_durations(corpus, work / "d", work, RECIPE, NETWORK, lambda step, *_: seen.append(step))
    train_durations(corpus, whole / "d", whole, RECIPE, NETWORK, quiet)
    assert seen == list(range(41, 121))  # from the last checkpoint
    resumed, straight = (DurationPredictor.load(folder / "d") for folder in (work, whole))
    for a, b in zip(resumed.parameters(), straight.parameters(), strict=True):
        assert torch.allclose(a, b, atol=2e-3)


def test_a_finished_run_trains_no_further(corpus: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"steps": 20})
    first = train_durations(corpus, tmp_path / "d", tmp_path, recipe, NETWORK, quiet)

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    assert train_durations(corpus, tmp_path / "d", tmp_path, recipe, NETWORK, never) == first


def test_time_can_be_limited(corpus: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    train_durations(
        corpus, tmp_path / "d", tmp_path, RECIPE, NETWORK, lambda s, *_: seen.append(s), minutes=0
    )
    assert seen == [1]
    assert (tmp_path / "durations.pt").is_file()
    assert (tmp_path / "d").is_file()


def test_a_checkpoint_of_another_size_is_refused(corpus: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"steps": 1})
    train_durations(corpus, tmp_path / "d", tmp_path, recipe, NETWORK, quiet)
    other = NETWORK.model_copy(update={"width": 32})
    with pytest.raises(InvalidInput, match="another size"):
        train_durations(corpus, tmp_path / "d", tmp_path, recipe, other, quiet)


def test_bad_corpora(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no corpus"):
        load_durations(tmp_path)
    with pytest.raises(InvalidInput, match="200 utterances"):
        train_durations(corpus, tmp_path / "d", tmp_path, DurationTraining(), NETWORK, quiet)
    (tmp_path / "heart").mkdir()
    np.savez(tmp_path / "heart" / "shard0.npz", ids=np.zeros(3))
    with pytest.raises(InvalidInput, match="lacks frames, offsets"):
        load_durations(tmp_path)


def test_evaluation_knows_a_perfect_predictor(corpus: Path) -> None:
    class Perfect(DurationPredictor):
        def forward(
            self, ids: torch.Tensor, lengths: torch.Tensor, voice: torch.Tensor | None = None
        ) -> torch.Tensor:
            return torch.log1p(ids.float() * 2)

    utterances = [
        TimedPhonemes(u.ids, (u.ids * 2).astype(np.float32)) for u in load_durations(corpus)
    ]
    report = evaluate_durations(Perfect(NETWORK), utterances)
    assert report == pytest.approx((0.0, 1.0, 0.0, 0.0), abs=1e-3)


def test_the_total_time_is_corrected(corpus: Path) -> None:
    torch.manual_seed(0)
    predictor, utterances = DurationPredictor(NETWORK), load_durations(corpus)
    with torch.no_grad():
        predictor.out.bias.fill_(2.0)
    assert abs(evaluate_durations(predictor, utterances).bias) > 0.1
    correct_bias(predictor, utterances)
    assert abs(evaluate_durations(predictor, utterances).bias) < 0.01


def test_loss_curves(tmp_path: Path) -> None:
    draw_losses([0.5], tmp_path / "one.png")
    draw_losses(list(np.linspace(1, 0.1, 400)), tmp_path / "many.png")
    assert (tmp_path / "many.png").read_bytes().startswith(b"\x89PNG")
