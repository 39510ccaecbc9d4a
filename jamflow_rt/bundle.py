"""Bundle: every model that a session needs, loaded from one folder.

A bundle folder holds `bundle.json` (settings), `model.safetensors` (joint model),
`vocoder.safetensors`, `durations.safetensors` and `motion.safetensors`. The embedded default lies
in the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError

from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.codec.vocoder import HarmonicVocoder, Vocoder
from jamflow_rt.config import SamplingConfig, StrictModel, WindowConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.checkpoint import load_checkpoint, save_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.text.durations import DurationPredictor
from jamflow_rt.text.front import TextFront
from jamflow_rt.text.phonemes import Phonemizer

EMBEDDED = Path(__file__).parent / "assets" / "default"
"""The bundle that ships in the package."""


class BundleSettings(StrictModel):
    """`bundle.json`: how the weights beside it are to be used."""

    name: str
    voices: tuple[str, ...]
    sampling: SamplingConfig = SamplingConfig()
    windows: WindowConfig = WindowConfig()


@dataclass(frozen=True)
class Bundle:
    """Models and settings, shared by all sessions; nothing in it changes."""

    settings: BundleSettings
    model: JamFlow
    vocoder: Vocoder
    motion: MotionSpace
    front: TextFront

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices this bundle speaks with."""
        return self.settings.voices

    @property
    def sampling(self) -> SamplingConfig:
        """How windows are sampled."""
        return self.settings.sampling

    @property
    def windows(self) -> WindowConfig:
        """The shape of windows."""
        return self.settings.windows

    @classmethod
    def load(cls, path: str | Path | None = None) -> Bundle:
        """Load a bundle folder, or the embedded default.

        Raises:
            InvalidInput: the folder is no bundle, or a file in it is missing or damaged.
        """
        folder = EMBEDDED if path is None else Path(path)
        try:
            settings = BundleSettings.model_validate_json(
                (folder / "bundle.json").read_text("utf-8")
            )
            vocoder = HarmonicVocoder.load(folder / "vocoder.safetensors")
            motion = MotionSpace.load(folder / "motion.safetensors")
            predictor = DurationPredictor.load(folder / "durations.safetensors")
        except (OSError, SafetensorError, ValidationError, KeyError, RuntimeError) as error:
            raise InvalidInput(f"{folder} is no bundle, or a damaged one: {error}") from error
        model = load_checkpoint(folder / "model.safetensors")
        if model.config.motion_size != motion.size:
            raise InvalidInput(
                f"{folder}: the model moves {model.config.motion_size} numbers, "
                f"the motion space has {motion.size}; they do not belong together."
            )
        return cls(settings, model, vocoder, motion, TextFront(Phonemizer(), predictor))


def save_bundle(
    folder: Path,
    settings: BundleSettings,
    model: JamFlow,
    vocoder: HarmonicVocoder,
    motion: MotionSpace,
    predictor: DurationPredictor,
) -> None:
    """Write a bundle folder that `Bundle.load` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.json").write_text(settings.model_dump_json(indent=2) + "\n", "utf-8")
    save_checkpoint(model, folder / "model.safetensors")
    vocoder.save(folder / "vocoder.safetensors")
    motion.save(folder / "motion.safetensors")
    predictor.save(folder / "durations.safetensors")
