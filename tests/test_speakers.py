from __future__ import annotations

import builtins
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from jamflow_rt.errors import NotSupported
from jamflow_rt.speakers import Speakers


class PortAudioError(Exception):
    pass


class FakeStream:
    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.calls: list[str] = []
        self.written: list[np.ndarray] = []

    def start(self) -> None:
        self.calls.append("start")

    def write(self, block: np.ndarray) -> None:
        self.written.append(block)

    def stop(self) -> None:
        self.calls.append("stop")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("sounddevice")
    module.streams = []

    def open_stream(**settings: Any) -> FakeStream:
        module.streams.append(FakeStream(**settings))
        return module.streams[-1]

    module.PortAudioError = PortAudioError
    module.query_devices = lambda kind: {"name": "speakers"}
    module.OutputStream = open_stream
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def test_sound_goes_out_as_24_khz_mono_and_is_played_to_its_end(sounddevice: ModuleType) -> None:
    with Speakers() as speakers:
        speakers.play(np.full(960, 0.5, np.float32))
    (stream,) = sounddevice.streams
    assert stream.settings == {"samplerate": 24000, "channels": 1, "dtype": "float32"}
    assert [block.shape for block in stream.written] == [(960, 1)]
    assert stream.calls == ["start", "stop", "close"]


def test_an_error_stops_the_sound_at_once(sounddevice: ModuleType) -> None:
    with pytest.raises(KeyboardInterrupt), Speakers():
        raise KeyboardInterrupt
    assert sounddevice.streams[0].calls == ["start", "abort", "close"]


def test_no_device_is_said(sounddevice: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(kind: str) -> None:
        raise PortAudioError("Error querying device -1")

    monkeypatch.setattr(sounddevice, "query_devices", none)
    with pytest.raises(NotSupported, match=r"no sound output device.*-o"):
        Speakers()


def test_a_device_that_does_not_open_is_said(
    sounddevice: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**settings: Any) -> None:
        raise PortAudioError("Invalid sample rate")

    monkeypatch.setattr(sounddevice, "OutputStream", refuse)
    with pytest.raises(NotSupported, match="24000 Hz: Invalid sample rate"):
        Speakers()


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        (
            ModuleNotFoundError("No module named 'sounddevice'"),
            r"pip install 'jamflow-rt\[speakers",
        ),
        (OSError("PortAudio library not found"), "apt-get install libportaudio2"),
    ],
)
def test_what_is_missing_is_said_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, reason: Exception, cure: str
) -> None:
    real_import = builtins.__import__

    def failing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sounddevice":
            raise reason
        return real_import(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", failing)
    with pytest.raises(NotSupported, match=cure):
        Speakers()
