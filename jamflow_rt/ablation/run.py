"""Trains and measures the variants, one after the other, each in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic

import numpy as np

from jamflow_rt.ablation.report import Result
from jamflow_rt.ablation.variants import Variant, begin
from jamflow_rt.bundle import Bundle
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.beside import real_takes
from jamflow_rt.evaluate.listening import measure_listening
from jamflow_rt.evaluate.scores import Judges, Listener, score
from jamflow_rt.evaluate.synthesis import Synthesiser
from jamflow_rt.evaluate.take import Take
from jamflow_rt.model.checkpoint import load_checkpoint
from jamflow_rt.train.joint import JointRecipe, train_joint
from jamflow_rt.train.prepare import read_space
from jamflow_rt.train.teacher_motion import HELD_OUT_CLIPS

ADAPTATION = JointRecipe(steps=300, learning_rate=5e-4, warm_up=10)
"""How variants get used to their structure."""
_LAST = 0.2
"""Share of the steps whose losses are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is trained, and what is measured. The same for every variant."""

    corpus: Path
    """Folder of the `corpus` and `motion` stages."""
    prepared: Path
    """Folder of `jamflow-rt prepare`."""
    sentences: tuple[str, ...]
    """Held-out text."""
    work: Path
    """A folder for each variant is made in it."""
    recipe: JointRecipe
    evaluations: int = 4
    """Euler steps a window. Nothing is distilled: the velocity itself is asked for."""
    new_motion: bool = False
    """The Motion-DiT begins at random."""

    @property
    def settings(self) -> dict[str, object]:
        """The numbers that make variants comparable."""
        return {
            "sentences": len(self.sentences),
            "evaluations": self.evaluations,
            "new_motion": self.new_motion,
            **asdict(self.recipe),
        }


def ablate(
    bundle: Bundle,
    variants: Sequence[Variant],
    plan: Plan,
    listener: Listener,
    tell: Callable[[str], None] = lambda what: None,
) -> list[Result]:
    """Train each variant for the same steps on the same data with the same noise, and measure it.

    A variant that was measured before is not trained again; one that was broken off resumes.

    Args:
        bundle: gives the weights to begin with, the vocoder, the durations and the voices.
        variants: what to train.
        plan: how much, on what.
        listener: what it hears is set against the sentences.
        tell: is told what happens.

    Raises:
        InvalidInput: the corpus or the clips are missing, a voice is not the bundle's, or the
            clips lie in another motion space; the folder holds variants of other settings.
    """
    _same_space(bundle, plan.prepared)
    _same_plan(plan)
    clips = real_takes(plan.prepared)[-HELD_OUT_CLIPS:]
    results = []
    for variant in variants:
        folder = plan.work / variant.name
        found = folder / "result.json"
        if not found.exists():
            tell(f"{variant.name}: {variant.meaning}")
            folder.mkdir(parents=True, exist_ok=True)
            result = _train_and_measure(bundle, variant, plan, clips, listener, folder)
            found.write_text(json.dumps(asdict(result), indent=2) + "\n", "utf-8")
        results.append(Result(**json.loads(found.read_text("utf-8"))))
    return results


def _train_and_measure(
    bundle: Bundle,
    variant: Variant,
    plan: Plan,
    clips: Sequence[Take],
    listener: Listener,
    folder: Path,
) -> Result:
    asked = {"distilled": False, "guidance": 0.0, "evaluations": plan.evaluations}
    settings = bundle.settings.model_copy(
        update={"sampling": bundle.sampling.model_copy(update=asked)}
    )
    made = replace(bundle, settings=settings)
    if not variant.trained:
        return _measure(made, variant, plan, clips, listener)
    start = monotonic()
    weights = folder / "model.safetensors"
    model = begin(variant, bundle.model, plan.new_motion)
    curve = train_joint(
        plan.corpus, plan.prepared, folder, weights, plan.recipe, (model, bundle.settings.voices)
    )
    seconds = monotonic() - start
    made = replace(made, model=load_checkpoint(weights))
    return replace(
        _measure(made, variant, plan, clips, listener),
        audio_loss=_last(curve, "audio"),
        motion_loss=_last(curve, "motion"),
        seconds=seconds,
    )


def _same_space(bundle: Bundle, prepared: Path) -> None:
    space, ours = read_space(prepared / "motion.safetensors"), bundle.motion
    if not isinstance(ours, MotionSpace) or not all(
        np.array_equal(one, other)
        for one, other in (
            (ours.average, space.average),
            (ours.mouth, space.mouth),
            (ours.eyes, space.eyes),
        )
    ):
        raise InvalidInput(
            f"The clips in {prepared} lie in another motion space than the model's: run "
            "`jamflow-rt prepare` with the model's, --space MODEL/motion.safetensors, and "
            "`jamflow-rt train motion` again."
        )


def _same_plan(plan: Plan) -> None:
    """Refuse to fill up a table that was begun with other settings."""
    settings = json.dumps(plan.settings, indent=2) + "\n"
    begun = plan.work / "settings.json"
    plan.work.mkdir(parents=True, exist_ok=True)
    if not begun.exists():
        begun.write_text(settings, "utf-8")
    elif begun.read_text("utf-8") != settings:
        raise InvalidInput(
            f"{plan.work} holds variants of other settings ({begun.name}): give another folder."
        )


def _measure(
    bundle: Bundle, variant: Variant, plan: Plan, clips: Sequence[Take], listener: Listener
) -> Result:
    synthesise = Synthesiser(bundle)
    takes = (synthesise(line, seed) for seed, line in enumerate(plan.sentences))
    found = score(takes, Judges(listener=listener))
    heard = measure_listening(((take.sound, take.faces) for take in clips), synthesise.listen)
    return Result(
        name=variant.name,
        meaning=variant.meaning,
        word_error_rate=found.word_error_rate,
        character_error_rate=found.character_error_rate,
        closed=found.lips.closed if found.lips else None,
        chance=found.lips.chance if found.lips else None,
        correlation=heard.correlation if heard else None,
    )


def _last(curve: Sequence[dict[str, float]], stream: str) -> float | None:
    """The mean loss of a stream at the end of a curve; None for a curve without points."""
    last = curve[-max(1, round(len(curve) * _LAST)) :]
    return float(np.mean([point[stream] for point in last])) if last else None
