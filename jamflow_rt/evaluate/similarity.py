"""Is it the same voice? Cosine of speaker embeddings (Resemblyzer, Apache-2.0).

Wan, Wang, Papir, Lopez Moreno (2018), "Generalized end-to-end loss for speaker verification". Two
sets of sentences by one voice come to 0.9 and more, other voices to 0.4–0.8. Published SIM-o
figures use another embedding (WavLM) and compare with a few seconds of prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import soxr
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import InvalidInput, NotSupported

Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_MODEL_RATE = 16_000


class Similarity:
    """How near a sound is to a voice: −1 … 1.

    Args:
        examples: sounds (N,) at 24 kHz of the voice; their mean embedding stands for it.
        embed: mono sound at 16 kHz → unit vector; Resemblyzer's if not given.

    Raises:
        NotSupported: resemblyzer is not installed.
        InvalidInput: no examples.
    """

    def __init__(self, examples: Iterable[NDArray[np.float32]], embed: Embed | None = None) -> None:
        self._embed = embed or _resemblyzer()
        vectors = [self._vector(sound) for sound in examples]
        if not vectors:
            raise InvalidInput("A voice cannot be known without an example of it.")
        self._voice = _unit(np.mean(vectors, axis=0))

    def __call__(self, sound: NDArray[np.float32]) -> float:
        """Cosine between mono sound (N,) at 24 kHz and the voice."""
        return float(self._vector(sound) @ self._voice)

    def _vector(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        return _unit(self._embed(soxr.resample(sound, SAMPLE_RATE, _MODEL_RATE)))


def _resemblyzer() -> Embed:
    try:
        from resemblyzer import VoiceEncoder, preprocess_wav
    except ImportError as error:
        raise NotSupported(
            "Speaker similarity needs more packages: run `make evaluate-env`, or "
            "pip install librosa webrtcvad-wheels; pip install --no-deps resemblyzer."
        ) from error
    encoder = VoiceEncoder("cpu", verbose=False)

    def embed(sound: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(encoder.embed_utterance(preprocess_wav(sound)), np.float32)

    return embed


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
