"""The paper's five tasks through the same sessions, on toy networks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.avatar import Avatar
from jamflow_rt.codec.keypoints import MOUTH, REST, KeypointSpace, KeypointTrack
from jamflow_rt.errors import InvalidInput
from jamflow_rt.record import write_wav
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.speech import Speech
from tests.test_avatar import clock
from tests.toy_paper import SAID, save_paper_bundle, voice_sound

SIZE = 64


@pytest.fixture(scope="module")
def avatar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Avatar]:
    folder = save_paper_bundle(tmp_path_factory.mktemp("paper") / "bundle")
    with Avatar.load(folder, warm=False, device="cpu") as loaded:
        yield loaded


async def heard(session: Session, speech: Speech) -> list[Frame]:
    frames = []
    while not speech.done:
        frames.append(await anext(session))
    await speech
    return [frame for frame in frames if frame.speech_id == speech.id]


def mouths(frames: list[Frame]) -> np.ndarray:
    faces = [frame.motion.keypoints for frame in frames]
    return np.stack([face.expression[list(MOUTH)] for face in faces if face is not None])


async def test_text_becomes_speech_lips_and_pictures(avatar: Avatar) -> None:
    async with avatar.session("mara", size=SIZE, seed=1, clock=clock(avatar)) as session:
        frames = await heard(session, session.say("One phrase, and another one."))
    # As long as at the reference's pace: 28 characters, the reference has 26 in about 1.6 s.
    assert 35 <= len(frames) <= 55
    sound = np.concatenate([frame.sound for frame in frames])
    assert np.isfinite(sound).all() and sound.any()
    assert np.abs(np.diff(mouths(frames), axis=0)).max() > 0
    assert frames[10].picture is not None and frames[10].picture.shape == (SIZE, SIZE, 3)
    words = [word.text for frame in frames for word in frame.words]
    assert words == ["One", "phrase,", "and", "another", "one."]
    assert len(frames[0].arkit) == 52


async def test_guidance_of_what_is_new_is_a_setting_of_the_bundle(tmp_path: Path) -> None:
    folder = save_paper_bundle(tmp_path / "bundle")
    settings = json.loads((folder / "bundle.json").read_text("utf-8"))
    settings["sampling"] |= {"guided": "generated", "pinned": True}
    (folder / "bundle.json").write_text(json.dumps(settings), "utf-8")
    with Avatar.load(folder, warm=False, device="cpu") as avatar:
        async with avatar.session(pictures=False, seed=1, clock=clock(avatar)) as session:
            frames = await heard(session, session.say("Hello there."))
    sound = np.concatenate([frame.sound for frame in frames])
    assert np.isfinite(sound).all() and sound.any()
    assert np.abs(np.diff(mouths(frames), axis=0)).max() > 0


async def test_the_rest_of_the_face_is_the_tracks(avatar: Avatar) -> None:
    async with avatar.session("mara", size=SIZE, seed=1, clock=clock(avatar)) as session:
        frames = await heard(session, session.say("Hello there."))
    rest = np.stack(
        [f.motion.keypoints.expression[list(REST)] for f in frames if f.motion.keypoints]
    )
    still = rest - rest[0]
    # Lids blink, the mouth's neighbours hold.
    assert np.abs(still[:, list(REST).index(0)]).max() == 0
    assert len({tuple(frame.motion.rotation) for frame in frames}) > 1


async def test_sound_becomes_lips(avatar: Avatar) -> None:
    sound = voice_sound(1.0)
    async with avatar.session(pictures=False, seed=1, clock=clock(avatar)) as session:
        speech = session.push_audio(sound, 24000)
        session.flush()
        frames = await heard(session, speech)
    played = np.concatenate([frame.sound for frame in frames])[: len(sound)]
    np.testing.assert_allclose(played, sound, atol=1e-6)
    assert np.abs(np.diff(mouths(frames), axis=0)).max() > 0


async def test_text_and_motion_become_a_dubbed_speech(avatar: Avatar) -> None:
    space = avatar.bundle.motion
    motion = np.random.default_rng(0).normal(size=(60, space.size)).astype(np.float32)
    async with avatar.session(pictures=False, seed=1, clock=clock(avatar)) as session:
        frames = await heard(session, session.dub("Other words for these lips.", motion))
    assert len(frames) == 60
    shown = space.encode_faces([frame.motion for frame in frames])
    np.testing.assert_allclose(shown, motion, atol=1e-4)
    assert np.concatenate([frame.sound for frame in frames]).any()


def test_the_rest_of_a_dubbed_face_is_given_too(avatar: Avatar) -> None:
    space = avatar.bundle.motion
    assert isinstance(space, KeypointSpace)
    sounds = []
    for rest in (0.0, 0.3):
        expression = np.full((40, 21, 3), rest, np.float32)
        expression[:, list(MOUTH)] = np.random.default_rng(0).normal(0, 0.01, (40, 4, 3))
        zero = np.zeros((40, 3), np.float32)
        track = KeypointTrack(expression, zero, zero[:, :2], np.ones(40, np.float32))
        faces = space.following(track).decode(space.encode_expressions(expression))
        assert KeypointTrack.of(faces) is not None
        gap = {"sound_gaps": [(0.4, 1.2)]}
        filled = avatar.fill_gaps("All of it.", voice_sound(1.6), faces, **gap)
        kept = [face.keypoints.expression for face in filled.faces if face.keypoints]
        np.testing.assert_allclose(kept, expression, atol=1e-6)
        dubbed = np.concatenate([frame.sound for frame in avatar.dub("All of it.", faces)])
        sounds.append((dubbed, filled.sound))
    for one, other in zip(*sounds, strict=True):
        assert not np.allclose(one, other, atol=1e-4)


async def test_speech_goes_on_from_a_reference_with_its_motion(avatar: Avatar) -> None:
    space = avatar.bundle.motion
    motion = np.full((38, space.size), 2.0, np.float32)
    async with avatar.session(pictures=False, seed=1, clock=clock(avatar)) as session:
        plain = await heard(session, session.say("And so on."))
        reference = (voice_sound(1.5), SAID, motion)
        going_on = await heard(session, session.say("And so on.", reference=reference))
    assert len(plain) == len(going_on)
    assert not np.allclose(mouths(plain), mouths(going_on))


def test_a_voice_is_a_sound_file(avatar: Avatar, tmp_path: Path) -> None:
    write_wav(voice_sound(3.0), tmp_path / "me.wav")
    with pytest.raises(InvalidInput, match=r"me\.txt"):
        avatar.render_speech("Hello.", voice=str(tmp_path / "me.wav"), pictures=False)
    (tmp_path / "me.txt").write_text(SAID, "utf-8")
    usual = list(avatar.render_speech("Hello there you.", pictures=False))
    slower = list(
        avatar.render_speech("Hello there you.", voice=str(tmp_path / "me.wav"), pictures=False)
    )
    assert len(slower) > len(usual) + 10
    assert avatar.frame_count("Hello there you.", str(tmp_path / "me.wav")) == len(slower)


def test_f5_without_a_motion_stream_speaks_with_a_still_mouth(tmp_path: Path) -> None:
    folder = save_paper_bundle(tmp_path / "bundle", faces=False, motion=None)
    with Avatar.load(folder, warm=True, device="cpu") as avatar:
        assert isinstance(avatar.bundle.motion, KeypointSpace)
        frames = list(avatar.render_speech("Hello there.", size=SIZE))
    spoken = [frame for frame in frames if frame.speech_id is not None]
    assert np.concatenate([frame.sound for frame in spoken]).any()
    assert np.abs(mouths(spoken)).max() < 1e-5
    assert spoken[0].picture is not None


async def test_a_portrait_changes_while_it_speaks(avatar: Avatar) -> None:
    async with avatar.session("mara", size=SIZE, seed=1, clock=clock(avatar)) as session:
        await heard(session, session.say("First."))
        await session.update(portrait="jonas")
        frames = await heard(session, session.say("Second."))
    assert frames[-1].picture is not None
