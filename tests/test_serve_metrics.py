from __future__ import annotations

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.serve.auth import Gate
from jamflow_rt.serve.metrics import Metrics, MetricsEndpoint
from jamflow_rt.serve.refusals import refusal
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Playback
from tests.serve_fakes import FakeSession
from tests.stream_fakes import Stage


def figures(metrics: Metrics) -> dict[str, float]:
    """All samples, named as in the text: `name{label}`."""
    found = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_sessions_are_counted_by_transport() -> None:
    metrics = Metrics(lambda: True)
    close = metrics.opened("webrtc")
    metrics.opened("websocket")
    metrics.opened("websocket")
    close()
    metrics.refused("full")
    found = figures(metrics)
    assert found["jamflow_sessions_open{webrtc}"] == 0
    assert found["jamflow_sessions_open{websocket}"] == 2
    assert found["jamflow_sessions_opened_total{webrtc}"] == 1
    assert found["jamflow_sessions_refused_total{full}"] == 1


def test_a_session_s_events_are_counted() -> None:
    metrics, session = Metrics(lambda: True), FakeSession()
    end = metrics.watch(session)  # type: ignore[arg-type]
    playback = Playback("s", 0.0, "")
    for event in (
        events.SpeechStarted(0, "s"),
        events.WordSpoken(0, "s", "Hello", 0.0, 0.2),
        events.WordSpoken(0, "s", "you", 0.2, 0.4),
        events.Underrun(0, "s"),
        events.SpeechFinished(0, "s", playback),
        events.SpeechInterrupted(0, "s", playback),
        events.SessionFailed(0, Failed("broken")),
        events.StateChanged(0, "idle"),
    ):
        session.emit(event)
    end()
    session.emit(events.Underrun(0, "s"))
    found = figures(metrics)
    assert found["jamflow_words_total"] == 2
    assert found["jamflow_underruns_total"] == 1
    assert found["jamflow_speeches_finished_total"] == 1
    assert found["jamflow_speeches_interrupted_total"] == 1
    assert found["jamflow_sessions_failed_total"] == 1


def test_the_first_frame_of_each_speech_that_did_not_queue_is_observed() -> None:
    metrics, session = Metrics(lambda: True), FakeSession()
    metrics.watch(session)  # type: ignore[arg-type]
    for first in (None, 0.21, 0.21, None, 0.43):
        session.emit(events.SpeechStarted(0, "s", first))
        # The session repeats the figure of the last speech.
        session.emit(events.Metrics(0, 0.0, 0.0, 0, first))
        session.emit(events.Metrics(0, 0.0, 0.0, 0, first))
    found = figures(metrics)
    assert found["jamflow_first_frame_seconds_count"] == 3
    assert found["jamflow_first_frame_seconds_sum"] == pytest.approx(0.85)
    assert found["jamflow_first_frame_seconds_bucket{0.2}"] == 0
    assert found["jamflow_first_frame_seconds_bucket{0.25}"] == 2
    assert found["jamflow_first_frame_seconds_bucket{0.5}"] == 3


async def test_speeches_that_begin_within_a_second_are_all_observed(stage: Stage) -> None:
    metrics = Metrics(lambda: True)
    metrics.watch(stage.session)
    for _ in range(3):
        speech, queued = stage.session.say("ha"), stage.session.say("queued")
        await stage.until(lambda queued=queued: queued.started)
        await stage.session.interrupt()
        assert speech.done
    assert stage.session.time < 5.0, "before the session tells its own metrics"
    assert figures(metrics)["jamflow_first_frame_seconds_count"] == 3


def test_the_engine_and_the_process_are_seen() -> None:
    alive = True
    metrics = Metrics(lambda: alive)
    assert figures(metrics)["jamflow_engine_alive"] == 1
    alive = False
    found = figures(metrics)
    assert found["jamflow_engine_alive"] == 0
    assert found["process_resident_memory_bytes"] > 1_000_000


def test_servers_do_not_share_their_counters() -> None:
    first, second = Metrics(lambda: True), Metrics(lambda: True)
    first.refused("limit")
    assert "jamflow_sessions_refused_total{limit}" not in figures(second)
    assert not any(family.name.startswith("jamflow") for family in REGISTRY.collect())


@pytest.mark.parametrize("key", [None, "a-key-that-nobody-guesses"])
def test_metrics_are_for_who_has_the_key(key: str | None) -> None:
    config = ServerConfig(auth_key=None if key is None else SecretStr(key))
    endpoint = MetricsEndpoint(Gate(config), Metrics(lambda: True))
    app = Starlette(routes=endpoint.routes(), exception_handlers={JamflowError: refusal})
    with TestClient(app) as client:
        assert client.get("/metrics").status_code == (200 if key is None else 401)
        answer = client.get("/metrics", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "jamflow_engine_alive 1.0" in answer.text
