"""Public weights → one bundle folder that `Avatar.load` reads, with a manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError

from jamflow_rt.bundle import BundleSettings
from jamflow_rt.codec.keypoint_map import load_mesh_map
from jamflow_rt.codec.keypoints import KeypointSpace
from jamflow_rt.codec.vocos import Vocos
from jamflow_rt.config import SamplingConfig, Voice, WindowConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.checkpoint import load_checkpoint, save_checkpoint
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.sound_file import read_sound
from jamflow_rt.stream.phrases import voice_of_file, voice_reference
from jamflow_rt.text.f5 import CharacterVocabulary
from jamflow_rt.weights.catalogue import F5, JAMFLOW, LIVEPORTRAIT, VOCOS, Published
from jamflow_rt.weights.f5 import F5Version, load_f5

MANIFEST: Final = "manifest.json"

# The four mouth keypoints over the 701 frames of LivePortrait's templates talking, d5, d7 and d8.
_MEAN: Final = (
    *(0.0012, -0.0020, 0.0, -0.0001, 0.0048, 0.0006),
    *(-0.0014, -0.0099, -0.0017, -0.0023, 0.0031, 0.0012),
)
_STD: Final = (
    *(0.0022, 0.0082, 0.001, 0.0019, 0.0053, 0.0022),
    *(0.0084, 0.0243, 0.0050, 0.0055, 0.0105, 0.0056),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a bundle is made of."""

    vocab: Path
    """`vocab.txt` of the model."""
    vocos: Path
    voice: Path
    """The sound of the voice it speaks with, with what is said in it in a .txt beside."""
    f5: Path | None = None
    joint: Path | None = None
    """A checkpoint of JAM-Flow's training, which holds the audio stream as well; the training wrote
    its motion space beside it."""
    liveportrait: Path | None = None
    """The published folder."""
    version: F5Version | None = None
    """Of F5-TTS, where the file's folder does not tell."""


def import_weights(sources: Sources, output: Path) -> list[str]:
    """Write a bundle folder.

    Returns:
        What does not work without weights that were not given.

    Raises:
        InvalidInput: neither `f5` nor `joint` is given, or a file is missing, damaged, or not what
            it should be; nothing is written then.
    """
    if (sources.f5 is None) == (sources.joint is None):
        raise InvalidInput(
            "Give --f5 with the weights of F5-TTS, or --joint with a checkpoint of JAM-Flow's "
            "training, which holds them: one of the two."
        )
    voice = voice_of_file(sources.voice)
    vocabulary = CharacterVocabulary.load(sources.vocab)
    voice_reference(read_sound(sources.voice), voice.transcript, vocabulary)
    if sources.joint is not None:
        model = load_checkpoint(sources.joint)
    else:
        assert sources.f5 is not None
        model = load_f5(sources.f5, version=sources.version)
    config = model.config
    if config.text.kind != "characters" or len(vocabulary) != config.text.vocab:
        raise InvalidInput(
            f"{sources.vocab.name} has {len(vocabulary)} entries and the model reads "
            f"{config.text.vocab} {config.text.kind}: give the vocabulary that it was trained with."
        )
    space = _space(sources.joint)
    vocos = Vocos.load(sources.vocos)
    networks = None
    if sources.liveportrait is not None:
        networks = LivePortraitNetworks.load(sources.liveportrait)

    output.mkdir(parents=True, exist_ok=True)
    save_checkpoint(model, output / "model.safetensors")
    vocos.save(output / "vocoder.safetensors")
    space.save(output / "motion.safetensors")
    if networks is not None:
        networks.save(output / "liveportrait.safetensors")
    shutil.copyfile(sources.vocab, output / "vocab.txt")
    reference = f"{voice.name}{sources.voice.suffix}"
    shutil.copyfile(sources.voice, output / reference)
    settings = BundleSettings(
        name=output.name,
        voices=(Voice(name=voice.name, reference=reference, transcript=voice.transcript),),
        sampling=SamplingConfig.f5(16),
        windows=WindowConfig(phrases=True),
        vocoder="vocos",
        motion="liveportrait",
    )
    (output / "bundle.json").write_text(settings.model_dump_json(indent=2) + "\n", "utf-8")
    _write_manifest(sources, output)
    missing = [] if config.motion is not None else [JAMFLOW]
    missing += [] if networks is not None else [LIVEPORTRAIT]
    return [f"{each.name} ({each.option}) is missing: {each.purpose}." for each in missing]


def _space(joint: Path | None) -> KeypointSpace:
    """The space that a network learned its motion in, or one that fits LivePortrait's templates."""
    learned = None if joint is None else joint.with_name("motion.safetensors")
    if learned is None or not learned.is_file():
        mean, std = np.array(_MEAN, np.float32), np.array(_STD, np.float32)
        return KeypointSpace(mean, std, load_mesh_map())
    try:
        return KeypointSpace.load(learned, load_mesh_map())
    except (OSError, SafetensorError) as error:
        raise InvalidInput(f"{learned} is no space of keypoints: {error}") from error


def changed_files(folder: Path) -> list[str]:
    """Files of a bundle that are missing or are not what the manifest says.

    Raises:
        InvalidInput: the folder has no manifest that can be read.
    """
    try:
        listed = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInput(f"{folder} has no {MANIFEST} that can be read: {error}") from error
    return [
        name
        for name, told in listed.items()
        if not (folder / name).is_file() or sha256(folder / name) != told
    ]


def sha256(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_manifest(sources: Sources, output: Path) -> None:
    used: list[tuple[Published, Path]] = [(VOCOS, sources.vocos), (F5, sources.vocab)]
    used += [] if sources.f5 is None else [(F5, sources.f5)]
    used += [] if sources.joint is None else [(JAMFLOW, sources.joint)]
    if sources.liveportrait is not None:
        used += [(LIVEPORTRAIT, sources.liveportrait / name) for name in LIVEPORTRAIT.files]
    made = sorted(path for path in output.iterdir() if path.is_file() and path.name != MANIFEST)
    manifest = {
        "sources": [
            {
                "name": published.name,
                "file": path.name,
                "sha256": sha256(path),
                "licence": published.licence,
                "published": published.where,
            }
            for published, path in used
            if path.is_file()
        ],
        "files": {path.name: sha256(path) for path in made},
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (output / MANIFEST).write_text(text + "\n", "utf-8")
