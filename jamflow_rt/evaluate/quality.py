"""How good speech sounds: DistillMOS, a small model of human opinion scores (Microsoft, MIT).

It was trained on recordings and likes clean synthetic speech; compare its figures with each other,
not with listening tests.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from types import ModuleType
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import NotSupported

_MODEL_RATE = 16_000


class DistillMos:
    """Opinion scores 1 (bad) … 5 (excellent).

    Raises:
        NotSupported: distillmos or xls-r-sqa is not installed.
    """

    def __init__(self) -> None:
        self._model = _model()

    def __call__(self, sound: NDArray[np.float32]) -> float:
        """The score of mono sound (N,) at 24 kHz."""
        wave = torch.from_numpy(soxr.resample(sound, SAMPLE_RATE, _MODEL_RATE))
        with torch.inference_mode():
            return float(self._model(wave[None].float()))


def _model() -> Any:
    # distillmos imports torchaudio for its own command line only; scoring never touches it.
    stand_in = "torchaudio" not in sys.modules
    if stand_in:
        sys.modules["torchaudio"] = ModuleType("torchaudio")
    try:
        from distillmos import ConvTransformerSQAModel
    except ImportError as error:
        raise NotSupported(
            "Scoring speech quality needs more packages: run `make evaluate-env`, or "
            "pip install --no-deps distillmos xls-r-sqa."
        ) from error
    finally:
        if stand_in:
            del sys.modules["torchaudio"]
    with redirect_stdout(io.StringIO()):  # its constructor prints where the weights came from
        return ConvTransformerSQAModel().eval()
