"""Training of the duration predictor on a teacher's phoneme durations: the `durations` stage."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from jamflow_rt.beats import MEL_RATE
from jamflow_rt.config import StrictModel
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.durations import DurationConfig, DurationPredictor, duration_loss
from jamflow_rt.train.sound_data import corpus_voices, shard_paths


class DurationTraining(StrictModel):
    """The recipe."""

    steps: int = Field(default=1000, ge=1)
    batch: int = Field(default=64, ge=1)
    """Utterances a step."""
    learning_rate: float = Field(default=2e-3, gt=0)
    warm_up: int = Field(default=100, ge=1)
    weight_decay: float = 0.02
    held_out: int = Field(default=200, ge=0)
    """Utterances, drawn at random, for evaluation only."""
    save_every: int = Field(default=200, ge=1)
    """Steps between checkpoints."""
    seed: int = 0


class TimedPhonemes(NamedTuple):
    """One utterance: ids (N,) with a silence at both ends, and mel frames (N,) of each.

    `voice` is the row of the table of voices.
    """

    ids: NDArray[np.int64]
    frames: NDArray[np.float32]
    voice: int = 0


class DurationReport(NamedTuple):
    """How well durations are predicted on utterances not trained on."""

    error_ms: float
    """Mean absolute error a phoneme, silences at the ends left out."""
    correlation: float
    """Pearson, over the same phonemes."""
    bias: float
    """Predicted over true total time, minus 1; negative speaks too fast."""
    utterance_error: float
    """Mean absolute relative error of an utterance's speaking time."""


def load_durations(corpus: Path) -> list[TimedPhonemes]:
    """Every utterance of a corpus.

    Raises:
        InvalidInput: there are no shards, or one lacks these arrays.
    """
    utterances = []
    numbers = {voice.name: voice.number for voice in corpus_voices(corpus)}
    for path in shard_paths(corpus):
        with np.load(path) as shard:
            missing = {"ids", "frames", "offsets"} - set(shard.files)
            if missing:
                raise InvalidInput(f"{path} lacks {', '.join(sorted(missing))}.")
            ids, seconds, offsets = shard["ids"], shard["frames"], shard["offsets"]
        for start, end in zip(offsets[:-1], offsets[1:], strict=True):
            utterances.append(
                TimedPhonemes(
                    ids[start:end].astype(np.int64),
                    (seconds[start:end] * MEL_RATE).astype(np.float32),
                    numbers[path.parent.name],
                )
            )
    return utterances


