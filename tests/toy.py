"""A random tiny bundle: everything a session needs, built in a moment. It speaks noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from jamflow_rt.bundle import EMBEDDED, Bundle, BundleSettings, save_bundle
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.codec.vocoder import HarmonicVocoder
from jamflow_rt.config import ModelConfig, SamplingConfig, StreamConfig, TextConfig, Voice
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.text.durations import DurationConfig, DurationPredictor
from jamflow_rt.text.front import TextFront
from jamflow_rt.text.phonemes import Phonemizer

SETTINGS = BundleSettings(
    name="toy", voices=(Voice(name="toy"),), sampling=SamplingConfig(evaluations=2)
)


def toy_space() -> MotionSpace:
    """The shipped motion space: it is small, and gives real faces."""
    return MotionSpace.load(EMBEDDED / "motion.safetensors")


def toy_config() -> ModelConfig:
    """The default configuration's form at the smallest size that has joint and separate blocks."""
    default = ModelConfig.default(toy_space().groups)
    return ModelConfig(
        **{
            **default.model_dump(),
            "depth": 4,
            "heads": 2,
            "head_size": 8,
            "audio": StreamConfig(width=32, ff_mult=2, conv_kernel=7, conv_groups=4),
            "motion": StreamConfig(width=16, ff_mult=2, conv_kernel=3, conv_groups=4),
            "text": TextConfig(kind="phonemes", vocab=178, width=16, layers=1),
        }
    )


def toy_model(seed: int = 0) -> JamFlow:
    """A network with random weights everywhere (the zero-initialised parts too)."""
    torch.manual_seed(seed)
    model = JamFlow(toy_config())
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.2)
    return model.eval()


def toy_vocoder(seed: int = 0) -> HarmonicVocoder:
    """An untrained narrow vocoder."""
    torch.manual_seed(seed)
    vocoder = HarmonicVocoder(width=16, pitch_width=8)
    # Untrained filters are loud; real sound stays within −1…1.
    with torch.no_grad():
        vocoder.filter_net.head.bias[:] = -6.0
    vocoder.pitch_net.double()
    return vocoder.eval()


def toy_predictor(seed: int = 0) -> DurationPredictor:
    """An untrained duration predictor that gives every phoneme a few frames."""
    torch.manual_seed(seed)
    predictor = DurationPredictor(DurationConfig())
    with torch.no_grad():
        predictor.out.bias[:] = float(np.log1p(6))
        predictor.out.weight.mul_(0.1)
    return predictor.eval()


def toy_bundle(seed: int = 0) -> Bundle:
    """A bundle with random weights."""
    front = TextFront(Phonemizer(), toy_predictor(seed))
    return Bundle(SETTINGS, toy_model(seed), toy_vocoder(seed), toy_space(), front)


def save_toy_bundle(folder: Path, seed: int = 0) -> None:
    """Write a bundle folder with random weights (its vocoder has the shipped size)."""
    torch.manual_seed(seed)
    save_bundle(
        folder, SETTINGS, toy_model(seed), HarmonicVocoder(), toy_space(), toy_predictor(seed)
    )
