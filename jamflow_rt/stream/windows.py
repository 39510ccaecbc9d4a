"""The window planner: where the next window starts and how its beats are used. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from jamflow_rt.config import WindowConfig
from jamflow_rt.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """`prefix | new | look-ahead`, in beats. Only the new beats are ever emitted."""

    prefix: int
    new: int
    look_ahead: int

    @property
    def beats(self) -> int:
        """Length of the whole window."""
        return self.prefix + self.new + self.look_ahead


@dataclass(frozen=True, slots=True)
class WindowPlanner:
    """Plans windows of few distinct lengths, so that sessions can share forward passes.

    When less is left to say than a window would hold, the window keeps its length and the rest of
    it becomes look-ahead: the lengths in use are `prefix + g + look_ahead` for the `g` in `growth`,
    and one that begins with `opening`.
    """

    config: WindowConfig
    idle: int = 8
    """New beats of an idle window."""

    def __post_init__(self) -> None:
        if not self.config.growth or min(self.config.growth) < 1 or self.idle < 1:
            raise InvalidInput("Windows need at least one new beat: check growth and idle.")

    def speech(self, index: int, available: int, primed: bool = False) -> WindowPlan:
        """The window number `index` (0, 1, …) of a speech that has `available` ≥ 1 beats left.

        Args:
            index: counts from the last idling.
            available: beats that can be performed.
            primed: it goes on from a past that tells much, although idling came before it.
        """
        if available < 1:
            raise InvalidInput("A speech window needs at least one beat to say.")
        growth = self.config.growth
        wanted = growth[min(index, len(growth) - 1)]
        new = min(wanted, available)
        length = min((g for g in growth if g >= new), default=wanted)
        prefix = self.config.prefix if index or primed else self._opening
        return WindowPlan(prefix, new, length - new + self.config.look_ahead)

    def phrase(self, beats: int, primer: int) -> WindowPlan:
        """The window of a whole phrase, which goes on from a primer of so many beats."""
        return WindowPlan(primer, beats, 0)

    def silence(self, hurry: bool = False) -> WindowPlan:
        """A window of idling; in a hurry the shortest there is."""
        new = min(self.config.growth) if hurry else self.idle
        return WindowPlan(self.config.prefix, new, self.config.look_ahead)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Every window length in use, in beats, ascending."""
        config = self.config
        sizes = {config.prefix + g for g in (*config.growth, self.idle)}
        sizes |= {self._opening + g for g in config.growth if g <= config.growth[0]}
        return tuple(size + config.look_ahead for size in sorted(sizes))

    @property
    def _opening(self) -> int:
        return min(self.config.opening, self.config.prefix)
