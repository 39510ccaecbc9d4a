"""Which network a file holds, by the names of its tensors: files are easily swapped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_F5 = "F5-TTS's network, for --f5"
_VOCOS = "Vocos, for --vocos"
_LIVEPORTRAIT = "of LivePortrait, for --liveportrait"
_MARKS: Final = {
    "audio.transformer_blocks.0.": "JAM-Flow's network, for --joint",
    "transformer_blocks.0.": _F5,
    "backbone.convnext.0.": _VOCOS,
    "resblocks_3d.3dr0.": f"appearance_feature_extractor.pth {_LIVEPORTRAIT}",
    "detector.fc_kp.": f"motion_extractor.pth {_LIVEPORTRAIT}",
    "dense_motion_network.": f"warping_module.pth {_LIVEPORTRAIT}",
    "G_middle_0.": f"spade_generator.pth {_LIVEPORTRAIT}",
    "retarget_shoulder.": f"stitching_retargeting_module.pth {_LIVEPORTRAIT}",
}
"""Part of a tensor's name → what holds such a one; the first that is found counts."""


def recognised(names: Iterable[str]) -> str | None:
    """What a file with tensors of these names holds, in words; None for what is not known."""
    listed = list(names)
    return next(
        (what for mark, what in _MARKS.items() if any(mark in name for name in listed)), None
    )


def instead(names: Iterable[str]) -> str:
    """The end of a message about a file that is not what it should be."""
    what = recognised(names)
    return f"it holds {what}" if what else "its tensors are of no network that is known here"
