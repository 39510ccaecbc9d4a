"""A real server in a process of its own, and Debian's Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that beeps, and nobody who has to allow it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
START_SECONDS = 180


@dataclass(frozen=True)
class Server:
    """A running `jamflow-rt serve`."""

    url: str
    process: subprocess.Popen[str]
    max_sessions: int

    def sessions(self) -> int:
        """How many sessions the server says it has."""
        return int(httpx.get(f"{self.url}/healthz").json()["sessions"])


@contextmanager
def serving(max_sessions: int, *options: str) -> Iterator[Server]:
    """Start the server on a free port with the model that ships; stop it as CTRL-C would.

    Args:
        max_sessions: as the server's option.
        options: more of the server's options.

    JAMFLOW_E2E_MODEL may name another bundle's folder.
    """
    command = [sys.executable, "-c", "from jamflow_rt.cli import main; main()"]
    command += ["serve", "--port", "0"]
    # How many this machine can serve is not what these tests are about.
    command += ["--max-sessions", str(max_sessions), "--overcommit", *options]
    if model := os.environ.get("JAMFLOW_E2E_MODEL"):
        command += ["--model", model]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        # A server that hangs while loading ends, and with it the wait for its line.
        timer = threading.Timer(START_SECONDS, process.kill)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if "http://" not in line:
            process.kill()
            pytest.fail(f"the server did not start; it said: {line!r}")
        url = line[line.index("http://") :].split()[0]
        try:
            yield Server(url, process, max_sessions)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.fixture(scope="session")
def chromium() -> str:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no browser: `apt-get install chromium`, or set CHROMIUM to the path of one")
    return path


@pytest.fixture(scope="session")
def server(chromium: str) -> Iterator[Server]:
    with serving(max_sessions=2) as server:
        yield server


@pytest.fixture(scope="session")
def launch(chromium: str) -> Iterator[Callable[..., Browser]]:
    """Starts a browser with more flags than the usual."""
    with sync_playwright() as playwright:

        def launch_one(*flags: str) -> Browser:
            # A new, empty profile each time is Playwright's way anyhow.
            return playwright.chromium.launch(
                executable_path=chromium, headless=True, args=[*CHROMIUM_FLAGS, *flags]
            )

        yield launch_one


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Opens the page that is asked for in a window of its own, with the probe in it."""
    contexts = []

    def open_one() -> Page:
        context = browser.new_context(viewport={"width": 800, "height": 700})
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(path=Path(__file__).with_name("probe.js"))
        return page

    yield open_one
    for context in contexts:
        context.close()
