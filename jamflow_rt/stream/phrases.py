"""Speech of models that read characters: phrase by phrase, each from a reference of the voice.

F5-TTS aligns a text with time by itself, in one piece: so a phrase is one window, which goes on
from the voice's reference (its sound and what is said in it) as from a past.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, BEAT_SAMPLES, HOP, MOTION_RATE, SAMPLE_RATE
from jamflow_rt.codec.mel import mel_of
from jamflow_rt.codec.whitening import silence_mel
from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from jamflow_rt.sound_file import read_sound
from jamflow_rt.stream.given_motion import GivenMotion, motion_cells
from jamflow_rt.stream.media import SpokenWord
from jamflow_rt.stream.score import Cell, Floats, Primer
from jamflow_rt.stream.sources import Piece, text_piece
from jamflow_rt.text.pace import reference_text
from jamflow_rt.text.timeline import Timeline
from jamflow_rt.text.written import CharacterFront, Phrase, Spoken, Vocabulary, spread

SHORTEST, LONGEST = 1.0, 15.0
"""Seconds of a reference. F5-TTS takes 12 at most and recommends less than 15."""
LONGEST_DUB: Final = 30.0
"""Seconds that are dubbed at once, with the reference: what F5-TTS was trained on."""
_LOUDNESS: Final = 0.1
"""RMS that quieter references are brought to (F5-TTS `infer/utils_infer.py`)."""
_ROOM: Final = SAMPLE_RATE // 20
"""Silence after a reference, 50 ms (the same)."""
_SILENT: Final = -42.0
"""Decibels under which the beginning and the end of a reference are cut off (the same)."""
_BEGIN, _END = SAMPLE_RATE // 100, SAMPLE_RATE // 1000
"""Samples of a stretch whose loudness is looked at there."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiceReference:
    """A voice, as a model that reads characters knows it."""

    spoken: Spoken
    """What is said and how long that takes: the pace of what it will say."""
    primer: Primer
    """The same as a past to go on from, filled up to a beat."""


class References:
    """The references of voices, each read from its file once. May be used from any thread.

    Args:
        vocabulary: of the model.
        folder: where paths of references begin.
    """

    def __init__(self, vocabulary: Vocabulary, folder: Path) -> None:
        self._vocabulary = vocabulary
        self._folder = folder
        self._lock = threading.Lock()
        self._read: dict[Voice, VoiceReference] = {}

    def __call__(self, voice: Voice) -> VoiceReference:
        """The reference of a voice.

        Raises:
            InvalidInput: it has none, or one that cannot be used.
        """
        with self._lock:
            if voice not in self._read:
                if voice.reference is None:
                    raise InvalidInput(
                        f"The voice {voice.name!r} has no reference: this model speaks as a sound "
                        'does. Give voice="me.wav" with what is said in it in me.txt.'
                    )
                sound = trimmed(read_sound(self._folder / voice.reference))
                self._read[voice] = voice_reference(sound, voice.transcript, self._vocabulary)
            return self._read[voice]

    def spoken(self, voice: Voice) -> Spoken:
        """What is said in it and how long it takes; raises as the reference does."""
        return self(voice).spoken


def is_sound(name: str) -> bool:
    """True for what could be the name of a sound file."""
    return Path(name).suffix.lower() in (".wav", ".flac", ".mp3", ".m4a", ".ogg")


def voice_of_file(path: Path) -> Voice:
    """The voice that a sound file has, with what is said in it in the text file beside.

    Raises:
        InvalidInput: one of the two is missing, or the text is empty.
    """
    written = path.with_suffix(".txt")
    if not path.is_file():
        raise InvalidInput(f"There is no sound file {path}.")
    try:
        # Windows' editors write a mark of the encoding first, which nobody says.
        transcript = written.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"What is said in {path.name} must stand in {written}: {error}"
        ) from error
    if not transcript:
        raise InvalidInput(f"{written} is empty: write what is said in {path.name}.")
    return Voice(name=path.stem, reference=str(path.resolve()), transcript=transcript)


def trimmed(sound: Floats) -> Floats:
    """A sound (N,) at 24 kHz without the silence around it, which is no part of its pace.

    Raises:
        InvalidInput: all of it is silent.
    """
    begin = np.flatnonzero(_louder(sound, _BEGIN))
    end = np.flatnonzero(_louder(sound[::-1], _END))
    if not len(begin):
        raise InvalidInput(
            f"The voice's reference is silent, or all of it under {_SILENT:g} dB: record it louder."
        )
    return sound[begin[0] * _BEGIN : len(sound) - end[0] * _END]


