"""Our Audio-DiT and sampler against F5-TTS's own package: same weights, same noise, fp32."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.config import F5Release, ModelConfig, SamplingConfig
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.flow.window import Window
from jamflow_rt.model.jam import Condition, JamFlow
from jamflow_rt.weights.f5 import load_f5, unfilled
from jamflow_rt.weights.reading import load_strictly
from tests.upstream import f5_network

BAR = 1e-4
BEATS = 10
FRAMES, REFERENCE, CHARACTERS = BEATS * BEAT_MEL, 47, 60


def toy(release: F5Release) -> ModelConfig:
    """A release with fewer and narrower blocks."""
    f5 = ModelConfig.f5(release, vocab=80).model_dump()
    f5["text"]["width"] = 64
    return ModelConfig(**{**f5, "depth": 5, "heads": 4, "audio": {"width": 256}})


def both(release: F5Release, folder: Path) -> tuple[torch.nn.Module, JamFlow]:
    """Their sampler with random weights, and ours with the file that they make."""
    theirs = f5_network(toy(release))
    file = (
        folder / ("F5TTS_v1_Base" if release.startswith("v1") else "F5TTS_Base") / "m.safetensors"
    )
    file.parent.mkdir()
    save_file({"ema_model." + k: v for k, v in theirs.state_dict().items()}, file)
    ours = load_f5(file)
    assert ours.config == toy(release)
    return theirs, ours


def condition(ids: torch.Tensor, cond: torch.Tensor, ours: JamFlow, *, told: bool) -> Condition:
    batch, frames = cond.shape[:2]
    spread = torch.zeros(batch, frames, dtype=torch.long)
    # Characters may stand anywhere.
    spread[:, torch.arange(ids.shape[1]) * frames // ids.shape[1]] = ids
    return Condition(
        text=ours.embed_text(spread, torch.full((batch,), not told)),
        mel=cond if told else torch.zeros_like(cond),
        mel_masked=torch.ones(batch, frames, dtype=torch.bool),
        motion=torch.zeros(batch, 0, 12),
        motion_masked=torch.ones(batch, 0, 1, dtype=torch.bool),
    )


@torch.inference_mode()
def farthest(theirs: torch.nn.Module, ours: JamFlow, frames: int) -> float:
    """The largest difference of two velocities, with and without text and reference."""
    torch.manual_seed(1)
    batch = 2
    mel, cond = torch.randn(2, batch, frames, 100)
    cond[:, frames // 3 :] = 0.0
    ids = torch.randint(1, 80, (batch, frames // 3))
    t = torch.tensor([0.15, 0.8])
    most = 0.0
    for told in (True, False):
        expected = theirs.transformer(
            mel, cond, ids - 1, t, drop_audio_cond=not told, drop_text=not told
        )
        assert expected.std() > 0.1
        found = ours.audio_velocity(mel, t, condition(ids, cond, ours, told=told))
        most = max(most, float((found - expected).abs().max()))
    return most


@pytest.mark.parametrize("release", ["v1_base", "base"])
def test_a_forward_pass_is_theirs(release: F5Release, tmp_path: Path) -> None:
    theirs, ours = both(release, tmp_path)
    assert farthest(theirs, ours, FRAMES) < BAR
    ours.fuse()
    assert farthest(theirs, ours, FRAMES) < BAR


def test_a_forward_pass_at_full_width_is_theirs() -> None:
    config = ModelConfig.f5("v1_base").model_copy(update={"depth": 3})
    theirs, ours = f5_network(config), unfilled(config)
    tensors = theirs.transformer.state_dict()
    del tensors["rotary_embed.inv_freq"]
    load_strictly(ours.audio, tensors, "f5-tts")
    assert farthest(theirs, ours, 60) < BAR


@pytest.mark.parametrize("release", ["v1_base", "base"])
@pytest.mark.parametrize("guidance", [0.0, 2.0])
@pytest.mark.parametrize("steps", [7, 9])  # 7 is in the table of pruned steps
def test_a_sampled_mel_is_theirs(
    release: F5Release, guidance: float, steps: int, tmp_path: Path
) -> None:
    theirs, ours = both(release, tmp_path)
    random = np.random.default_rng(2)
    reference = random.normal(-3.5, 2.0, (REFERENCE, 100)).astype(np.float32)
    ids = random.integers(1, 81, CHARACTERS).astype(np.int32)
    expected, _ = theirs.sample(
        torch.from_numpy(reference)[None],
        torch.from_numpy(ids.astype(np.int64) - 1)[None],
        FRAMES,
        steps=steps,
        cfg_strength=guidance,
        sway_sampling_coef=-1.0,
        seed=3,
    )
    sampling = SamplingConfig.f5(steps).model_copy(
        update={"guidance": guidance, "precision": "full"}
    )
    sampler = Sampler(ours, sampling)
    found = sampler.sample(window(reference, ids, ours.config, seed=3))
    mel = found.mel * ours.config.mel_scale + ours.config.mel_shift
    np.testing.assert_allclose(mel, expected[0].numpy(), rtol=0, atol=BAR)
    assert mel[REFERENCE:].std() > 0.5


def window(reference: np.ndarray, ids: np.ndarray, config: ModelConfig, seed: int) -> Window:
    """What F5-TTS is given, as a window."""
    mel = np.zeros((FRAMES, 100), np.float32)
    mel[:REFERENCE] = (reference - config.mel_shift) / config.mel_scale
    text = np.zeros(FRAMES, np.int32)
    text[np.arange(len(ids)) * FRAMES // len(ids)] = ids
    torch.manual_seed(seed)
    noise = torch.randn(FRAMES, 100).numpy()
    still = np.zeros((BEATS * BEAT_MOTION, config.motion_size), np.float32)
    return Window(
        text=text,
        mel=mel,
        mel_masked=np.arange(FRAMES) >= REFERENCE,
        motion=still,
        motion_masked=np.zeros((len(still), len(config.groups)), bool),
        mel_noise=noise,
        motion_noise=still,
        given=np.zeros((len(still), config.given), np.float32),
    )
