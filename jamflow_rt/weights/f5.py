"""Checkpoints of F5-TTS, brought into our Audio-DiT name by name.

Its two versions have the same names and shapes and differ in what is done with them, so a file does
not tell which it is: the folder that it was published in does, or F5-TTS's own settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from jamflow_rt.config import ModelConfig, StreamConfig, TextConfig
from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.model.layers import TimestepEmbedding
from jamflow_rt.model.rope import THETA
from jamflow_rt.weights.reading import Tensors, below, load_strictly, read_tensors
from jamflow_rt.weights.recognising import instead

F5Version = Literal["v1", "v0"]


class F5Manner(NamedTuple):
    """What F5-TTS's settings say and its weights do not."""

    mask_filler: bool
    rotated_heads: int | None


MANNERS: Mapping[F5Version, F5Manner] = {"v1": F5Manner(True, None), "v0": F5Manner(False, 1)}
"""F5-TTS `configs/*.yaml`."""

_HOLDERS = (
    "ema_model_state_dict.ema_model.transformer.",  # .pt of a training, averaged weights first
    "ema_model.transformer.",  # as published
    "model_state_dict.transformer.",
    "transformer.",
    "",
)
_LAST = "proj_out.weight"
_FREQUENCIES = "rotary_embed.inv_freq"
_NAMES: Mapping[str, F5Version] = {r"f5[-_]?tts_v1": "v1", r"f5[-_]?tts_(base|small)": "v0"}
"""How the folders of published weights are called."""


def load_f5(
    path: str | Path,
    *,
    version: F5Version | None = None,
    settings: Mapping[str, object] | None = None,
) -> JamFlow:
    """F5-TTS as a model without a face, in evaluation mode on the CPU.

    Args:
        path: `.safetensors` as published, or a `.pt` of F5-TTS's training; of that the averaged
            weights are taken.
        version: which one it is, where no folder in the path is named as the published ones are.
        settings: `model.arch` of its YAML file, in place of `version`.

    Raises:
        InvalidInput: the file is none of F5-TTS, it does not fit, or nothing tells the version.
        NotSupported: it was trained with something that our network does not do.
    """
    manner = f5_manner(Path(path), version, settings)
    tensors = read_f5(path)
    model = unfilled(f5_config(tensors, manner, path))
    load_strictly(model.audio, tensors, path)
    return model


def load_audio_stream(model: JamFlow, path: str | Path) -> None:
    """Fill the Audio-DiT of a model, as JAM-Flow begins its training.

    Args:
        model: of `ModelConfig.paper`, or of another size of F5-TTS.
        path: as for `load_f5`. The version is the model's own business.

    Raises:
        InvalidInput: the file is none of F5-TTS, or not of the model's size.
    """
    load_strictly(model.audio, read_f5(path), path)


def unfilled(config: ModelConfig) -> JamFlow:
    """A model without a face whose weights are yet to be loaded.

    Drawing 337 million random numbers only to overwrite them takes seconds.
    """
    with torch.device("meta"):
        model = JamFlow(config)
    model.to_empty(device="cpu")
    # Its frequencies are in no file.
    model.audio.time_embed = TimestepEmbedding(config.audio.width)
    return model.eval()


def f5_manner(
    path: Path, version: F5Version | None = None, settings: Mapping[str, object] | None = None
) -> F5Manner:
    """What is to be known beside the weights; arguments and errors as of `load_f5`."""
    folders = [part.lower() for part in path.parts]
    if any("bigvgan" in folder for folder in folders):
        raise NotSupported(
            f"{path} was trained on BigVGAN's mels; use the weights for Vocos, F5TTS_v1_Base or "
            "F5TTS_Base."
        )
    if settings is not None:
        return _manner_of(settings)
    if version is None:
        version = next(
            (
                known
                for folder in reversed(folders)
                for name, known in _NAMES.items()
                if re.match(name, folder)
            ),
            None,
        )
    if version is None:
        raise InvalidInput(
            f"{path} may be of F5-TTS v1 or of its first version, which look alike: say which "
            '(version "v1" or "v0"; for import --f5-version), or keep it in the folder that it was '
            "published in, such as F5TTS_v1_Base."
        )
    return MANNERS[version]


