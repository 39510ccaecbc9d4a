"""What a training tells while it runs."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from torch import Tensor

from jamflow_rt.errors import Failed


class Record:
    """Figures of the steps since the last ones were told."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._begin()

    def _begin(self) -> None:
        self._errors = torch.zeros(2, device=self._accelerator.device)
        self._counts = torch.zeros_like(self._errors)
        self._norm = torch.zeros((), device=self._accelerator.device)
        self._rate = 0.0
        self._steps, self._frames, self._start = 0, 0, time.perf_counter()

    def add(
        self, errors: Tensor, counts: Tensor, norm: Tensor, rate: float, *, frames: int
    ) -> None:
        """Take up a step.

        Args:
            errors: (2,) this process's summed errors of sound and motion.
            counts: (2,) all processes' masked numbers.
            norm: of the gradient.
            rate: of learning.
            frames: this process's mel frames.
        """
        self._errors += errors
        self._counts += counts
        self._norm += norm
        self._rate = rate
        self._steps += 1
        self._frames += frames

    def figures(self, step: int) -> dict[str, float]:
        """Mean figures since the last call; all processes take part.

        Raises:
            Failed: the loss or its gradient is no number any more.
        """
        errors = self._accelerator.reduce(self._errors)
        audio, motion = (errors / self._counts.clamp(min=1)).tolist()
        norm = float(self._norm) / self._steps
        # A gradient that is no number has spoilt the weights, though the loss before it was one.
        if not math.isfinite(audio + motion + norm):
            raise Failed(
                f"The loss or its gradient is no number any more at step {step}: lower "
                "optimiser.learning_rate or optimiser.clip and go on from the last checkpoint in a "
                "new run (start.weights)."
            )
        seconds = time.perf_counter() - self._start
        figures = {
            "loss/audio": audio,
            "loss/motion": motion,
            "gradient_norm": norm,
            "learning_rate": self._rate,
            "mel_frames_per_second": self._frames * self._accelerator.num_processes / seconds,
            "seconds_per_step": seconds / self._steps,
        }
        self._begin()
        return figures


@contextmanager
def bar(done: int, steps: int, shown: bool) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """A progress bar; yields a function of (step, figures).

    Without a terminal every call is a line.
    """
    if not shown:
        yield lambda step, figures: None
    elif sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=steps, initial=done) as progress:

            def advance(step: int, figures: Mapping[str, float]) -> None:
                progress.set_postfix_str(_line(figures))
                progress.update(step - progress.n)

            yield advance
    else:

        def tell(step: int, figures: Mapping[str, float]) -> None:
            print(f"{step}/{steps} {_line(figures)}", file=sys.stderr, flush=True)

        yield tell


def _line(figures: Mapping[str, float]) -> str:
    names = {"audio": "loss/audio", "motion": "loss/motion", "s/step": "seconds_per_step"}
    return " ".join(f"{short} {figures[name]:.3f}" for short, name in names.items())
