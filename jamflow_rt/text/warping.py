"""Warping: a timeline moved in time, so that what is said falls onto something that is given.

The model says a text by itself, and features of what it did (of the mouth, or of the sound) are
laid over the same features of what is given: dynamic time warping with one rate for each phoneme,
as in a hidden semi-Markov aligner. Whole phonemes have a length, so slopes are bounded exactly and
what is found is a timeline again. Pauses may have any length, also between words where none was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MEL_RATE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.phonemes import PUNCTUATION, SILENCE
from jamflow_rt.text.timeline import PhonemeSpan, Timeline, WordSpan

Floats = NDArray[np.float32]

SHORTEST, LONGEST = 0.4, 2.5
"""How long a phoneme may become, of its own length."""
MOST_FRAMES: Final = 32_000
"""Mel frames that can be aligned at once (more than five minutes): lengths are kept in 16 bits."""
# Costs beside the mean square distance of two frames, which is 2 between frames that have nothing
# to do with each other. Chosen on 16 clips of GRID (mouths and sound) with known word times.
_RATE_COST: Final = 3.0
"""Of a phoneme's every frame, times the squared logarithm of its rate over the average rate."""
_PAUSE_COST: Final = 0.1
"""Of every frame by which a pause is longer or shorter than it was."""
_NEW_PAUSE_COST: Final = 1.0
"""Of a pause where there was none."""
# Frames of silence that pauses are compared with.
_REST_FRAMES: Final = 12
# The second time it is known how much of the given is speech, and how fast that is.
_PASSES: Final = 2
_MOST_RATIO: Final = 2.0


class _Part(NamedTuple):
    """A phoneme, a pause, or a place where a pause may come."""

    symbol: str
    start: int
    end: int
    pause: bool


@dataclass(frozen=True, slots=True)
class _Parts:
    """All of a timeline, in order; they touch."""

    parts: tuple[_Part, ...]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    pause: NDArray[np.bool_]

    @property
    def length(self) -> NDArray[np.int64]:
        return self.end - self.start


def least_frames(timeline: Timeline) -> int:
    """Mel frames without which a timeline cannot be said: all sounds shortened, no pauses."""
    parts = _parts(timeline)
    return int(_bounds(parts)[0].sum())


def most_frames(timeline: Timeline) -> int:
    """Mel frames that the sounds of a timeline can fill, without pauses."""
    parts = _parts(timeline)
    return int(_bounds(parts)[1].sum())


def warp(
    timeline: Timeline, made: Floats, given: Floats, weights: Floats | None = None
) -> Timeline:
    """Move the phonemes and words of a timeline onto what is given.

    Args:
        timeline: what was said by itself.
        made: (A, K) features of that, one row for each mel frame of the timeline.
        given: (B, K) the same features of what is given, at the same rate.
        weights: (K,) of the features, which are normalised; all the same if not given.

    Returns:
        The same phonemes and words, as long as `given`, in whole beats.

    Raises:
        InvalidInput: the timeline cannot be made as short as `given`; the features do not fit.
    """
    _check(timeline, made, given)
    parts = _parts(timeline)
    least, most = _bounds(parts)
    if least.sum() > len(given):
        raise InvalidInput(
            f"The text takes {timeline.seconds:.1f} s to say, at the very least "
            f"{least.sum() / MEL_RATE:.1f} s, and what it is to fit lasts "
            f"{len(given) / MEL_RATE:.1f} s: give less text."
        )
    rest = _covered([p for p in parts.parts if p.symbol == SILENCE], len(made))
    own = _covered([p for p in parts.parts if not p.pause], len(made))
    column = np.sqrt(_normal_weights(weights, made.shape[1]))
    ratio, lengths = 1.0, parts.length
    theirs = _normal(given, np.ones(len(given))) * column
    # What was made has the same average if silence has the same share in it. At first nobody knows
    # how much that is: likely there is as much speech.
    silent = max(0, len(given) - own.sum()) / max(1, (~own).sum())
    counted = np.where(own, 1.0, silent)
    for _ in range(_PASSES):
        mine = _normal(made, counted) * column
        lengths = _align(
            mine,
            theirs,
            _rest_distance(mine[rest], theirs),
            parts.start,
            parts.end,
            parts.pause,
            least,
            most,
            ratio,
        )
        said = np.repeat(~parts.pause, lengths)
        if not said.any():
            break
        silent = (~said).sum() / said.sum() * own.sum() / max(1, (~own).sum())
        counted = np.where(own, 1.0, silent)
        ratio = said.sum() / max(1, own.sum())
        ratio = float(np.clip(ratio, 1 / _MOST_RATIO, _MOST_RATIO))
    return _moved(timeline, parts, lengths).padded()


