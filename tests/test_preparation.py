from __future__ import annotations

import json
import os
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from jamflow_rt.bundle import EMBEDDED
from jamflow_rt.cli import app
from jamflow_rt.codec.alignment import Pose, place
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.preparation import run
from jamflow_rt.preparation.quality import QualityLimits, measure_quality
from jamflow_rt.preparation.report import Outcome, Report
from jamflow_rt.preparation.run import Plan, prepare_shards
from jamflow_rt.preparation.video import VideoPreparer, key_of, source_of
from jamflow_rt.record_over import record_over
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.track.tracker import FaceError, TrackedFace
from jamflow_rt.train.forced_alignment import TimedPhone
from jamflow_rt.train.shards import KEY, ClipShards
from tests.track_fakes import GREY, write_video

SPACE = MotionSpace.load(EMBEDDED / "motion.safetensors")
FRAMES = 60


def syllables(lag: int = 0) -> np.ndarray:
    """(FRAMES,) a loudness that comes and goes unevenly, `lag` frames later."""
    random = np.random.default_rng(0)
    track = np.clip(np.convolve(random.normal(size=FRAMES + 40), np.hanning(5), "same"), 0, None)
    return track[20 - lag : 20 - lag + FRAMES] / track.max()


def sound_of(track: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=FRAMES * 960)
    return (0.2 * noise * np.repeat(track, 960)).clip(-1, 1).astype(np.float32)


def face_of(track: np.ndarray, seen: float = 1.0) -> TrackedFace:
    """A mouth that opens as the track says."""
    latents = SPACE.rest[None].repeat(FRAMES, axis=0)
    latents[:, 0] += 3 * track
    pose = Pose(
        *(np.zeros((FRAMES, 3), np.float32) for _ in range(2)), np.full(FRAMES, 9.0, np.float32)
    )
    pose = pose._replace(translation=np.full((FRAMES, 3), 100.0, np.float32))
    return TrackedFace(place(SPACE.meshes(latents), pose), np.arange(FRAMES) < seen * FRAMES)


class FakeTracker:
    """The name of a video says what is to be seen in it."""

    def __init__(self) -> None:
        self.tracked: list[str] = []

    def track(self, path: Path, longest: float | None = None) -> TrackedFace:
        self.tracked.append(path.stem)
        if "two" in path.stem:
            raise FaceError("several faces", f"{path.name} shows more than one face.")
        if "odd" in path.stem:
            raise ZeroDivisionError("odd video")
        if "late" in path.stem:
            return face_of(syllables(7))
        return face_of(syllables(), 0.5 if "lost" in path.stem else 1.0)


class Loud:
    """Speech is what sounds."""

    def reset(self) -> None:
        pass

    def probability(self, block: np.ndarray) -> float:
        return float(np.abs(block).max() > 0.01)


def spelled(sound: np.ndarray, text: str) -> list[TimedPhone] | None:
    """A tenth of a second for each word; what is garbled fits nothing."""
    words = text.lower().split()
    if not any(letter.isalpha() for letter in text):
        raise InvalidInput("There is nothing to say.")
    if "garbled" in text.lower():
        return None
    return [TimedPhone(word[0], n / 10, (n + 1) / 10) for n, word in enumerate(words)]


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> FakeTracker:
    made = FakeTracker()
    preparers: dict[str, Any] = {}

    def preparer(plan: Plan) -> VideoPreparer:
        networks = LivePortraitNetworks.random(0, tiny=True) if plan.liveportrait else None
        listen = (lambda sound: "heard words") if plan.recognise else None
        return VideoPreparer(made, SPACE, networks, Loud(), listen, plan.limits)

    monkeypatch.setattr(Plan, "preparer", preparer)
    monkeypatch.setattr(Plan, "aligner", lambda plan: None if plan.liveportrait else spelled)
    monkeypatch.setattr(run, "_preparers", preparers)
    return made


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    (folder / "more").mkdir(parents=True)
    silent = write_video(tmp_path / "plain.mp4", [GREY] * FRAMES)
    for name in ("good", "late", "lost", "two", "more/untold"):
        record_over(silent, sound_of(syllables()), folder / f"{name}.mp4")
    record_over(silent, np.zeros(FRAMES * 960, np.float32), folder / "mute.mp4")
    (folder / "good.txt").write_text("Told words.\n", "utf-8")
    words = [[0.0, 0.2, "sil"], [0.2, 1.0, "late"], [1.0, 2.0, "words"]]
    (folder / "align.json").write_text(json.dumps({"late": words}), "utf-8")
    return folder


def plan_of(videos: Path, output: Path, **changes: Any) -> Plan:
    plan = Plan(videos, output, videos / "model.task", EMBEDDED / "motion.safetensors")
    return replace(plan, **changes)


