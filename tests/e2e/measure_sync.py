"""How well sound and picture keep together in Chromium, and how fast the page answers.

`python -m tests.e2e.measure_sync --minutes 10 --json figures.json --plot offset.png`

It starts the real server and opens the real page, as the tests of this folder do.

- Offset: `estimatedPlayoutTimestamp` of the sound less that of the picture, both from `getStats()`,
  four times a second, while sentences are said, cut off and followed by pauses. Positive: what is
  heard is newer than what is seen. People notice more than +45 ms or −100 ms (ITU-R BT.1359).
- Connect: from the page's `load` event to the first picture that is shown.
- Heard: from Enter in the text box to the first loud sound of the page.
- Silence: from the press of the stop button to the last sound.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.conftest import CHROMIUM_FLAGS, Server, serving
from tests.e2e.sync_series import Series, draw

SAMPLE_MS = 250
EARLIEST_MS, LATEST_MS = 45.0, -100.0
LOUD = 0.01
"""RMS that is surely speech."""
SILENT = 0.002
"""RMS that nobody hears."""
WAIT = 45_000
"""Milliseconds to wait for what must come, on a busy machine."""
SENTENCES = (
    "Good morning, and welcome. I am glad that you are here, because there is a lot to tell.",
    "The sea was calm in the evening, and the boats came home one after the other.",
    "It takes about ten minutes to walk from the station to the old bridge.",
    "Nobody knew where the letter had come from, but everybody wanted to read it.",
    "First we look at the map, then we decide which of the three roads we take.",
)
SHORT = "Yes, of course, I can do that for you right now."


def open_page(browser: Browser, server: Server) -> Page:
    """A new window with the page in it, connected."""
    # To wait for something in the page, Playwright evaluates strings, which the policy forbids.
    context = browser.new_context(viewport={"width": 800, "height": 700}, bypass_csp=True)
    page = context.new_page()
    page.add_init_script(path=Path(__file__).with_name("meter.js"))
    page.goto(server.url, timeout=WAIT)
    page.wait_for_function("meter.firstPicture && meter.loaded", timeout=WAIT)
    return page


def close(page: Page, server: Server) -> None:
    page.context.close()
    deadline = time.monotonic() + 20
    while server.sessions() and time.monotonic() < deadline:
        time.sleep(0.1)


def say(page: Page, text: str) -> None:
    box = page.get_by_role("textbox").first
    box.fill(text)
    box.press("Enter")


def stop(page: Page) -> None:
    page.get_by_role("button", name=re.compile("stop", re.IGNORECASE)).first.click()


def wait_for_silence(page: Page, milliseconds: int = 700) -> None:
    page.wait_for_function(
        "([quiet, span]) => meter.sound.length && meter.sound.every(([at, level]) =>"
        " at < performance.now() - span || level < quiet)",
        arg=[SILENT, milliseconds],
        timeout=WAIT,
    )


def wait_for_sound(page: Page, since: float) -> float:
    """The page's time at the first loud sound after `since`."""
    at: float = page.wait_for_function(
        "([loud, since]) => meter.sound.find(([at, level]) => at > since && level > loud)?.[0]",
        arg=[LOUD, since],
        timeout=WAIT,
    ).json_value()
    return at


def measure_connects(browser: Browser, server: Server, count: int) -> list[float]:
    """Milliseconds from load to the first picture."""
    figures = []
    for _ in range(count):
        page = open_page(browser, server)
        figures.append(page.evaluate("meter.firstPicture - meter.loaded"))
        close(page, server)
    return figures


