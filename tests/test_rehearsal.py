from __future__ import annotations

from typing import cast

import numpy as np

from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.rehearsal import chunks_of, rehearse
from jamflow_rt.stream.sources import text_piece
from tests.echo_engine import EchoEngine, EchoFront, echo_studio, faces, sounds
from tests.stream_fakes import find_voice

TEXT = "abcdef hij klmno"


def test_a_rehearsal_is_what_the_model_does_with_the_text() -> None:
    engine = EchoEngine()
    heard = rehearse(TEXT, find_voice("low"), echo_studio(engine))
    ids = EchoFront().timeline(TEXT).ids()
    assert heard.timeline.frames == len(ids)
    np.testing.assert_array_equal(heard.mel, sounds(ids, voice=1))
    np.testing.assert_allclose(heard.motion, faces(ids), atol=1e-6)
    assert {window.voice for window in engine.windows} == {1}


def test_chunks_of_a_score_sound_only_if_they_are_heard() -> None:
    studio = echo_studio()
    for heard in (True, False):
        performance = studio.performance(0, find_voice("low"))
        performance.score.extend(text_piece(EchoFront().timeline(TEXT), "s", 1).cells)
        chunks = list(chunks_of(performance, cast(Engine, studio.engine), heard=heard))
        sound = np.concatenate([shot.sound for chunk in chunks for shot in chunk.shots])
        assert len(sound) == EchoFront().timeline(TEXT).beats * 3840
        assert sound.any() == heard
        assert performance.idle_next