def test_what_is_fit_becomes_clips_and_the_rest_is_told(
    videos: Path, tmp_path: Path, tracker: FakeTracker
) -> None:
    seen: list[tuple[int, int]] = []
    index, report = prepare_shards(
        plan_of(videos, tmp_path / "out"), 1, lambda *done: seen.append(done)
    )
    assert seen == [(0, 1), (1, 1)]
    assert index.clips == 2 and index.motion == "mesh" and index.motion_size == SPACE.size
    faults = {o.source: o.fault for o in report.outcomes if o.fault}
    assert faults["late.mp4"].startswith("sync off: lips +280 ms")
    assert faults["lost.mp4"] == "face lost: seen in 50%"
    assert faults["mute.mp4"] == "no speech: 0% of the time"
    assert faults["two.mp4"] == "several faces: two.mp4 shows more than one face."
    assert report.faults == {kind: 1 for kind in report.faults} and len(report.faults) == 4
    late = next(o for o in report.outcomes if o.source == "late.mp4")
    assert late.quality["offset"] == 7 and late.seconds == FRAMES / 25
    shards = ClipShards.open(tmp_path / "out")
    clips = {shards[n].record.source: shards[n] for n in range(len(shards))}
    assert clips["more/untold.mp4"].record.text == "heard words"
    good = clips["good.mp4"]
    assert good.record.text == "Told words."
    assert good.motion.shape == (FRAMES, SPACE.size) and len(good.mel) == FRAMES * 15 // 4
    assert good.record.phones == (("t", 0.0, 0.1), ("w", 0.1, 0.2))
    assert good.record.source == "good.mp4" and good.record.quality["seen"] == 1.0
    assert abs(good.record.quality["offset"]) <= 1
    assert (tmp_path / "out" / "motion.safetensors").exists()
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "2 of 6 videos" in page and "sync off" in page
    assert (tmp_path / "out" / "report_seen.png").exists()


def test_what_was_prepared_is_not_prepared_again(
    videos: Path, tmp_path: Path, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PER_SHARD", 2)
    plan = plan_of(videos, tmp_path / "out")

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_shards(plan, 1, stop)
    before = len(tracker.tracked)
    index, _ = prepare_shards(plan, 1, lambda *done: None)
    assert before == 4 and len(tracker.tracked) == 6
    whole, _ = prepare_shards(plan_of(videos, tmp_path / "whole"), 1, lambda *done: None)
    assert index.clips == whole.clips
    assert [shard.sha256 for shard in index.shards] == [shard.sha256 for shard in whole.shards]
    with pytest.raises(InvalidInput, match="begun with other settings"):
        prepare_shards(replace(plan, limits=QualityLimits(least_seen=0.1)), 1, lambda *done: None)


def test_liveportrait_motion_is_mouth_and_rest(
    videos: Path, tmp_path: Path, tracker: FakeTracker
) -> None:
    plan = plan_of(videos, tmp_path / "out", liveportrait=tmp_path / "weights")
    index, _ = prepare_shards(plan, 1, lambda *done: None)
    assert (index.motion, index.motion_size, index.given_size) == ("liveportrait", 12, 51)
    clip = ClipShards.open(tmp_path / "out")[0]
    assert clip.given is not None and clip.given.shape == (FRAMES, 51)
    assert clip.extra["pose"].shape == (FRAMES, 7) and clip.record.phones is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Garbled, garbled.", "text and sound do not fit: no alignment"),
        ("…", "text cannot be read: There is nothing to say."),
    ],
)
def test_a_text_that_does_not_fit_its_sound_is_left_out(
    videos: Path, tmp_path: Path, tracker: FakeTracker, text: str, fault: str
) -> None:
    (videos / "good.txt").write_text(text, "utf-8")
    _, report = prepare_shards(plan_of(videos, tmp_path / "out"), 1, lambda *done: None)
    faults = {outcome.source: outcome.fault for outcome in report.outcomes}
    assert faults["good.mp4"] == fault


def test_without_a_transcript_and_without_whisper_a_clip_is_left_out(
    videos: Path, tmp_path: Path, tracker: FakeTracker
) -> None:
    plan = plan_of(videos, tmp_path / "out", recognise=False)
    index, report = prepare_shards(plan, 1, lambda *done: None)
    assert index.clips == 1 and "no text" in report.faults