def _manner_of(settings: Mapping[str, object]) -> F5Manner:
    if settings.get("text_embedding_average_upsampling"):
        raise NotSupported(
            "text_embedding_average_upsampling is on in the settings of these weights: text that "
            "is spread over the sound is not supported; use weights trained without it."
        )
    heads = settings.get("pe_attn_head")
    if not (heads is None or isinstance(heads, int)):
        raise InvalidInput(f"pe_attn_head is a number of heads or null, not {heads!r}.")
    return F5Manner(bool(settings.get("text_mask_padding", True)), heads)


def read_f5(path: str | Path) -> Tensors:
    """The tensors of F5-TTS's network, by the names of our `AudioDiT`.

    Raises:
        InvalidInput: there is no such file, it cannot be read safely, or is none of F5-TTS.
    """
    tensors = read_tensors(path)
    holder = next((name for name in _HOLDERS if name + _LAST in tensors), None)
    if holder is None:
        raise InvalidInput(f"{path} is no checkpoint of F5-TTS: {instead(tensors)}.")
    found = below(tensors, holder)
    frequencies = found.pop(_FREQUENCIES, None)
    if frequencies is not None:
        size = 2 * len(frequencies)
        usual = 1.0 / THETA ** (torch.arange(0, size, 2) / size)
        # Checkpoints in half precision hold them rounded.
        if not torch.allclose(frequencies.float(), usual, rtol=1e-2, atol=1e-4):
            raise InvalidInput(f"{path} turns its heads by other angles than F5-TTS does.")
    return found


def f5_config(tensors: Tensors, manner: F5Manner, source: str | Path) -> ModelConfig:
    """The size of a network, read off the shapes of its tensors.

    Args:
        tensors: from `read_f5`.
        manner: what the shapes do not tell.
        source: where they come from, for the message.

    Raises:
        InvalidInput: a tensor that tells the size is missing, or shapes contradict each other.
    """
    model = ModelConfig.f5("v1_base")

    def shape(name: str) -> torch.Size:
        if name not in tensors:
            raise InvalidInput(f"{source} is no checkpoint of F5-TTS's DiT: {name} is missing.")
        return tensors[name].shape

    width = shape("time_embed.time_mlp.2.weight")[0]
    block = "transformer_blocks.0."
    inner = shape(block + "attn.to_q.weight")[0]
    _, grouped, kernel = shape("input_embed.conv_pos_embed.conv1d.0.weight")
    rows, text_width = shape("text_embed.text_embed.weight")
    expanded = shape("text_embed.text_blocks.0.pwconv1.weight")[0]
    return ModelConfig(
        depth=_count(tensors, "transformer_blocks"),
        heads=inner // model.head_size,
        rotated_heads=manner.rotated_heads,
        qk_norm=block + "attn.q_norm.weight" in tensors,
        audio=StreamConfig(
            width=width,
            ff_mult=shape(block + "ff.ff.0.0.weight")[0] // width,
            conv_kernel=kernel,
            conv_groups=width // grouped,
        ),
        motion=None,
        text=TextConfig(
            kind="characters",
            vocab=rows - 1,
            width=text_width,
            layers=_count(tensors, "text_embed.text_blocks"),
            expansion=expanded // text_width,
            mask_filler=manner.mask_filler,
        ),
        groups=model.groups,
        given=model.given,
        mels=shape(_LAST)[0],
        mel_scale=model.mel_scale,
        mel_shift=model.mel_shift,
    )


def _count(tensors: Tensors, prefix: str) -> int:
    """How many numbered parts a list has."""
    numbers = (re.match(re.escape(prefix) + r"\.(\d+)\.", name) for name in tensors)
    return 1 + max((int(found[1]) for found in numbers if found), default=-1)
