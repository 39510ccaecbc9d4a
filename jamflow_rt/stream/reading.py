"""Reading: frames leave a session one by one, and what each means is told."""

from __future__ import annotations

from collections.abc import Callable

from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.stream.attention import Attention
from jamflow_rt.stream.clock import FRAME_SECONDS
from jamflow_rt.stream.events import Event, Metrics, Underrun
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.programme import Programme
from jamflow_rt.stream.supply import Supply


class Reading:
    """Lets frames leave, for one reader at a time.

    Args:
        playout: where they wait.
        programme: knows what they say.
        attention: told what was heard.
        supply: makes up for what has left.
        metrics_every: seconds of the media clock between two `Metrics`.
        emit: takes events.
        check: raises when there are no frames any more.
        on_failure: called when a frame cannot be drawn; `check` raises from then on.
    """

    def __init__(
        self,
        playout: Playout,
        programme: Programme,
        attention: Attention,
        supply: Supply,
        metrics_every: float,
        emit: Callable[[Event], None],
        check: Callable[[], None],
        on_failure: Callable[[JamflowError], None],
    ) -> None:
        self._playout = playout
        self._programme = programme
        self._attention = attention
        self._supply = supply
        self._metrics_every = metrics_every
        self._emit = emit
        self._check = check
        self._on_failure = on_failure
        # True while somebody waits for a frame.
        self._busy = False
        self._underruns = 0
        # Media time of the next `Metrics`.
        self._metrics_due = metrics_every

    async def next(self) -> Frame:
        """See `Session.__anext__`."""
        frame, starved = await self._take()
        if starved:
            self._underruns += 1
            current = self._programme.current
            self._emit(Underrun(frame.time, current.id if current else None))
        self._attention.played(frame.sound)
        frame = self._programme.hear(frame)
        self._supply.pump()
        if frame.time >= self._metrics_due:
            self._metrics_due += self._metrics_every
            self._emit(self._metrics())
        return frame

    async def _take(self) -> tuple[Frame, bool]:
        """The next frame when it is due, and whether it is the first one that is missing."""
        if self._busy:
            raise InvalidInput("A session has one reader; another task iterates over it already.")
        self._busy = True
        try:
            self._check()
            picture = await self._playout.wait()
            self._check()
            return self._playout.take(picture)
        except (JamflowError, StopAsyncIteration):
            raise
        except Exception as error:
            self._on_failure(
                Failed(f"A picture could not be drawn: {error!r}. Open a new session.")
            )
            self._check()
            raise
        finally:
            self._busy = False

    def _metrics(self) -> Metrics:
        clock = self._playout.clock
        ahead = len(self._playout) * FRAME_SECONDS
        first_frame = self._programme.first_frame
        return Metrics(clock.time, ahead, clock.late, self._underruns, first_frame)
