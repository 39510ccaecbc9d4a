from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.client import RemoteError, RemoteSession, connect
from jamflow_rt.errors import InvalidInput
from tests.client_fakes import frames_until
from tests.socket_fakes import Server, until
from tests.stream_fakes import toy_space


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
async def test_sound_from_outside_drives_the_face(session: RemoteSession, rate: int) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 300 * np.arange(rate) / rate)).astype(np.float32)
    speech = session.push_audio(tone[: rate // 2], rate)
    assert session.push_audio(tone[rate // 2 :], rate) is speech
    with pytest.raises(InvalidInput, match="sample rate"):
        session.push_audio(tone, 8_000)
    with pytest.raises(InvalidInput, match="flush"):
        session.push_motion(np.zeros((1, 9), np.float32))
    assert session.flush() is speech
    assert session.flush() is None
    frames = await frames_until(session, lambda: speech.done)
    assert speech.position == pytest.approx(1.0, abs=0.2)
    loud = [frame for frame in frames if np.abs(frame.sound).max() > 0.3]
    assert len(loud) / 25 == pytest.approx(1.0, abs=0.2)
    assert session.push_audio(tone, 8_000) is not speech


async def test_what_ends_at_the_server_takes_no_more_sound(session: RemoteSession) -> None:
    speech = session.push_audio(np.zeros(24_000, np.float32), 24_000)
    await until(lambda: speech.started)
    await session.interrupt()
    other = session.push_audio(np.zeros(24_000, np.int16), 24_000)
    session.flush()
    assert other is not speech
    assert not (await other).spoken_text and not other.interrupted


async def test_motion_drives_the_face(server: Server) -> None:
    async with connect(server.url) as session:
        space = toy_space()
        latents = np.zeros((50, space.size), np.float32)
        latents[:, 0] = 1.5
        speech = session.push_motion(latents[:25])
        assert session.push_motion(space.decode(latents[25:])) is speech
        assert session.flush() is speech
        frames = await frames_until(session, lambda: speech.done)
    mine = [frame for frame in frames if frame.speech_id == speech.id]
    assert mine[10].latents is not None
    assert mine[10].latents[0] == pytest.approx(1.5, abs=0.02)


async def test_faces_need_a_motion_space(session: RemoteSession) -> None:
    with pytest.raises(InvalidInput, match="media='motion'"):
        session.push_motion(toy_space().decode(np.zeros((1, 9), np.float32)))
    for wrong in (np.zeros((0, 9)), np.full((1, 9), np.nan), np.zeros(9)):
        with pytest.raises(InvalidInput):
            session.push_motion(wrong.astype(np.float32))
    errors: list[RemoteError] = []
    session.on("error", errors.append)
    speech = session.push_motion(np.zeros((1, 4), np.float32))
    with pytest.raises(InvalidInput, match="fit"):
        await speech


async def test_the_microphone_is_heard(server: Server, session: RemoteSession) -> None:
    heard: list[tuple[int, int]] = []
    server.stages[0].session.hear = lambda pcm, rate: heard.append((len(pcm), rate))  # type: ignore
    session.hear(np.zeros(24_000, np.int16), 24_000)
    session.hear(np.zeros(48_000, np.float32), 48_000)
    await until(lambda: sum(samples for samples, _ in heard) > 46_000)
    assert {rate for _, rate in heard} == {24_000}
    with pytest.raises(InvalidInput):
        session.hear(np.zeros((2, 2), np.int16), 24_000)
