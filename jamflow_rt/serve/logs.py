"""Logs as JSON, one object a line, with the session they belong to and without what was said.

What a viewer says is the viewer's. Our own messages never hold it, but the messages of exceptions
may quote it: of those only errors are written that we or the system word. Libraries that write
whole messages at DEBUG are kept at INFO.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

from jamflow_rt.errors import NotAuthorized, NotSupported, Overloaded

_session: ContextVar[str | None] = ContextVar("jamflow_session", default=None)

_WORDED: Final = (OSError, MemoryError, NotAuthorized, NotSupported, Overloaded, TimeoutError)
"""Exceptions whose messages quote nobody. `Failed` is not among them: it quotes others."""
_TALKATIVE: Final = ("websockets", "aiortc", "aioice", "uvicorn", "PIL", "multipart")
_ACCESS: Final = "uvicorn.access"
_MOST_FRAMES: Final = 40
"""Calls of a stack; deep recursion would make long lines."""


@contextmanager
def session_log(session_id: str) -> Iterator[None]:
    """What is logged within, also by tasks that are made within, belongs to this session."""
    token = _session.set(session_id)
    try:
        yield
    finally:
        _session.reset(token)


def current_session() -> str | None:
    """The session that what is logged now belongs to."""
    return _session.get()


class JsonLines(logging.Formatter):
    """A record as a line of JSON: time, level, logger, message, and what else is known."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        session = getattr(record, "session", None) or _session.get()
        if session is not None:
            line["session"] = session
        line |= _request(record) or {"message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            line |= _error(record.exc_info[1], record.exc_info[2])
        return json.dumps(line, ensure_ascii=False, default=str)


def log_json(level: int = logging.INFO, stream: TextIO | None = None) -> logging.Handler:
    """Write all logs as JSON lines, to standard error by default, instead of as they were.

    Returns:
        The root logger's only handler.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    for other in list(root.handlers):
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    return handler


def _request(record: logging.LogRecord) -> dict[str, Any] | None:
    """The web server's line about a request, without the query: tokens for resuming stand there."""
    if record.name != _ACCESS or not isinstance(record.args, tuple) or len(record.args) != 5:
        return None
    client, method, path, _, status = record.args
    return {
        "message": "request",
        "client": client,
        "method": method,
        "path": str(path).partition("?")[0],
        "status": status,
    }


def _error(error: BaseException, trace: TracebackType | None) -> dict[str, Any]:
    stack = traceback.extract_tb(trace)[-_MOST_FRAMES:]
    told: dict[str, Any] = {
        "error": type(error).__name__,
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack],
    }
    if isinstance(error, _WORDED):
        told["reason"] = str(error)
    if (cause := error.__cause__) is not None:
        told["cause"] = _error(cause, cause.__traceback__)
    return told