def measure_turns(page: Page, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from Enter to sound, and from the stop button to silence."""
    heard, silence = [], []
    for _ in range(count):
        wait_for_silence(page)
        say(page, SHORT)
        entered = page.evaluate("meter.entered")
        heard.append(wait_for_sound(page, entered) - entered)
        page.wait_for_timeout(900)
        # The stop must cut speech off, not a pause between words.
        wait_for_sound(page, page.evaluate("performance.now() - 30"))
        stop(page)
        page.wait_for_timeout(1200)
        silence.append(
            page.evaluate(
                "quiet => Math.max(0, ...meter.sound.filter(([at, level]) =>"
                " at > meter.clicked && level > quiet).map(([at]) => at - meter.clicked))",
                SILENT,
            )
        )
    return heard, silence


def talk(page: Page, minutes: float, chance: random.Random) -> Series:
    """Sentences, interruptions and pauses for some minutes; the samples of the playout."""
    page.evaluate("milliseconds => meter.sample(milliseconds)", SAMPLE_MS)
    series = Series()
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        say(page, chance.choice(SENTENCES))
        match chance.randrange(4):
            case 0 | 1:
                page.wait_for_timeout(chance.uniform(1_500, 4_000))
                stop(page)
            case 2:
                # A second sentence waits behind the first.
                say(page, chance.choice(SENTENCES))
                page.wait_for_timeout(9_000)
            case 3:
                page.wait_for_timeout(6_000)
        page.wait_for_timeout(chance.uniform(300, 2_500))
        series.samples += page.evaluate("meter.playout.splice(0)")
    series.events += page.evaluate("meter.events.splice(0)")
    return series


def sync_figures(series: Series) -> dict[str, float]:
    """Figures of the offset in ms; samples without both time stamps do not count."""
    known = np.isfinite(series.offsets())
    times, offsets = series.minutes()[known], series.offsets()[known]
    within = (offsets <= EARLIEST_MS) & (offsets >= LATEST_MS)
    return {
        "samples": len(known),
        "with both time stamps": float(known.sum()),
        "while it sounds": sum(sample["loud"] for sample in series.samples),
        "minutes": float(times[-1] - times[0]),
        "median ms": float(np.median(offsets)),
        "smallest ms": float(offsets.min()),
        "1st percentile ms": float(np.percentile(offsets, 1)),
        "99th percentile ms": float(np.percentile(offsets, 99)),
        "largest ms": float(offsets.max()),
        "share within +45/-100 ms": float(within.mean()),
        "drift ms a minute": float(np.polyfit(times, offsets, 1)[0]),
        "median of the first tenth ms": float(np.median(offsets[: len(offsets) // 10 + 1])),
        "median of the last tenth ms": float(np.median(offsets[-(len(offsets) // 10) - 1 :])),
    }


def playback_figures(inbound: dict[str, dict[str, Any]]) -> dict[str, float]:
    """What the browser had to do to both tracks."""
    sound, picture = inbound["audio"], inbound["video"]
    return {
        "sound buffered ms": 1000
        * sound["jitterBufferDelay"]
        / max(1, sound["jitterBufferEmittedCount"]),
        "sound concealed share": sound["concealedSamples"] / max(1, sound["totalSamplesReceived"]),
        "pictures buffered ms": 1000
        * picture["jitterBufferDelay"]
        / max(1, picture["jitterBufferEmittedCount"]),
        "pictures decoded": picture["framesDecoded"],
        "pictures dropped": picture.get("framesDropped", 0),
        "freezes": picture.get("freezeCount", 0),
        "packets lost": sound["packetsLost"] + picture["packetsLost"],
    }


def spread(figures: list[float]) -> dict[str, float]:
    return {
        "count": len(figures),
        "median ms": statistics.median(figures),
        "smallest ms": min(figures),
        "largest ms": max(figures),
    }


def measure(
    minutes: float, turns: int, connects: int, seed: int
) -> tuple[dict[str, dict[str, float]], Series]:
    """All figures, by what they are of, and how the playout went over time."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no browser: `apt-get install chromium`, or set CHROMIUM to one's path")
    figures: dict[str, dict[str, float]] = {}
    series = Series()
    with serving(max_sessions=2) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[*CHROMIUM_FLAGS, "--autoplay-policy=no-user-gesture-required"],
        )
        if connects:
            figures["connect"] = spread(measure_connects(browser, server, connects))
        page = open_page(browser, server)
        # A first word turns the page's sound on, and wakes what still slept.
        say(page, SHORT)
        page.evaluate("meter.listen()")
        wait_for_sound(page, 0)
        if turns:
            heard, silence = measure_turns(page, turns)
            figures["say to sound"] = spread(heard)
            figures["stop to silence"] = spread(silence)
        if minutes:
            series = talk(page, minutes, random.Random(seed))
            figures["sound against picture"] = sync_figures(series)
        figures["playback"] = playback_figures(page.evaluate("meter.inbound()"))
        browser.close()
    return figures, series


def show(figures: dict[str, dict[str, float]]) -> str:
    """The figures as a table."""
    lines = []
    for title, rows in figures.items():
        lines.append(title)
        lines += [f"  {name:<32}{value:>12.4g}" for name, value in rows.items()]
    return "\n".join(lines)


def main() -> None:
    """Measure, and print a table and JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of speech; 0 leaves it out")
    parser.add_argument("--turns", type=int, default=20, help="say and stop so often")
    parser.add_argument("--connects", type=int, default=5, help="open the page so often")
    parser.add_argument("--seed", type=int, default=0, help="of what is said and cut off when")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--series", type=Path, help="write all samples and events here")
    parser.add_argument("--plot", type=Path, help="draw the samples into this PNG")
    given = parser.parse_args()
    figures, series = measure(given.minutes, given.turns, given.connects, given.seed)
    print(show(figures))
    text = json.dumps(figures, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")
    if given.series:
        series.write(given.series)
    if given.plot and series.samples:
        draw(series, given.plot)


if __name__ == "__main__":
    main()
