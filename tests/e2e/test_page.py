"""The page in a real browser against the real server: sound, pictures, stop, overload, loss."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Error, Page, expect

from tests.e2e.conftest import Server, serving

SENTENCE = (
    "Good morning, and welcome. I am glad that you are here, because there is a lot that I want "
    "to tell you about the sea, the mountains, and the long way that leads from here to there."
)
LOUD = 0.01
"""RMS that is surely speech."""
SILENT = 0.002
"""RMS that nobody hears."""
WAIT = 45_000
"""Milliseconds to wait for what must come, on a busy machine."""
OpenPage = Callable[[], Page]


def connect(page: Page, server: Server) -> None:
    page.goto(server.url, timeout=WAIT)
    expect(page.locator("#status-text")).to_have_text("Ready", timeout=WAIT)
    expect(page.locator("#cover")).to_be_hidden()


def say(page: Page, text: str) -> None:
    """As a person does it: type and press Enter."""
    page.locator("#text").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#status-text")).to_have_text("Speaking", timeout=WAIT)


def watch(page: Page, seconds: float) -> dict[str, list[list[float]]]:
    """What was heard and seen in the next seconds."""
    page.evaluate("probe.sound.length = probe.pictures.length = 0")
    page.wait_for_timeout(1000 * seconds)
    seen: dict[str, list[list[float]]] = page.evaluate(
        "({sound: probe.sound, pictures: probe.pictures})"
    )
    return seen


def share(values: list[list[float]], above: float) -> float:
    return sum(value > above for _, value, *_ in values) / max(len(values), 1)


def wait_for_sessions(server: Server, count: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (now := server.sessions()) != count:
        assert time.monotonic() < deadline, f"{now} sessions instead of {count}"
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def empty_server(server: Server) -> None:
    wait_for_sessions(server, 0, seconds=20)


def test_it_idles_speaks_and_idles_again(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    connect(page, server)
    page.evaluate("probe.start()")

    idle = watch(page, 2)
    assert max(level for _, level in idle["sound"]) < SILENT
    assert len(idle["pictures"]) > 10
    before: dict[str, Any] = page.evaluate("avatar.stats()")

    say(page, SENTENCE)
    expect(page.locator("#captions")).to_contain_text("morning", timeout=WAIT)
    speaking = watch(page, 4)
    after: dict[str, Any] = page.evaluate("avatar.stats()")
    assert after["bytesReceived"] > before["bytesReceived"] + 20_000
    assert after["framesDecoded"] > before["framesDecoded"] + 20
    assert after["audioEnergy"] > before["audioEnergy"]
    assert share(speaking["sound"], LOUD) > 0.3
    # Successive pictures differ.
    assert share(speaking["pictures"], 0.05) > 0.7
    # Typing was a gesture: the sound is on.
    assert page.evaluate("document.querySelector('video').muted") is False

    expect(page.locator("#status-text")).to_have_text("Ready", timeout=WAIT)
    page.wait_for_timeout(500)
    silent = watch(page, 1)
    assert max(level for _, level in silent["sound"]) < SILENT
    assert len(silent["pictures"]) > 5


def test_the_stop_button_silences_within_300_ms(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    connect(page, server)
    page.evaluate("probe.start()")
    say(page, SENTENCE)
    speaking = watch(page, 3)["pictures"]
    page.evaluate("probe.sound.length = probe.pictures.length = 0")
    pressed = page.evaluate("probe.stop()")
    page.wait_for_timeout(2500)
    heard, seen = page.evaluate("[probe.sound, probe.pictures]")
    late = [(at - pressed, level) for at, level in heard if at > pressed + 300]
    assert max(level for _, level in late) < SILENT, f"still heard: {late[:20]}"
    expect(page.locator("#status-text")).to_have_text("Ready")
    # The mouth has closed as well: it is dark inside when it is open.
    after = [dark for at, _, dark in seen if at > pressed + 700]
    before = [dark for _, _, dark in speaking]
    assert np.percentile(after, 90) < 0.6 * np.percentile(before, 90)
    # And it speaks again when asked to.
    say(page, "Yes, I can go on.")


def test_the_viewer_above_the_limit_gets_the_message(server: Server, open_page: OpenPage) -> None:
    pages = [open_page() for _ in range(server.max_sessions)]
    for page in pages:
        connect(page, server)
    extra = open_page()
    extra.goto(server.url, timeout=WAIT)
    expect(extra.locator("#cover-title")).to_have_text("All places are taken", timeout=WAIT)
    expect(extra.locator("#cover-text")).to_contain_text(f"{server.max_sessions} places")
    # Those inside go on, and a place that becomes free can be had.
    say(pages[0], "I am still here.")
    pages[1].close()
    wait_for_sessions(server, 1, seconds=20)
    extra.get_by_role("button", name="Try again").click()
    expect(extra.locator("#status-text")).to_have_text("Ready", timeout=WAIT)


def test_a_page_closed_mid_sentence_frees_its_place(server: Server, open_page: OpenPage) -> None:
    leaving, staying = open_page(), open_page()
    for page in (leaving, staying):
        connect(page, server)
    say(leaving, SENTENCE)
    leaving.close()
    wait_for_sessions(server, 1, seconds=5)
    say(staying, "I am still here.")


def test_a_page_that_crashes_mid_sentence_frees_its_place(
    server: Server, open_page: OpenPage
) -> None:
    page = open_page()
    connect(page, server)
    say(page, SENTENCE)
    with contextlib.suppress(Error):
        page.goto("chrome://crash")
    wait_for_sessions(server, 0, seconds=20)


def test_bad_input_is_answered_and_does_no_harm(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    connect(page, server)
    refused = "text => avatar.say(text).then(() => 'said', error => error.code)"
    assert page.evaluate(refused, "   ") == "invalid_input"
    assert page.evaluate(refused, "😀😀") == "invalid_input"
    assert page.evaluate(refused, "x" * 100_000) == "message_too_long"
    assert page.evaluate(refused, "word " * 2_000) == "text_too_long"
    page.locator("#text").fill("😀")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_be_visible()
    say(page, "And now something else.")


def test_an_unknown_portrait_is_explained(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{server.url}/?portrait=nobody", timeout=WAIT)
    expect(page.locator("#cover-text")).to_contain_text("nobody", timeout=WAIT)


def test_sigterm_ends_sessions_and_server(open_page: OpenPage) -> None:
    with serving(max_sessions=1) as server:
        page = open_page()
        connect(page, server)
        say(page, SENTENCE)
        server.process.terminate()
        assert server.process.wait(20) == 0
        expect(page.locator("#cover-title")).to_have_text("The connection was lost", timeout=WAIT)
        # It tries to come back by itself.
        expect(page.locator("#status-text")).to_have_text("Reconnecting")
