from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import Failed, InvalidInput, NotSupported, Overloaded
from jamflow_rt.serve.logs import current_session, log_json, session_log

SAID = "my secret is 1234"
log = logging.getLogger("jamflow_rt.test")


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    talkative = [logging.getLogger(name) for name in ("websockets", "aiortc", "uvicorn", "PIL")]
    talkative += [logging.getLogger(name) for name in ("aioice", "multipart")]
    levels = [logger.level for logger in talkative]
    stream = io.StringIO()
    log_json(logging.DEBUG, stream)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for logger, before in zip(talkative, levels, strict=True):
            logger.setLevel(before)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_is_an_object(output: io.StringIO) -> None:
    log.warning("viewer %s:\nended", "é")
    (line,) = lines(output)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "jamflow_rt.test",
        "message": "viewer é:\nended",
    }


async def test_lines_belong_to_their_session(output: io.StringIO) -> None:
    async def serve(name: str) -> None:
        with session_log(name):
            await asyncio.sleep(0)
            await asyncio.create_task(speak())
            await asyncio.to_thread(log.info, "drawn")

    async def speak() -> None:
        log.info("%s speaks", current_session())

    await asyncio.gather(serve("session-1"), serve("session-2"))
    log.info("no session")
    told = sorted(
        (line.get("session", ""), line["message"])
        for line in lines(output)
        if line["logger"] == log.name
    )
    assert told == [
        ("", "no session"),
        ("session-1", "drawn"),
        ("session-1", "session-1 speaks"),
        ("session-2", "drawn"),
        ("session-2", "session-2 speaks"),
    ]
    assert current_session() is None


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        ServerConfig(port=SAID)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput(f"Cannot read {SAID!r}"),
        ValueError(SAID),
        KeyError(SAID),
        Failed(f"broke over {SAID}"),
        invalid(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_do_not_quote_what_was_said(output: io.StringIO, error: Exception) -> None:
    try:
        raise RuntimeError(SAID) from error
    except RuntimeError:
        log.exception("a viewer failed")
    (line,) = lines(output)
    assert SAID not in output.getvalue()
    assert "1234" not in output.getvalue()
    assert line["error"] == "RuntimeError"
    assert line["cause"]["error"] == type(error).__name__
    assert "test_errors_do_not_quote" in line["stack"][-1]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), NotSupported("No port."), Overloaded("Full.")]
)
def test_errors_that_quote_nobody_say_their_reason(output: io.StringIO, error: Exception) -> None:
    log.error("it broke", exc_info=error)
    assert lines(output)[0]["reason"] == str(error)


def test_libraries_do_not_write_whole_messages(output: io.StringIO) -> None:
    for name in ("websockets.server", "aiortc.rtcsctptransport", "PIL.PngImagePlugin"):
        logging.getLogger(name).debug("> TEXT %r", SAID)
    log.debug("ours")
    assert [line["message"] for line in lines(output)] == ["ours"]


def test_requests_are_told_without_their_query(output: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "1.2.3.4:5", "GET", "/v1/realtime?resume=token", "1.1", 101
    )
    (line,) = lines(output)
    assert "resume" not in output.getvalue()
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/realtime", 101)
    assert line["client"] == "1.2.3.4:5"


def test_deep_stacks_stay_short(output: io.StringIO) -> None:
    def deeper(depth: int) -> None:
        if depth == 0:
            raise OSError("deep")
        deeper(depth - 1)

    try:
        deeper(300)
    except OSError:
        log.exception("deep")
    assert len(lines(output)[0]["stack"]) <= 40
