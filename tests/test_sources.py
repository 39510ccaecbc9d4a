from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.media import SpokenWord
from jamflow_rt.stream.score import Cell
from jamflow_rt.stream.sources import (
    Piece,
    TextSource,
    TokenSource,
    check_text,
    text_parts,
    text_piece,
)
from tests.stream_fakes import FakeFront, tokens


async def run(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def compose(text: str) -> Piece:
    return Piece([Cell(np.zeros(15, np.int32))], (SpokenWord(text, 0.0, 0.1),))


def stream(source: AsyncIterator[Any], max_text: int = 1000) -> tuple[TokenSource, list[str]]:
    read: list[str] = []
    return TokenSource(source, compose, run, read.append, max_text), read


async def texts(source: TextSource | TokenSource) -> list[str]:
    return [piece.words[0].text async for piece in source.pieces()]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "nothing to say"),
        (" \n ", "nothing to say"),
        ("…!?", "nothing to say"),
        ("🎉🎉", "nothing to say"),
        ("x" * 100_000, "100000 characters"),
        ("Привет", "П"),
    ],
)
def test_what_cannot_be_said_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        check_text(text, 5000)


def test_ordinary_text_passes() -> None:
    check_text("It costs $5.20 🎉, doesn't it?", 5000)


def test_a_piece_has_a_cell_a_beat_and_words_in_seconds() -> None:
    piece = text_piece(FakeFront().timeline("abc de"), "s-1", 2)
    assert len(piece.cells) == 3
    assert {cell.speech_id for cell in piece.cells} == {"s-1"}
    assert piece.cells[0].text.tolist() == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3]
    assert [(w.text, w.start) for w in piece.words] == [
        ("abc", pytest.approx(2 / 93.75)),
        ("de", pytest.approx(17 / 93.75)),
    ]


def test_long_texts_are_cut_and_short_ones_are_not() -> None:
    assert list(text_parts("Good morning. How are you?")) == ["Good morning. How are you?"]
    long = "This is a sentence that is not short at all. " * 4
    parts = list(text_parts(long))
    assert len(parts) == 4
    assert " ".join(parts) == long.strip()


async def test_a_text_comes_in_parts() -> None:
    assert await texts(TextSource("Short.", compose, run)) == ["Short."]


async def test_tokens_come_as_clauses() -> None:
    source, read = stream(tokens("Good mor", "ning, my dear", " friend. How", " are you"))
    assert await texts(source) == ["Good morning, my dear friend.", "How are you"]
    assert "".join(read) == "Good morning, my dear friend. How are you"


async def test_nothing_speakable_is_nothing_to_say() -> None:
    source, _ = stream(tokens("", " ", "🎉"))
    assert await texts(source) == []


async def test_an_error_of_the_producer_follows_what_came_before_it() -> None:
    async def failing() -> AsyncIterator[str]:
        yield "That was all. And "
        raise ConnectionError("lost")

    source, _ = stream(failing())
    heard = []
    with pytest.raises(ConnectionError, match="lost"):
        async for piece in source.pieces():
            heard.append(piece.words[0].text)
    assert heard == ["That was all."]


@pytest.mark.parametrize(
    ("parts", "complaint"), [((b"bytes",), "bytes"), (("word " * 300,), "more than 1000")]
)
async def test_tokens_that_cannot_be_said_are_errors(
    parts: tuple[Any, ...], complaint: str
) -> None:
    source, _ = stream(tokens(*parts))
    with pytest.raises(InvalidInput, match=complaint):
        await texts(source)


async def test_cancelling_cancels_the_producer() -> None:
    ends: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            yield "One. "
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        finally:
            ends.append("closed")

    source, read = stream(endless())
    for _ in range(5):
        await asyncio.sleep(0)
    assert read == ["One. "]
    await source.aclose()
    assert ends == ["cancelled", "closed"]


async def test_a_producer_that_never_began_is_simply_dropped() -> None:
    source, read = stream(tokens("One."))
    source.cancel()
    await source.aclose()
    assert read == []


async def test_a_pause_stays_whole_in_a_stream() -> None:
    source, _ = stream(tokens("Let me see, [pau", "se:1.5] ", "yes, I have it."))
    assert "[pause:1.5]" in " ".join(await texts(source))


def test_a_text_of_pauses_alone_says_nothing() -> None:
    with pytest.raises(InvalidInput, match="nothing to say"):
        check_text("[pause:1]", 100)
    with pytest.raises(InvalidInput, match=r"\[pause:soon\]"):
        check_text("Wait [pause:soon] here.", 100)
