"""Saying: the texts of a session, in whose voice and how fast, and the speech that each becomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from functools import cache, partial

from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.composing import compose as compose_text
from jamflow_rt.stream.dub import DubSource
from jamflow_rt.stream.given_motion import MotionLike, check_motion
from jamflow_rt.stream.reference import PrimedSource, ReferenceLike, check_reference
from jamflow_rt.stream.settings import SessionSettings
from jamflow_rt.stream.sources import Source, TextSource, TokenSource, check_text
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.studio import Studio
from jamflow_rt.text.written import CharacterFront

# What waits for the engine must not keep other sessions' texts waiting, so not `Studio.run`.
_run_apart = asyncio.to_thread


class Saying:
    """Makes speeches of texts. What will not do is refused before anything is made.

    Args:
        studio: the model.
        voice: who speaks.
        settings: the rate of speech, and how long a text may be.
        new_speech: makes the next speech of the session, of what is known of its text.
    """

    def __init__(
        self,
        studio: Studio,
        voice: Voice,
        settings: SessionSettings,
        new_speech: Callable[[str], Speech],
    ) -> None:
        self.voice = voice
        self.settings = settings
        self._studio = studio
        self._new_speech = new_speech

    def say(
        self, text: str | AsyncIterable[str], reference: ReferenceLike | None
    ) -> tuple[Speech, Source]:
        """A speech and where it comes from. See `Session.say` for arguments and errors."""
        if isinstance(text, str):
            self._check(text)
        elif not isinstance(text, AsyncIterable):
            raise InvalidInput(
                f"say() takes a str or an async iterable of str, not {type(text).__name__}."
            )
        studio, voice = self._studio, self.voice
        continuation = spoken = None
        if reference is not None:
            checked = check_reference(reference, studio)
            if isinstance(studio.front, CharacterFront):
                spoken = cache(partial(checked.as_voice, studio.front.vocabulary))
            else:
                continuation = partial(checked.continuation, studio, voice)
        speech = self._new_speech(text if isinstance(text, str) else "")
        compose = partial(compose_text, studio, self.settings.speed, voice, speech.id, spoken)
        source: Source
        if isinstance(text, str):
            source = TextSource(text, compose, studio.run)
        else:
            grow = partial(_grow, speech)
            source = TokenSource(text, compose, studio.run, grow, self.settings.max_text)
        if continuation is not None:
            source = PrimedSource(source, continuation, _run_apart)
        return speech, source

    def dub(self, text: str, motion: MotionLike) -> tuple[Speech, Source]:
        """A speech and where it comes from. See `Session.dub` for arguments and errors."""
        self._check(text)
        given = check_motion(motion, self._studio.space)
        speech = self._new_speech(text)
        return speech, DubSource(text, given, speech.id, self.voice, self._studio, _run_apart)

    def _check(self, text: str) -> None:
        check_text(text, self.settings.max_text, self._studio.front.check)


def _grow(speech: Speech, token: str) -> None:
    speech.text += token
