"""One client from its coming to its going."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from jamflow_rt.client.link import as_failure
from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.load.arrivals import Connection, Heard, Open
from jamflow_rt.load.ear import Ear
from jamflow_rt.load.punctuality import Punctuality
from jamflow_rt.load.talking import Talk
from jamflow_rt.load.tally import Tally
from jamflow_rt.serve.race import race

log = logging.getLogger(__name__)

FIRST_SECONDS: Final = 15.0
"""How long media may take to come once the server has let a client in."""


async def visit(open_connection: Open, number: int, seconds: float) -> Tally:
    """Be a client of a server for so many seconds. What goes wrong is in the tally.

    Args:
        open_connection: makes the connection.
        number: of the client; no two of them talk alike.
        seconds: from its first frame on.
    """
    tally = Tally()
    asked = asyncio.get_running_loop().time()
    try:
        connection = await open_connection(number)
    except Exception as error:
        tally.note(_known(error))
        return tally
    try:
        await _Visit(connection, tally, number, asked).run(seconds)
    except Exception as error:
        tally.note(_known(error))
    finally:
        tally.received = await connection.received()
        await connection.aclose()
    for trouble in connection.troubles:
        tally.note(trouble)
    tally.server_underruns = connection.underruns
    return tally


class _Visit:
    def __init__(self, connection: Connection, tally: Tally, number: int, asked: float) -> None:
        self._connection = connection
        self._tally = tally
        self._asked = asked
        self._ear = Ear()
        self._punctuality = Punctuality()
        self._talk = Talk(connection, self._ear, tally, self._punctuality.interrupted, number)
        self._begun = asyncio.Event()
        self._first = 0.0
        self._seen = 0

    async def run(self, seconds: float) -> None:
        try:
            await race(self._listen(), self._stay(seconds))
        finally:
            if self._begun.is_set():
                now = asyncio.get_running_loop().time()
                self._tally.seconds = now - self._first
                self._punctuality.end(now)
            self._tally.take(self._punctuality)
            self._tally.frames = self._seen or self._punctuality.pieces

    async def _listen(self) -> None:
        async for arrival in self._connection.arrivals():
            if not self._begun.is_set():
                self._first = arrival.at
                self._tally.connects.append(arrival.at - self._asked)
                self._begun.set()
            if isinstance(arrival, Heard):
                self._ear.hear(arrival)
                self._punctuality.push(arrival)
            else:
                self._seen += 1
        raise Failed("The server ended the session.")

    async def _stay(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                await self._begun.wait()
        except TimeoutError as error:
            raise Failed(f"Nothing came within {FIRST_SECONDS:g} seconds.") from error
        until = self._first + seconds
        try:
            async with asyncio.timeout_at(until):
                await self._talk.run(until)
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            pass  # it has stayed as long as it was to


def _known(error: Exception) -> JamflowError:
    if not isinstance(error, JamflowError):
        log.error("A client of the load test broke.", exc_info=error)
    return as_failure(error)
