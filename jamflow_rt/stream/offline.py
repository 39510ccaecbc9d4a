"""A speech without a clock: the windows of a live session, as fast as the machine makes them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from jamflow_rt.beats import BEAT_MOTION, MOTION_RATE
from jamflow_rt.codec.arkit import ArkitMap
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.job import Chunk, Shot
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Painter
from jamflow_rt.stream.sources import Piece
from jamflow_rt.stream.speech import Speech

LEAD_BEATS, TRAIL_BEATS = 2, 4
"""Idling before (0.32 s) and after (0.64 s) the speech."""
PATIENCE = 60.0
"""Seconds from now: the deadline of a window that nobody waits for live."""
_SCORE_BEATS = 24
"""Pieces are asked for when less than this is left to perform: more than a window looks at."""


def perform(performance: Performance, pieces: Iterable[Piece], engine: Engine) -> Iterator[Shot]:
    """Idle, the pieces, idle: all shots in order."""
    yield from _idle(performance, engine, LEAD_BEATS)
    waiting = iter(pieces)
    more = True
    while True:
        while more and len(performance.score) < _SCORE_BEATS:
            piece = next(waiting, None)
            if piece is None:
                more = False
                break
            performance.score.extend(piece.cells)
        if performance.idle_next:
            break
        yield from next_chunk(performance, engine).shots
    yield from _idle(performance, engine, TRAIL_BEATS)


def scheduled(pieces: Iterable[Piece], speech: Speech) -> Iterator[Piece]:
    """The pieces, told to their speech as they are taken."""
    for piece in pieces:
        speech.schedule(len(piece.cells), piece.words, piece.phonemes)
        yield piece


def frames_of(
    shots: Iterable[Shot], speech: Speech, painter: Painter | None, arkit_map: ArkitMap
) -> Iterator[Frame]:
    """Shots of one speech as the frames a viewer gets, drawn one by one."""
    for index, shot in enumerate(shots):
        words, phonemes = speech.hear() if shot.speech_id is not None else ((), ())
        yield Frame(
            time=index / MOTION_RATE,
            picture=None if painter is None else painter.paint(shot.face),
            sound=shot.sound,
            motion=shot.face,
            speech_id=shot.speech_id,
            epoch=0,
            words=words,
            phonemes=phonemes,
            arkit_map=arkit_map,
        )


def next_chunk(performance: Performance, engine: Engine, *, heard: bool = True) -> Chunk:
    """Perform the next window; unheard without its sound. Blocks."""
    job = performance.next_job()
    made = job if heard else replace(job, voice=None)
    chunk = engine.submit(job.window, time.monotonic() + PATIENCE, made.finish).result()
    performance.accept(job, chunk)
    return chunk


def _idle(performance: Performance, engine: Engine, beats: int) -> list[Shot]:
    shots: list[Shot] = []
    start = performance.frame
    while len(shots) < beats * BEAT_MOTION:
        shots += next_chunk(performance, engine).shots
    performance.rewind(start + beats * BEAT_MOTION)
    return shots[: beats * BEAT_MOTION]
