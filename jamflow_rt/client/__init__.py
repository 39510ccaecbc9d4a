"""The remote session: what `avatar.session()` gives, over a WebSocket.

from jamflow_rt.client import connect

async with connect("https://avatar.example", token=token) as session:
    speech = session.say("Hello.")
    async for frame in session:
        ...
"""

from jamflow_rt.client.connecting import RemoteOpener, connect
from jamflow_rt.client.events import ConnectionLost, ConnectionResumed, Expiring, RemoteError
from jamflow_rt.client.frames import RemoteFrame
from jamflow_rt.client.session import RemoteSession
from jamflow_rt.client.speech import RemoteSpeech

__all__ = [
    "ConnectionLost",
    "ConnectionResumed",
    "Expiring",
    "RemoteError",
    "RemoteFrame",
    "RemoteOpener",
    "RemoteSession",
    "RemoteSpeech",
    "connect",
]
