"""How long and how often a bench measures."""

from __future__ import annotations

from pydantic import Field

from jamflow_rt.config import StrictModel


class Plan(StrictModel):
    """Settings of a bench; as they stand, those of the full run."""

    trials: int = Field(default=30, ge=1)
    """Times that each latency is measured."""
    seconds: float = Field(default=60.0, gt=0)
    """How long sessions speak at once."""
    evaluations: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Euler steps a window of which the real-time factor is measured."""
    repeats: int = Field(default=15, ge=1)
    """Times that a window is sampled and a matrix product made; the median or best counts."""
    sentences: int = Field(default=4, ge=1)
    """How many of the sentences are said where the cost of a sounding second is measured."""
    motion_only: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16)
    """Sessions at once that are tried, upward until so many are too many."""
    video: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    """The same with pictures."""
    encoded: tuple[int, ...] = (1, 2, 3, 4)
    """The same with pictures and sound encoded as for a viewer."""
    size: int = 512
    """Width of the pictures of sessions."""
    sizes: tuple[int, ...] = (512, 1024)
    """Widths of pictures of which the drawing is measured."""
    faces: int = Field(default=60, ge=1)
    """Pictures drawn for that."""
    pictures: int = Field(default=10, ge=1)
    """Pictures drawn with LivePortrait's networks."""
    product: int = Field(default=2048, ge=16)
    """Side of the largest square matrices whose product tells the machine's peak."""
    memory_sessions: int = Field(default=4, ge=1)
    """Open sessions over which memory is averaged."""
    warm_cycles: int = Field(default=5, ge=0)
    """Sessions before them: allocators and caches fill with the first."""
    cycles: int = Field(default=200, ge=1)
    """Sessions that are opened, speak and are closed one after the other."""
    soak_minutes: float = Field(default=0.0, ge=0)
    """Minutes of media time of the soak; 0 leaves it out."""


FULL = Plan()
QUICK = Plan(
    trials=5,
    seconds=8.0,
    repeats=5,
    sentences=2,
    motion_only=(1, 2, 4, 6, 8),
    video=(1, 2, 3, 4),
    encoded=(1, 2, 3),
    faces=20,
    pictures=3,
    memory_sessions=2,
    cycles=10,
)
"""A few minutes instead of half an hour; what is rare is not seen."""
