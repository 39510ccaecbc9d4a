from pathlib import Path

import numpy as np
import pytest
import torch

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, HOP, MEL_RATE
from jamflow_rt.codec.whitening import SILENCE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.joint_data import JointData, ids_on_frames
from jamflow_rt.train.sound_data import corpus_voices, open_shards
from jamflow_rt.train.teacher_motion import HELD_OUT_CLIPS, take_utterance
from tests.toy import toy_space

UTTERANCES = 210
FRAMES = 90


def write_corpus(folder: Path, voice: str = "heart", level: float = 1.0) -> None:
    """One shard of equal utterances: 40 frames of silence, two phones, silence."""
    folder = folder / voice
    folder.mkdir()
    seconds = np.array([40, 20, 20, 10], np.float32) / np.float32(MEL_RATE)
    ids = np.array([0, 56, 58, 0], np.int16)
    mel = np.full((FRAMES, 100), SILENCE, np.float16)
    mel[40:80] = level

    def offsets(length: int) -> np.ndarray:
        return np.arange(UTTERANCES + 1, dtype=np.int64) * length

    np.save(folder / "shard0.wav.npy", np.zeros(UTTERANCES * FRAMES * HOP, np.int16))
    np.save(folder / "shard0.mel.npy", np.tile(mel, (UTTERANCES, 1)))
    np.savez(
        folder / "shard0.npz",
        ids=np.tile(ids, UTTERANCES),
        frames=np.tile(seconds, UTTERANCES),
        offsets=offsets(4),
        f0=np.zeros(UTTERANCES * 10, np.float32),
        f0_offsets=offsets(10),
        mel_offsets=offsets(FRAMES),
    )
    shard = next(s for s in open_shards(folder.parent) if s.voice == voice)
    random = np.random.default_rng(0)
    takes = [take_utterance(shard, i, random) for i in range(UTTERANCES)]
    beats = np.array([beats for _, beats in takes])
    mouth = np.full((int(beats.sum()) * BEAT_MOTION, 12), 0.25, np.float16)
    np.savez(
        folder / "takes0.npz",
        lead=[lead for lead, _ in takes],
        beats=beats,
        mouth=mouth,
        gestures=np.tile(np.array([0.1, 3.0], np.float16), (len(mouth), 1)),
    )


def write_clips(folder: Path) -> None:
    (folder / "clips").mkdir()
    toy_space().save(folder / "motion.safetensors")
    for number in range(HELD_OUT_CLIPS + 3):
        np.savez(
            folder / "clips" / f"clip{number:03}.npz",
            latents=np.full((75, toy_space().size), -0.5, np.float32),
            sound=np.zeros(75 * 960, np.float32),
            symbols=np.array(["b", ""]),
            times=np.array([[1.0, 1.2], [1.2, 3.0]], np.float32),
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> JointData:
    corpus, prepared = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("prepared")
    write_corpus(corpus)
    write_clips(prepared)
    return JointData(corpus, prepared, seed=0)


def test_takes_keep_little_silence_and_whole_beats(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    with np.load(tmp_path / "heart" / "takes0.npz") as takes:
        assert ((32 <= takes["lead"]) & (takes["lead"] <= 38)).all()
        assert (takes["lead"] + takes["beats"] * BEAT_MEL >= 80).all()


def test_ids_follow_the_durations() -> None:
    seconds = np.array([4, 3, 2], np.float32) / np.float32(MEL_RATE)
    ids = ids_on_frames(np.array([0, 7, 9]), seconds, 2, 9)
    assert ids.tolist() == [0, 0, 7, 7, 7, 9, 9, 0, 0]


def test_batches_are_whole_beats_and_sound_text_and_mouth_agree(data: JointData) -> None:
    lengths = set()
    for _ in range(12):
        batch = data.batch(tokens=400)
        count, frames = batch.ids.shape
        lengths.add(frames // BEAT_MEL)
        beats = frames // BEAT_MEL
        assert batch.mel.shape == (count, beats * BEAT_MEL, 100)
        assert batch.motion.shape == (count, beats * BEAT_MOTION, data.space.size)
        assert batch.motion_masked.shape == (count, beats * BEAT_MOTION, len(data.space.groups))
        said = batch.mel[..., 0] == 1.0
        phones = (batch.ids == 56) | (batch.ids == 58)
        from_teacher = batch.motion[:, 0, 0] != -0.5
        assert (said == phones)[from_teacher].all()
        # GRID's sound is never generated: the voice to learn is the teacher's.
        assert not batch.mel_masked[~from_teacher].any()
        eyes, brows = batch.motion[..., 12:20], batch.motion[..., 20]
        assert (eyes == -0.5).all()
        # Gestures come on top of the idle head and brows, while something is said.
        head = batch.motion[..., 21] * data.space.pose_std[0]
        idle = -0.5 * data.space.pose_std[0]
        spoken = batch.motion[..., 0] == 0.25
        torch.testing.assert_close(brows[spoken], torch.full_like(brows[spoken], 2.5))
        torch.testing.assert_close(
            head[spoken] - idle, torch.full_like(head[spoken], 0.1), atol=1e-3, rtol=0
        )
        assert (brows[~spoken] == -0.5).all()
    assert len(lengths) > 2


def test_every_crop_has_one_voice_and_mostly_tells_it(tmp_path: Path) -> None:
    levels = {"heart": 1.0, "emma": 2.0}
    for voice, level in levels.items():
        write_corpus(tmp_path, voice, level)
    write_clips(tmp_path)
    data = JointData(tmp_path, tmp_path, seed=0)
    assert [(v.name, v.number, v.british) for v in data.voices] == [
        ("heart", 1, False),
        ("emma", 2, True),
    ]
    told = {0: 0, 1: 0, 2: 0}
    for _ in range(20):
        batch = data.batch(tokens=1500)
        for mel, motion, voice in zip(batch.mel, batch.motion, batch.voice, strict=True):
            heard = {level for level in levels.values() if (mel[:, 0] == level).any()}
            assert len(heard) <= 1
            if heard and motion[0, 0] != -0.5:
                assert int(voice) in (0, int(heard.pop()))
                told[int(voice)] += 1
    assert min(told.values()) > 0 and told[0] < told[1] and told[0] < told[2]


def test_a_corpus_of_strangers_is_refused(tmp_path: Path) -> None:
    write_corpus(tmp_path, "nobody")
    with pytest.raises(InvalidInput, match="nobody"):
        corpus_voices(tmp_path)


def test_a_corpus_without_motion_is_refused(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (tmp_path / "heart" / "takes0.npz").unlink()
    write_clips(tmp_path)
    with pytest.raises(InvalidInput, match="train motion"):
        JointData(tmp_path, tmp_path, seed=0)


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="train corpus"):
        open_shards(tmp_path)
