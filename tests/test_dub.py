from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.dub import (
    LONGEST,
    DubSource,
    busy_seconds,
    dub_piece,
    mouth_features,
    mouth_weights,
)
from jamflow_rt.stream.given_motion import GivenMotion, check_motion
from tests.echo_engine import EchoEngine, EchoFront, echo_studio, faces
from tests.stream_fakes import find_voice, toy_space

TEXT = "abcdef hij klmno"
LOW = find_voice("low")


def slower(text: str, factor: float, silence: int) -> tuple[np.ndarray, float]:
    """Phoneme ids of a text said slower, after so many silent frames; its first word's start."""
    ids = EchoFront().timeline(text).ids()
    places = (np.arange(round(len(ids) * factor)) / factor).astype(int)
    stretched = np.concatenate([np.zeros(silence, np.int32), ids[places]])
    whole = np.pad(stretched, (0, -len(stretched) % BEAT_MEL))
    return whole, silence + 2 * factor


def motion(ids: np.ndarray) -> GivenMotion:
    return check_motion(faces(ids), toy_space())


def test_words_go_where_the_mouth_says_them() -> None:
    ids, start = slower(TEXT, 1.5, 60)
    piece = dub_piece(TEXT, motion(ids), "s-1", LOW, echo_studio())
    free = EchoFront().timeline(TEXT).words
    for word, alone in zip(piece.words, free, strict=True):
        assert word.text == alone.text
        # A motion frame is 40 ms, and everything is known to about one.
        assert word.start == pytest.approx((start + (alone.start - 2) * 1.5) / 93.75, abs=0.06)
        assert word.end == pytest.approx((start + (alone.end - 2) * 1.5) / 93.75, abs=0.06)


def test_cells_have_text_and_the_motion_as_it_was_given() -> None:
    ids, _ = slower(TEXT, 1.2, 30)
    given = motion(ids)
    cut = GivenMotion(given.latents[:-2], given.faces[:-2])
    piece = dub_piece(TEXT, cut, "s-1", LOW, echo_studio())
    assert len(piece.cells) == len(given.latents) // BEAT_MOTION
    for cell in piece.cells:
        assert cell.text.shape == (BEAT_MEL,) and cell.mel is None and cell.sound is None
        assert cell.speech_id == "s-1" and cell.voice == 1
        assert cell.motion is not None and cell.faces is not None
    played = [face for cell in piece.cells for face in cell.faces or ()]
    assert all(a is b for a, b in zip(played, cut.faces, strict=False))
    assert played[-1] is cut.faces[-1], "the last beat is filled up"


async def test_a_source_does_its_work_elsewhere() -> None:
    elsewhere: list[str] = []

    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        elsewhere.append(function.__name__)
        return function(*arguments)

    ids, _ = slower(TEXT, 1.0, 0)
    source = DubSource(TEXT, motion(ids), "s-1", LOW, echo_studio(), run)
    pieces = [piece async for piece in source.pieces()]
    assert elsewhere == ["dub_piece"]
    assert [word.text for word in pieces[0].words] == TEXT.split()
    source.cancel()
    await source.aclose()


def test_motion_that_is_too_short_is_refused_with_both_times() -> None:
    # 14 phonemes of 5 frames: at the very least 2 frames each.
    short = GivenMotion(faces(np.zeros(15, np.int32)), motion(np.zeros(15, np.int32)).faces)
    seconds = EchoFront().timeline(TEXT).seconds
    with pytest.raises(InvalidInput, match=rf"takes {seconds:.1f} s to say.* lasts 0\.2 s"):
        dub_piece(TEXT, short, "s-1", LOW, echo_studio())


def test_a_mouth_that_says_far_more_is_refused_with_both_times() -> None:
    ids, _ = slower(TEXT * 20, 1.0, 0)
    with pytest.raises(InvalidInput, match=r"takes 0\.\d s to say.*moving for .*more text"):
        dub_piece("abc", motion(ids), "s-1", LOW, echo_studio())


def test_a_mouth_that_rests_may_rest() -> None:
    ids = np.zeros(15 * 80, np.int32)
    piece = dub_piece("abc", motion(ids), "s-1", LOW, echo_studio())
    assert len(piece.cells) == 80
    assert sum(int((cell.text > 0).any()) for cell in piece.cells) <= 4


def test_too_much_motion_is_refused_before_the_text_is_said() -> None:
    engine = EchoEngine()
    frames = round(LONGEST * 25) + 1
    rest = toy_space().rest[None].repeat(frames, axis=0)
    face = toy_space().decode(rest[:1])[0]
    with pytest.raises(InvalidInput, match="180 s are dubbed at once"):
        dub_piece(TEXT, GivenMotion(rest, (face,) * frames), "s-1", LOW, echo_studio(engine))
    assert engine.windows == []


def test_features_are_at_the_mels_rate_and_have_a_weight_each() -> None:
    space = toy_space()
    latents = faces(slower(TEXT, 1.0, 15)[0])
    features = mouth_features(latents, space)
    assert features.shape == (len(latents) // 4 * 15, 6)
    np.testing.assert_allclose(features[::15, :2], latents[::4, :2], atol=1e-6)
    assert mouth_weights(space).shape == (6,)


def test_only_lips_that_move_are_busy() -> None:
    space = toy_space()
    still = space.rest[None].repeat(50, axis=0)
    assert busy_seconds(still, space) == 0
    jump = still.copy()
    jump[25:, 0] = 5.0
    assert 0.3 < busy_seconds(jump, space) < 0.6
