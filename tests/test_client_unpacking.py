from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.client import connect
from jamflow_rt.codec.face import FaceState
from tests.client_fakes import frames_until
from tests.socket_fakes import Server
from tests.stream_fakes import toy_space


async def test_motion_comes_as_faces_and_coefficients(server: Server) -> None:
    async with connect(server.url) as session:
        frames = await frames_until(session, lambda: session.time > 0.5)
    space = toy_space()
    for frame in frames:
        assert isinstance(frame.motion, FaceState)
        assert frame.latents is not None and frame.latents.shape == (space.size,)
        assert len(frame.arkit) == 52
        assert frame.picture is None
    (rest,) = space.decode(space.rest[None])
    assert frames[0].motion is not None
    assert frames[0].motion.landmarks == pytest.approx(rest.landmarks, abs=0.1)


async def test_without_its_motion_space_a_server_gives_latents(server: Server) -> None:
    for space in (None, b"<html>"):
        server.space = space
        async with connect(server.url) as session:
            frame = await anext(session)
        assert frame.motion is None
        assert frame.latents is not None


async def test_pictures_come_decoded(server: Server) -> None:
    async with connect(server.url, media="video", portrait="mara", voice="low") as session:
        frames = await frames_until(session, lambda: session.time > 0.5)
    grey = sum(b"first") % 256
    for frame in frames:
        assert frame.picture is not None
        assert frame.picture.shape == (64, 64, 3)
        assert np.abs(frame.picture.astype(int) - grey).max() < 8
    assert server.asked[0][:3] == ("mara", "low", True)
