"""What the server counts, for Prometheus at `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jamflow_rt.serve.auth import Gate
from jamflow_rt.stream import events
from jamflow_rt.stream.session import Session

Transport = Literal["webrtc", "websocket", "whip"]
Refusal = Literal["full", "limit", "authorization", "input", "other"]

FIRST_FRAME_SECONDS: Final = (
    *(0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5),
    *(0.65, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0),
)
"""Buckets: close where the answer is quick, since that is what is promised."""


class Metrics:
    """The counters of one server, in a registry of their own.

    Args:
        alive: whether the engine can generate; asked at each scrape.
    """

    def __init__(self, alive: Callable[[], bool]) -> None:
        self.registry = CollectorRegistry()
        # Memory, processor time and open files of this process.
        ProcessCollector(registry=self.registry)
        self._open = Gauge(
            "jamflow_sessions_open",
            "Sessions that are open.",
            ["transport"],
            registry=self.registry,
        )
        self._opened = self._counter("sessions_opened", "Sessions that were opened.", "transport")
        self._refused = self._counter("sessions_refused", "Sessions that were refused.", "reason")
        self._failed = self._counter("sessions_failed", "Sessions in which something broke.")
        self._first_frame = Histogram(
            "jamflow_first_frame_seconds",
            "From being asked to say something to its first frame, where it did not queue.",
            buckets=FIRST_FRAME_SECONDS,
            registry=self.registry,
        )
        self._underruns = self._counter("underruns", "Gaps in which no frame was ready.")
        self._interrupted = self._counter(
            "speeches_interrupted", "Speeches that ended before their end."
        )
        self._finished = self._counter("speeches_finished", "Speeches that were heard to the end.")
        self._words = self._counter("words", "Words that were spoken.")
        engine = Gauge(
            "jamflow_engine_alive", "1 while the engine can generate.", registry=self.registry
        )
        engine.set_function(lambda: float(alive()))
        tasks = Gauge("jamflow_asyncio_tasks", "Tasks of the event loop.", registry=self.registry)
        tasks.set_function(_count_tasks)

    def opened(self, transport: Transport) -> Callable[[], None]:
        """A session was opened. Returns what to call, once, when it is closed."""
        self._opened.labels(transport).inc()
        self._open.labels(transport).inc()
        return lambda: self._open.labels(transport).dec()

    def refused(self, reason: Refusal) -> None:
        """A session was asked for in vain."""
        self._refused.labels(reason).inc()

    def watch(self, session: Session) -> Callable[[], None]:
        """Count what a session does, until the function that this returns is called."""
        return session.on_event(self._saw)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)

    def _saw(self, event: events.Event) -> None:
        match event:
            case events.SpeechStarted():
                if event.first_frame is not None:
                    self._first_frame.observe(event.first_frame)
            case events.WordSpoken():
                self._words.inc()
            case events.SpeechFinished():
                self._finished.inc()
            case events.SpeechInterrupted():
                self._interrupted.inc()
            case events.Underrun():
                self._underruns.inc()
            case events.SessionFailed():
                self._failed.inc()
            case (
                events.StateChanged()
                | events.UserStarted()
                | events.UserStopped()
                | events.Metrics()
            ):
                pass

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"jamflow_{name}", what, labels, registry=self.registry)


def _count_tasks() -> float:
    try:
        return float(len(asyncio.all_tasks()))
    except RuntimeError:
        return 0.0  # no loop runs here


class MetricsEndpoint:
    """`GET /metrics`; with an auth key, for those who have it."""

    def __init__(self, gate: Gate, metrics: Metrics) -> None:
        self._gate = gate
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Where it answers."""
        return [Route("/metrics", self.read, methods=["GET"])]

    async def read(self, request: Request) -> Response:
        """GET /metrics."""
        self._gate.check_key(request.headers)
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
