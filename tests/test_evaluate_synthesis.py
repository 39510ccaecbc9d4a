from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.beats import BEAT_MEL, BEAT_SAMPLES, SAMPLES_PER_MOTION
from jamflow_rt.bundle import Bundle
from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.evaluate.synthesis import Stopwatch, Synthesiser
from tests.toy import toy_bundle
from tests.toy_paper import save_paper_bundle

SENTENCE = "Bring me the big map, please."


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return toy_bundle()


def test_a_take_is_the_timeline_in_growing_windows(bundle: Bundle) -> None:
    take = Synthesiser(bundle)(SENTENCE)
    timeline = bundle.front.timeline(SENTENCE)
    assert take.text == SENTENCE
    assert take.phonemes == timeline.phonemes
    # The speech, and one idle beat in which it rings out.
    assert len(take.sound) == (timeline.beats + 1) * BEAT_SAMPLES
    assert len(take.faces) == len(take.sound) // SAMPLES_PER_MOTION
    new = np.diff(take.edges) // BEAT_SAMPLES
    assert take.edges[0] == 0
    assert list(new[:2]) == [2, 4]
    assert take.edges[-1] == timeline.beats * BEAT_SAMPLES


def test_a_whole_take_has_one_window(bundle: Bundle) -> None:
    take = Synthesiser(bundle, whole=True)(SENTENCE)
    assert take.edges == (0, len(take.sound) - BEAT_SAMPLES)


def test_phonemes_of_later_parts_come_after_those_of_earlier_ones(bundle: Bundle) -> None:
    text = "The first sentence is here and it is rather long, as you see. " * 3
    take = Synthesiser(bundle)(text)
    starts = [span.start for span in take.phonemes]
    ends = [span.end for span in take.phonemes]
    assert starts == [0, *ends[:-1]]
    assert ends[-1] == (len(take.sound) // BEAT_SAMPLES - 1) * BEAT_MEL


def test_a_seed_gives_a_take_and_evaluations_change_it(bundle: Bundle) -> None:
    first = Synthesiser(bundle)(SENTENCE, seed=1).sound
    np.testing.assert_array_equal(Synthesiser(bundle)(SENTENCE, seed=1).sound, first)
    assert not np.array_equal(Synthesiser(bundle)(SENTENCE, seed=2).sound, first)
    assert not np.array_equal(Synthesiser(bundle, evaluations=3)(SENTENCE, seed=1).sound, first)
    guided = Synthesiser(bundle, guidance=2.0)
    assert guided.sampling.guidance == 2.0
    assert not np.array_equal(guided(SENTENCE, seed=1).sound, first)


def test_the_stopwatch_knows_the_stages(bundle: Bundle) -> None:
    watch = Stopwatch()
    Synthesiser(bundle)("Hi.", stopwatch=watch)
    assert set(watch.seconds) == {"text", "sampling", "vocoder"}
    assert min(watch.seconds.values()) > 0


def test_nothing_to_say_is_refused(bundle: Bundle) -> None:
    with pytest.raises(InvalidInput):
        Synthesiser(bundle)("...")


def test_models_that_read_characters_are_refused(tmp_path: Path) -> None:
    bundle = Bundle.load(save_paper_bundle(tmp_path, faces=False))
    with pytest.raises(NotSupported, match="--audio-dir"):
        Synthesiser(bundle)
