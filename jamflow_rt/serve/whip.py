"""WHIP out: pushes a session into an SFU, from where any number may watch it (RFC 9725)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable
from typing import Final

import httpx
from aiortc import RTCPeerConnection, RTCSessionDescription

from jamflow_rt.config import IceServer
from jamflow_rt.errors import Failed, InvalidInput, JamflowError, NotAuthorized, Overloaded
from jamflow_rt.serve.encoder import VideoEncoder
from jamflow_rt.serve.ice import rtc_configuration
from jamflow_rt.serve.race import race
from jamflow_rt.serve.sending import send_tracks, until_silent
from jamflow_rt.serve.tracks import Feed, PictureTrack, SoundTrack
from jamflow_rt.stream.session import Session

logger = logging.getLogger(__name__)

SDP: Final = "application/sdp"
REQUEST_SECONDS: Final = 10.0
"""How long an SFU may take to answer an offer."""
CONNECT_SECONDS: Final = 20.0
"""How long a connection may take to stand, once the offer is answered."""
SILENCE_SECONDS: Final = 10.0
"""An SFU whose reception reports stop for so long is gone."""
CLOSE_SECONDS: Final = 5.0
FIRST_PAUSE: Final = 1.0
"""Seconds until a lost connection is made anew; doubled with each attempt that fails."""
LONGEST_PAUSE: Final = 30.0
MAX_REDIRECTS: Final = 5


async def publish(
    session: Session,
    url: str,
    token: str | None = None,
    ice_servers: Iterable[IceServer] = (),
    *,
    http: httpx.AsyncClient | None = None,
) -> None:
    """Push a session's sound and pictures into an SFU, until the session ends.

    The session is read once the connection stands, and stays the caller's: to say things by, and
    to close. A connection that is lost later is made anew, however long that takes; the session
    goes on meanwhile, unseen.

    Args:
        session: what is shown; nobody else may iterate it.
        url: the SFU's WHIP endpoint.
        token: sent as `Authorization: Bearer`, to the origin of `url` only.
        ice_servers: to reach the SFU by, with credentials (`IceServers.for_server`).
        http: sends the requests; stays open. By default a client of its own.

    Raises:
        InvalidInput: the URL is none, or the SFU does not understand us.
        NotAuthorized: the SFU does not take the token.
        Overloaded: the SFU is full.
        Failed: the SFU could not be reached at all, or broke.
    """
    if http is None:
        async with httpx.AsyncClient(timeout=REQUEST_SECONDS) as own:
            await publish(session, url, token, ice_servers, http=own)
        return
    publisher = Publisher(Signalling(http, url, token), tuple(ice_servers))
    await race(publisher.pump(session), publisher.run())


class Signalling:
    """The requests to an SFU.

    Args:
        http: sends them.
        url: the SFU's WHIP endpoint.
        token: for the origin of `url`, and nobody else.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, token: str | None) -> None:
        self._http = http
        self._token = token
        try:
            self.url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise InvalidInput(f"{url[:200]!r} is no URL: {error}.") from error
        if self.url.scheme not in ("http", "https") or not self.url.host:
            raise InvalidInput(f"{url[:200]!r} is no http or https URL of a WHIP endpoint.")

    async def offer(self, sdp: str) -> tuple[str, httpx.URL | None]:
        """The answer to an offer, and the URL of what it opened. Raises as `publish` does."""
        url = self.url
        for _ in range(1 + MAX_REDIRECTS):
            try:
                response = await self._http.post(
                    url, content=sdp, headers={"content-type": SDP, **self._credentials(url)}
                )
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
                raise Failed(f"The SFU at {_shown(url)} cannot be reached: {reason}.") from error
            if response.status_code not in (307, 308):
                _check(response, url)
                return response.text, _location(response, url)
            following = _location(response, url)
            if following is None:
                raise Failed(f"The SFU at {_shown(url)} redirects without saying where to.")
            if url.scheme == "https" and following.scheme != "https":
                raise InvalidInput(f"The SFU at {_shown(url)} redirects to a URL without TLS.")
            url = following
        raise InvalidInput(f"The SFU at {_shown(self.url)} redirects more than {MAX_REDIRECTS} ×.")

    async def end(self, resource: httpx.URL) -> None:
        """Tell the SFU that we are gone; it would find out by itself, but later."""
        try:
            await self._http.delete(resource, headers=self._credentials(resource))
        except httpx.HTTPError as error:
            logger.info("WHIP: the session could not be deleted: %s", error)

    def _credentials(self, url: httpx.URL) -> dict[str, str]:
        if self._token is None or _origin(url) != _origin(self.url):
            return {}
        return {"authorization": f"Bearer {self._token}"}


