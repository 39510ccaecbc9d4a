"""The echo gate: is what the microphone hears more than the avatar's own sound coming back?

Loudspeaker and microphone are not locked to each other, so waveforms cannot be subtracted. Powers
in bands can be compared: those of the microphone with those of what was played up to 0.85 s ago,
through an echo path that is learned while the avatar speaks. The path is a non-negative filter a
band, fitted by multiplicative updates under the Itakura-Saito divergence (Févotte, Bertin, Durrieu
2009), for which quiet sounds count as much as loud ones.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.hear.bands import BANDS, STEP_SECONDS, BandPowers
from jamflow_rt.hear.voice_activity import BLOCK_SECONDS, RATE

Floats = NDArray[np.float32]

LAGS: Final = 64
"""Steps of 16 ms that a path is long."""
AHEAD: Final = 10
"""Of these, steps by which the played sound may be told of too late."""
_UNKNOWN_PATH: Final = 1.0
"""What each lag lets through before anything is learned: more than rooms do. Learning comes down
from too much within a second or two, and nothing interrupts by mistake meanwhile."""
_FAINTEST_PATH: Final = 1e-5
"""A path never closes quite, or it could not open again."""
_MEMORY_BLOCKS: Final = 125
"""The path is learned from the last 4 s of played sound."""
_USUAL: Final = np.float32(1.0)
"""What the other bands know of a lag counts as much as this many blocks."""
_SURPRISE: Final = 4.0
"""Powers of more than this many times what was expected are the user's voice and not learned …"""
_SURPRISED: Final = 1.5
"""… but count as this many times, so that a path that became louder is learned once such powers are
two thirds of all."""

_FLOOR_RISE: Final = np.float32(10 ** (0.15 * STEP_SECONDS))
"""The noise floor follows the quietest moments and rises by 1.5 dB a second."""
_SMOOTHING: Final = 0.3
"""Share of a new step in the powers that the noise floor follows."""

_MARGIN: Final = 6.0
"""Decibels over what echo and noise explain from which on a band tells of somebody else."""
_EARLY_MARGIN: Final = 6.0
"""Decibels more in a band that has learned nothing …"""
_LEARNING_SECONDS: Final = 2.0
"""… falling to none within this much of its echo."""
_AUDIBLE: Final = 4.0
"""Times the noise floor from which on an echo teaches something."""
_SHARE: Final = 0.08
"""Share of bands, over `_SHARE_SECONDS`, that must tell of somebody else. A voice under a louder
echo stands out in a few bands at a time."""
_SHARE_SECONDS: Final = 0.1
_LIKENESS: Final = 0.8
"""From this correlation on the microphone follows the played sound, whatever the level."""
_LIKENESS_BLOCKS: Final = 20

_INAUDIBLE: Final = 1e-9
"""Power of played sound (−90 dB) and of expected echo that nobody hears."""
_HIDDEN: Final = 0.25
"""Share of the noise floor below which an expected echo does not matter."""
_MUTED: Final = 1e-10
"""A microphone with less power (−100 dB) in every band is muted, and teaches nothing."""
_SILENCE: Final = np.float32(1e-11)
"""Power added to what is heard, so that silence has a logarithm."""
_JITTER_STEPS: Final = 10
"""Steps by which played and heard sound may run apart and come together again."""
_LOST_STEPS: Final = 125
"""Further apart than 2 s one of the two was interrupted."""
_PATIENCE_STEPS: Final = 62
"""After a second apart they are taken to be so for good."""


class EchoPath:
    """How the played sound comes back, as powers: `LAGS` taps in each band.

    It remembers the last seconds of played sound and improves the taps a little with each block.
    """

    def __init__(self) -> None:
        self._taps = np.full((BANDS, LAGS), _UNKNOWN_PATH, np.float32)
        # The remembered blocks, in a ring: what was played, and what was heard and its noise.
        self._played = np.zeros((BANDS, _MEMORY_BLOCKS, LAGS), np.float32)
        self._heard = np.ones((BANDS, _MEMORY_BLOCKS), np.float32)
        self._floor = np.ones((BANDS, _MEMORY_BLOCKS), np.float32)
        self._next = 0

    def predict(self, played: Floats) -> Floats:
        """(16,) powers of the echo of `played` (16, 64), oldest first."""
        return np.asarray(np.einsum("bl,bl->b", self._taps, played))

    def learn(self, played: Floats, heard: Floats, floor: Floats, trusting: bool) -> None:
        """Remember a block and learn from all that are remembered.

        Args:
            played: (16, 64) powers, oldest first.
            heard: (16,) powers in the microphone.
            floor: (16,) those of the noise.
            trusting: what surprises is echo as well.
        """
        self._played[:, self._next] = played
        self._heard[:, self._next] = heard
        self._floor[:, self._next] = floor
        self._next = (self._next + 1) % _MEMORY_BLOCKS
        explained = (self._played @ self._taps[:, :, None])[:, :, 0] + self._floor
        ratio = self._heard / explained
        if not trusting:
            ratio = np.where(ratio > _SURPRISE, _SURPRISED, ratio)
        # What was heard and what was expected, in blocks, as seen through each lag.
        seen = self._played.transpose(0, 2, 1) @ np.stack([ratio / explained, 1 / explained], 2)
        was_heard, was_expected = self._taps[None] * seen.transpose(2, 0, 1)
        # The delay and the room are the same for all bands, only louder or softer.
        gain = self._taps.sum(axis=1, keepdims=True)
        usual = gain * (self._taps / gain).mean(axis=0)
        was_heard, was_expected = was_heard + _USUAL, was_expected + _USUAL * self._taps / usual
        self._taps = np.maximum(self._taps * np.sqrt(was_heard / was_expected), _FAINTEST_PATH)


