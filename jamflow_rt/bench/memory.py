"""Resident memory: of the model, of an open session, and after many sessions."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from jamflow_rt.avatar import Avatar
from jamflow_rt.bench.figures import Figure
from jamflow_rt.bench.pace import FastTime
from jamflow_rt.bench.sentences import SENTENCES
from jamflow_rt.bench.subject import Subject
from jamflow_rt.stream.session import Session

_MEGA = 2**20
_STATM = Path("/proc/self/statm")


def resident_megabytes() -> float:
    """Resident memory of this process; where there is no /proc, the most it ever was."""
    if _STATM.exists():
        pages = int(_STATM.read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / _MEGA
    import resource  # Windows has none

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, others kibibytes.
    return most / _MEGA if sys.platform == "darwin" else most / 1024


def memory_figures(subject: Subject) -> list[Figure]:
    """Megabytes: everything loaded, a session more, and what many sessions leave behind."""
    with subject.avatar() as avatar:
        gc.collect()
        loaded = resident_megabytes()
        motion = asyncio.run(_per_session(subject, avatar, pictures=False))
        video = asyncio.run(_per_session(subject, avatar, pictures=True))
        growth = asyncio.run(_growth(subject, avatar))
    cycles = subject.plan.cycles
    averaged = f"averaged over {subject.plan.memory_sessions}"
    return [
        _megabytes("loaded", "process with the model loaded", loaded),
        _megabytes("motion_only", "an open session, motion only", motion, averaged),
        _megabytes("video", f"an open session, pictures {subject.plan.size} wide", video, averaged),
        _megabytes("growth", f"growth over {cycles} sessions opened and closed", growth),
    ]


async def _per_session(subject: Subject, avatar: Avatar, *, pictures: bool) -> float:
    async with AsyncExitStack() as stack:

        async def open_one() -> None:
            time = FastTime(lambda: avatar.engine.busy)
            opener = subject.session(avatar, pictures=pictures, clock=time.clock())
            await speak_out(await stack.enter_async_context(opener), SENTENCES[0])

        # The first pays for what all share, such as the portrait.
        await open_one()
        gc.collect()
        before = resident_megabytes()
        for _ in range(subject.plan.memory_sessions):
            await open_one()
        gc.collect()
        return (resident_megabytes() - before) / subject.plan.memory_sessions


async def _growth(subject: Subject, avatar: Avatar) -> float:
    before, warm = 0.0, subject.plan.warm_cycles
    for index in range(warm + subject.plan.cycles):
        if index == warm:
            gc.collect()
            before = resident_megabytes()
        time = FastTime(lambda: avatar.engine.busy)
        # Every other one draws: pictures are the larger part.
        opener = subject.session(avatar, pictures=index % 2 == 0, clock=time.clock())
        async with opener as session:
            await speak_out(session, SENTENCES[0])
    gc.collect()
    return resident_megabytes() - before


async def speak_out(session: Session, text: str) -> int:
    """Say a text and pull frames until it has been heard. Returns how many they were."""
    speech = session.say(text)
    frames = 0
    async for _frame in session:
        frames += 1
        if speech.done:
            break
    return frames


def _megabytes(key: str, name: str, value: float, note: str = "") -> Figure:
    return Figure(key=key, name=name, value=value, unit="MiB", digits=1, note=note)