def _check(timeline: Timeline, made: Floats, given: Floats) -> None:
    if made.ndim != 2 or given.ndim != 2 or made.shape[1] != given.shape[1]:
        raise InvalidInput(f"Features {made.shape} and {given.shape} cannot be compared.")
    if len(made) != timeline.frames:
        raise InvalidInput(
            f"{len(made)} frames of features do not fit a timeline of {timeline.frames}."
        )
    if not 0 < len(given) <= MOST_FRAMES:
        raise InvalidInput(
            f"What is given lasts {len(given) / MEL_RATE:.1f} s; more than nothing and at most "
            f"{MOST_FRAMES / MEL_RATE:.0f} s can be aligned."
        )


def _parts(timeline: Timeline) -> _Parts:
    parts: list[_Part] = []
    begins = {0, *(word.start for word in timeline.words)}
    for symbol, start, end in ((s.symbol, s.start, s.end) for s in timeline.phonemes):
        pause = symbol == SILENCE or symbol in PUNCTUATION
        if start in begins and not pause and not (parts and parts[-1].pause):
            parts.append(_Part(SILENCE, start, start, True))
        parts.append(_Part(symbol, start, end, pause))
    if not (parts and parts[-1].pause):
        parts.append(_Part(SILENCE, timeline.frames, timeline.frames, True))
    return _Parts(
        tuple(parts),
        np.array([part.start for part in parts]),
        np.array([part.end for part in parts]),
        np.array([part.pause for part in parts]),
    )


