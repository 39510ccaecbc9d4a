"""What was wrong with a message, as an event that a client's author can act on."""

from __future__ import annotations

from typing import Final

import pydantic_core
from pydantic import ValidationError

from jamflow_rt.protocol.base import MAX_NAME
from jamflow_rt.protocol.client_events import CLIENT_TYPES
from jamflow_rt.protocol.server_events import ErrorEvent

MAX_COMPLAINT: Final = 400
"""Characters of an error's message, which may repeat what the client sent."""


def explain(error: ValidationError, data: bytes) -> ErrorEvent:
    """The first complaint about the message `data`."""
    first = error.errors(include_url=False, include_context=False)[0]
    match first["type"]:
        case "json_invalid":
            return ErrorEvent(code="invalid_json", message="The message is not JSON.")
        case "union_tag_not_found" | "union_tag_invalid":
            return ErrorEvent(
                code="unknown_type",
                message=f"The message needs a type out of: {', '.join(CLIENT_TYPES)}.",
                param="type",
                event_id=_event_id(data),
            )
        case _:
            # loc is (type of the event, field, …).
            param = ".".join(str(part) for part in first["loc"][1:])[:MAX_NAME] or None
            complaint = first["msg"].removeprefix("Value error, ")
            return ErrorEvent(
                code="invalid_event",
                message=f"{param or 'The message'}: {complaint}."[:MAX_COMPLAINT],
                param=param,
                event_id=_event_id(data),
            )


def _event_id(data: bytes) -> str | None:
    """The `event_id` of a message that is JSON but no event."""
    given = pydantic_core.from_json(data)
    event_id = given.get("event_id") if isinstance(given, dict) else None
    return event_id if isinstance(event_id, str) and len(event_id) <= MAX_NAME else None
