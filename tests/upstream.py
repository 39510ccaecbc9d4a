"""The networks that others published, as their own packages compute them, to hold ours to.

What these packages import and do not need here (torchaudio, trackers, data sets) is stood in for.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from jamflow_rt.config import ModelConfig

STD = 0.03
"""Of what begins as zero, so that every part of a network matters."""


def _stand_in(name: str, **contents: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module


@contextmanager
def _stood_in(*modules: ModuleType) -> Iterator[None]:
    """Let `import` find these where there is nothing of the name, while it lasts."""
    absent = {module.__name__: module for module in modules if module.__name__ not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def f5_tts(name: str = "f5_tts.model") -> Any:
    """A module of the `f5-tts` package; the test is skipped without it."""
    for needed in ("f5_tts", "x_transformers", "torchdiffeq", "rjieba", "pypinyin"):
        pytest.importorskip(needed, reason="run `make parity-env`", exc_type=ImportError)
    with _stood_in(
        _stand_in("torchaudio"),
        _stand_in("librosa"),
        _stand_in("librosa.filters", mel=None),
        _stand_in("f5_tts.model.trainer", Trainer=object),
    ):
        return importlib.import_module(name)


def f5_network(config: ModelConfig, seed: int = 0) -> nn.Module:
    """F5-TTS's own network of that size, with random weights everywhere, and what samples it."""
    model = f5_tts()
    torch.manual_seed(seed)
    network = model.DiT(
        dim=config.audio.width,
        depth=config.depth,
        heads=config.heads,
        dim_head=config.head_size,
        ff_mult=config.audio.ff_mult,
        mel_dim=config.mels,
        text_num_embeds=config.text.vocab,
        text_dim=config.text.width,
        text_mask_padding=config.text.mask_filler,
        conv_layers=config.text.layers,
        pe_attn_head=config.rotated_heads,
        qk_norm="rms_norm" if config.qk_norm else None,
    )
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=STD)
    return model.CFM(network, num_channels=config.mels).eval()  # type: ignore[no-any-return]
