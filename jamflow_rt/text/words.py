"""Which words of a normalised sentence a written word became: "10:30" → "ten thirty"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Final

_REACH: Final = 24
"""How far apart two equal places are looked for after a difference, in words of both sides."""
_WIDEST_BLOCK: Final = 40
"""Wider differences (there is no such reading of one word) are shared out evenly."""


def align_words(
    written: Sequence[str], normal: Sequence[str], normalise: Callable[[str], str]
) -> list[tuple[int, int]]:
    """Share out the words of a normalised sentence among the written words, in order.

    Args:
        written: the words before normalisation.
        normal: the words after it; most are the same.
        normalise: the normalisation, to see how a word is read when it stands alone.

    Returns:
        For each written word its range in `normal`. The ranges touch and cover all of `normal`;
        that of a word which is not read at all is empty.
    """
    ranges: list[tuple[int, int]] = []
    i = j = 0
    while i < len(written) or j < len(normal):
        if i < len(written) and j < len(normal) and written[i] == normal[j]:
            ranges.append((j, j + 1))
            i, j = i + 1, j + 1
            continue
        next_i, next_j = _next_agreement(written, normal, i, j)
        block = _share(written[i:next_i], normal[j:next_j], normalise)
        ranges += [(j + start, j + end) for start, end in block]
        if i == next_i and ranges:  # words that stem from none go to the one before
            ranges[-1] = (ranges[-1][0], next_j)
        i, j = next_i, next_j
    return ranges


def _next_agreement(
    written: Sequence[str], normal: Sequence[str], i: int, j: int
) -> tuple[int, int]:
    """The nearest places after (i, j) from which both sides agree for two words."""
    for distance in range(1, _REACH):
        for step in range(distance + 1):
            a, b = i + distance - step, j + step
            here, there = written[a : a + 2], normal[b : b + 2]
            if here and list(here) == list(there) and (a > i) == (b > j):
                return a, b
    return len(written), len(normal)


def _share(
    written: Sequence[str], normal: Sequence[str], normalise: Callable[[str], str]
) -> list[tuple[int, int]]:
    """Cut `normal` into one range a written word so that each resembles its own reading."""
    n, m = len(written), len(normal)
    if n <= 1:
        return [(0, m)] * n
    if m > _WIDEST_BLOCK or n > _WIDEST_BLOCK:
        return [(k * m // n, (k + 1) * m // n) for k in range(n)]
    readings = [normalise(word).lower() for word in written]
    # best[k][e]: the best likeness of the first k written words to normal[:e], and its last cut
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for reading in readings:
        row: dict[int, tuple[float, int]] = {}
        for cut, (score, _) in best[-1].items():
            for end in range(cut, m + 1):
                total = score + _likeness(reading, normal[cut:end])
                if end not in row or total > row[end][0]:
                    row[end] = (total, cut)
        best.append(row)
    ranges, end = [], m
    for row in reversed(best[1:]):
        ranges.append((row[end][1], end))
        end = row[end][1]
    return ranges[::-1]


def _likeness(reading: str, normal: Sequence[str]) -> float:
    if not normal:
        return -0.25 * len(reading) - (2.0 if any(c.isalnum() for c in reading) else 0.0)
    said = " ".join(normal).lower()
    matcher = SequenceMatcher(None, reading, said, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    # What is left over on either side costs, so that extra words fall to the word they resemble.
    return same - 0.25 * (len(reading) + len(said) - 2 * same)
