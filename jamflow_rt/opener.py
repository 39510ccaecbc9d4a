"""What opens a session: to be awaited for it, or entered with `async with`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar


class Closable(Protocol):
    """What can be closed."""

    async def aclose(self) -> None:
        """End it; may be called twice."""


S = TypeVar("S", bound=Closable)


class Opener(Generic[S]):
    """`await` it for a session, or enter it with `async with`, which closes the session.

    Args:
        open_session: opens one.
    """

    def __init__(self, open_session: Callable[[], Coroutine[Any, Any, S]]) -> None:
        self._open = open_session
        self._session: S | None = None

    def __await__(self) -> Generator[Any, None, S]:
        return self._open().__await__()

    async def __aenter__(self) -> S:
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.aclose()