class EchoGate:
    """Tells the user's sound from the avatar's own.

    Call `played` with everything that goes out and `near` with everything that comes in, each as
    it does. The two may be a fifth of a second apart and lose their common clock; both are counted
    in sound, and when they run further apart they are set together again.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the echo's path and everything heard."""
        self._path = EchoPath()
        # Seconds of echo that each band has learned from.
        self._learned: Floats = np.zeros(BANDS, np.float32)
        self._speaker, self._microphone = BandPowers(SAMPLE_RATE), BandPowers(RATE)
        # Powers of what was played, the last row ending at step `_played_end`.
        self._played = np.zeros((LAGS + _LOST_STEPS, BANDS), np.float32)
        self._played_end = 0
        self._heard_end: int | None = None
        # Steps since the two counts ran apart.
        self._apart = 0
        # Powers of the noise, and the smoothed powers that it is found in; None before any sound.
        self._floor: Floats = np.zeros(BANDS, np.float32)
        self._smooth: Floats | None = None
        # Decibels of the last blocks: what was heard, and what echo and noise explain of it.
        self._heard_blocks = np.zeros((_LIKENESS_BLOCKS, BANDS), np.float32)
        self._explained_blocks = np.zeros((_LIKENESS_BLOCKS, BANDS), np.float32)
        self._share = 0.0
        self._follows = False

    def played(self, sound: Floats) -> None:
        """The avatar's sound (N,) at 24 kHz that goes out now, silence as well."""
        self._tell(self._speaker.push(sound))

    def _tell(self, rows: Floats) -> None:
        self._played = np.concatenate([self._played, rows])[-len(self._played) :]
        self._played_end += len(rows)

    def near(self, block: Floats) -> bool:
        """True when a block (512,) at 16 kHz holds sound that is not the avatar's.

        Whether it is a voice is for others to tell. Without an audible echo the answer is True; it
        is False for as long as the echo of sound that nobody told of may be heard, at the start.
        """
        rows = self._microphone.push(block) + _SILENCE
        played = np.mean([self._played_at(self._count()) for _ in rows], axis=0).T
        if self._played_end < LAGS or rows.max() < _MUTED:
            return False
        for row in rows:
            self._follow_noise(row)
        heard = rows.mean(axis=0)
        echo = self._path.predict(played)
        audible = echo > np.maximum(_INAUDIBLE, _HIDDEN * self._floor)
        self._compare(heard, echo)
        if not self._apart and played.max() > _INAUDIBLE:
            self._path.learn(played, heard, self._floor, self._follows)
            self._learned[np.minimum(heard, echo) > _AUDIBLE * self._floor] += BLOCK_SECONDS
        if not audible.any():
            return True
        return not self._apart and not self._follows and self._share > _SHARE

    def _follow_noise(self, heard: Floats) -> None:
        """Look for the noise in one step of the microphone, (16,) powers."""
        if self._smooth is None:
            self._smooth = self._floor = heard
        self._smooth = self._smooth + _SMOOTHING * (heard - self._smooth)
        self._floor = np.minimum(self._smooth, self._floor * _FLOOR_RISE)

    def _count(self) -> int:
        """The microphone is a step further: where it is beside what was played."""
        heard_end = self._played_end if self._heard_end is None else self._heard_end + 1
        ahead = self._played_end - heard_end
        self._apart = self._apart + 1 if abs(ahead) > _JITTER_STEPS else 0
        if self._apart > _PATIENCE_STEPS or ahead > _LOST_STEPS:
            if ahead > 0:
                heard_end = self._played_end
            else:
                self._tell(np.zeros((-ahead, BANDS), np.float32))
            self._apart = 0
        self._heard_end = heard_end
        return heard_end

    def _played_at(self, heard_end: int) -> Floats:
        """(64, 16) the powers whose echo may be heard in a step, oldest first."""
        # Counted in rows of `_played`; what nobody told of yet is silent.
        last = len(self._played) - (self._played_end - heard_end) + AHEAD
        known = self._played[max(0, last - LAGS) : last]
        rows = np.zeros((LAGS, BANDS), np.float32)
        rows[: len(known)] = known
        return rows

    def _compare(self, heard: Floats, echo: Floats) -> None:
        """Take a block into account: (16,) powers heard, and those of the expected echo."""
        heard, explained = 10 * np.log10(heard), 10 * np.log10(echo + self._floor)
        early = np.maximum(0.0, 1.0 - self._learned / _LEARNING_SECONDS)
        unexplained = heard > explained + _MARGIN + early * _EARLY_MARGIN
        self._share += BLOCK_SECONDS / _SHARE_SECONDS * (float(unexplained.mean()) - self._share)
        self._heard_blocks = np.vstack([self._heard_blocks[1:], heard])
        self._explained_blocks = np.vstack([self._explained_blocks[1:], explained])
        self._follows = _likeness(self._heard_blocks, self._explained_blocks) > _LIKENESS


def _likeness(one: Floats, other: Floats) -> float:
    """Correlation of what changes in time (N, 16), −1…1; levels and colours do not matter."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 0.0