def _bounds(parts: _Parts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the most frames of each part; pauses have no most."""
    least = np.where(parts.pause, 0, np.maximum(1, np.ceil(parts.length * SHORTEST)))
    most = np.where(parts.pause, 0, np.floor(parts.length * LONGEST))
    return least.astype(np.int64), most.astype(np.int64)


def _covered(parts: list[_Part], frames: int) -> NDArray[np.bool_]:
    covered = np.zeros(frames, np.bool_)
    for part in parts:
        covered[part.start : part.end] = True
    return covered


def _normal_weights(weights: Floats | None, features: int) -> NDArray[np.float64]:
    weights = np.ones(features, np.float32) if weights is None else weights
    return np.asarray(weights / weights.sum(), np.float64)


def _normal(features: Floats, counted: NDArray[Any]) -> NDArray[np.float64]:
    """Features of zero mean and unit spread; each frame counts as much as `counted` says."""
    wide = features.astype(np.float64)
    share = (counted / counted.sum())[:, None]
    mean = (wide * share).sum(0)
    spread = np.sqrt((((wide - mean) ** 2) * share).sum(0))
    return np.asarray((wide - mean) / (spread + 1e-6))


def _rest_distance(rest: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) how far each given frame is from silence; infinite without an example of silence."""
    distance = np.full(len(given), np.inf)
    for frame in rest[:: max(1, len(rest) // _REST_FRAMES)]:
        distance = np.minimum(distance, ((given - frame) ** 2).sum(1))
    # Without an example any frame may be silent, though none likes to be.
    return np.where(np.isfinite(distance), distance, 2.0)


@numba.njit(nogil=True, cache=True)
def _align(
    made: NDArray[np.float64],
    given: NDArray[np.float64],
    rest: NDArray[np.float64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    pause: NDArray[np.bool_],
    least: NDArray[np.int64],
    most: NDArray[np.int64],
    ratio: float,
) -> NDArray[np.int64]:
    """The frames of `given` that each part gets, so that all together cost least.

    `best[e]` is the cost of all parts so far on the first `e` given frames; a part of length `d`
    that ends at `e` goes on from `best[e - d]`.
    """
    parts, frames = len(start), len(given)
    needed = 0  # by the parts that are still to come
    for part in range(parts):
        needed += least[part]
    best = np.full(frames + 1, np.inf)
    best[0] = 0.0
    chosen = np.zeros((parts, frames + 1), np.int16)
    first = 0
    for part in range(parts):
        length = end[part] - start[part]
        needed -= least[part]
        last = frames - needed
        distance = np.empty((length, frames))
        for own in range(length):
            for at in range(first, last):
                total = 0.0
                for column in range(given.shape[1]):
                    step = given[at, column] - made[start[part] + own, column]
                    total += step * step
                distance[own, at] = total
        ending = np.full(frames + 1, np.inf)
        if pause[part]:
            _rest_on(best, ending, chosen[part], distance, rest, first, last)
        else:
            for stop in range(first + least[part], last + 1):
                for taken in range(least[part], min(most[part], stop - first) + 1):
                    cost = best[stop - taken]
                    if cost == np.inf:
                        continue
                    rate = math.log((taken + 0.5) / ((length + 0.5) * ratio))
                    cost += _RATE_COST * length * rate * rate
                    for frame in range(taken):
                        own = int((frame + 0.5) * length / taken)
                        cost += distance[own, stop - taken + frame]
                    if cost < ending[stop]:
                        ending[stop] = cost
                        chosen[part, stop] = taken
        best = ending
        first += least[part]
    lengths = np.zeros(parts, np.int64)
    stop = frames
    for part in range(parts - 1, -1, -1):
        lengths[part] = chosen[part, stop]
        stop -= lengths[part]
    return lengths


@numba.njit(nogil=True, cache=True)
def _rest_on(
    best: NDArray[np.float64],
    ending: NDArray[np.float64],
    chosen: NDArray[np.int16],
    distance: NDArray[np.float64],
    rest: NDArray[np.float64],
    first: int,
    last: int,
) -> None:
    """One pause of any length: every frame of it is like silence, or like some frame of its own."""
    length = len(distance)
    total = np.zeros(last + 1)  # of the distance of all frames before
    for at in range(first, last):
        nearest = rest[at]
        for own in range(length):
            nearest = min(nearest, distance[own, at])
        total[at + 1] = total[at] + nearest
    # The cheapest start of a pause that is at least as long as it was, as of the current end.
    longer, begun = np.inf, first
    for stop in range(first, last + 1):
        if stop > first:
            longer += total[stop] - total[stop - 1] + _PAUSE_COST
        # A pause where there was none takes at least one frame, or is none.
        start = stop - max(length, 1)
        if start >= first:
            cost = best[start] + total[stop] - total[start]
            if length == 0:
                cost += _NEW_PAUSE_COST + _PAUSE_COST
            if cost < longer:
                longer, begun = cost, start
        for taken in range(0, min(max(length, 1) - 1, stop - first) + 1):
            cost = best[stop - taken] + total[stop] - total[stop - taken]
            cost += _PAUSE_COST * (length - taken)
            if cost < ending[stop]:
                ending[stop] = cost
                chosen[stop] = taken
        if longer < ending[stop]:
            ending[stop] = longer
            chosen[stop] = stop - begun


def _moved(timeline: Timeline, parts: _Parts, lengths: NDArray[np.int64]) -> Timeline:
    """The timeline with its parts as long as was found."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    spans: list[PhonemeSpan] = []
    for part, start, end in zip(parts.parts, starts.tolist(), ends.tolist(), strict=True):
        # What a mark gets beyond its own length is silence: a long comma was never heard.
        own = min(end, start + part.end - part.start) if part.pause else end
        for symbol, low, high in ((part.symbol, start, own), (SILENCE, own, end)):
            if high > low and spans and symbol == SILENCE == spans[-1].symbol:
                spans[-1] = PhonemeSpan(SILENCE, spans[-1].start, high)
            elif high > low:
                spans.append(PhonemeSpan(symbol, low, high))
    words = []
    for word in timeline.words:
        inside = np.flatnonzero(
            (parts.start >= word.start) & (parts.end <= word.end) & (parts.length > 0)
        )
        if len(inside):
            start, end = int(starts[inside[0]]), int(ends[inside[-1]])
        else:  # it has no sound of its own
            before = np.flatnonzero(parts.end <= word.start)
            start = end = int(ends[before[-1]]) if len(before) else 0
        words.append(WordSpan(word.text, start, end))
    return Timeline(tuple(spans), tuple(words), int(lengths.sum()))
