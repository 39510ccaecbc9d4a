"""A person talks to the avatar while it speaks: real speech in a real browser's microphone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

import jamflow_rt
from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.record import write_wav
from tests.e2e.conftest import Server
from tests.e2e.test_page import LOUD, SENTENCE, SILENT, WAIT, say, wait_for_sessions
from tests.e2e.test_sdk import visit, wake

QUESTION = "Excuse me, wait a moment please, I have a question about that."
QUIET_SECONDS = 3.0
"""From the opening of the microphone to the first word."""
STORY = f"{SENTENCE} {SENTENCE} {SENTENCE}"

RECORD = """
window.told = [];
window.recording = setInterval(() => {
  // Before that it is the element of this name.
  if (!window.avatar?.on) return;
  clearInterval(recording);
  avatar.on("event", (event) => told.push({ ...event, at: performance.now() }));
}, 10);
"""


async def synthesise(url: str) -> NDArray[np.float32]:
    """The question as another voice says it, with the silence around it cut off."""
    async with jamflow_rt.connect(url, media="audio", voice="michael") as session:
        speech = session.say(QUESTION)
        pieces = []
        async for frame in session:
            if frame.speech_id is not None:
                pieces.append(frame.sound)
            if speech.done:
                break
    sound = np.concatenate(pieces)
    loud = np.flatnonzero(np.abs(sound) > 0.02)
    return sound[loud[0] : loud[-1] + 1]


@pytest.fixture(scope="module")
def question(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A recording of a quiet room in which somebody asks something, and how long that takes."""
    # This thread has Playwright's event loop.
    with ThreadPoolExecutor(1) as pool:
        speech = pool.submit(asyncio.run, synthesise(server.url)).result()
    room = np.random.default_rng(5).normal(0, 0.001, round(SAMPLE_RATE * 20)).astype(np.float32)
    begin = round(SAMPLE_RATE * QUIET_SECONDS)
    room[begin : begin + len(speech)] += speech
    path = tmp_path_factory.mktemp("microphone") / "question.wav"
    write_wav(room, path)
    return path, len(speech) / SAMPLE_RATE


@pytest.fixture(scope="module")
def listener(launch: Callable[..., Browser], question: tuple[Path, float]) -> Iterator[Browser]:
    """A browser into whose microphone the recording is played, from its opening on."""
    browser = launch(f"--use-file-for-fake-audio-capture={question[0]}%noloop")
    yield browser
    browser.close()


@pytest.fixture
def page(server: Server, listener: Browser) -> Iterator[Page]:
    wait_for_sessions(server, 0, seconds=40)
    context = listener.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.add_init_script(path=Path(__file__).with_name("probe.js"))
    page.add_init_script(RECORD)
    yield page
    context.close()


def times(page: Page, kind: str, **fields: str) -> list[float]:
    """When events of a kind came, in seconds of the page."""
    return [
        event["at"] / 1000
        for event in page.evaluate("told")
        if event["type"] == kind and fields.items() <= event.items()
    ]


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
def test_it_stops_for_a_question_and_not_for_silence(
    server: Server, page: Page, question: tuple[Path, float], transport: str
) -> None:
    visit(page, server, f"transport={transport}")
    wake(page)
    say(page, STORY)
    status = page.locator("#status-text")
    page.locator("#microphone").click()
    expect(page.locator("#microphone")).to_have_attribute("aria-pressed", "true", timeout=WAIT)
    opened = page.evaluate("performance.now()") / 1000

    expect(status).to_have_text("Listening", timeout=WAIT)
    expect(page.locator("#live-text")).to_have_text("Listening to you")
    expect(status).to_have_text("Thinking", timeout=WAIT)
    expect(page.locator("#live-text")).to_have_text("It hears you")

    # The room's own noise did not interrupt: it spoke on until the question.
    (started,) = times(page, "input_audio_buffer.speech_started")
    (stopped,) = times(page, "input_audio_buffer.speech_stopped")
    assert started > opened + 0.6 * QUIET_SECONDS
    heard = page.evaluate("probe.sound")
    before = [level for at, level in heard if opened < at / 1000 < started]
    assert np.mean(np.array(before) > LOUD) > 0.3

    # One speech began, and was broken off.
    (done,) = times(page, "response.done", status="cancelled")
    assert len(times(page, "response.created")) == 1
    assert abs(done - started) < 0.5
    after = [level for at, level in heard if done + 0.5 < at / 1000 < stopped]
    assert after and max(after) < SILENT
    states = [event["state"] for event in page.evaluate("told") if "state" in event]
    assert states[-2:] == ["listening", "thinking"]
    assert "speaking" in states[:-2]
    # The turn took as long as the question.
    assert abs(stopped - started - question[1]) < 1.5

    # Nobody answers here: it does not think for ever, and can go on.
    expect(status).to_have_text("Ready", timeout=WAIT)
    say(page, "Yes? What would you like to know?")
    expect(page.locator("#notice")).to_be_hidden()
