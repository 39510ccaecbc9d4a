from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.beats import SAMPLES_PER_MOTION
from jamflow_rt.bench.interrupt import measure_interrupts, seconds_to_silence
from tests.stream_fakes import Stage


def sound(loud: int) -> np.ndarray:
    """A frame that is loud in its first samples."""
    frame = np.zeros(SAMPLES_PER_MOTION, np.float32)
    frame[:loud] = 0.5
    return frame


def test_silence_begins_after_the_last_loud_sample() -> None:
    # Interrupted 10 ms into a frame; the next fades for 15 ms; then there is nothing.
    heard = [(1.0, sound(960)), (1.04, sound(360)), (1.08, sound(0)), (1.12, sound(0))]
    assert seconds_to_silence(heard, 1.01) == pytest.approx(0.045)


def test_a_sound_that_comes_back_is_not_silence() -> None:
    heard = [(1.0, sound(960)), (1.04, sound(0)), (1.08, sound(240))]
    assert seconds_to_silence(heard, 1.01) == pytest.approx(0.08)


def test_what_was_silent_anyway_takes_no_time() -> None:
    assert seconds_to_silence([(1.0, sound(240)), (1.04, sound(0))], 1.02) == 0.0


async def test_every_trial_interrupts_a_speech_of_its_own() -> None:
    async with (stage := Stage()).session:
        speeches = []
        say = stage.session.say
        stage.session.say = lambda text: speeches.append(say(text)) or speeches[-1]
        times = await measure_interrupts(stage.session, 2, "one two three four five six seven")
    assert len(times) == len(speeches) == 2
    assert min(times) >= 0
    assert all(speech.done for speech in speeches)
