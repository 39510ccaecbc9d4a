"""When each phoneme of a known transcript sounds: forced alignment with pocketsphinx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import NotSupported
from jamflow_rt.text.phonemes import Phonemizer
from jamflow_rt.train.articulation import ARPABET, arpabet

_RATE = 16_000
_FRAME = 0.01
_MARGINS = (0.0, 0.1)
"""Seconds of silence that are put around a sound, one after the other until its words fit: of 41
clips of GRID 38 fit without, and the other three with."""
_WORD = re.compile(r"[a-z']+")


class TimedPhone(NamedTuple):
    """A phoneme of the text room's alphabet with its time; an empty symbol is silence."""

    symbol: str
    start: float
    end: float


# Loading its dictionaries takes a second, and a preparation makes an aligner for every shard.
_reader = cache(Phonemizer)


class ForcedAligner:
    """pocketsphinx (BSD) with its own English model, as a forced aligner."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError as error:
            raise NotSupported(
                "Forced alignment needs the `train` extra (pocketsphinx)."
            ) from error
        self._decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
        self._read = _reader()

    def __call__(self, sound: NDArray[np.float32], text: str) -> list[TimedPhone] | None:
        """Phonemes of `text` in `sound` (24 kHz), or None where the two do not fit.

        What was heard before has a small influence: the decoder adapts to the loudness.

        Raises:
            InvalidInput: there is nothing to say in the text, or it has letters of another script.
        """
        words = self._words(text)
        for margin in _MARGINS:
            found = self._align(sound, words, margin)
            if found is not None:
                end = len(sound) / SAMPLE_RATE
                inside = [
                    TimedPhone(
                        phone.symbol,
                        min(max(phone.start - margin, 0.0), end),
                        min(max(phone.end - margin, 0.0), end),
                    )
                    for phone in found
                ]
                return [phone for phone in inside if phone.end > phone.start]
        return None

    def _words(self, text: str) -> list[str]:
        """The words as the decoder's dictionary has them.

        What it lacks (names, numbers, `F5`) it is taught as the text room reads it.
        """
        script = self._read(text)
        names = []
        for word in script.words:
            name = word.text.lower().strip('.,;:!?"“”()—…-').replace("’", "'")
            if not _WORD.fullmatch(name) or self._decoder.lookup_word(name) is None:
                phones = arpabet(script.spoken(word))
                name = "-".join(phones).lower()
                if phones and self._decoder.lookup_word(name) is None:
                    self._decoder.add_word(name, " ".join(phones), True)
            if name:
                names.append(name)
        return names

    def _align(
        self, sound: NDArray[np.float32], words: Sequence[str], margin: float
    ) -> list[TimedPhone] | None:
        """With so many seconds of silence before and after."""
        low = np.pad(soxr.resample(sound, SAMPLE_RATE, _RATE), round(margin * _RATE))
        pcm = (np.clip(low, -1, 1) * 32767).astype("<i2").tobytes()
        decoder = self._decoder
        # The first pass finds the words, the second one their phones. (Asking the second one for a
        # hypothesis crashes pocketsphinx.)
        try:
            decoder.set_align_text(" ".join(words))
            self._decode(pcm)
            if decoder.hyp() is None:
                return None
            decoder.set_alignment()
            self._decode(pcm)
        except RuntimeError:  # the words do not fit the sound
            decoder.reinit()
            return None
        alignment = decoder.get_alignment()
        if alignment is None:
            return None
        # Phones are read inside their words: the flat iterator outlives what it points to.
        return [
            TimedPhone(
                ARPABET.get(phone.name.rstrip("012"), ""),
                phone.start * _FRAME,
                (phone.start + phone.duration) * _FRAME,
            )
            for word in alignment
            for phone in word
        ]

    def _decode(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
