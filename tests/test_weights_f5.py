"""F5-TTS's checkpoints in their several forms, and what is refused. Parity: test_parity_f5."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from jamflow_rt.config import ModelConfig
from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.weights.f5 import (
    MANNERS,
    F5Manner,
    f5_config,
    f5_manner,
    load_audio_stream,
    load_f5,
    read_f5,
)
from jamflow_rt.weights.reading import Tensors


def toy_f5(**changes: object) -> ModelConfig:
    """F5-TTS at toy size; heads keep their 64 numbers."""
    f5 = ModelConfig.f5("v1_base").model_dump()
    text = {**f5["text"], "vocab": 30, "width": 16, "layers": 2}
    audio = {"width": 64, "conv_groups": 4}
    return ModelConfig(**{**f5, "depth": 3, "heads": 2, "audio": audio, "text": text, **changes})


def toy_tensors(config: ModelConfig | None = None) -> Tensors:
    """What F5-TTS's network holds, with its buffer of frequencies."""
    torch.manual_seed(0)
    audio = JamFlow(config or toy_f5()).audio
    tensors = {name: torch.randn_like(tensor) for name, tensor in audio.state_dict().items()}
    return {**tensors, "rotary_embed.inv_freq": 1.0 / 10_000 ** (torch.arange(0, 64, 2) / 64)}


def published(tensors: Tensors) -> Tensors:
    """The names in published .safetensors, with what old ones hold beside."""
    prefix = "ema_model.transformer."
    return {
        **{prefix + name: tensor for name, tensor in tensors.items()},
        "ema_model.mel_spec.mel_stft.mel_scale.fb": torch.zeros(3),
        "initted": torch.tensor(True),
        "step": torch.tensor(5),
    }


@pytest.mark.parametrize("form", ["published", "half", "training", "plain", "bare"])
def test_every_form_of_a_checkpoint_is_the_same_model(tmp_path: Path, form: str) -> None:
    tensors = toy_tensors()
    file = tmp_path / ("model.pt" if form in ("training", "plain") else "model.safetensors")
    if form == "published":
        save_file(published(tensors), file)
    elif form == "half":
        save_file({k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}, file)
    elif form == "bare":
        save_file(tensors, file)
    else:
        raw = {"transformer." + name: torch.zeros_like(t) for name, t in tensors.items()}
        training = {
            "model_state_dict": raw,
            "ema_model_state_dict": published(tensors),
            "optimizer_state_dict": {"state": {0: {"exp_avg": torch.zeros(2)}}},
            "step": 5,
        }
        plain = {"model_state_dict": {"transformer." + k: v for k, v in tensors.items()}}
        torch.save(training if form == "training" else plain, file)
    model = load_f5(file, version="v1")
    assert model.config == toy_f5() and not model.training
    for name, tensor in model.audio.state_dict().items():
        expected = tensors[name].half().float() if form == "half" else tensors[name]
        assert torch.equal(tensor, expected), name


@pytest.mark.parametrize("release", ["v1_base", "base", "v1_small", "small"])
def test_the_published_sizes_are_recognised_by_their_shapes(release: str) -> None:
    config = ModelConfig.f5(release)  # type: ignore[arg-type]
    with torch.device("meta"):
        tensors = dict(JamFlow(config).audio.state_dict())
    manner = MANNERS["v1" if release.startswith("v1") else "v0"]
    assert f5_config(tensors, manner, "here") == config
    if release == "small":
        assert round(sum(t.numel() for t in tensors.values()) / 1e6, 2) == 159.23


@pytest.mark.parametrize(
    ("path", "manner"),
    [
        ("F5TTS_v1_Base/model_1250000.safetensors", "v1"),
        ("F5TTS_v1_Base_no_zero_init/model_1250000.safetensors", "v1"),
        ("F5TTS_Base/model_1200000.safetensors", "v0"),
        ("ckpts/F5TTS_v1_Small_vocos_char_LibriTTS/model_last.pt", "v1"),
        ("F5TTS_Small/model.pt", "v0"),
    ],
)
def test_the_folder_tells_the_version(path: str, manner: str) -> None:
    assert f5_manner(Path("/models/F5-TTS") / path) == MANNERS[manner]  # type: ignore[index]
    assert f5_manner(Path("/models/F5-TTS") / path, "v0") == MANNERS["v0"]


def test_the_settings_of_f5_tell_more() -> None:
    arch = {"dim": 64, "text_mask_padding": True, "pe_attn_head": 1}
    assert f5_manner(Path("x.pt"), settings=arch) == F5Manner(True, 1)
    assert f5_manner(Path("x.pt"), settings={"dim": 64}) == MANNERS["v1"]
    with pytest.raises(NotSupported, match="text_embedding_average_upsampling"):
        f5_manner(Path("x.pt"), settings={"text_embedding_average_upsampling": True})
    with pytest.raises(InvalidInput, match="pe_attn_head"):
        f5_manner(Path("x.pt"), settings={"pe_attn_head": "all"})


def test_a_version_that_nothing_tells_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "model_last.safetensors"
    save_file(toy_tensors(), file)
    with pytest.raises(InvalidInput, match=r'model_last.*version "v1" or "v0"'):
        load_f5(file)
    with pytest.raises(NotSupported, match="BigVGAN"):
        f5_manner(tmp_path / "F5TTS_Base_bigvgan" / "model_1250000.pt", "v0")


def test_what_is_missing_or_left_over_is_named(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    tensors = toy_tensors()
    save_file({k: v for k, v in tensors.items() if k != "norm_out.linear.bias"}, file)
    with pytest.raises(InvalidInput, match=r"model\.safetensors.*missing: norm_out\.linear\.bias"):
        load_f5(file, version="v1")
    save_file({**tensors, "long_skip_connection.weight": torch.zeros(1)}, file)
    with pytest.raises(InvalidInput, match="unexpected: long_skip_connection"):
        load_f5(file, version="v1")
    save_file({"proj_out.weight": torch.zeros(100, 64)}, file)
    with pytest.raises(InvalidInput, match=r"time_embed\.time_mlp\.2\.weight is missing"):
        load_f5(file, version="v1")
    save_file({"backbone.embed.weight": torch.zeros(1)}, file)
    with pytest.raises(InvalidInput, match="no checkpoint of F5-TTS"):
        load_f5(file, version="v1")
    save_file({**tensors, "rotary_embed.inv_freq": torch.ones(32)}, file)
    with pytest.raises(InvalidInput, match="other angles"):
        read_f5(file)


def test_the_audio_stream_of_the_joint_model_takes_them(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    tensors = toy_tensors()
    save_file(published(tensors), file)
    face = {"width": 16, "conv_groups": 4}
    with pytest.raises(InvalidInput, match=r"AudioDiT: unexpected: transformer_blocks\.2"):
        load_audio_stream(JamFlow(toy_f5(depth=2, motion=face)), file)
    save_file(published({k: v for k, v in tensors.items() if "blocks.2" not in k}), file)
    joint = JamFlow(toy_f5(depth=2, motion=face))
    load_audio_stream(joint, file)
    for name, tensor in joint.audio.state_dict().items():
        assert torch.equal(tensor, tensors[name])
