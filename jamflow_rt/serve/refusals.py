"""Errors as HTTP answers: a status and a sentence."""

from __future__ import annotations

import math

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from jamflow_rt.errors import InvalidInput, NotAuthorized, NotSupported, Overloaded
from jamflow_rt.serve.auth import Forbidden
from jamflow_rt.serve.limits import RateLimited


def refusal(request: Request, error: Exception) -> Response:
    """The answer to a request that raised a JamflowError; Starlette's exception handler."""
    message = str(error)
    match error:
        case Forbidden():
            return PlainTextResponse(message, 403)
        case NotAuthorized():
            return PlainTextResponse(message, 401, {"WWW-Authenticate": "Bearer"})
        case RateLimited():
            return PlainTextResponse(message, 429, _retry(error))
        case Overloaded():
            return PlainTextResponse(message, 503, _retry(error))
        case InvalidInput():
            return PlainTextResponse(message, 400)
        case NotSupported():
            return PlainTextResponse(message, 501)
        case _:
            return PlainTextResponse(message, 500)


def _retry(error: Overloaded) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
