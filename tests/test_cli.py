from __future__ import annotations

import json
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from jamflow_rt.cli import app
from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import Failed, NotSupported
from tests.test_joint_data import write_clips
from tests.toy import save_toy_bundle

Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    save_toy_bundle(folder)
    return folder


@pytest.fixture
def cli() -> Cli:
    runner = CliRunner()

    def run(*arguments: object, input: str | None = None) -> Result:
        result = runner.invoke(app, [str(argument) for argument in arguments], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def test_help_names_every_command(cli: Cli) -> None:
    result = cli("--help")
    assert result.exit_code == 0
    for command in ("say", "voices", "portrait", "serve", "prepare", "train", "evaluate", "bench"):
        assert command in result.stdout


def test_voices_are_listed(cli: Cli, bundle: Path) -> None:
    result = cli("voices", "--model", bundle)
    assert result.exit_code == 0
    assert result.stdout == "toy\tAmerican English\n"


def test_say_writes_an_mp4(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "hi.mp4"
    result = cli("say", "Hi there.", "-o", path, "--model", bundle, "--size", 64)
    assert result.exit_code == 0
    assert f"{path}: " in result.stderr.replace("\n", "")
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (64, 64)
        assert video.duration is not None and audio.duration is not None
        seconds = float(video.duration * video.time_base)
        assert seconds > 1.0
        assert float(audio.duration * audio.time_base) == pytest.approx(seconds, abs=0.05)
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert pictures[0].std() > 10, "somebody is in the picture"


def test_say_writes_a_wav_of_what_stands_on_standard_input(
    cli: Cli, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "hi.wav"
    result = cli("say", "-", "-o", path, "--model", bundle, input="Hi there.\n")
    assert result.exit_code == 0
    with wave.open(str(path)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert len(sound) > 24000
    assert sound.any()


def test_the_seed_makes_a_take_repeatable(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    takes = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        cli("say", "Hi.", "-o", tmp_path / f"{name}.wav", "--model", bundle, "--seed", seed)
        takes.append((tmp_path / f"{name}.wav").read_bytes())
    assert takes[0] == takes[1]
    assert takes[0] != takes[2]


def test_speed_shortens_the_speech(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    sizes = []
    for speed in (1, 2):
        path = tmp_path / f"{speed}.wav"
        cli("say", "One two three four five six.", "-o", path, "--model", bundle, "--speed", speed)
        sizes.append(path.stat().st_size)
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("say", "Hi.", "-o", "face.avi"), ".mp4"),
        (("say", "   ", "-o", "face.wav"), "nothing to say"),
        (("say", "Привет.", "-o", "face.wav"), "П"),
        (("say", "Hi.", "-o", "face.mp4", "--portrait", "nobody"), "nobody"),
        (("say", "Hi.", "-o", "face.wav", "--voice", "nobody"), "nobody"),
        (("say", "Hi.", "-o", "face.mp4", "--size", "7"), "7"),
        (("say", "Hi.", "-o", "gone/face.wav"), "gone"),
        (("evaluate", "--sentences", "gone.txt"), "gone.txt"),
        (("evaluate", "--sentences", __file__, "--curve", "1,x"), "--curve"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    cli: Cli,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli(*arguments, "--model", bundle)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_model_is_named(cli: Cli, tmp_path: Path) -> None:
    result = cli("say", "Hi.", "-o", tmp_path / "a.wav", "--model", tmp_path)
    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr


def test_a_gpu_that_is_not_there_is_told(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    options = ("-o", tmp_path / "x.wav", "--model", bundle, "--device")
    missing = cli("say", "Hi.", *options, "cuda:99")
    assert missing.exit_code == 1 and "cuda:99 is not here" in missing.stderr
    assert cli("say", "Hi.", *options, "tpu").exit_code == 2


def test_say_without_a_file_and_without_speakers_tells_what_is_missing(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = cli("say", "Hi.")
    assert result.exit_code == 1
    assert "jamflow-rt[speakers]" in result.stderr


def test_say_without_a_file_plays(cli: Cli, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[np.ndarray] = []

    class FakeSpeakers:
        def play(self, sound: np.ndarray) -> None:
            played.append(sound)

        def __enter__(self) -> FakeSpeakers:
            return self

        def __exit__(self, *error: object) -> None:
            played.append(np.zeros(0))

    monkeypatch.setattr("jamflow_rt.speakers.Speakers", FakeSpeakers)
    assert cli("say", "Hi.", "--model", bundle).exit_code == 0
    assert len(played) > 25
    assert {len(sound) for sound in played[:-1]} == {960}


def test_serve_passes_its_settings_on_and_prints_the_address(
    cli: Cli, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def fake(
        config: ServerConfig, model: Path, on_ready: Callable[[str], None], **place: Any
    ) -> None:
        seen.extend([config, model, place])
        on_ready("http://127.0.0.1:9000")

    monkeypatch.setattr("jamflow_rt.serve.run.serve", fake)
    result = cli(
        *("serve", "--port", 9000, "--max-sessions", 2, "--model", bundle),
        *("--device", "cuda:1", "--cuda-graphs"),
    )
    assert result.exit_code == 0
    assert "http://127.0.0.1:9000" in result.stdout
    place = {"device": "cuda:1", "cuda_graphs": True}
    assert seen == [ServerConfig(port=9000, max_sessions=2), bundle, place]


@pytest.mark.parametrize(
    ("option", "value"), [("--port", "99999"), ("--max-sessions", "0"), ("--port", "x")]
)
def test_serve_refuses_impossible_settings(cli: Cli, option: str, value: str) -> None:
    result = cli("serve", option, value)
    assert result.exit_code == 2
    assert option in result.stderr


def test_a_server_that_strangers_reach_wants_a_key(cli: Cli) -> None:
    result = cli("serve", "--host", "0.0.0.0", "--port", 0)
    assert result.exit_code == 2
    assert "--insecure" in result.stderr and "JAMFLOW_AUTH_KEY" in result.stderr


def test_a_key_that_can_be_guessed_is_refused_and_not_repeated(cli: Cli) -> None:
    result = cli("serve", "--auth-key", "hunter2", "--port", 0)
    assert result.exit_code == 2
    assert "characters" in result.stderr and "hunter2" not in result.stderr


@pytest.mark.parametrize("url", ["turn:relay.example.org", "http://relay.example.org", ""])
def test_a_relay_that_cannot_be_used_is_told_before_anything_is_loaded(cli: Cli, url: str) -> None:
    result = cli("serve", "--ice-server", url, "--port", 0)
    assert result.exit_code == 2
    assert "stun:" in result.stderr or "turn_secret" in result.stderr


@pytest.mark.parametrize("error", [NotSupported("The port is taken."), Failed("It broke.")])
def test_other_failures_end_with_exit_code_1(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object, **settings: object) -> None:
        raise error

    monkeypatch.setattr("jamflow_rt.serve.run.serve", fail)
    result = cli("serve")
    assert result.exit_code == 1
    assert str(error) in result.stderr


class FakeListener:
    def __call__(self, sound: np.ndarray) -> str:
        return "hi there"


class FakeJudge:
    def __call__(self, sound: np.ndarray) -> float:
        return 3.25


@pytest.fixture
def judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jamflow_rt.evaluate.recogniser.Recogniser", FakeListener)
    monkeypatch.setattr("jamflow_rt.evaluate.quality.DistillMos", FakeJudge)
    monkeypatch.setattr("jamflow_rt.evaluate.quality.Dnsmos", FakeJudge)


@pytest.mark.usefixtures("judges")
def test_evaluate_reports_on_what_the_model_says(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("Hi there.\nBy the map.\nNever read.\n")
    report = tmp_path / "report.json"
    result = cli(
        "evaluate", "--sentences", tmp_path / "s.txt", "--limit", 2, "-o", report,
        "--evaluations", 1, "--curve", "2,1", "--compare", "--page", tmp_path / "page",
        "--keep", tmp_path / "kept", "--model", bundle,
    )  # fmt: skip
    assert result.exit_code == 0
    assert "3.25" in result.stdout
    assert "needs syncnet_v2.model" in result.stdout.replace("\n", " ")
    found = json.loads(report.read_text())
    assert found["ours"]["sentences"] == 2
    assert found["ours"]["word_error_rate"] == pytest.approx(3 / 5)
    assert found["ours"]["lips"]["bilabials"] == 3
    assert found["ours"]["clicks"]["edges"] >= 4
    assert found["whole"]["quality"] == 3.25
    assert [point["evaluations"] for point in found["curve"]] == [1, 2]
    assert min(found["cost"].values()) > 0
    settings = {"sentences": "s.txt", "windows": True, "voice": "toy", "evaluations": 1}
    assert found["settings"] | settings == found["settings"]
    assert (tmp_path / "page" / "index.html").exists()
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["0000.wav", "0001.wav"]


@pytest.mark.usefixtures("judges")
def test_evaluate_compares_with_real_faces(
    cli: Cli, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s.txt").write_text("Hi.\n")
    prepared, report = tmp_path / "prepared", tmp_path / "report.json"
    prepared.mkdir()
    arguments = ["evaluate", "--sentences", tmp_path / "s.txt", "-o", report, "--model", bundle]
    arguments += ["--prepared", prepared]
    result = cli(*arguments)
    assert result.exit_code == 2 and "jamflow-rt prepare" in result.stderr
    write_clips(prepared)
    monkeypatch.setattr("jamflow_rt.train.teacher_motion.HELD_OUT_CLIPS", 2)
    assert cli(*arguments).exit_code == 0
    found = json.loads(report.read_text())
    assert found["listening"]["clips"] == 2
    assert found["real"]["motion"]["lip_speed"] == pytest.approx(0.0, abs=1e-5)
    assert found["ours"]["motion"]["lip_speed"] > 0


@pytest.mark.usefixtures("judges")
def test_evaluate_scores_sound_files(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("Hi there.\n")
    (tmp_path / "sound").mkdir()
    with wave.open(str(tmp_path / "sound" / "a.wav"), "wb") as file:
        file.setparams((1, 2, 24000, 0, "NONE", ""))
        file.writeframes(bytes(48000))
    result = cli("evaluate", "--sentences", tmp_path / "s.txt", "--audio-dir", tmp_path / "sound")
    assert result.exit_code == 0
    assert "0.0%" in result.stdout
    assert "lips" not in result.stdout


def test_train_says_what_a_stage_needs(cli: Cli, tmp_path: Path) -> None:
    result = cli("train", "corpus", "--work", tmp_path)
    assert result.exit_code == 2
    assert "--sentences" in result.stderr
    assert cli("train", "wisdom").exit_code == 2


def test_prepare_names_a_folder_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    result = cli(
        "prepare", tmp_path / "gone", "-o", tmp_path / "out", "--landmarker", tmp_path / "x.task"
    )
    assert result.exit_code == 2
    assert "gone" in result.stderr