def collate(utterances: Sequence[TimedPhonemes]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Batch of ids (B, N), frames (B, N), lengths (B,) and voices (B,), padded with zeros."""
    lengths = torch.tensor([len(u.ids) for u in utterances])
    ids = torch.zeros(len(utterances), int(lengths.max()), dtype=torch.long)
    frames = torch.zeros(ids.shape)
    for row, utterance in enumerate(utterances):
        ids[row, : len(utterance.ids)] = torch.from_numpy(utterance.ids)
        frames[row, : len(utterance.ids)] = torch.from_numpy(utterance.frames)
    return ids, frames, lengths, torch.tensor([u.voice for u in utterances])


@torch.inference_mode()
def evaluate_durations(
    predictor: DurationPredictor, utterances: Sequence[TimedPhonemes]
) -> DurationReport:
    """Compare predicted with true durations."""
    predictor.eval()
    said, true, ratios = [], [], []
    for start in range(0, len(utterances), 64):
        part = utterances[start : start + 64]
        ids, _, lengths, voices = collate(part)
        rows = torch.expm1(predictor(ids, lengths, voices)).numpy()
        for row, utterance in zip(rows, part, strict=True):
            said.append(row[1 : len(utterance.ids) - 1])
            true.append(utterance.frames[1:-1])
            ratios.append(float(said[-1].sum() / true[-1].sum()))
    predicted, wanted = np.concatenate(said), np.concatenate(true)
    return DurationReport(
        float(np.abs(predicted - wanted).mean() / MEL_RATE * 1000),
        float(np.corrcoef(predicted, wanted)[0, 1]),
        float(predicted.sum() / wanted.sum() - 1),
        float(np.abs(np.array(ratios) - 1).mean()),
    )


def train_durations(
    corpus: Path,
    output: Path,
    work: Path,
    training: DurationTraining | None = None,
    config: DurationConfig | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    minutes: float | None = None,
) -> DurationReport:
    """Train a predictor and write it to `output` (safetensors).

    A run that was interrupted resumes from the checkpoint in `work`; a finished one returns at
    once. `work` also gets the loss curve, `durations.png`.

    Args:
        corpus: folder of shards.
        output: the predictor's file.
        work: folder for the checkpoint and the curve.
        training: the recipe.
        config: the network's size.
        progress: called with (step, steps, loss); default is a tqdm bar.
        minutes: stop after this time with a checkpoint; the weights so far are written.

    Returns:
        The figures on the held-out utterances (on all, if none are held out).
    """
    training = training or DurationTraining()
    utterances = load_durations(corpus)
    if len(utterances) <= training.held_out:
        raise InvalidInput(
            f"{corpus} has {len(utterances)} utterances; more than the {training.held_out} "
            "held out are needed."
        )
    cut = len(utterances) - training.held_out
    config = config or DurationConfig(voices=max(u.voice for u in utterances))
    random.Random(0).shuffle(utterances)  # so that every voice is among those held out
    run = _Run(utterances[:cut], training, config, work / "durations.pt")
    started, saved_at = time.monotonic(), run.step
    with _Bar(training.steps, progress) as bar:
        while run.step < training.steps:
            bar(run.step + 1, run.advance())
            if run.step % training.save_every == 0:
                run.save()
                saved_at = run.step
            if minutes is not None and time.monotonic() - started > minutes * 60:
                break
    if saved_at != run.step:
        run.save()
    correct_bias(run.predictor, utterances[: min(cut, 500)])
    draw_losses(run.losses, work / "durations.png")
    output.parent.mkdir(parents=True, exist_ok=True)
    run.predictor.save(output)
    return evaluate_durations(DurationPredictor.load(output), utterances[cut:] or utterances)


@torch.no_grad()
def correct_bias(predictor: DurationPredictor, utterances: Sequence[TimedPhonemes]) -> None:
    """Shift the last layer until the total speaking time of `utterances` is right.

    The loss asks for that already, but dropout and weight decay leave a per cent or so.
    """
    for _ in range(4):
        error = evaluate_durations(predictor, utterances).bias
        if abs(error) < 1e-4:
            return
        predictor.out.bias.sub_(math.log1p(error))


class _Run:
    """A training run: its state is what the checkpoint holds."""

    def __init__(
        self,
        utterances: list[TimedPhonemes],
        training: DurationTraining,
        config: DurationConfig,
        checkpoint: Path,
    ) -> None:
        torch.manual_seed(training.seed)
        self._utterances = utterances
        self._training = training
        self._checkpoint = checkpoint
        self.predictor = DurationPredictor(config)
        self._optimizer = torch.optim.AdamW(
            self.predictor.parameters(),
            lr=training.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=training.weight_decay,
        )
        self.step = 0
        self.losses: list[float] = []
        if checkpoint.is_file():
            self._resume()
        self._batches = self._draw_batches(self.step)

    def advance(self) -> float:
        """One step; returns the loss."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._training.learning_rate * self._rate()
        self.predictor.train()
        ids, frames, lengths, voices = collate(next(self._batches))
        loss = duration_loss(self.predictor(ids, lengths, voices), frames, lengths)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.predictor.parameters(), 1.0)
        self._optimizer.step()
        self.step += 1
        self.losses.append(float(loss.detach()))
        return self.losses[-1]

    def _rate(self) -> float:
        """Warm-up, then half a cosine down to zero."""
        training = self._training
        rise = min(1.0, (self.step + 1) / training.warm_up)
        return rise * 0.5 * (1 + math.cos(math.pi * self.step / training.steps))

    def _draw_batches(self, skip: int) -> Iterator[list[TimedPhonemes]]:
        """Batches of utterances of like length, in an order fixed by the seed."""
        generator = np.random.default_rng(self._training.seed)
        size = self._training.batch
        count = 0
        while True:
            # A little noise on the lengths mixes neighbours anew in every round.
            keys = [len(u.ids) + generator.uniform(0, 8) for u in self._utterances]
            order = np.argsort(keys)
            groups = [order[start : start + size] for start in range(0, len(order), size)]
            for index in generator.permutation(len(groups)):
                if count >= skip:
                    yield [self._utterances[k] for k in groups[index]]
                count += 1

    def save(self) -> None:
        """Write the checkpoint; a crash while writing leaves the old one."""
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        part = self._checkpoint.with_suffix(".part")
        torch.save(
            {
                "predictor": self.predictor.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "config": self.predictor.config.model_dump(),
                "step": self.step,
                "losses": self.losses,
                "random": torch.get_rng_state(),
            },
            part,
        )
        part.replace(self._checkpoint)

    def _resume(self) -> None:
        state: dict[str, Any] = torch.load(self._checkpoint, weights_only=True)
        if DurationConfig(**state["config"]) != self.predictor.config:
            raise InvalidInput(
                f"{self._checkpoint} is of a network of another size; remove it to start anew."
            )
        self.predictor.load_state_dict(state["predictor"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.losses = state["step"], state["losses"]
        torch.set_rng_state(state["random"])


class _Bar:
    """A tqdm bar, or the caller's own progress function."""

    def __init__(self, steps: int, progress: Callable[[int, int, float], None] | None) -> None:
        self._steps = steps
        self._progress = progress
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        if self._progress is None:
            from tqdm import tqdm

            self._bar = tqdm(total=self._steps, desc="durations", unit="step")
        return self

    def __call__(self, step: int, loss: float) -> None:
        if self._progress is not None:
            self._progress(step, self._steps, loss)
            return
        self._bar.update(step - self._bar.n)
        self._bar.set_postfix(loss=f"{loss:.4f}", refresh=False)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def draw_losses(losses: Sequence[float], path: Path) -> None:
    """Draw a loss curve, with its running mean, to a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(losses, alpha=0.25, label="step")
    width = max(1, len(losses) // 50)
    if len(losses) >= 2 * width:
        mean = np.convolve(losses, np.ones(width) / width, "valid")
        axes.plot(np.arange(len(mean)) + width - 1, mean, label=f"mean of {width}")
    axes.set(xlabel="step", ylabel="loss (gamma deviance)", yscale="log", title="Durations")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(str(path), dpi=110)
