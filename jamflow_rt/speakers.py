"""Playing sound on this machine's speakers, through sounddevice and PortAudio."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import NotSupported

_INSTEAD = "Or write a file: -o speech.wav"


class Speakers:
    """The default sound output: a context manager that plays 24 kHz mono as it comes.

    Raises:
        NotSupported: sounddevice, PortAudio or a device is missing; the message says how to get it.
    """

    def __init__(self) -> None:
        try:
            import sounddevice
        except ImportError as error:
            raise NotSupported(
                "Playing sound needs the Python package sounddevice: "
                f"pip install 'jamflow-rt[speakers]'. {_INSTEAD}"
            ) from error
        except OSError as error:
            raise NotSupported(
                "Playing sound needs the PortAudio library: apt-get install libportaudio2 "
                f"(Debian, Ubuntu) or brew install portaudio (macOS). {_INSTEAD}"
            ) from error
        try:
            sounddevice.query_devices(kind="output")
        except (ValueError, sounddevice.PortAudioError) as error:
            raise NotSupported(
                f"There is no sound output device on this machine. {_INSTEAD}"
            ) from error
        try:
            self._stream: Any = sounddevice.OutputStream(
                samplerate=SAMPLE_RATE, channels=1, dtype="float32"
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise NotSupported(
                f"The sound device did not open at {SAMPLE_RATE} Hz: {error}. {_INSTEAD}"
            ) from error

    def play(self, sound: NDArray[np.float32]) -> None:
        """Play samples (N,) in −1…1; returns when the device has room for more."""
        self._stream.write(np.ascontiguousarray(sound, np.float32)[:, None])

    def __enter__(self) -> Speakers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # stop() plays what is buffered, abort() drops it.
        if error is None:
            self._stream.stop()
        else:
            self._stream.abort()
        self._stream.close()
