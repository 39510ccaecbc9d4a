"""Whether a server is what it was after many viewers have come and gone.

`python -m tests.e2e.measure_cycles --cycles 200 --killed 50`

It starts the real server as a process, and viewers made of aiortc: first some that connect, speak
and leave, one after the other; then some, a few at a time, that vanish in the middle of a sentence
without a word. Before, on the way and after it notes the server's memory (RSS, and of that what is
no file's), threads, open files and asyncio tasks. Linux only: the figures are those of /proc. Tasks
are known where the server tells them at /metrics as `jamflow_asyncio_tasks`.

A leak grows with every viewer. The allocator's reserves grow too, with the first dozens, and then
stay: tell them apart by the values on the way. What the allocator gives back while the killed are
waited for (18 MB) is taken again by the next viewer, once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from tests.e2e.conftest import Server, serving

SENTENCE = (
    "Good morning, and welcome. I am glad that you are here, because there is a lot that I want "
    "to tell you about the sea, the mountains, and the long way that leads from here to there."
)
WORD = "Hello there."
WARM = 5
"""Viewers before the first look: what is made once, with them, is no leak."""
GONE_SECONDS = 40.0
"""How long vanished viewers may keep their places: a server waits 10 s for their reports."""


class Viewer:
    """Watches, listens, and asks for speech."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.addTransceiver("video", direction="recvonly")
        self._peer.addTransceiver("audio", direction="recvonly")
        self._channel = self._peer.createDataChannel("events")
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._channel.on("message", lambda text: self._events.put_nowait(json.loads(text)))
        self._peer.on("track", self._watch)
        self._watching: list[asyncio.Task[None]] = []
        self._location = ""

    async def connect(self) -> None:
        await self._peer.setLocalDescription(await self._peer.createOffer())
        sdp = self._peer.localDescription.sdp
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as http:
            headers = {"content-type": "application/sdp"}
            answer = await http.post("/whep", content=sdp, headers=headers)
        answer.raise_for_status()
        self._location = answer.headers["location"]
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await self.hear_of("session.created")

    def say(self, text: str) -> None:
        self._channel.send(json.dumps({"type": "response.create", "input": text}))

    async def hear_of(self, kind: str, seconds: float = 60.0) -> None:
        """Wait for an event."""
        async with asyncio.timeout(seconds):
            while (await self._events.get())["type"] != kind:
                pass

    async def leave(self) -> None:
        """As a page that is closed does."""
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as http:
            (await http.delete(self._location)).raise_for_status()
        await self._close()

    async def vanish(self) -> None:
        """From one packet to the next nothing comes any more: no farewell, no reports."""
        for receiver in self._peer.getReceivers():
            receiver.transport.transport._send = _lose
        # The sockets stay, so that the server's packets do not bounce: its patience counts.
        asyncio.get_running_loop().call_later(GONE_SECONDS, lambda: _spawn(self._close()))

    def _watch(self, track: MediaStreamTrack) -> None:
        self._watching.append(asyncio.create_task(_drain(track)))

    async def _close(self) -> None:
        await self._peer.close()
        for task in self._watching:
            task.cancel()


async def _lose(data: bytes) -> None:
    """Send nothing."""


_SPAWNED: set[asyncio.Task[None]] = set()


def _spawn(work: Any) -> None:
    # The loop keeps only weak references to its tasks.
    task = asyncio.ensure_future(work)
    _SPAWNED.add(task)
    task.add_done_callback(_SPAWNED.discard)


async def _drain(track: MediaStreamTrack) -> None:
    try:
        while True:
            await track.recv()
    except MediaStreamError:
        pass


def look(server: Server) -> dict[str, float]:
    """What the server has now."""
    process = Path("/proc") / str(server.process.pid)
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    figures = {
        "sessions": float(server.sessions()),
        "memory MB": int(status["VmRSS"].split()[0]) / 1024,
        "own MB": int(status["RssAnon"].split()[0]) / 1024,
        "threads": float(status["Threads"]),
        "files": float(len(list((process / "fd").iterdir()))),
    }
    metrics = httpx.get(f"{server.url}/metrics")
    if tasks := re.search(r"^jamflow_asyncio_tasks (\S+)$", metrics.text, re.MULTILINE):
        figures["tasks"] = float(tasks[1])
    return figures


async def settle(server: Server) -> None:
    """Wait until nobody is being served, and what is left behind has had time to end."""
    deadline = time.monotonic() + GONE_SECONDS
    while server.sessions() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)


async def come_and_go(server: Server, cycles: int) -> None:
    for _ in range(cycles):
        viewer = Viewer(server.url)
        await viewer.connect()
        viewer.say(WORD)
        await viewer.hear_of("response.done")
        await viewer.leave()


async def be_killed(server: Server, count: int, at_once: int) -> None:
    """Viewers that vanish mid-sentence, some at once; the next come when those are forgotten."""
    for start in range(0, count, at_once):
        viewers = [Viewer(server.url) for _ in range(min(at_once, count - start))]
        for viewer in viewers:
            await viewer.connect()
            viewer.say(SENTENCE)
        for viewer in viewers:
            await viewer.hear_of("response.output_audio_transcript.delta")
        for viewer in viewers:
            await viewer.vanish()
        await settle(server)


Stages = dict[str, dict[str, float]]


async def measure(server: Server, cycles: int, killed: int, looks: int) -> Stages:
    """The server's figures at each stage; they are printed as they come."""
    stages: Stages = {}

    async def note(stage: str) -> None:
        await settle(server)
        figures = stages[stage] = look(server)
        if len(stages) == 1:
            print(f"{'':<28}" + "".join(f"{name:>12}" for name in figures))
        print(f"{stage:<28}" + "".join(f"{n:>12.5g}" for n in figures.values()), flush=True)

    await come_and_go(server, WARM)
    await note(f"after the first {WARM}")
    done = 0
    for part in range(1, looks + 1):
        now = cycles * part // looks
        await come_and_go(server, now - done)
        done = now
        await note(f"after {done} more")
    for part in range(1, looks + 1 if killed else 1):
        now = cycles + killed * part // looks
        await be_killed(server, now - done, server.max_sessions)
        done = now
        await note(f"after {done - cycles} were killed")
    await come_and_go(server, 1)
    await note("after one more")
    return stages


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cycles", type=int, default=200, help="connect, speak, leave")
    parser.add_argument("--killed", type=int, default=50, help="vanish in the middle of a sentence")
    parser.add_argument("--places", type=int, default=2, help="viewers at once")
    parser.add_argument("--looks", type=int, default=4, help="at the server, on the way")
    parser.add_argument("--json", type=Path, help="write the figures here as JSON")
    given = parser.parse_args()
    with serving(max_sessions=given.places) as server:
        stages = asyncio.run(measure(server, given.cycles, given.killed, given.looks))
    if given.json:
        given.json.write_text(json.dumps(stages, indent=2) + "\n")


if __name__ == "__main__":
    main()
