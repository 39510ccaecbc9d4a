"""The paper's model at the smallest size, all of it random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from jamflow_rt.bundle import BundleSettings
from jamflow_rt.codec.keypoint_map import load_mesh_map
from jamflow_rt.codec.keypoints import KeypointSpace
from jamflow_rt.codec.vocos import Vocos, VocosShape
from jamflow_rt.config import ModelConfig, SamplingConfig, StreamConfig, Voice, WindowConfig
from jamflow_rt.model.checkpoint import save_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.record import write_wav
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks

LETTERS = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?'"
SAID = "This is what I sound like."
SETTINGS = BundleSettings(
    name="toy-paper",
    voices=(Voice(name="nobody", reference="nobody.wav", transcript=SAID),),
    sampling=SamplingConfig(evaluations=2, guidance=1.0, epss=True, pinned=False),
    windows=WindowConfig(phrases=True),
    vocoder="vocos",
    motion="liveportrait",
)


def paper_config(**changes: object) -> ModelConfig:
    """The paper's configuration with few and narrow blocks."""
    paper = ModelConfig.paper()
    small = {
        "depth": 2,
        "heads": 2,
        "head_size": 16,
        "audio": StreamConfig(width=32, conv_kernel=7, conv_groups=4),
        "motion": StreamConfig(width=16, conv_kernel=3, conv_groups=4),
        "text": paper.text.model_copy(update={"vocab": len(LETTERS), "width": 16, "layers": 1}),
    }
    return ModelConfig(**{**paper.model_dump(), **small, **changes})


def paper_model(seed: int = 0, **changes: object) -> JamFlow:
    """A network with random weights everywhere."""
    torch.manual_seed(seed)
    model = JamFlow(paper_config(**changes))
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return model.eval()


def keypoint_space() -> KeypointSpace:
    """Numbers about as large as in published templates."""
    return KeypointSpace(np.zeros(12, np.float32), np.full(12, 0.01, np.float32), load_mesh_map())


def voice_sound(seconds: float = 1.5) -> np.ndarray:
    """Something that buzzes."""
    time = np.arange(round(seconds * 24000)) / 24000
    return (0.1 * np.sign(np.sin(2 * np.pi * 120 * time))).astype(np.float32)


def save_paper_bundle(folder: Path, *, faces: bool = True, **changes: object) -> Path:
    """Write a bundle folder; without `faces` portraits are drawn as meshes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.json").write_text(SETTINGS.model_dump_json(), "utf-8")
    (folder / "vocab.txt").write_text("\n".join(LETTERS) + "\n", "utf-8")
    save_checkpoint(paper_model(**changes), folder / "model.safetensors")
    torch.manual_seed(0)
    Vocos(VocosShape(16, 24, 2)).save(folder / "vocoder.safetensors")
    keypoint_space().save(folder / "motion.safetensors")
    if faces:
        LivePortraitNetworks.random(0, tiny=True).save(folder / "liveportrait.safetensors")
    write_wav(voice_sound(), folder / "nobody.wav")
    return folder
