"""Which clips are learned from, and which are kept out."""

from __future__ import annotations

import zlib

from jamflow_rt.beats import BEAT_SECONDS
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.scale.recipe import Recipe
from jamflow_rt.train.shards import ClipShards


def split(shards: ClipShards, recipe: Recipe) -> tuple[list[int], list[int]]:
    """Numbers of the clips to learn from, and of those kept out for validation.

    A clip's key alone decides, so more data does not move clips from one side to the other.

    Raises:
        InvalidInput: no clip has a length that the recipe wants.
    """
    learned: list[int] = []
    kept_out: list[int] = []
    lengths = recipe.lengths
    for number, entry in enumerate(shards.entries):
        if lengths.shortest <= entry.beats * BEAT_SECONDS <= lengths.longest:
            out = zlib.crc32(entry.key.encode()) < recipe.validation.share * 2**32
            (kept_out if out else learned).append(number)
    if not learned:
        raise InvalidInput(
            f"None of the {len(shards)} clips of {shards.folder} can be learned from: the recipe "
            f"wants {lengths.shortest} to {lengths.longest} s, and keeps out "
            f"{recipe.validation.share:.0%}."
        )
    return learned, kept_out
