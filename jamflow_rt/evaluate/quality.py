"""How good speech sounds: two small models of human opinion scores (Microsoft, MIT).

DistillMOS was trained on recordings and likes clean synthetic speech. DNSMOS (Reddy, Gopal, Cutler
2022, "DNSMOS P.835") knows noise and distortion, not naturalness. Compare their figures with each
other, not with listening tests.
"""

from __future__ import annotations

import io
import sys
import warnings
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
    """DistillMOS: 1 (bad) … 5 (excellent).

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


class Dnsmos:
    """DNSMOS after ITU-T P.835, overall: 1 (bad) … 5 (excellent).

    Raises:
        NotSupported: speechmos is not installed.
    """

    def __init__(self) -> None:
        try:
            from speechmos import dnsmos
        except ImportError as error:
            raise NotSupported(
                "DNSMOS needs more packages: run `make evaluate-env`, or pip install "
                "speechmos librosa."
            ) from error
        self._run = dnsmos.run

    def __call__(self, sound: NDArray[np.float32]) -> float:
        """The score of mono sound (N,) at 24 kHz; shorter than 9 s it is repeated."""
        wave = np.clip(soxr.resample(sound, SAMPLE_RATE, _MODEL_RATE), -1, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # librosa's, about a mel filter bank with empty rows
            return float(self._run(wave, _MODEL_RATE)["ovrl_mos"])


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
