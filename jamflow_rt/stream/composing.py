"""From a text to what a session performs, whichever way its model reads."""

from __future__ import annotations

from collections.abc import Callable

from jamflow_rt.config import Voice
from jamflow_rt.stream.phrases import VoiceReference, phrase_piece
from jamflow_rt.stream.sources import Piece, text_piece
from jamflow_rt.stream.studio import Studio
from jamflow_rt.text.written import CharacterFront


def compose(
    studio: Studio,
    speed: float,
    voice: Voice,
    speech_id: str,
    reference: Callable[[], VoiceReference] | None,
    text: str,
) -> Piece:
    """The cells of a text. Takes tens of milliseconds.

    Args:
        studio: the model.
        speed: rate of speech.
        voice: who speaks.
        speech_id: for the cells.
        reference: gives whom a model that reads characters goes on from; None for the voice's own.
        text: what is said.

    Raises:
        InvalidInput: it cannot be said.
    """
    front = studio.front
    if isinstance(front, CharacterFront):
        assert studio.references is not None
        spoken = reference() if reference else studio.references(voice)
        return phrase_piece(front, spoken, text, speed, voice, speech_id)
    return text_piece(front.timeline(text, speed, voice), speech_id, voice.number)