def test_a_folder_that_gives_nothing_is_told(
    videos: Path, tmp_path: Path, tracker: FakeTracker
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds no videos"):
        prepare_shards(plan_of(tmp_path / "empty", tmp_path / "out"), 1, lambda *done: None)
    for path in videos.rglob("*.mp4"):
        if path.stem != "mute":
            path.unlink()
    with pytest.raises(InvalidInput, match=r"None of the 1 videos is fit: .*report\.html"):
        prepare_shards(plan_of(videos, tmp_path / "out2"), 1, lambda *done: None)


def test_an_offset_counts_only_where_sound_and_lips_agree() -> None:
    seen = np.ones(FRAMES, np.bool_)
    late = measure_quality(sound_of(syllables()), syllables(6).astype(np.float32), seen, Loud())
    assert late.offset == 6 and "sync off" in (late.fault(QualityLimits()) or "")
    still = measure_quality(sound_of(syllables()), np.zeros(FRAMES, np.float32), seen, Loud())
    assert still.fault(QualityLimits()) is None
    assert "length" in (late.fault(QualityLimits(shortest=5.0)) or "")


def test_what_is_new_is_added(
    videos: Path, tmp_path: Path, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PER_SHARD", 4)
    plan = plan_of(videos, tmp_path / "out")
    before, _ = prepare_shards(plan, 1, lambda *done: None)
    for name in ("a", "z"):
        (videos / f"{name}.mp4").write_bytes((videos / "good.mp4").read_bytes())
    (videos / "good.mp4").unlink()
    tracker.tracked.clear()
    index, report = prepare_shards(plan, 1, lambda *done: None)
    assert tracker.tracked == ["a", "z"]
    assert index.clips == before.clips + 2 and report.videos == 8
    shards = ClipShards.open(tmp_path / "out")
    sources = sorted(shards[n].record.source for n in range(len(shards)))
    assert sources == ["a.mp4", "good.mp4", "more/untold.mp4", "z.mp4"]


def test_one_odd_video_does_not_end_the_others(
    videos: Path, tmp_path: Path, tracker: FakeTracker
) -> None:
    for name in ("odd", "ödd", "empty"):
        (videos / f"{name}.mp4").write_bytes(b"")
    (videos / "good.txt").write_bytes("sch\xf6n".encode("latin-1"))
    (videos / "folder.mp4").mkdir()
    index, report = prepare_shards(plan_of(videos, tmp_path / "out"), 1, lambda *done: None)
    faults = {outcome.source: outcome.fault for outcome in report.outcomes}
    assert index.clips == 1 and "folder.mp4" not in faults
    assert faults["odd.mp4"] == "failed: ZeroDivisionError('odd video')"
    assert faults["good.mp4"] == "no text: good.txt is not UTF-8"
    assert (faults["ödd.mp4"] or "").startswith("no sound: ")
    assert report.faults["no sound"] == 2


def test_a_full_disk_and_a_killed_process_are_told(
    videos: Path, tmp_path: Path, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    plan = plan_of(videos, tmp_path / "out")
    with monkeypatch.context() as patch, pytest.raises(Failed, match="No space left on device"):
        patch.setattr("tarfile.TarFile.addfile", full)
        prepare_shards(plan, 1, lambda *done: None)
    assert not list((tmp_path / "out").glob("*clips*"))
    # What a process leaves that is killed while it writes.
    (tmp_path / "out" / ".clips-000000.1.part.tar").touch()
    with monkeypatch.context() as patch, pytest.raises(Failed, match="fewer --processes"):
        patch.setattr(run, "ProcessPoolExecutor", lambda *a, **k: BrokenPool())
        prepare_shards(plan, 2, lambda *done: None)
    assert prepare_shards(plan, 1, lambda *done: None)[0].clips == 2
    assert len(list((tmp_path / "out").glob("*clips*"))) == 1


class BrokenPool:
    def submit(self, *call: object) -> Future[None]:
        future: Future[None] = Future()
        future.set_exception(BrokenProcessPool("killed"))
        return future

    def shutdown(self, cancel_futures: bool) -> None:
        assert cancel_futures


def test_shards_of_one_space_do_not_go_on_in_another(
    videos: Path, tmp_path: Path, tracker: FakeTracker
) -> None:
    prepare_shards(plan_of(videos, tmp_path / "out"), 1, lambda *done: None)
    other = tmp_path / "motion.safetensors"
    other.write_bytes((EMBEDDED / "motion.safetensors").read_bytes() + b" ")
    with pytest.raises(InvalidInput, match="begun with other settings"):
        prepare_shards(plan_of(videos, tmp_path / "out", space=other), 1, lambda *done: None)


def test_keys_differ_and_have_letters_that_keys_may_have() -> None:
    paths = ["a b.mp4", "ü.mp4", "中.mp4", "a/b.mp4", "a_b.mp4", "a_b.mkv", "long/" * 50 + "a.mp4"]
    keys = [key_of(Path("root", path), Path("root")) for path in paths]
    assert len(set(keys)) == len(paths)
    assert all(KEY.fullmatch(key) and len(key) < 80 for key in keys)
    assert keys[3].startswith("a_b-")


def test_a_name_that_is_not_utf_8_can_be_written_down() -> None:
    path = Path(os.fsdecode(b"root/caf\xe9.mp4"))
    assert source_of(path, Path("root")) == "caf\\xe9.mp4"
    assert KEY.fullmatch(key_of(path, Path("root")))


def test_a_report_counts() -> None:
    report = Report.of(
        [
            Outcome(source="a", seconds=3600),
            Outcome(source="b", fault="sync off: 1"),
            Outcome(source="c", fault="sync off: 2"),
        ]
    )
    assert report.hours == 1.0 and report.faults == {"sync off": 2} and report.kept == 1


def test_the_command_line_says_what_does_not_fit(tmp_path: Path) -> None:
    def prepare(*options: str) -> str:
        base = ["prepare", str(tmp_path), "-o", str(tmp_path / "o"), "--landmarker", "x.task"]
        result = CliRunner().invoke(app, [*base, "--shards", *options])
        assert result.exit_code == 2
        return result.stderr

    assert "--motion is mesh or liveportrait" in prepare("--motion", "flame")
    assert "needs --liveportrait" in prepare("--motion", "liveportrait")
    assert "holds no videos" in prepare()
