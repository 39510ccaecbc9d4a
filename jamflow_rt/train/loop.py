"""What every training stage shares: a resumable loop with a progress bar and a loss curve."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

_RECORD_EVERY = 20
"""Steps whose losses make one point of the curve."""


class Stateful(Protocol):
    """A module or an optimiser."""

    def state_dict(self) -> Any:
        """Everything that is needed to go on."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Go on from there."""
        ...


class Loop:
    """Counts steps, keeps checkpoints, draws the loss curve.

    A checkpoint is for resuming on the same machine and is never shipped; it is written beside
    and renamed, so an interrupt never leaves half of one.
    """

    def __init__(
        self, folder: Path, parts: Mapping[str, Stateful], steps: int, every_seconds: float = 300
    ) -> None:
        self.folder, self.parts, self.steps = folder, dict(parts), steps
        self.every_seconds = every_seconds
        self.step = 0
        self.history: list[dict[str, float]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "checkpoint.pt"
        if self._path.exists():
            saved = torch.load(self._path, weights_only=True)
            self.step, self.history = saved["step"], saved["history"]
            for name, part in self.parts.items():
                part.load_state_dict(saved[name])

    def run(
        self,
        one_step: Callable[[int], dict[str, float]],
        on_checkpoint: Callable[[], None] | None = None,
    ) -> None:
        """Call `one_step(step)` until `steps` are done; it returns the losses to record."""
        from tqdm import tqdm

        saved_at = time.monotonic()
        recent: dict[str, list[float]] = {}
        with tqdm(total=self.steps, initial=self.step, mininterval=5) as bar:
            while self.step < self.steps:
                for name, value in one_step(self.step).items():
                    recent.setdefault(name, []).append(value)
                self.step += 1
                bar.update()
                if self.step % _RECORD_EVERY == 0:
                    means = {name: sum(values) / len(values) for name, values in recent.items()}
                    self.history.append({"step": self.step, **means})
                    bar.set_postfix({k: f"{v:.3f}" for k, v in means.items()})
                    recent = {}
                last = self.step == self.steps
                if last or time.monotonic() - saved_at > self.every_seconds:
                    self.save()
                    if on_checkpoint:
                        on_checkpoint()
                    saved_at = time.monotonic()

    def save(self) -> None:
        """Write the checkpoint and the loss curve."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        draft = self._path.with_suffix(".tmp")
        torch.save({"step": self.step, "history": self.history, **state}, draft)
        draft.replace(self._path)
        self._draw()

    def _draw(self) -> None:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        names = sorted({k for row in self.history for k in row} - {"step"})
        figure, axis = pyplot.subplots(figsize=(9, 5))
        for name in names:
            rows = [(r["step"], r[name]) for r in self.history if name in r]
            axis.plot(*zip(*rows, strict=True), label=name, linewidth=1)
        axis.set_yscale("log")
        axis.set_xlabel("step")
        axis.legend()
        figure.savefig(self.folder / "loss.png", dpi=110)
        pyplot.close(figure)
