from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, BEAT_SAMPLES
from jamflow_rt.codec.whitening import SILENCE
from jamflow_rt.config import Voice, WindowConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.record import write_wav
from jamflow_rt.stream.given_motion import check_motion
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.phrases import (
    References,
    VoiceReference,
    dubbed_phrase,
    phrase_piece,
    trimmed,
    voice_of_file,
    voice_reference,
)
from jamflow_rt.stream.windows import WindowPlanner
from jamflow_rt.text.written import CharacterFront, Spoken
from tests.stream_fakes import FakeRun, FakeVocoder, toy_space

VOICE = Voice(name="me")


class Letters:
    """A letter's number is its place in the alphabet; anything else is 27."""

    def ids(self, text: str) -> np.ndarray:
        return np.array([min(max(ord(c) - 96, 0) or 27, 27) for c in text.lower()], np.int32)

    def knows(self, character: str) -> bool:
        return character.isascii()


def sound(seconds: float, loudness: float = 0.05) -> np.ndarray:
    return np.random.default_rng(0).normal(0, loudness, round(seconds * 24000)).astype(np.float32)


def reference() -> VoiceReference:
    return voice_reference(sound(2.0), "this is how i speak.", Letters())


def front() -> CharacterFront:
    return CharacterFront(Letters(), lambda voice: reference().spoken)


def test_a_reference_is_whole_beats_with_its_text_spread_over_it() -> None:
    made = reference()
    frames = len(made.primer.mel)
    assert frames % BEAT_MEL == 0 and frames >= 2.05 * 93.75
    # The pace is that of the sound and 50 ms, not of what fills up the beat.
    assert made.spoken == Spoken("this is how i speak.  ", int(2.05 * 93.75))
    # Spaces part it from what follows.
    np.testing.assert_array_equal(
        made.primer.text[made.primer.text > 0], Letters().ids("this is how i speak.  ")
    )
    np.testing.assert_allclose(made.primer.mel[-2:], SILENCE, atol=1e-5)


def test_a_quiet_reference_is_brought_to_the_usual_loudness() -> None:
    quiet, usual = (
        voice_reference(sound(2.0, loudness), "text", Letters()).primer.mel
        for loudness in (0.01, 0.1)
    )
    np.testing.assert_allclose(quiet[:150], usual[:150], atol=1e-3)


def test_silence_around_a_reference_is_cut_off() -> None:
    said, faint = sound(1.5, 0.1), sound(0.7, 0.004)
    np.testing.assert_allclose(trimmed(np.concatenate([faint, said, faint])), said, atol=1e-6)
    np.testing.assert_array_equal(trimmed(said), said)
    for silent in (faint, np.zeros(24000, np.float32), np.zeros(5, np.float32)):
        with pytest.raises(InvalidInput, match="silent"):
            trimmed(silent)


@pytest.mark.parametrize(
    ("seconds", "loudness", "text", "fault"),
    [
        (0.5, 0.1, "hi", "lasts 0.5 s"),
        (16.0, 0.1, "hi", "lasts 16.0 s"),
        (2.0, 0.0, "hi", "silent"),
        (1.0, 0.1, "a" * 200, "lasts 1.0 s and its text has 203 characters"),
    ],
)
def test_a_reference_that_will_not_do_is_refused(
    seconds: float, loudness: float, text: str, fault: str
) -> None:
    with pytest.raises(InvalidInput, match=fault):
        voice_reference(sound(seconds, loudness), text, Letters())


def test_every_phrase_goes_on_from_the_reference() -> None:
    text = "One thing is said here. [pause:0.3] And after the pause another thing is said."
    piece = phrase_piece(front(), reference(), text, 1.0, VOICE, "speech-1")
    primed = [index for index, cell in enumerate(piece.cells) if cell.primer is not None]
    assert len(primed) == 2 and primed[0] == 0
    pause = [index for index, cell in enumerate(piece.cells) if cell.given]
    assert pause == [primed[1] - 2, primed[1] - 1]
    assert all(cell.speech_id == "speech-1" for cell in piece.cells)
    said = np.concatenate([cell.text for cell in piece.cells])
    expected = "One thing is said here." + "And after the pause another thing is said."
    letters = Letters().ids(expected)
    letters = letters[letters != 27]
    np.testing.assert_array_equal(said[(said > 0) & (said != 27)], letters)
    # Words come in order, and those after the pause after it.
    starts = [word.start for word in piece.words]
    assert starts == sorted(starts)
    assert [word.text for word in piece.words][5] == "And"
    assert piece.words[5].start >= primed[1] * 0.16


