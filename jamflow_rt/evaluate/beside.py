"""What ours is set beside, as takes: a real face, others' recordings, the teacher's sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MEL_RATE
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.listening import Listen
from jamflow_rt.evaluate.take import Take
from jamflow_rt.sound_file import read_sound
from jamflow_rt.text.timeline import PhonemeSpan
from jamflow_rt.train.forced_alignment import ForcedAligner, TimedPhone
from jamflow_rt.train.teachers import Teacher

Aligner = Callable[[NDArray[np.float32], str], "list[TimedPhone] | None"]
REAL_CLIPS = 240
"""Clips measured: a GRID clip has fewer than one p, b or m, and their share needs a few hundred."""
EXAMPLES = (
    "The harbour was quiet when the first boats came home in the morning.",
    "Nobody had told the children why the old bridge was closed.",
    "She keeps a jar of buttons on the window sill above the sink.",
    "After the long winter, every garden in the village turned green at once.",
    "We took the early train so that we could walk along the river before noon.",
    "His answer was short, friendly, and not at all what they had expected.",
)
"""Sentences by which a teacher's voice is known; none of them is measured."""


def real_takes(prepared: Path) -> list[Take]:
    """The last clips of what `jamflow-rt prepare` wrote; the last of all were never trained on.

    Their phonemes are those of forced alignment, their text is not known.

    Raises:
        InvalidInput: there are no clips.
    """
    from jamflow_rt.train.teacher_motion import read_clips

    clips = read_clips(prepared)[-REAL_CLIPS:]
    if not clips:
        raise InvalidInput(f"{prepared} holds no clips: run `jamflow-rt prepare` first.")
    space = MotionSpace.load(prepared / "motion.safetensors")
    return [
        Take(
            text="",
            sound=sound,
            faces=tuple(space.decode(latents)),
            phonemes=_spans(phones),
        )
        for latents, sound, phones in clips
    ]


def recorded_takes(folder: Path, listen: Listen, align: Aligner | None = None) -> Iterator[Take]:
    """Recordings `NAME.flac` or `.wav` of `folder` with the face that listens to them.

    Args:
        folder: beside each recording, `NAME.txt` says what is spoken.
        listen: sound (N,) at 24 kHz → faces.
        align: finds the phonemes; the forced aligner if not given. What it cannot align is left
            out.

    Raises:
        InvalidInput: there is no recording with a transcript.
    """
    found = sorted(path for path in folder.glob("*") if path.suffix in (".flac", ".wav"))
    found = [path for path in found if path.with_suffix(".txt").exists()]
    if not found:
        raise InvalidInput(f"{folder} holds no NAME.flac or NAME.wav with a NAME.txt beside it.")
    align = align or ForcedAligner()
    for path in found:
        text, sound = path.with_suffix(".txt").read_text("utf-8").strip(), read_sound(path)
        phones = align(sound, text)
        if phones:
            yield Take(text, sound, tuple(listen(sound)), _spans(phones))


def _spans(phones: Iterable[TimedPhone]) -> tuple[PhonemeSpan, ...]:
    return tuple(
        PhonemeSpan(phone.symbol, round(phone.start * MEL_RATE), round(phone.end * MEL_RATE))
        for phone in phones
        if phone.symbol
    )


def teacher_takes(teacher: Teacher, sentences: Iterable[str], seed: int = 0) -> Iterator[Take]:
    """Sound of each sentence. A teacher says one sentence at a time: of a line, the first."""
    for index, sentence in enumerate(sentences):
        said = teacher(sentence, seed + index)
        if said is not None:
            yield Take(sentence, said.sound)
