"""Public weights that the paper's model is made of: where they are, and under which licence.

The hashes are those that Hugging Face tells of its files, as many projects have noted them down;
nothing could be downloaded where this was written. That of `vocab.txt` was computed: F5-TTS's
package holds it too, with other ends of lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of a set."""

    path: str
    """In the place where it is published."""
    sha256: tuple[str, ...]
    """Of the forms in which it is published; the first is the one of `size`."""
    size: int | None = None
    """Bytes."""
    needed: bool = True
    """False for another version of what is needed."""

    @property
    def name(self) -> str:
        """Without its folders."""
        return PurePath(self.path).name


@dataclass(frozen=True, slots=True)
class Published:
    """One set of weights. Nothing of it ships with the package, and nothing is downloaded."""

    name: str
    option: str
    """Of `jamflow-rt import`."""
    where: str
    files: tuple[PublishedFile, ...]
    licence: str
    purpose: str
    """What does not work without it."""


_VOCABULARY: Final = (
    "2a05f992e00af9b0bd3800a8d23e78d520dbd705284ed2eedb5f4bd29398fa3c",
    "4e173934be56219eb38759fa8d4c48132d5a34454f0c44abce409bcf6a07ec46",
)
F5: Final = Published(
    "F5-TTS",
    "--f5",
    "huggingface.co/SWivid/F5-TTS",
    (
        PublishedFile(
            "F5TTS_v1_Base/model_1250000.safetensors",
            ("670900fd14e6c458b95da6e9ed317cdb20dbaf7a1c02ac06a05475a9d32b6a38",),
            1_348_435_761,
        ),
        PublishedFile("F5TTS_v1_Base/vocab.txt", _VOCABULARY),
        PublishedFile(
            "F5TTS_Base/model_1200000.safetensors",
            ("4180310f91d592cee4bc14998cd37c781f779cf105e8ca8744d9bd48ca7046ae",),
            needed=False,
        ),
    ),
    "CC-BY-NC-4.0 (trained on Emilia): not for commercial use; its code is MIT",
    "speech of any voice; the Audio-DiT that JAM-Flow begins with",
)
VOCOS: Final = Published(
    "Vocos",
    "--vocos",
    "huggingface.co/charactr/vocos-mel-24khz",
    (
        PublishedFile(
            "pytorch_model.bin",
            ("97ec976ad1fd67a33ab2682d29c0ac7df85234fae875aefcc5fb215681a91b2a",),
            54_365_991,
        ),
    ),
    "MIT",
    "sound from mels",
)
LIVEPORTRAIT: Final = Published(
    "LivePortrait",
    "--liveportrait",
    "huggingface.co/KwaiVGI/LivePortrait, folder liveportrait",
    (
        PublishedFile(
            "base_models/appearance_feature_extractor.pth",
            ("5279bb8654293dbdf327030b397f107237dd9212fb11dd75b83dfb635211ceb5",),
            3_387_959,
        ),
        PublishedFile(
            "base_models/motion_extractor.pth",
            ("251e6a94ad667a1d0c69526d292677165110ef7f0cf0f6d199f0e414e8aa0ca5",),
            112_545_506,
        ),
        PublishedFile(
            "base_models/warping_module.pth",
            ("2f61a6f265fe344f14132364859a78bdbbc2068577170693da57fb96d636e282",),
            182_180_086,
        ),
        PublishedFile(
            "base_models/spade_generator.pth",
            ("4780afc7909a9f84e24c01d73b31a555ef651521a1fe3b2429bd04534d992aee",),
            221_813_590,
        ),
        PublishedFile(
            "retargeting_models/stitching_retargeting_module.pth",
            ("3652d5a3f95099141a56986aaddec92fadf0a73c87a20fac9a2c07c32b28b611",),
            2_393_098,
        ),
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


def published_file(sha256: str) -> tuple[Published, PublishedFile] | None:
    """The published file with that hash."""
    return next(
        ((each, file) for each in CATALOGUE for file in each.files if sha256 in file.sha256), None
    )
