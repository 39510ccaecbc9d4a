"""WHEP: how a viewer's WebRTC connection is made, helped along and ended, over HTTP.

draft-ietf-wish-whep; what it shares with WHIP is RFC 9725. Whoever has a session's URL may end it:
the URL is a secret of its own, and outlives the token that opened it.
"""

from __future__ import annotations

from typing import Final, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.serve.auth import Gate, Grant
from jamflow_rt.serve.body import read_body
from jamflow_rt.serve.ice import IceServers, ice_links
from jamflow_rt.serve.limits import Limits
from jamflow_rt.serve.trickle import FRAGMENT, Fragment, parse_fragment

SDP: Final = "application/sdp"
MAX_OFFER: Final = 64 * 1024
"""Longest SDP offer in bytes; browsers send about 6 kB."""
MAX_FRAGMENT: Final = 16 * 1024
"""Longest SDP fragment in bytes; a candidate has about 120."""


class Trickling(Protocol):
    """What is needed of a viewer: see `jamflow_rt.serve.webrtc.Viewer`."""

    def trickle(self, fragment: Fragment) -> None:
        """Take candidates. Raises InvalidInput, or NotSupported for a restart."""


class Host(Protocol):
    """What is needed of `jamflow_rt.serve.viewers.Viewers`."""

    async def open(
        self, sdp: str, portrait: str | None, voice: str | None, grant: Grant
    ) -> tuple[str, str]:
        """Admit a viewer: its id and the answer to its SDP offer."""

    def get(self, viewer_id: str) -> Trickling | None:
        """The viewer of that id, while there is one."""

    async def close(self, viewer_id: str) -> bool:
        """End a viewer; False when there is none of that id."""


class Whep:
    """The endpoints.

    Args:
        host: opens viewers and ends them.
        ice: servers to tell clients of.
        gate: says who may watch.
        limits: count requests.
    """

    def __init__(self, host: Host, ice: IceServers, gate: Gate, limits: Limits) -> None:
        self._host = host
        self._ice = ice
        self._gate = gate
        self._limits = limits

    def routes(self) -> list[Route]:
        """Where they answer."""
        return [
            Route("/whep", self.open, methods=["POST"]),
            Route("/whep", self.describe, methods=["OPTIONS"]),
            Route("/whep/{viewer_id}", self.trickle, methods=["PATCH"]),
            Route("/whep/{viewer_id}", self.close, methods=["DELETE"]),
        ]

    async def describe(self, request: Request) -> Response:
        """OPTIONS /whep: what to send, and ICE servers for those who want them beforehand."""
        grant = self._admit(request)
        response = Response(status_code=204, headers={"Accept-Post": SDP})
        self._link(response, grant)
        return response

    async def open(self, request: Request) -> Response:
        """POST /whep: an SDP offer in, the answer out; the Location is for PATCH and DELETE."""
        grant = self._admit(request)
        offer = await _text(request, SDP, MAX_OFFER, "an SDP offer")
        query = request.query_params
        viewer_id, answer = await self._host.open(
            offer, query.get("portrait"), query.get("voice"), grant
        )
        headers = {
            # The root path is that of the mount, if the application is mounted in another.
            "Location": f"{request.scope.get('root_path', '')}/whep/{viewer_id}",
            "ETag": f'"{viewer_id}"',
            "Accept-Patch": FRAGMENT,
        }
        response = Response(answer, 201, headers, media_type=SDP)
        self._link(response, grant)
        return response

    async def trickle(self, request: Request) -> Response:
        """PATCH /whep/{id}: candidates that the client found after its offer."""
        viewer_id = request.path_params["viewer_id"]
        viewer = self._host.get(viewer_id)
        if viewer is None:
            raise _unknown()
        # Without If-Match it is taken all the same: there is only one ICE session to mean.
        if not _matches(request.headers.get("if-match"), viewer_id):
            raise HTTPException(412, "If-Match is not the ETag of this session.")
        fragment = parse_fragment(await _text(request, FRAGMENT, MAX_FRAGMENT, "an SDP fragment"))
        try:
            viewer.trickle(fragment)
        except NotSupported as error:
            raise HTTPException(422, str(error)) from error
        return Response(status_code=204)

    async def close(self, request: Request) -> Response:
        """DELETE /whep/{id}: end a viewer."""
        if not await self._host.close(request.path_params["viewer_id"]):
            raise _unknown()
        return PlainTextResponse("ended")

    def _admit(self, request: Request) -> Grant:
        grant = self._gate.admit(request, "view")
        self._limits.request(grant.subject)
        return grant

    def _link(self, response: Response, grant: Grant) -> None:
        for link in ice_links(self._ice.for_client(grant.subject)):
            response.headers.append("Link", link)


async def _text(request: Request, kind: str, limit: int, what: str) -> str:
    """The request's body, which must be of a certain type."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind:
        raise HTTPException(415, f"Send {what} as {kind}, not {given or 'untyped'}.")
    body = await read_body(request, limit)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The body is not {what}: it is not UTF-8.") from error


def _matches(given: str | None, viewer_id: str) -> bool:
    if given is None:
        return True
    tags = {tag.strip() for tag in given.split(",")}
    return not tags.isdisjoint({"*", f'"{viewer_id}"'})


def _unknown() -> HTTPException:
    return HTTPException(404, "There is no such session; it may have ended already.")
