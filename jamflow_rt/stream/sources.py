"""Where a speech comes from: a text, a stream of tokens, or sound. All become cells of a score."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
)
from dataclasses import dataclass
from typing import Any, Protocol

from jamflow_rt.beats import BEAT_MEL, MEL_RATE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.media import SpokenPhoneme, SpokenWord
from jamflow_rt.stream.score import Cell, Floats
from jamflow_rt.text.characters import speakable, written_words
from jamflow_rt.text.pauses import split_pauses, without_pauses
from jamflow_rt.text.phonemes import SILENCE
from jamflow_rt.text.splitter import ClauseSplitter
from jamflow_rt.text.timeline import Timeline

SHORT_TEXT = 80
"""Characters up to which a text is timed in one piece: it does not pay to cut it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some beats of a speech."""

    cells: list[Cell]
    words: tuple[SpokenWord, ...] = ()
    """Times from the piece's first cell."""
    phonemes: tuple[SpokenPhoneme, ...] = ()
    """Times from the piece's first cell."""
    outlook: Floats | None = None
    """(n, 100) mel beyond the last cell, of sound that is still coming in."""


Compose = Callable[[str], Piece]
"""Turns a piece of text into cells; takes tens of milliseconds."""
Run = Callable[..., Awaitable[Any]]
"""`await run(function, *arguments)` calls a blocking function in a worker thread."""


class Source(Protocol):
    """Gives the pieces of one speech as they become known."""

    def pieces(self) -> AsyncIterator[Piece]:
        """The pieces, in order. Raises what is wrong with the input."""
        ...

    def cancel(self) -> None:
        """Nobody wants the rest."""
        ...

    async def aclose(self) -> None:
        """Wait until what was cancelled has ended."""
        ...


def check_text(text: str, max_text: int, readable: Callable[[str], object] = written_words) -> None:
    """Refuse at once what can never be said.

    Args:
        text: what is to be said.
        max_text: characters at most.
        readable: raises InvalidInput for a script that cannot be read.

    Raises:
        InvalidInput: the text is empty, too long, or in a script that cannot be read.
    """
    if len(text) > max_text:
        raise InvalidInput(
            f"The text has {len(text)} characters and at most {max_text} can be said at once. "
            "Say it in parts, or stream it."
        )
    split_pauses(text)
    if not speakable(without_pauses(text)):
        raise InvalidInput("There is nothing to say in the text: give at least one word.")
    readable(text)


def text_piece(timeline: Timeline, speech_id: str, voice: int) -> Piece:
    """The cells of a timeline, in the voice of that row of the model's table."""
    timeline = timeline.padded()
    ids = timeline.ids().reshape(-1, BEAT_MEL)
    words = tuple(
        SpokenWord(word.text, word.start / MEL_RATE, word.end / MEL_RATE) for word in timeline.words
    )
    phonemes = tuple(
        SpokenPhoneme(span.symbol, span.start / MEL_RATE, span.end / MEL_RATE)
        for span in timeline.phonemes
        if span.symbol != SILENCE
    )
    cells = [Cell(row, speech_id=speech_id, voice=voice) for row in ids]
    return Piece(cells, words, phonemes)


def text_parts(text: str) -> Iterator[str]:
    """A text in parts of about a sentence, so that the first can sound before the last is timed."""
    if len(text) <= SHORT_TEXT:
        yield text
        return
    splitter = ClauseSplitter(min_words=12)
    for part in [*splitter.feed(text), *splitter.flush()]:
        if speakable(part):
            yield part


class TextSource:
    """A text that is known in full.

    Args:
        text: checked already.
        compose: makes a piece of a part of it; called on the loop's executor.
        run: runs a blocking function elsewhere.
    """

    def __init__(self, text: str, compose: Compose, run: Run) -> None:
        self._text = text
        self._compose = compose
        self._run = run

    async def pieces(self) -> AsyncIterator[Piece]:
        """See `Source`."""
        for part in text_parts(self._text):
            piece: Piece = await self._run(self._compose, part)
            yield piece

    def cancel(self) -> None:
        """See `Source`."""

    async def aclose(self) -> None:
        """See `Source`."""


class TokenSource:
    """A text that is still being written, for instance by a language model.

    It is read from the beginning, whether or not its turn to be said has come. When its reader is
    cancelled, so is what produces it.

    Args:
        tokens: parts of the text of any size.
        compose: makes a piece of a clause.
        run: runs a blocking function elsewhere.
        grow: told of every token.
        max_text: characters in all, at most.
    """

    def __init__(
        self,
        tokens: AsyncIterable[str],
        compose: Compose,
        run: Run,
        grow: Callable[[str], None],
        max_text: int,
    ) -> None:
        self._compose = compose
        self._run = run
        self._clauses: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read(tokens, grow, max_text))

    async def pieces(self) -> AsyncIterator[Piece]:
        """See `Source`."""
        while (clause := await self._clauses.get()) is not None:
            if isinstance(clause, Exception):
                raise clause
            if speakable(clause):
                piece: Piece = await self._run(self._compose, clause)
                yield piece

    def cancel(self) -> None:
        """See `Source`."""
        self._reader.cancel()

    async def aclose(self) -> None:
        """See `Source`."""
        self._reader.cancel()
        await asyncio.wait([self._reader], timeout=2.0)

    async def _read(
        self, tokens: AsyncIterable[str], grow: Callable[[str], None], max_text: int
    ) -> None:
        splitter = ClauseSplitter()
        length = 0
        iterator = aiter(tokens)
        try:
            async for token in iterator:
                if not isinstance(token, str):
                    raise InvalidInput(f"A token must be a str, not {type(token).__name__}.")
                length += len(token)
                if length > max_text:
                    raise InvalidInput(f"The stream has more than {max_text} characters.")
                grow(token)
                for clause in splitter.feed(token):
                    self._clauses.put_nowait(clause)
            for clause in splitter.flush():
                self._clauses.put_nowait(clause)
            self._clauses.put_nowait(None)
        except Exception as error:
            self._clauses.put_nowait(error)
        finally:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
