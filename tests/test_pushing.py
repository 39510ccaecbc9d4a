from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.media import Frame
from tests.stream_fakes import Stage


async def test_pushed_sound_is_the_sound_that_goes_out(stage: Stage) -> None:
    pcm = (0.3 * np.sin(np.arange(30_000) / 10)).astype(np.float32)
    await stage.frames(3)
    speech = None
    frames: list[Frame] = []
    for at in range(0, len(pcm), 1000):
        speech = stage.session.push_audio(pcm[at : at + 1000], 24_000)
        frames += await stage.frames(1)
    assert stage.session.flush() is speech
    assert speech is not None
    frames += await stage.until(lambda: speech.done)
    sound = np.concatenate([f.sound for f in frames if f.speech_id == speech.id])
    np.testing.assert_array_equal(sound[: len(pcm)], pcm)
    assert not sound[len(pcm) :].any()
    given = [
        w for w in stage.engine.sampler.started if not w.mel_masked.any() and not w.text_dropped
    ]
    assert given == [], "given sound leads: nothing of it is generated, the text is dropped"
    assert (await speech).position == pytest.approx(8 * 0.16)


async def test_pushed_sound_is_checked(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="NaN"):
        stage.session.push_audio(np.array([np.nan], np.float32), 24_000)
    assert stage.session.flush() is None
    stage.session.push_audio(np.zeros(100, np.int16), 16_000)
    with pytest.raises(InvalidInput, match="flush"):
        stage.session.push_audio(np.zeros(100, np.int16), 8_000)


async def test_text_waits_for_pushed_sound_to_be_flushed(stage: Stage) -> None:
    sound = stage.session.push_audio(np.full(8000, 0.2, np.float32), 24_000)
    text = stage.session.say("hello")
    await stage.frames(40)
    assert not text.started
    stage.session.flush()
    await stage.until(lambda: text.done)
    assert sound.done and not sound.interrupted


async def test_interrupting_pushed_sound_begins_a_new_one_after_it(stage: Stage) -> None:
    first = stage.session.push_audio(np.full(8000, 0.2, np.float32), 24_000)
    await stage.session.interrupt()
    assert first.interrupted
    second = stage.session.push_audio(np.full(8000, 0.2, np.float32), 16_000)
    assert second is not first


async def test_given_motion_plays_as_it_is(stage: Stage) -> None:
    rng = np.random.default_rng(1)
    latents = rng.standard_normal((10, stage.studio.space.size)).astype(np.float32)
    faces = stage.studio.space.decode(latents)
    speech = stage.session.push_motion(faces[:3])
    assert stage.session.push_motion(latents[3:]) is speech
    assert stage.session.flush() is speech
    frames = await stage.until(lambda: speech.done)
    played = [f for f in frames if f.speech_id == speech.id]
    assert len(played) == 12  # whole beats: the last face is held
    for frame, face in zip(played, [*faces, faces[-1], faces[-1]], strict=True):
        np.testing.assert_allclose(frame.motion.landmarks, face.landmarks, atol=1e-4)
        np.testing.assert_allclose(frame.motion.rotation, face.rotation, atol=1e-5)
    assert not any(f.sound.any() for f in played)
    window = stage.engine.sampler.started[-2]
    assert window.motion_masked.any()


async def test_sound_and_motion_are_not_pushed_at_the_same_time(stage: Stage) -> None:
    sound = np.zeros(100, np.float32)
    motion = np.zeros((1, stage.studio.space.size), np.float32)
    stage.session.push_audio(sound, 24_000)
    with pytest.raises(InvalidInput, match="flush"):
        stage.session.push_motion(motion)
    stage.session.flush()
    stage.session.push_motion(motion)
    with pytest.raises(InvalidInput, match="flush"):
        stage.session.push_audio(sound, 24_000)
    for wrong in (motion[0], motion[:0], motion * np.nan, [], ["face"], motion[:, :2]):
        with pytest.raises(InvalidInput, match=r"[Mm]otion"):
            stage.session.push_motion(wrong)
