from pathlib import Path

import numpy as np
import pytest
import torch

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, MEL_RATE
from jamflow_rt.codec.mel import whiten
from jamflow_rt.config import ModelConfig, TextConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.f5 import CharacterVocabulary
from jamflow_rt.text.phonemes import symbol_ids
from jamflow_rt.train.scale.batching import BatchPlan, Row
from jamflow_rt.train.scale.data import Examples, passes, together
from jamflow_rt.train.scale.scaling import MotionScale
from jamflow_rt.train.scale.text import character_ids, phoneme_ids, text_ids_for
from jamflow_rt.train.shard_writer import shard_name
from jamflow_rt.train.shards import ClipShards
from tests.toy import toy_config
from tests.toy_recipe import keypoint_config, toy_recipe
from tests.toy_shards import toy_clip, write_toy_shards

ROW = Row(clip=1, first=1, beats=2, seed=(0, 5, 3))


def examples(folder: Path, config: ModelConfig | None = None) -> Examples:
    shards = ClipShards.open(folder)
    scale = MotionScale.of(shards.index)
    return Examples(shards, config or toy_config(), toy_recipe(), phoneme_ids, scale)


def test_a_row_is_cut_from_its_clip_and_scaled(tmp_path: Path) -> None:
    write_toy_shards(tmp_path, clips=2)
    example, clip = examples(tmp_path)[ROW], toy_clip(1, beats=4)
    mel = whiten(torch.from_numpy(clip.mel[BEAT_MEL : 3 * BEAT_MEL]).float())
    np.testing.assert_allclose(example.mel, mel, atol=1e-6)
    np.testing.assert_array_equal(example.motion, clip.motion[BEAT_MOTION : 3 * BEAT_MOTION])
    assert example.given is None
    ids = phoneme_ids(clip.record, 0, 4 * BEAT_MEL)
    np.testing.assert_array_equal(example.ids, ids[BEAT_MEL : 3 * BEAT_MEL])


def test_the_mel_is_on_the_networks_scale(tmp_path: Path) -> None:
    write_toy_shards(tmp_path, clips=2)
    paper = ModelConfig.paper()
    scale = {"mel_scale": paper.mel_scale, "mel_shift": paper.mel_shift}
    config = toy_config().model_copy(update=scale)
    clip = toy_clip(1, beats=4).mel[BEAT_MEL : 3 * BEAT_MEL]
    np.testing.assert_allclose(examples(tmp_path, config)[ROW].mel, clip, atol=1e-5)


def test_keypoints_and_what_is_given_are_whitened(tmp_path: Path) -> None:
    write_toy_shards(tmp_path, clips=2, motion="liveportrait", size=12, given=5)
    scale = MotionScale.of(ClipShards.open(tmp_path).index)
    example, clip = (
        examples(tmp_path, keypoint_config())[ROW],
        toy_clip(1, beats=4, motion="liveportrait", size=12, given=5),
    )
    part = slice(BEAT_MOTION, 3 * BEAT_MOTION)
    np.testing.assert_allclose(
        example.motion * scale.std + scale.mean, clip.motion[part], atol=1e-5
    )
    assert example.given is not None and clip.given is not None
    raw = example.given * scale.given_std + scale.given_mean
    np.testing.assert_allclose(raw, clip.given[part], atol=1e-5)


