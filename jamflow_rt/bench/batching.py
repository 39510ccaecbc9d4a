"""Windows of several sessions in one forward pass, against one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from jamflow_rt.bench.figures import Bar, Figure
from jamflow_rt.bench.subject import Subject
from jamflow_rt.bench.window import speech_window
from jamflow_rt.bundle import Bundle
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.flow.window import Window
from jamflow_rt.model.threads import Cores, compute_on

SESSIONS = 4
"""Sessions whose windows are sampled together."""
RATIO_BAR = 0.5
"""Share of the time one after the other that they may take together."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of one length, one from each session."""

    beats: int
    apart: float
    """Seconds to sample them one after the other."""
    together: float
    """Seconds to sample them in one batch."""

    @property
    def ratio(self) -> float:
        """How much of the time is left."""
        return self.together / self.apart


def batching_figures(subject: Subject) -> list[Figure]:
    """Milliseconds a window, and what batching leaves of them, by length of the window."""
    bundle = subject.bundle
    repeats = subject.plan.repeats
    batches = subject.compute_on(lambda cores: measure_batching(bundle, SESSIONS, repeats, cores))
    # The longest windows are those of a session that goes on speaking.
    steady = max(batch.beats for batch in batches)
    figures = []
    for batch in batches:
        length = f"{batch.beats} beats"
        alone = Figure(
            key=f"window_{batch.beats}",
            name=f"one window of {length}",
            value=1000 * batch.apart / SESSIONS,
            unit="ms",
            digits=1,
            note=f"{bundle.sampling.evaluations} evaluations",
        )
        ratio = Figure(
            key=f"ratio_{batch.beats}",
            name=f"{SESSIONS} windows of {length}, batched against one by one",
            value=batch.ratio,
            digits=2,
            bar=Bar(RATIO_BAR) if batch.beats == steady else None,
            note=f"{1000 * batch.together:.0f} against {1000 * batch.apart:.0f} ms",
        )
        figures += [alone, ratio]
    return figures


def measure_batching(bundle: Bundle, sessions: int, repeats: int, cores: Cores) -> list[Batch]:
    """Median times for every length of window that a speech has, ascending.

    As the engine does it: a window alone and a batch each on the cores that pay for them.
    """
    sampler = Sampler(bundle.model, bundle.sampling)
    batches = []
    for new in sorted(set(bundle.windows.growth)):
        windows = [speech_window(bundle, new, seed) for seed in range(sessions)]
        sampler.prepare(windows[0])
        one_by_one, together = [], []
        # In turns, so that a disturbance from outside meets both; the first turn warms up.
        for _ in range(repeats + 1):
            compute_on(cores.alone)
            one_by_one.append(sum(_seconds(sampler, [window]) for window in windows))
            compute_on(cores.together)
            together.append(_seconds(sampler, windows))
        batches.append(Batch(windows[0].beats, median(one_by_one[1:]), median(together[1:])))
    return batches


def _seconds(sampler: Sampler, windows: Sequence[Window]) -> float:
    start = perf_counter()
    runs = [sampler.start(window) for window in windows]
    while not runs[0].done:
        sampler.advance(runs)
    for run in runs:
        run.result()
    return perf_counter() - start
