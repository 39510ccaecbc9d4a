"""Texts on their way to the server, one after the other: the wire has one open text at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, Callable
from typing import Final

from jamflow_rt.client.speech import RemoteSpeech
from jamflow_rt.errors import InvalidInput, JamflowError
from jamflow_rt.protocol import (
    ClientEvent,
    InputTextAppend,
    InputTextDone,
    ResponseCancel,
    ResponseCreate,
)

log = logging.getLogger(__name__)

PIECE: Final = 4096
"""Characters of one message; JSON makes at most six bytes of each and takes 64 KiB."""


class Saying:
    """Sends texts in the order in which they were given.

    A text that is given while another one is still being written waits for its end.

    Args:
        send: takes events for the server.
        dropped: told of speeches that ended before the server knew of them.
    """

    def __init__(
        self, send: Callable[[ClientEvent], None], dropped: Callable[[RemoteSpeech], None]
    ) -> None:
        self._send = send
        self._dropped = dropped
        self._waiting: deque[tuple[RemoteSpeech, str | AsyncIterable[str]]] = deque()
        # The text that is being written, and who reads it.
        self._open: RemoteSpeech | None = None
        self._reader: asyncio.Task[None] | None = None
        # True when the server knows of the open text.
        self._told = False
        # What was cancelled and has not quite ended.
        self._leaving: set[asyncio.Task[None]] = set()

    def say(self, speech: RemoteSpeech, text: str | AsyncIterable[str]) -> None:
        """Say this after everything else."""
        self._waiting.append((speech, text))
        self._advance()

    def say_instead(self, speech: RemoteSpeech, text: str | AsyncIterable[str]) -> None:
        """Say this now, and nothing of what there is."""
        self._drop()
        if isinstance(text, str):
            self._send(ResponseCreate(input=text, mode="interrupt", event_id=speech.id))
        else:
            self._send(ResponseCancel())
            self.say(speech, text)

    def cancel(self) -> None:
        """Say nothing of what there is."""
        self._drop()
        self._send(ResponseCancel())

    def ended(self, speech: RemoteSpeech) -> None:
        """The server has ended a speech. What was still to come of its text is not wanted."""
        if speech is self._open:
            told = self._told
            self._stop()
            if told:
                self._send(InputTextDone())
            self._advance()

    async def aclose(self) -> None:
        """Nothing more is said."""
        self._drop()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=5.0)

    def _advance(self) -> None:
        while self._waiting and self._open is None:
            speech, text = self._waiting.popleft()
            if isinstance(text, str):
                self._send(ResponseCreate(input=text, event_id=speech.id))
            else:
                self._open, self._told = speech, False
                self._reader = asyncio.create_task(self._read(speech, text))

    async def _read(self, speech: RemoteSpeech, text: AsyncIterable[str]) -> None:
        try:
            async for delta in text:
                speech.text += delta
                for start in range(0, len(delta), PIECE):
                    piece = delta[start : start + PIECE]
                    self._send(InputTextAppend(delta=piece, event_id=speech.id))
                    self._told = True
        except Exception as error:
            # What came before the error is still said; then the speech ends with it.
            log.info("Speech %s: %s", speech.id, error)
            speech.error = error
        finally:
            close = getattr(text, "aclose", None)
            if close is not None:
                await close()
        if self._open is not speech:
            return  # it was dropped in the meantime
        self._open = self._reader = None
        try:
            if self._told:
                self._send(InputTextDone())
            else:
                nothing = "There is nothing to say in the text: give at least one word."
                speech.error = speech.error or InvalidInput(nothing)
                self._dropped(speech)
            self._advance()
        except JamflowError as error:
            speech.error = speech.error or error
            self._dropped(speech)

    def _stop(self) -> None:
        """Read no more of the open text."""
        if self._reader is not None:
            self._reader.cancel()
            self._leaving.add(self._reader)
            self._reader.add_done_callback(self._leaving.discard)
        self._open = self._reader = None

    def _drop(self) -> None:
        unknown = [speech for speech, _ in self._waiting]
        self._waiting.clear()
        if self._open is not None and not self._told:
            unknown.insert(0, self._open)
        self._stop()
        for speech in unknown:
            self._dropped(speech)
