"""Public weights that the paper's model is made of: where they are, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Published:
    """One set of weights. Nothing of it ships with the package, and nothing is downloaded."""

    name: str
    option: str
    """Of `jamflow-rt import`."""
    where: str
    files: tuple[str, ...]
    licence: str
    purpose: str
    """What does not work without it."""


F5: Final = Published(
    "F5-TTS",
    "--f5",
    "huggingface.co/SWivid/F5-TTS",
    ("F5TTS_v1_Base/model_1250000.safetensors", "F5TTS_v1_Base/vocab.txt"),
    "CC-BY-NC-4.0 (trained on Emilia): not for commercial use; its code is MIT",
    "speech of any voice; the Audio-DiT that JAM-Flow begins with",
)
VOCOS: Final = Published(
    "Vocos",
    "--vocos",
    "huggingface.co/charactr/vocos-mel-24khz",
    ("pytorch_model.bin",),
    "MIT",
    "sound from mels",
)
LIVEPORTRAIT: Final = Published(
    "LivePortrait",
    "--liveportrait",
    "huggingface.co/KwaiVGI/LivePortrait, folder liveportrait",
    (
        "base_models/appearance_feature_extractor.pth",
        "base_models/motion_extractor.pth",
        "base_models/warping_module.pth",
        "base_models/spade_generator.pth",
        "retargeting_models/stitching_retargeting_module.pth",
    ),
    "MIT; its InsightFace detectors are not for commercial use and are not used here: MediaPipe "
    "finds faces",
    "photographs and videos that look real; without it portraits are drawn as meshes",
)
JAMFLOW: Final = Published(
    "JAM-Flow's Motion-DiT",
    "--joint",
    "nobody has published it: train it, docs/reproducing.md",
    (),
    "yours",
    "a mouth that moves; F5-TTS alone speaks with a still one",
)
CATALOGUE: Final = (F5, VOCOS, LIVEPORTRAIT, JAMFLOW)
