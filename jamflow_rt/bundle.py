"""Bundle: every model that a session needs, loaded from one folder.

A bundle folder holds `bundle.json` (settings), `model.safetensors` (joint model),
`vocoder.safetensors`, `motion.safetensors`, and how the model reads: `durations.safetensors` for
phonemes, `vocab.txt` for characters. With LivePortrait's networks in `liveportrait.safetensors`
faces are drawn by them. The embedded default lies in the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError

from jamflow_rt.codec.keypoint_map import load_mesh_map
from jamflow_rt.codec.keypoints import KeypointSpace
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.codec.vocoder import HarmonicVocoder, Vocoder
from jamflow_rt.codec.vocos import Vocos
from jamflow_rt.config import SamplingConfig, StrictModel, Voice, WindowConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.checkpoint import load_checkpoint, save_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.stream.phrases import References, is_sound, voice_of_file
from jamflow_rt.text.durations import DurationPredictor
from jamflow_rt.text.f5 import CharacterVocabulary
from jamflow_rt.text.front import TextFront
from jamflow_rt.text.phonemes import Phonemizer
from jamflow_rt.text.written import CharacterFront

EMBEDDED = Path(__file__).parent / "assets" / "default"
"""The bundle that ships in the package."""


class BundleSettings(StrictModel):
    """`bundle.json`: how the weights beside it are to be used."""

    name: str
    voices: tuple[Voice, ...] = Field(min_length=1)
    sampling: SamplingConfig = SamplingConfig()
    windows: WindowConfig = WindowConfig()
    vocoder: Literal["harmonic", "vocos"] = "harmonic"
    motion: Literal["mesh", "liveportrait"] = "mesh"


@dataclass(frozen=True)
class Bundle:
    """Models and settings, shared by all sessions; nothing in it changes."""

    settings: BundleSettings
    model: JamFlow
    vocoder: Vocoder
    motion: MotionSpace | KeypointSpace
    front: TextFront | CharacterFront
    references: References | None = None
    """Of the voices, where the model reads characters."""
    networks: LivePortraitNetworks | None = None
    """LivePortrait's; where they are, faces are drawn with them."""

    @cached_property
    def mesh(self) -> MotionSpace:
        """The mesh that clients draw: the model's own, or the shipped one where it has none."""
        if isinstance(self.motion, MotionSpace):
            return self.motion
        return MotionSpace.load(EMBEDDED / "motion.safetensors")

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices this bundle speaks with, the usual one first."""
        return tuple(voice.name for voice in self.settings.voices)

    def voice(self, name: str | None = None) -> Voice:
        """The voice of that name; the usual one when None.

        Where the model reads characters, a sound file is a voice as well, with what is said in it
        in a text file beside it: `me.wav` and `me.txt`.

        Raises:
            InvalidInput: there is no such voice.
        """
        if self.references is not None and name is not None and is_sound(name):
            return voice_of_file(Path(name))
        for voice in self.settings.voices:
            if name is None or voice.name == name:
                return voice
        raise InvalidInput(
            f"There is no voice named {name!r}. Voices here: {', '.join(self.voices)}."
        )

    @property
    def sampling(self) -> SamplingConfig:
        """How windows are sampled."""
        return self.settings.sampling

    @property
    def windows(self) -> WindowConfig:
        """The shape of windows."""
        return self.settings.windows

    @classmethod
    def load(cls, path: str | Path | None = None, device: torch.device | str = "cpu") -> Bundle:
        """Load a bundle folder, or the embedded default.

        Args:
            path: the folder.
            device: where the joint model runs.

        Raises:
            InvalidInput: the folder is no bundle, or a file in it is missing or damaged.
        """
        folder = EMBEDDED if path is None else Path(path)
        settings = read_settings(folder)
        model = load_checkpoint(folder / "model.safetensors", device)
        try:
            vocoder = _vocoder(folder, settings, device)
            motion = _space(folder, settings)
            front: TextFront | CharacterFront
            references: References | None = None
            if model.config.text.kind == "characters":
                front, references = _characters(folder)
            else:
                front = _phonemes(folder, settings, model)
            networks = _networks(folder, device)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise InvalidInput(f"{folder} is no bundle, or a damaged one: {error}") from error
        if model.config.motion_size != motion.size:
            raise InvalidInput(
                f"{folder}: the model moves {model.config.motion_size} numbers, "
                f"the motion space has {motion.size}; they do not belong together."
            )
        return cls(settings, model, vocoder, motion, front, references, networks)


def _vocoder(folder: Path, settings: BundleSettings, device: torch.device | str) -> Vocoder:
    path = folder / "vocoder.safetensors"
    if settings.vocoder == "vocos":
        return Vocos.load(path, device)
    return HarmonicVocoder.load(path)


def _space(folder: Path, settings: BundleSettings) -> MotionSpace | KeypointSpace:
    path = folder / "motion.safetensors"
    if settings.motion == "liveportrait":
        return KeypointSpace.load(path, load_mesh_map())
    return MotionSpace.load(path)


def _phonemes(folder: Path, settings: BundleSettings, model: JamFlow) -> TextFront:
    predictor = DurationPredictor.load(folder / "durations.safetensors")
    most = max(voice.number for voice in settings.voices)
    if most > min(model.config.voices, predictor.config.voices):
        raise InvalidInput(
            f"{folder}: bundle.json names voice number {most}; the model's table has "
            f"{model.config.voices}, that of durations {predictor.config.voices}."
        )
    return TextFront(Phonemizer(), predictor)


def _characters(folder: Path) -> tuple[CharacterFront, References]:
    vocabulary = CharacterVocabulary.load(folder / "vocab.txt")
    references = References(vocabulary, folder)
    return CharacterFront(vocabulary, references.spoken), references


def _networks(folder: Path, device: torch.device | str) -> LivePortraitNetworks | None:
    path = folder / "liveportrait.safetensors"
    return LivePortraitNetworks.load(path, device) if path.exists() else None


def read_settings(path: str | Path | None = None) -> BundleSettings:
    """`bundle.json` of a bundle folder, or of the embedded default.

    Raises:
        InvalidInput: it is missing or wrong.
    """
    folder = EMBEDDED if path is None else Path(path)
    try:
        return BundleSettings.model_validate_json((folder / "bundle.json").read_text("utf-8"))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"{folder} is no bundle: it has no bundle.json. Of downloaded weights `jamflow-rt "
            "import` makes one."
        ) from error
    except (OSError, ValidationError) as error:
        raise InvalidInput(f"{folder} is no bundle, or a damaged one: {error}") from error


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