def test_the_same_row_is_the_same_example_and_another_is_not(tmp_path: Path) -> None:
    write_toy_shards(tmp_path, clips=2)
    once, again = examples(tmp_path)[ROW], examples(tmp_path)[ROW]
    other = examples(tmp_path)[ROW._replace(seed=(0, 5, 4))]
    for a, b, c in zip(once, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.shape(a) == np.shape(c)
    assert not np.array_equal(once.mel_noise, other.mel_noise)
    assert once.time != other.time


def test_workers_read_what_the_process_itself_does(tmp_path: Path) -> None:
    write_toy_shards(tmp_path, clips=12)
    made, recipe = examples(tmp_path), toy_recipe()
    plan = BatchPlan(
        range(12), [3 + n % 4 for n in range(12)], recipe.lengths, recipe.batches, 0, 1
    )
    alone = list(passes(made, plan, 0, 1, 4, workers=0))
    helped = list(passes(made, plan, 0, 1, 4, workers=1))
    assert len(alone) == 3
    for a, b in zip(alone, helped, strict=True):
        for name in ("ids", "mel", "motion", "mel_masked", "motion_masked", "text_dropped"):
            torch.testing.assert_close(
                getattr(a.batch, name), getattr(b.batch, name), rtol=0, atol=0
            )
        torch.testing.assert_close(a.t, b.t, rtol=0, atol=0)
        assert a.batch.mel.shape == (len(a.t), a.batch.ids.shape[1], 100)


def test_times_are_drawn_as_the_recipe_says(tmp_path: Path) -> None:
    write_toy_shards(tmp_path, clips=1)
    made = examples(tmp_path)
    row = Row(0, 0, 3, (0, 0, 0))
    uniform = together([made[row._replace(seed=(0, 0, n))] for n in range(400)]).t
    assert 0 <= uniform.min() and uniform.max() <= 1
    assert abs(float(uniform.mean()) - 0.5) < 0.04 and abs(float(uniform.std()) - 0.289) < 0.02
    made._recipe = toy_recipe(times="logistic_normal")
    normal = together([made[row._replace(seed=(0, 0, n))] for n in range(400)]).t
    assert abs(float(normal.logit().std()) - 1.0) < 0.1


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_shard_is_named_also_by_a_worker(tmp_path: Path, workers: int) -> None:
    write_toy_shards(tmp_path, clips=4)
    made, recipe = examples(tmp_path), toy_recipe()
    plan = BatchPlan(range(4), [3] * 4, recipe.lengths, recipe.batches, 0, 1)
    victim = tmp_path / shard_name("toy", 0)
    content = bytearray(victim.read_bytes())
    content[2000::997] = b"x" * len(content[2000::997])
    victim.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"^\S*toy-000000.tar is damaged") as error:
        list(passes(made, plan, 0, 0, 1, workers))
    assert "Traceback" not in str(error.value)


def test_phonemes_stand_on_their_frames() -> None:
    ids = phoneme_ids(toy_clip(0).record, 0, 60)
    for time, symbol in ((0.15, "b"), (0.25, "ɪ"), (0.45, "n")):
        assert ids[round(time * MEL_RATE)] == symbol_ids(symbol)[0]
    assert ids[0] == 0 and ids[-1] == 0
    untimed = toy_clip(0).record.model_copy(update={"phones": None})
    with pytest.raises(InvalidInput, match="0.mp4.*no timed phonemes"):
        phoneme_ids(untimed, 0, 60)


def test_characters_come_first_and_filler_after() -> None:
    vocabulary = CharacterVocabulary([" ", *"Binblueatftwo."])
    record = toy_clip(0).record
    ids = character_ids(vocabulary, record, 0, 60)
    read = vocabulary.ids(record.text)
    assert len(read) == len(record.text)
    np.testing.assert_array_equal(ids[: len(read)], read)
    assert not ids[len(read) :].any() and len(ids) == 60
    np.testing.assert_array_equal(character_ids(vocabulary, record, 0, 9), read[:9])


def test_a_network_of_characters_needs_its_vocabulary_and_whole_clips(tmp_path: Path) -> None:
    text = TextConfig(kind="characters", vocab=3, width=16, layers=1)
    config = toy_config().model_copy(update={"text": text})
    path = tmp_path / "vocab.txt"
    path.write_text(" \na\nb\n")
    assert text_ids_for(toy_recipe(vocabulary=str(path)), config)(toy_clip(0).record, 0, 40).any()
    for changes, said in (
        ({}, "vocab.txt"),
        ({"vocabulary": str(path), "lengths": {"crops": [3]}}, "crops"),
        ({"vocabulary": str(tmp_path / "other.txt")}, "other.txt"),
    ):
        with pytest.raises(InvalidInput, match=said):
            text_ids_for(toy_recipe(**changes), config)
    path.write_text(" \na\n")
    with pytest.raises(InvalidInput, match="2 entries.*3"):
        text_ids_for(toy_recipe(vocabulary=str(path)), config)