def _louder(sound: Floats, step: int) -> NDArray[np.bool_]:
    """Which stretches of so many samples are not silent."""
    whole = len(sound) // step * step
    loudness = np.sqrt(np.mean(sound[:whole].reshape(-1, step) ** 2, axis=1))
    return np.asarray(loudness > 10 ** (_SILENT / 20))


def voice_reference(sound: Floats, text: str, vocabulary: Vocabulary) -> VoiceReference:
    """A sound (N,) at 24 kHz and its text as a past to go on from.

    Raises:
        InvalidInput: it is too short or too long, silent, or has more text than frames.
    """
    seconds = len(sound) / SAMPLE_RATE
    if not SHORTEST <= seconds <= LONGEST:
        raise InvalidInput(
            f"The voice's reference lasts {seconds:.1f} s: {SHORTEST:g} to {LONGEST:g} s will do."
        )
    spoken = Spoken(reference_text(text), (len(sound) + _ROOM) // HOP)
    loudness = float(np.sqrt(np.mean(sound**2)))
    if not loudness > 0:
        raise InvalidInput("The voice's reference is silent.")
    if loudness < _LOUDNESS:
        sound = sound * (_LOUDNESS / loudness)
    room = _ROOM + -(len(sound) + _ROOM) % BEAT_SAMPLES
    mel = mel_of(np.concatenate([sound, np.zeros(room, np.float32)]))
    characters = vocabulary.ids(spoken.text)
    if len(characters) > len(mel):
        raise InvalidInput(
            f"The voice's reference lasts {seconds:.1f} s and its text has {len(characters)} "
            "characters, more than anybody says in that: give the text of this sound."
        )
    return VoiceReference(spoken, Primer(spread(characters, len(mel)), mel))


def phrase_piece(
    front: CharacterFront,
    reference: VoiceReference,
    text: str,
    speed: float,
    voice: Voice,
    speech_id: str,
) -> Piece:
    """The cells of a text, phrase by phrase; each phrase's first cell has the reference.

    Raises:
        InvalidInput: as `CharacterFront.phrases`.
    """
    cells: list[Cell] = []
    words: list[SpokenWord] = []
    for timeline in front.phrases(text, speed, reference.spoken):
        start = len(cells) * BEAT_SAMPLES / SAMPLE_RATE
        if isinstance(timeline, Phrase):
            piece = text_piece(timeline, speech_id, voice.number)
            words += [
                replace(word, start=word.start + start, end=word.end + start)
                for word in piece.words
            ]
            cells += [replace(piece.cells[0], primer=reference.primer), *piece.cells[1:]]
        else:
            cells += _pause(timeline, speech_id)
    return Piece(cells, tuple(words))


def dubbed_phrase(
    front: CharacterFront,
    reference: VoiceReference,
    text: str,
    motion: GivenMotion,
    speech_id: str,
    voice: Voice,
) -> Piece:
    """A text that takes just as long as given motion, as one phrase: the sound is generated.

    Raises:
        InvalidInput: the motion is too long, or the text has more characters than it has time for.
    """
    beats = -(-len(motion.faces) // BEAT_MOTION)
    longest = LONGEST_DUB - len(reference.primer.mel) // BEAT_MEL * BEAT_SAMPLES / SAMPLE_RATE
    seconds = len(motion.faces) / MOTION_RATE
    if seconds > longest:
        raise InvalidInput(
            f"The motion lasts {seconds:.1f} s; beside its reference this voice can dub "
            f"{longest:.1f} s at once: dub it in parts."
        )
    timeline = front.fitted(text, beats * BEAT_MEL, reference.spoken.text)
    cells = motion_cells(motion, timeline.ids(), speech_id, voice.number)
    cells[0] = replace(cells[0], primer=reference.primer)
    return Piece(cells, text_piece(timeline, speech_id, voice.number).words)


def _pause(timeline: Timeline, speech_id: str) -> list[Cell]:
    silent: NDArray[np.int32] = np.zeros(BEAT_MEL, np.int32)
    sound = np.zeros(BEAT_SAMPLES, np.float32)
    cell = Cell(silent, silence_mel(BEAT_MEL), sound, speech_id)
    return [replace(cell) for _ in range(timeline.beats)]
