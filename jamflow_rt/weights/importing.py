"""Public weights → one bundle folder that `Avatar.load` reads, with a manifest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.model.checkpoint import load_checkpoint, save_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.sound_file import read_sound
from jamflow_rt.stream.phrases import trimmed, voice_of_file, voice_reference
from jamflow_rt.text.f5 import CharacterVocabulary
from jamflow_rt.weights.catalogue import (
    F5,
    JAMFLOW,
    LIVEPORTRAIT,
    VOCOS,
    Published,
    published_file,
)
from jamflow_rt.weights.f5 import F5Version, load_f5
from jamflow_rt.weights.hashing import sha256
from jamflow_rt.weights.liveportrait import official_folder
from jamflow_rt.weights.reading import read_tensors
from jamflow_rt.weights.recognising import recognised

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
    """Write a bundle folder: all of it or nothing.

    Returns:
        What does not work without weights that were not given, and what is not as published.

    Raises:
        InvalidInput: neither `f5` nor `joint` is given, a file is missing, damaged, or not what
            it should be, or there is something at `output`.
        Failed: the bundle cannot be written.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise InvalidInput(f"{output} is there already: name another folder, or delete it first.")
    if (sources.f5 is None) == (sources.joint is None):
        raise InvalidInput(
            "Give --f5 with the weights of F5-TTS, or --joint with a checkpoint of JAM-Flow's "
            "training, which holds them: one of the two."
        )
    voice = voice_of_file(sources.voice)
    vocabulary = CharacterVocabulary.load(sources.vocab)
    voice_reference(trimmed(read_sound(sources.voice)), voice.transcript, vocabulary)
    model = _model(sources)
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

    reference = f"{voice.name}{sources.voice.suffix}"
    settings = BundleSettings(
        name=output.name,
        voices=(Voice(name=voice.name, reference=reference, transcript=voice.transcript),),
        sampling=SamplingConfig.f5(16),
        windows=WindowConfig(phrases=True),
        vocoder="vocos",
        motion="liveportrait",
    )
    with _whole_or_nothing(output) as draft:
        save_checkpoint(model, draft / "model.safetensors")
        vocos.save(draft / "vocoder.safetensors")
        space.save(draft / "motion.safetensors")
        if networks is not None:
            networks.save(draft / "liveportrait.safetensors")
        shutil.copyfile(sources.vocab, draft / "vocab.txt")
        shutil.copyfile(sources.voice, draft / reference)
        (draft / "bundle.json").write_text(settings.model_dump_json(indent=2) + "\n", "utf-8")
        used = _used(sources)
        _write_manifest(used, draft)
    missing = [] if config.motion is not None else [JAMFLOW]
    missing += [] if networks is not None else [LIVEPORTRAIT]
    told = [f"{each.name} ({each.option}) is missing: {each.purpose}." for each in missing]
    return told + [
        f"{path} is none of the published files: trained further, or damaged? SHA-256 {digest}."
        for published, path, digest in used
        if published.files and published_file(digest) is None
    ]


def _model(sources: Sources) -> JamFlow:
    if sources.joint is None:
        assert sources.f5 is not None
        return load_f5(sources.f5, version=sources.version)
    try:
        return load_checkpoint(sources.joint)
    except InvalidInput as error:
        what = recognised(read_tensors(sources.joint))
        if what is None:
            raise
        raise InvalidInput(
            f"{sources.joint} is no checkpoint of JAM-Flow's training: it holds {what}."
        ) from error


@contextmanager
def _whole_or_nothing(output: Path) -> Iterator[Path]:
    """A folder beside `output` that takes its place at the end; gone if there is none."""
    draft = output.with_name(f"{output.name}.part")
    try:
        # What a process that was killed left there.
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        yield draft
        for path in draft.iterdir():
            # Safetensors' writer makes files that nobody else may read.
            path.chmod((draft / MANIFEST).stat().st_mode)
        draft.replace(output)
    except (OSError, SafetensorError) as error:
        raise Failed(f"The bundle cannot be written to {output.parent}: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


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
        listed = dict(json.loads((folder / MANIFEST).read_text("utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{folder} has no {MANIFEST} that can be read: {error}") from error
    return [
        name
        for name, told in listed.items()
        if not (folder / name).is_file() or sha256(folder / name) != told
    ]


def _used(sources: Sources) -> list[tuple[Published, Path, str]]:
    """The files that a bundle is made of, with their SHA-256."""
    used: list[tuple[Published, Path]] = [(VOCOS, sources.vocos), (F5, sources.vocab)]
    used += [] if sources.f5 is None else [(F5, sources.f5)]
    used += [] if sources.joint is None else [(JAMFLOW, sources.joint)]
    if sources.liveportrait is not None and sources.liveportrait.is_dir():
        folder = official_folder(sources.liveportrait)
        used += [(LIVEPORTRAIT, folder / file.path) for file in LIVEPORTRAIT.files]
    elif sources.liveportrait is not None:
        used.append((LIVEPORTRAIT, sources.liveportrait))
    return [(published, path, sha256(path)) for published, path in used]


def _write_manifest(used: list[tuple[Published, Path, str]], output: Path) -> None:
    manifest = {
        "sources": [
            {
                "name": published.name,
                "file": path.name,
                "sha256": digest,
                "licence": published.licence,
                "published": published.where,
            }
            for published, path, digest in used
        ],
        "files": {path.name: sha256(path) for path in sorted(output.iterdir())},
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (output / MANIFEST).write_text(text + "\n", "utf-8")
