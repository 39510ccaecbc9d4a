"""`POST /v1/sessions`: the server's key for a short-lived token."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jamflow_rt.config import StrictModel
from jamflow_rt.errors import InvalidInput, NotAuthorized
from jamflow_rt.serve.auth import MAX_SUBJECT, SCOPES, Gate, Scope, subject_of
from jamflow_rt.serve.body import read_body
from jamflow_rt.serve.limits import Limits

MAX_REQUEST: Final = 4096
"""Bytes."""
IceServers = Callable[[str], Sequence[dict[str, Any]]]
"""STUN and TURN servers for a subject, as RTCPeerConnection takes them."""


class TokenRequest(StrictModel):
    """What a program that has the key asks for."""

    subject: str | None = Field(default=None, min_length=1, max_length=MAX_SUBJECT)
    """For whom; limits count by it. Without one, each token is for somebody else."""
    scopes: tuple[Scope, ...] | None = Field(default=None, min_length=1)
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_sessions: int | None = Field(default=None, ge=1)


class Exchange:
    """The endpoint.

    Args:
        gate: makes the tokens.
        limits: count wrong keys, and on an open server requests.
        ice_servers: for a subject; none by default.
    """

    def __init__(
        self, gate: Gate, limits: Limits, ice_servers: IceServers = lambda subject: ()
    ) -> None:
        self._gate = gate
        self._limits = limits
        self._ice_servers = ice_servers

    def routes(self) -> list[Route]:
        """Where it answers."""
        return [Route("/v1/sessions", self.create, methods=["POST"])]

    async def create(self, request: Request) -> Response:
        """POST /v1/sessions: a token, or on an open server none, and what to connect with."""
        peer = subject_of(request.client.host if request.client else "")
        self._check_key(request, peer)
        asked = _parsed(await read_body(request, MAX_REQUEST))
        if self._gate.open:
            self._limits.request(peer)
            subject, token, expires = peer, None, None
            scopes = SCOPES
        else:
            subject = asked.subject or f"guest-{secrets.token_urlsafe(9)}"
            scopes = frozenset(asked.scopes or SCOPES)
            token, expires = self._gate.token(
                subject, scopes, seconds=asked.seconds, max_sessions=asked.max_sessions
            )
        answer = {
            "token": token,
            "expires_at": None if expires is None else int(expires),
            "scopes": sorted(scopes),
            "ice_servers": list(self._ice_servers(subject)),
        }
        return JSONResponse(answer, 201, {"Cache-Control": "no-store"})

    def _check_key(self, request: Request, peer: str) -> None:
        self._limits.check_failures(peer)
        try:
            self._gate.check_key(request.headers)
        except NotAuthorized:
            self._limits.failed(peer)
            raise


def _parsed(body: bytes) -> TokenRequest:
    if not body.strip():
        return TokenRequest()
    try:
        return TokenRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise InvalidInput(f"The request will not do: {where}: {first['msg']}.") from error
