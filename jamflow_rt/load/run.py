"""The load test: media modes, numbers of clients, one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from jamflow_rt.bench.sentences import SENTENCES
from jamflow_rt.errors import JamflowError
from jamflow_rt.load.arrivals import Connection, Open
from jamflow_rt.load.lag import watched
from jamflow_rt.load.plan import LoadMedia, LoadPlan
from jamflow_rt.load.report import Level, LoadReport
from jamflow_rt.load.requests import address, buy_token
from jamflow_rt.load.tally import Tally
from jamflow_rt.load.visit import visit

STAGGER: Final = 0.25
"""Seconds by which a client comes after the one before it: people come one by one."""
REST: Final = 2.0
"""Seconds between two levels, in which the server ends its sessions."""

MakeOpen = Callable[[LoadMedia, int], Awaitable[Open]]
"""Gives the way to connect, for a media mode and a number of clients."""


def load(plan: LoadPlan, progress: Callable[[str], None] = lambda told: None) -> LoadReport:
    """Run a load test.

    Args:
        plan: what it does.
        progress: told what is measured now.

    Raises:
        InvalidInput: the address is none.
        JamflowError: nobody got a place although the server was not full; why the first did not.
    """
    address(plan.url, "")
    _warm_up()
    return asyncio.run(
        run_levels(plan, lambda media, clients: opener(plan, media, clients), progress)
    )


async def run_levels(
    plan: LoadPlan,
    make_open: MakeOpen,
    progress: Callable[[str], None] = lambda told: None,
    *,
    rest: float = REST,
) -> LoadReport:
    """The levels of a plan, with the connections that `make_open` makes."""
    report = LoadReport(plan)
    for media in plan.media:
        levels = report.levels[media] = []
        for count in plan.clients:
            if report.served:
                await asyncio.sleep(rest)
            progress(f"{media}, {count} client{'s' if count > 1 else ''}")
            open_connection = await make_open(media, count)
            levels.append(await run_level(open_connection, count, plan.seconds))
            if not report.served:
                _check_door(levels[-1])
    return report


async def run_level(
    open_connection: Open, clients: int, seconds: float, *, stagger: float = STAGGER
) -> Level:
    """So many clients at once.

    Args:
        open_connection: makes their connections.
        clients: how many.
        seconds: how long each stays, from its first frame on.
        stagger: seconds by which each comes after the one before it.
    """

    async def come(number: int) -> None:
        await asyncio.sleep(number * stagger)
        tallies[number] = await visit(open_connection, number, seconds)

    tallies: dict[int, Tally] = {}
    began, busy = time.perf_counter(), time.process_time()
    async with watched() as lag:
        await asyncio.gather(*map(come, range(clients)))
    cores = (time.process_time() - busy) / (time.perf_counter() - began)
    return Level(tuple(tallies[number] for number in range(clients)), cores, lag.worst)


async def opener(plan: LoadPlan, media: LoadMedia, clients: int) -> Open:
    """The way to connect to the server of a plan, with tokens for so many clients."""
    try:
        tokens = await _tokens(plan, clients)
    except JamflowError as error:
        return _refuse(error)

    async def open_connection(number: int) -> Connection:
        if media == "webrtc":
            from jamflow_rt.load.webrtc import open_webrtc

            return await open_webrtc(plan.url, tokens[number], plan.portrait, plan.voice)
        from jamflow_rt.load.sockets import open_socket

        return await open_socket(plan.url, tokens[number], media, plan.portrait, plan.voice)

    return open_connection


async def _tokens(plan: LoadPlan, clients: int) -> list[str | None]:
    if plan.token is not None:
        return [plan.token.get_secret_value()] * clients
    if plan.auth_key is None:
        return [None] * clients
    # One each: the server counts by the subject of the token, as it counts people.
    key = plan.auth_key.get_secret_value()
    return [await buy_token(plan.url, key) for _ in range(clients)]


def _refuse(error: JamflowError) -> Open:
    async def open_connection(number: int) -> Connection:
        raise error

    return open_connection


def _check_door(level: Level) -> None:
    """Nobody has been let in so far. A full server is a finding; a wrong address is not.

    Raises:
        JamflowError: why the first client got nothing.
    """
    first = level.tallies[0]
    if not level.served and not first.refusals and first.failure is not None:
        raise first.failure


def _warm_up() -> None:
    """Load what would otherwise be loaded while the first client waits for it: seconds."""
    import jamflow_rt.client.space
    import jamflow_rt.client.unpacking
    import jamflow_rt.load.sockets
    import jamflow_rt.load.webrtc  # noqa: F401
    from jamflow_rt.stream.sources import check_text

    for sentence in SENTENCES:
        check_text(sentence, len(sentence))