def test_a_phrase_is_one_window_after_its_reference() -> None:
    planner = WindowPlanner(WindowConfig(prefix=4, growth=(2, 4), look_ahead=1, phrases=True))
    performance = Performance(toy_space(), FakeVocoder(), planner, seed=1)
    made = reference()
    piece = phrase_piece(front(), made, "A phrase of some words. " * 2, 1.0, VOICE, "speech-1")
    phrase = len(piece.cells)
    idle = performance.next_job()
    idled = idle.finish(FakeRun(idle.window).result())
    performance.accept(idle, idled)
    performance.score.extend(piece.cells)
    job = performance.next_job()
    assert (job.plan.prefix, job.plan.new, job.plan.look_ahead) == (made.primer.beats, phrase, 0)
    prefix = made.primer.beats * BEAT_MEL
    np.testing.assert_array_equal(job.window.mel[:prefix], made.primer.mel)
    np.testing.assert_array_equal(job.window.text[:prefix], made.primer.text)
    assert not job.window.mel_masked[:prefix].any() and job.window.mel_masked[prefix:].all()
    # The face goes on from what it did, however long the reference is.
    frames = made.primer.beats * BEAT_MOTION
    assert not job.window.motion_masked[:frames].any()
    np.testing.assert_array_equal(
        job.window.motion[frames - 4 : frames],
        idle.finish(FakeRun(idle.window).result()).motion[-4:],
    )
    chunk = job.finish(FakeRun(job.window).result())
    assert len(chunk.shots) == phrase * BEAT_MOTION
    performance.accept(job, chunk)
    assert performance.idle_next


def test_after_a_pause_the_rest_of_a_phrase_goes_on_from_the_reference() -> None:
    planner = WindowPlanner(WindowConfig(prefix=4, growth=(2, 4), look_ahead=1, phrases=True))
    performance = Performance(toy_space(), FakeVocoder(), planner, seed=1)
    piece = phrase_piece(front(), reference(), "A phrase of some words.", 1.0, VOICE, "speech-1")
    performance.score.extend(piece.cells)
    job = performance.next_job()
    performance.accept(job, job.finish(FakeRun(job.window).result()))
    performance.hold_back(3)
    performance.score.paused = False
    again = performance.next_job()
    assert (again.plan.prefix, again.plan.new) == (reference().primer.beats, 3)
    rest = np.concatenate([cell.text for cell in piece.cells[-3:]])
    np.testing.assert_array_equal(again.window.text[-3 * BEAT_MEL :], rest)


def test_a_text_is_dubbed_in_just_the_time_of_the_motion() -> None:
    motion = check_motion(np.zeros((50, toy_space().size), np.float32), toy_space())
    piece = dubbed_phrase(front(), reference(), "so many words", motion, "speech-1", VOICE)
    assert len(piece.cells) == 13
    assert piece.cells[0].primer is not None
    assert all(cell.motion is not None and not cell.given for cell in piece.cells)
    long = check_motion(np.zeros((800, toy_space().size), np.float32), toy_space())
    with pytest.raises(InvalidInput, match=r"lasts 32.0 s; .* dub 2\d\.\d s at once"):
        dubbed_phrase(front(), reference(), "words", long, "speech-1", VOICE)
    short = check_motion(np.zeros((4, toy_space().size), np.float32), toy_space())
    with pytest.raises(InvalidInput, match="do not fit"):
        dubbed_phrase(front(), reference(), "far too many words", short, "speech-1", VOICE)


def test_a_voice_is_a_sound_file_with_its_text_beside(tmp_path: Path) -> None:
    path = tmp_path / "me.wav"
    write_wav(sound(2.0), path)
    with pytest.raises(InvalidInput, match=r"must stand in .*me\.txt"):
        voice_of_file(path)
    (tmp_path / "me.txt").write_text("this is how i speak.\n", "utf-8-sig")
    voice = voice_of_file(path)
    references = References(Letters(), tmp_path / "elsewhere")
    assert references(voice).spoken.text == "this is how i speak.  "
    assert references(voice) is references(voice)
    assert len(references(voice).primer.mel) * 256 >= 2 * 24000
    assert references(voice).primer.beats * BEAT_SAMPLES < 2.3 * 24000
    (tmp_path / "me.txt").write_text(" \n", "utf-8")
    with pytest.raises(InvalidInput, match="is empty"):
        voice_of_file(path)
    with pytest.raises(InvalidInput, match="no sound file"):
        voice_of_file(tmp_path / "you.wav")
    with pytest.raises(InvalidInput, match="has no reference"):
        references(VOICE)
