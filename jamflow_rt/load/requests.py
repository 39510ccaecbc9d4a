"""What a client asks of a server over HTTP."""

from __future__ import annotations

from typing import Any, Final

import httpx

from jamflow_rt.client.addresses import SPACE_PATH, space_url
from jamflow_rt.client.failures import refused
from jamflow_rt.errors import Failed

REQUEST_SECONDS: Final = 30.0
"""How long an answer may take."""


def address(url: str, path: str) -> str:
    """The address of a path of a server.

    Raises:
        InvalidInput: `url` is no http, https, ws or wss address.
    """
    return space_url(url).removesuffix(SPACE_PATH) + path


async def request(
    method: str,
    url: str,
    bearer: str | None = None,
    content: str = "",
    content_type: str | None = None,
) -> httpx.Response:
    """Send a request.

    Args:
        method: such as POST.
        url: a whole one.
        bearer: a token or a key.
        content: the body.
        content_type: of the body, if there is one.

    Returns:
        An answer with a status under 400.

    Raises:
        JamflowError: the server refuses, or cannot be reached.
    """
    headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
    if content_type is not None:
        headers["content-type"] = content_type
    try:
        async with httpx.AsyncClient(timeout=REQUEST_SECONDS) as http:
            answer = await http.request(method, url, content=content, headers=headers)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise Failed(f"The server cannot be reached: {reason}.") from error
    if answer.status_code >= 400:
        raise refused(answer.status_code)
    return answer


async def buy_token(url: str, key: str) -> str | None:
    """A token of `POST /v1/sessions`, for somebody new; None where the server is open.

    Raises:
        JamflowError: the server does not take the key, or cannot be reached.
    """
    answer = await request("POST", address(url, "/v1/sessions"), key, "{}", "application/json")
    try:
        content: dict[str, Any] = answer.json()
        token: str | None = content["token"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failed("The server gave no token; check the address.") from error
    return token
