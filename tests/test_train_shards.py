from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.shard_writer import shard_name, write_index, write_shard
from jamflow_rt.train.shards import INDEX, Clip, ClipRecord, ClipShards
from tests.toy_shards import toy_clip, write_toy_shards


def test_clips_come_back_as_they_were_written(tmp_path: Path) -> None:
    clips = [toy_clip(seed, beats=3 + seed, given=5) for seed in range(5)]
    clips[2] = clips[2]._replace(extra={"pose": np.arange(6, dtype=np.int32).reshape(2, 3)})
    write_shard(tmp_path / shard_name("a", 0), [(f"clip-{n}", clips[n]) for n in (0, 1)])
    write_shard(tmp_path / shard_name("a", 1), [])
    write_shard(tmp_path / shard_name("b", 0), [(f"clip-{n}", clips[n]) for n in (2, 3, 4)])
    write_index(tmp_path)
    shards = ClipShards.open(tmp_path)
    shards.verify()
    assert len(shards) == 5 and shards.index.given_size == 5
    for number, clip in enumerate(clips):
        read = shards[number]
        assert shards.entries[number].key == f"clip-{number}"
        assert read.record == clip.record
        assert shards.entries[number].beats == read.beats == 3 + number
        np.testing.assert_array_equal(read.mel, clip.mel)
        np.testing.assert_array_equal(read.motion, clip.motion)
        np.testing.assert_array_equal(read.given, clip.given)
    np.testing.assert_array_equal(shards[2].extra["pose"], clips[2].extra["pose"])
    assert not list(tmp_path.glob("*.tmp"))


def test_the_index_tells_mean_and_spread(tmp_path: Path) -> None:
    clips = [toy_clip(seed, beats=4, given=2) for seed in range(3)]
    write_shard(tmp_path / shard_name("a", 0), [(f"{n}", clip) for n, clip in enumerate(clips)])
    index = write_index(tmp_path)
    motion = np.concatenate([clip.motion for clip in clips])
    given = np.concatenate([clip.given for clip in clips])
    mel = np.concatenate([clip.mel for clip in clips]).astype(np.float64)
    np.testing.assert_allclose(index.motion_spread.mean, motion.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(index.motion_spread.std, motion.std(0), rtol=1e-5)
    assert index.given_spread is not None
    np.testing.assert_allclose(index.given_spread.std, given.std(0), rtol=1e-5)
    np.testing.assert_allclose([*index.mel.mean, *index.mel.std], [mel.mean(), mel.std()])


def test_the_same_clips_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_shard(tmp_path / shard_name(name, 0), [("clip", toy_clip(1))])
    assert (tmp_path / "a-000000.tar").read_bytes() == (tmp_path / "b-000000.tar").read_bytes()


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_shard_is_named(tmp_path: Path, damage: str) -> None:
    write_toy_shards(tmp_path, clips=4, per_shard=2)
    victim = tmp_path / shard_name("toy", 1)
    content = bytearray(victim.read_bytes())
    if damage == "gone":
        victim.unlink()
    elif damage == "cut":
        victim.write_bytes(content[:-9000])
    else:
        content[3000] ^= 1
        victim.write_bytes(content)
    with pytest.raises(InvalidInput, match="toy-000001.tar"):
        shards = ClipShards.open(tmp_path)
        assert shards[1].beats  # the other shard is read as before
        shards[2]


def test_the_index_refuses_a_damaged_shard_and_names_it(tmp_path: Path) -> None:
    write_toy_shards(tmp_path, clips=2, per_shard=1)
    victim = tmp_path / shard_name("toy", 1)
    victim.write_bytes(victim.read_bytes()[:5000])
    with pytest.raises(InvalidInput, match="toy-000001.tar"):
        write_index(tmp_path)


def test_a_flipped_bit_is_found_by_verify(tmp_path: Path) -> None:
    write_toy_shards(tmp_path, clips=2, per_shard=1)
    victim = tmp_path / shard_name("toy", 0)
    content = bytearray(victim.read_bytes())
    content[200] ^= 1
    victim.write_bytes(content)
    with pytest.raises(InvalidInput, match="toy-000000.tar"):
        ClipShards.open(tmp_path).verify()


def test_a_missing_or_damaged_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=INDEX):
        ClipShards.open(tmp_path)
    write_toy_shards(tmp_path, clips=1)
    (tmp_path / INDEX).write_text('{"format": 2}')
    with pytest.raises(InvalidInput, match=INDEX):
        ClipShards.open(tmp_path)


def test_clips_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path, good = tmp_path / shard_name("a", 0), toy_clip(0)
    for key, clip, said in (
        ("a.b", good, "a.b"),
        ("short", good._replace(mel=good.mel[:14]), "beat"),
        ("apart", good._replace(motion=np.tile(good.motion, (9, 1))), "together"),
        ("nan", good._replace(motion=np.full_like(good.motion, np.nan)), "NaN"),
        ("decibels", good._replace(mel=good.mel * 20), "magnitudes"),
        ("bands", good._replace(mel=good.mel[:, :80]), "100"),
    ):
        with pytest.raises(InvalidInput, match=said):
            write_shard(path, [(key, clip)])
        assert not path.exists()
    with pytest.raises(InvalidInput, match="clips.tar"):
        write_shard(tmp_path / "clips.tar", [("a", good)])
    with pytest.raises(InvalidInput, match="no shards"):
        write_index(tmp_path)


def test_clips_of_two_kinds_or_one_name_do_not_mix(tmp_path: Path) -> None:
    write_shard(tmp_path / shard_name("a", 0), [("one", toy_clip(0))])
    write_shard(tmp_path / shard_name("b", 0), [("one", toy_clip(1))])
    with pytest.raises(InvalidInput, match="twice"):
        write_index(tmp_path)
    record = ClipRecord(text="", seconds=1.0, motion="liveportrait", source="x.mp4")
    other = Clip(record, *toy_clip(1)[1:])
    write_shard(tmp_path / shard_name("b", 0), [("two", other)])
    with pytest.raises(InvalidInput, match="b-000000.tar.*liveportrait"):
        write_index(tmp_path)
