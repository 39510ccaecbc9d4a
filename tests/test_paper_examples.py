"""The programs of examples/paper, on toy networks."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

from jamflow_rt.record import write_wav
from jamflow_rt.record_over import record_over
from jamflow_rt.sound_file import read_sound
from jamflow_rt.track.tracker import Tracker
from tests.test_cli_dubbing import a_face
from tests.toy_paper import SAID, save_paper_bundle, voice_sound
from tests.track_fakes import GREY, fake_mediapipe, write_video

EXAMPLES = Path(__file__).parents[1] / "examples" / "paper"


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_paper_bundle(tmp_path_factory.mktemp("paper") / "bundle", faces=False)


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sys.modules, "mediapipe", fake_mediapipe())
    model = tmp_path / "face_landmarker.task"
    model.touch()
    monkeypatch.setattr("jamflow_rt.render.face_finder.landmarker_file", lambda: model)
    monkeypatch.setattr(Tracker, "track", a_face)
    silent = write_video(tmp_path / "silent.mp4", [GREY] * 50)
    record_over(silent, voice_sound(2.0), tmp_path / "talk.mp4")
    return tmp_path / "talk.mp4"


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        assert container.streams.audio
        return sum(1 for _ in container.decode(video=0))


def test_text_to_face(bundle: Path, tmp_path: Path) -> None:
    program("text_to_face").main(str(bundle), "mara", "Hello.", str(tmp_path / "out.mp4"))
    assert pictures(tmp_path / "out.mp4") > 20


def test_sound_to_lips(bundle: Path, tmp_path: Path) -> None:
    write_wav(voice_sound(0.8), tmp_path / "talk.wav")
    arguments = (str(bundle), "mara", str(tmp_path / "talk.wav"), str(tmp_path / "out.mp4"))
    asyncio.run(program("sound_to_lips").main(*arguments))
    assert pictures(tmp_path / "out.mp4") == 20


def test_continue_reference(bundle: Path, tmp_path: Path) -> None:
    write_wav(voice_sound(1.5), tmp_path / "before.wav")
    arguments = (str(bundle), "mara", str(tmp_path / "before.wav"), SAID, "So.", "out.mp4")
    output = str(tmp_path / arguments[-1])
    asyncio.run(program("continue_reference").main(*arguments[:-1], output))
    assert pictures(Path(output)) > 10


def test_dub_video(bundle: Path, video: Path, tmp_path: Path) -> None:
    arguments = (str(bundle), str(video), "Other words.", str(tmp_path / "out.mp4"))
    program("dub_video").main(*arguments)
    assert pictures(tmp_path / "out.mp4") == 50
    assert not np.allclose(read_sound(tmp_path / "out.mp4")[:24000], read_sound(video)[:24000])


def test_fill_gaps(bundle: Path, video: Path, tmp_path: Path) -> None:
    arguments = (str(bundle), str(video), "All that is said.", "0.8", "1.2")
    program("fill_gaps").main(*arguments, str(tmp_path / "out.wav"))
    ours, theirs = read_sound(tmp_path / "out.wav"), read_sound(video)
    np.testing.assert_allclose(ours[:16000], theirs[:16000], atol=1e-3)
    assert not np.allclose(ours[20000:28000], theirs[20000:28000], atol=1e-2)
