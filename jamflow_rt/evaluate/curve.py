"""Quality against the number of evaluations of the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from jamflow_rt.bundle import Bundle
from jamflow_rt.evaluate.scores import Judges, score
from jamflow_rt.evaluate.synthesis import Stopwatch, Synthesiser
from jamflow_rt.evaluate.take import Take

Progress = Callable[[Iterable[Take], int, str], Iterable[Take]]
"""Shows (takes, how many, what) as they come."""


@dataclass(frozen=True, slots=True)
class Point:
    """The sentences, sampled with so many steps."""

    evaluations: int
    guidance: float
    word_error_rate: float | None
    character_error_rate: float | None
    quality: float | None
    """Mean DistillMOS."""
    sampling: float
    """Seconds of sampling per sounding second."""

    @property
    def calls(self) -> int:
        """Times the network is asked for a window: twice a step with guidance."""
        return self.evaluations * (2 if self.guidance else 1)


def measure_curve(
    bundle: Bundle,
    sentences: Sequence[str],
    judges: Judges,
    *,
    evaluations: Sequence[int],
    guidances: Sequence[float],
    voice: str | None,
    progress: Progress = lambda takes, total, what: takes,
) -> tuple[Point, ...]:
    """Say the sentences once for each number of evaluations and each guidance.

    Args:
        bundle: the models.
        sentences: what is said, in streamed windows.
        judges: of these only the listener and the judge of quality are asked.
        evaluations: Euler steps a window.
        guidances: weights of the text; 0 is none.
        voice: name of the voice; the bundle's usual one when None.
        progress: shows the takes as they come.
    """
    few = Judges(listener=judges.listener, quality=judges.quality)
    points = []
    for guidance in guidances:
        for steps in evaluations:
            synthesise = Synthesiser(bundle, evaluations=steps, guidance=guidance, voice=voice)
            watch = Stopwatch()
            takes = (synthesise(line, seed, watch) for seed, line in enumerate(sentences))
            found = score(progress(takes, len(sentences), f"{steps} evaluations"), few)
            points.append(
                Point(
                    steps,
                    guidance,
                    found.word_error_rate,
                    found.character_error_rate,
                    found.quality,
                    watch.seconds["sampling"] / found.seconds,
                )
            )
    return tuple(points)
