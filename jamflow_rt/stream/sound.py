"""Sound from outside: checked, brought to 24 kHz, cut into beats with their mel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import soxr

from jamflow_rt.beats import BEAT_MEL, BEAT_SAMPLES, HOP, N_FFT, N_MELS, SAMPLE_RATE
from jamflow_rt.codec.mel import mel_of
from jamflow_rt.stream.score import Cell, Floats
from jamflow_rt.stream.sources import Piece, Run

OUTLOOK_FRAMES = 5
"""Mel frames beyond a beat that are waited for before the beat is performed: 53 ms.

The mouth prepares for what comes. Measured on 20 clips of the speaker whose motion was learned, a
beat at a time, correlation of the mouth's opening with the real one: a whole beat known beyond it
0.877, 8 frames 0.873, 4 frames 0.864, none 0.844; 0.893 with everything known.
"""
# Samples that a beat's mel frames see before and after the beat.
_BEFORE = _AFTER = N_FFT // 2


class BeatCutter:
    """Sound of any chunk size → cells of a beat each.

    A beat comes out when its mel and the `OUTLOOK_FRAMES` after it are certain.

    Args:
        sample_rate: of the sound that comes in.
        speech_id: for the cells.
    """

    def __init__(self, sample_rate: int, speech_id: str) -> None:
        self._speech_id = speech_id
        self._resampler = (
            None
            if sample_rate == SAMPLE_RATE
            else soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32")
        )
        # Sound not yet cut, after `_BEFORE` samples of what came before it.
        self._buffer = np.zeros(_BEFORE, np.float32)
        self.outlook: Floats | None = np.zeros((0, N_MELS), np.float32)
        """(n, 100) mel that is certain beyond the last beat that came out; None after the last."""

    def push(self, sound: Floats, last: bool = False) -> list[Cell]:
        """Take sound in; returns the beats that are complete with it, with `last` all of them."""
        if self._resampler is not None:
            sound = self._resampler.resample_chunk(sound, last=last)
        self._buffer = np.concatenate([self._buffer, sound])
        if last:
            left = len(self._buffer) - _BEFORE
            padding = -left % BEAT_SAMPLES + _AFTER
            self._buffer = np.concatenate([self._buffer, np.zeros(padding, np.float32)])
        frames = max(0, len(self._buffer) - _BEFORE - _AFTER) // HOP
        beats = max(0, frames - (0 if last else OUTLOOK_FRAMES)) // BEAT_MEL
        if last:
            self.outlook = None
        if not beats:
            return []
        end = _BEFORE + beats * BEAT_SAMPLES
        first = _BEFORE // HOP
        mel = mel_of(self._buffer[: (_BEFORE + frames * HOP) + _AFTER])[first : first + frames]
        if not last:
            self.outlook = mel[beats * BEAT_MEL :]
        sound, self._buffer = self._buffer[_BEFORE:end], self._buffer[end - _BEFORE :]
        silent = np.zeros(BEAT_MEL, np.int32)
        return [
            Cell(
                silent,
                mel[i * BEAT_MEL : (i + 1) * BEAT_MEL],
                sound[i * BEAT_SAMPLES : (i + 1) * BEAT_SAMPLES],
                self._speech_id,
            )
            for i in range(beats)
        ]


class SoundSource:
    """Sound that is pushed in while it is played.

    Args:
        sample_rate: of all of it.
        speech_id: for the cells.
        run: runs a blocking function elsewhere.
    """

    def __init__(self, sample_rate: int, speech_id: str, run: Run) -> None:
        self.sample_rate = sample_rate
        self._cutter = BeatCutter(sample_rate, speech_id)
        self._run = run
        self._chunks: asyncio.Queue[Floats | None] = asyncio.Queue()

    def push(self, sound: Floats) -> None:
        """More of it."""
        self._chunks.put_nowait(sound)

    def finish(self) -> None:
        """That was all of it."""
        self._chunks.put_nowait(None)

    async def pieces(self) -> AsyncIterator[Piece]:
        """See `Source`."""
        last = False
        while not last:
            chunks = [await self._chunks.get()]
            while not self._chunks.empty():
                chunks.append(self._chunks.get_nowait())
            last = chunks[-1] is None
            sound = np.concatenate(
                [np.zeros(0, np.float32), *(chunk for chunk in chunks if chunk is not None)]
            )
            cells: list[Cell] = await self._run(self._cutter.push, sound, last)
            yield Piece(cells, outlook=self._cutter.outlook)

    def cancel(self) -> None:
        """See `Source`."""

    async def aclose(self) -> None:
        """See `Source`."""