class Publisher:
    """Keeps a connection to an SFU and sends frames over it while it stands.

    Args:
        signalling: opens it and ends it.
        ice_servers: to reach the SFU by.
    """

    def __init__(self, signalling: Signalling, ice_servers: tuple[IceServer, ...]) -> None:
        self._signalling = signalling
        self._ice_servers = ice_servers
        # Where frames go; None while there is no connection.
        self._feed: Feed | None = None
        # Set with the first connection and for good.
        self._begun = asyncio.Event()
        self._pause = FIRST_PAUSE

    async def pump(self, session: Session) -> None:
        """Send a session's frames, from the first connection to the session's end."""
        await self._begun.wait()
        async for frame in session:
            if self._feed is not None:
                self._feed.push(frame)

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost. Raises as `publish` does."""
        while True:
            try:
                await self._hold()
                logger.warning("WHIP: the connection was lost")
            except (Failed, Overloaded) as error:
                if not self._begun.is_set():
                    raise
                logger.warning("WHIP: %s", error)
            # Not all at once, when many lost the same SFU.
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    async def _hold(self) -> None:
        """One connection, from the offer to its loss."""
        sound, picture = SoundTrack(), PictureTrack(VideoEncoder())
        peer = RTCPeerConnection(rtc_configuration(self._ice_servers))
        resource: httpx.URL | None = None
        try:
            send_tracks(peer, sound, picture, ("audio", "video"))
            connected, ended = _watched(peer)
            await peer.setLocalDescription(await peer.createOffer())
            answer, resource = await self._signalling.offer(peer.localDescription.sdp)
            await _accept(peer, answer)
            await _settled(connected, ended)
            logger.info("WHIP: connected to %s", _shown(self._signalling.url))
            self._feed = Feed(sound, picture)
            self._begun.set()
            self._pause = FIRST_PAUSE
            await race(until_silent(peer, SILENCE_SECONDS), ended.wait())
        finally:
            self._feed = None
            sound.stop()
            picture.stop()
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    if resource is not None:
                        await self._signalling.end(resource)
                    await peer.close()
            except TimeoutError:
                logger.warning("WHIP: the connection did not close in time")


def _watched(peer: RTCPeerConnection) -> tuple[asyncio.Event, asyncio.Event]:
    """Events of a connection: it stands, it has ended."""
    connected, ended = asyncio.Event(), asyncio.Event()

    def look() -> None:
        if peer.connectionState == "connected":
            connected.set()
        elif peer.connectionState in ("failed", "closed"):
            ended.set()

    peer.on("connectionstatechange", look)
    return connected, ended


async def _accept(peer: RTCPeerConnection, answer: str) -> None:
    try:
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    # aiortc's parser raises whatever its string handling meets: ValueError, IndexError, …
    except Exception as error:
        raise InvalidInput(
            "The SFU's answer cannot be used; it must accept VP8 and Opus over DTLS."
        ) from error


async def _settled(connected: asyncio.Event, ended: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await race(connected.wait(), ended.wait())
    except TimeoutError:
        pass
    if not connected.is_set():
        raise Failed(
            "The SFU answered, but no connection came about: UDP may be blocked on the way; a "
            "TURN server helps (ice_servers)."
        )


def _check(response: httpx.Response, url: httpx.URL) -> None:
    """Raise unless the response is an answer to an offer."""
    code = response.status_code
    if 200 <= code < 300 and response.text.startswith("v="):
        return
    said = f"The SFU at {_shown(url)} said {code} {response.reason_phrase}".rstrip()
    detail = " ".join(response.text.split())[:200]
    said += f": {detail}" if detail and response.is_error else ""
    raise _error(code, said, response)


def _error(code: int, said: str, response: httpx.Response) -> JamflowError:
    match code:
        case 401 | 403:
            return NotAuthorized(f"{said}. Give it a token that may publish here.")
        case 404 | 405:
            return InvalidInput(f"{said}. The URL must be that of its WHIP endpoint.")
        case 429 | 503:
            wait = response.headers.get("retry-after", "")
            return Overloaded(f"{said}.", float(wait) if wait.isdecimal() else 5.0)
        case _ if code >= 500:
            return Failed(f"{said}.")
        case _ if code < 300:
            return InvalidInput(f"{said} without an SDP answer. Is it a WHIP endpoint?")
        case _:
            return InvalidInput(f"{said}.")


def _location(response: httpx.Response, url: httpx.URL) -> httpx.URL | None:
    location = response.headers.get("location")
    if location is None:
        return None
    try:
        joined = url.join(location)
    except httpx.InvalidURL:
        return None
    return joined if joined.scheme in ("http", "https") else None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _shown(url: httpx.URL) -> str:
    """A URL for messages: some carry a stream's key behind the question mark."""
    return str(url.copy_with(query=None, fragment=None, username="", password=""))
