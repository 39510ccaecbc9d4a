from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, HOP
from jamflow_rt.codec.whitening import SILENCE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.noise import window_noise
from jamflow_rt.stream.given_motion import check_motion, motion_cells
from jamflow_rt.stream.job import Chunk, Job
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.score import Cell, Primer
from jamflow_rt.stream.windows import WindowPlanner
from tests.stream_fakes import WINDOWS, FakeRun, FakeVocoder, toy_space
from tests.toy import toy_vocoder


@pytest.fixture
def performance() -> Performance:
    return Performance(toy_space(), FakeVocoder(), WindowPlanner(WINDOWS, idle=4), seed=3)


def text_cells(beats: int, first: int = 1) -> list[Cell]:
    return [Cell(np.full(15, first + n, np.int32), speech_id="a") for n in range(beats)]


def sound_cells(beats: int) -> list[Cell]:
    return [
        Cell(
            np.zeros(15, np.int32),
            np.full((15, 100), 0.1 * (n + 1), np.float32),
            np.full(3840, 0.01 * (n + 1), np.float32),
            "b",
        )
        for n in range(beats)
    ]


def play(performance: Performance) -> tuple[Job, Chunk]:
    job = performance.next_job()
    chunk = job.finish(FakeRun(job.window).result())
    performance.accept(job, chunk)
    return job, chunk


def test_the_past_is_silence_and_rest(performance: Performance) -> None:
    window = performance.next_job().window
    assert (window.mel[: 4 * BEAT_MEL] == np.float32(SILENCE)).all()
    assert not window.text.any()
    assert not window.motion.any()


def test_an_idle_window_gives_silence_and_asks_for_motion(performance: Performance) -> None:
    job = performance.next_job()
    window = job.window
    assert job.idle
    assert window.beats == 9
    assert not window.mel_masked.any()
    assert window.text_dropped
    assert not window.motion_masked[: 4 * BEAT_MOTION].any()
    assert window.motion_masked[4 * BEAT_MOTION :].all()
    _, chunk = play(performance)
    assert [shot.index for shot in chunk.shots] == list(range(16))
    assert not any(shot.sound.any() for shot in chunk.shots)
    assert all(shot.speech_id is None for shot in chunk.shots)


def test_a_speech_window_masks_sound_and_motion_after_the_prefix(performance: Performance) -> None:
    performance.score.extend(text_cells(10))
    job = performance.next_job()
    # It sees 2 beats of what was before: the idling that a speech begins in.
    assert (job.plan.new, job.window.beats) == (2, 5)
    assert not job.window.mel_masked[: 2 * BEAT_MEL].any()
    assert job.window.mel_masked[2 * BEAT_MEL :].all()
    assert job.window.text.reshape(-1, 15)[:, 0].tolist() == [0, 0, 1, 2, 3]
    play(performance)
    job = performance.next_job()
    assert (job.plan.prefix, job.plan.new, job.window.beats) == (4, 4, 9)


def test_windows_grow_and_their_sound_is_the_score(performance: Performance) -> None:
    performance.score.extend(text_cells(15))
    sound, sizes, speeches = [], [], []
    while not performance.idle_next:
        job, chunk = play(performance)
        sizes.append(job.plan.new)
        sound += [shot.sound for shot in chunk.shots]
        speeches += [shot.speech_id for shot in chunk.shots]
    assert sizes == [2, 4, 8, 1]
    assert speeches == ["a"] * 60
    levels = np.concatenate(sound).reshape(15, 3840)
    np.testing.assert_allclose(levels, np.arange(1, 16)[:, None] / 100 * np.ones(3840), rtol=1e-5)


def test_the_prefix_is_what_was_emitted(performance: Performance) -> None:
    performance.score.extend(text_cells(10))
    play(performance)
    _, chunk = play(performance)
    window = performance.next_job().window
    np.testing.assert_array_equal(window.mel[: 4 * BEAT_MEL], chunk.mel[-4 * BEAT_MEL :])
    np.testing.assert_array_equal(
        window.motion[: 4 * BEAT_MOTION], chunk.motion[-4 * BEAT_MOTION :]
    )
    assert window.text.reshape(-1, 15)[:4, 0].tolist() == [3, 4, 5, 6]


def test_a_beat_keeps_its_noise_from_look_ahead_to_new(performance: Performance) -> None:
    performance.score.extend(text_cells(10))
    first, _ = play(performance)
    second = performance.next_job()
    ahead = first.window.mel_noise[-BEAT_MEL:]
    np.testing.assert_array_equal(ahead, second.window.mel_noise[4 * BEAT_MEL : 5 * BEAT_MEL])
    np.testing.assert_array_equal(
        second.window.motion_noise, window_noise(3, 2, second.window.beats, 9)[1]
    )


def test_given_sound_goes_out_as_it_came(performance: Performance) -> None:
    cells = sound_cells(3)
    performance.score.extend(cells)
    job, first = play(performance)
    assert not job.window.mel_masked.any()
    _, second = play(performance)
    shots = first.shots + second.shots
    assert {shot.speech_id for shot in shots} == {"b"}
    heard = np.concatenate([shot.sound for shot in shots])
    np.testing.assert_array_equal(heard, np.concatenate([c.sound for c in cells if c.given]))


def test_text_after_sound_sees_the_sound_in_its_prefix(performance: Performance) -> None:
    performance.score.extend([*sound_cells(2), *text_cells(3)])
    play(performance)
    job = performance.next_job()
    assert job.primer is not None
    np.testing.assert_array_equal(job.primer, job.window.mel[: 4 * BEAT_MEL])
    assert job.window.mel_masked[4 * BEAT_MEL :].all()


def test_idle_after_speech_lets_it_ring_out(performance: Performance) -> None:
    performance.score.extend(text_cells(2))
    play(performance)
    job, chunk = play(performance)
    assert job.idle
    assert job.voice is not None
    assert performance.next_job().voice is None
    assert not any(shot.sound.any() for shot in chunk.shots[1:])


def test_rewinding_idle_goes_on_from_any_frame(performance: Performance) -> None:
    play(performance)
    _, chunk = play(performance)
    performance.rewind(21)
    assert performance.frame == 21
    performance.score.extend(text_cells(4))
    job = performance.next_job()
    assert (job.start, job.plan.new) == (21, 2)
    np.testing.assert_array_equal(job.window.motion[8 - 1], chunk.motion[4])


def test_speech_cannot_be_rewound(performance: Performance) -> None:
    performance.score.extend(text_cells(2))
    play(performance)
    play(performance)
    with pytest.raises(InvalidInput, match=r"8…24"):
        performance.rewind(7)
    performance.rewind(8)


def test_rewinding_before_the_beginning_finds_rest(performance: Performance) -> None:
    play(performance)
    performance.rewind(0)
    window = performance.next_job().window
    assert not window.motion.any()
    assert len(window.motion) == 36


def test_after_a_cut_the_first_idle_window_is_short(performance: Performance) -> None:
    performance.score.extend(text_cells(4))
    play(performance)
    performance.forget()
    performance.cut(performance.frame, performance.frame)
    lengths = [play(performance)[0].plan.new for _ in range(2)]
    assert lengths == [min(WINDOWS.growth), 4]


def test_a_cut_silences_the_prefix_from_the_cut_and_keeps_the_motion(
    performance: Performance,
) -> None:
    performance.score.extend(text_cells(20))
    play(performance)
    _, chunk = play(performance)
    performance.forget()
    performance.cut(silent=12, resume=16)
    assert performance.idle_next
    job = performance.next_job()
    assert job.start == 16
    mel = job.window.mel[: 4 * BEAT_MEL]
    assert (mel[-BEAT_MEL:] == np.float32(SILENCE)).all()
    assert (mel[:-BEAT_MEL, 0] > 0).all()
    assert not job.window.text[3 * BEAT_MEL : 4 * BEAT_MEL].any()
    np.testing.assert_array_equal(job.window.motion[15], chunk.motion[7])
    with pytest.raises(InvalidInput):
        performance.rewind(15)


def test_a_stale_job_is_refused(performance: Performance) -> None:
    job = performance.next_job()
    play(performance)
    with pytest.raises(InvalidInput, match="16 is next"):
        performance.accept(job, job.finish(FakeRun(job.window).result()))


def test_history_does_not_grow_without_end(performance: Performance) -> None:
    for _ in range(40):
        play(performance)
    assert len(performance._mel) == 40 * BEAT_MEL
    assert performance.frame == 40 * 16


def test_sound_decoded_in_windows_equals_sound_decoded_whole() -> None:
    vocoder = toy_vocoder()
    performance = Performance(toy_space(), vocoder, WindowPlanner(WINDOWS), seed=3)
    performance.score.extend(text_cells(15, first=40))
    chunks = []
    while not performance.idle_next:
        chunks.append(play(performance)[1])
    assert len(chunks) == 4
    mel = np.concatenate([chunk.mel for chunk in chunks])
    sound = np.concatenate([shot.sound for chunk in chunks for shot in chunk.shots])
    end = -vocoder.right * HOP
    whole = vocoder.decode(mel)[:end]
    assert 0.001 < np.abs(whole).max() < 1.0
    np.testing.assert_allclose(sound[:end], whole, atol=1e-4)


def test_given_motion_is_known_and_text_with_it_is_to_be_spoken(performance: Performance) -> None:
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((16, performance._space.size)).astype(np.float32)
    motion = check_motion(latents, performance._space)
    ids = np.arange(1, 61, dtype=np.int32)
    performance.score.extend(motion_cells(motion, ids, "s"))
    first = performance.next_job()
    known = ~first.window.motion_masked[:, 0]
    # The prefix of 2 beats, 2 new beats and the look-ahead of 1.
    assert known.tolist() == [True] * 20
    np.testing.assert_array_equal(first.window.motion[8:], latents[:12])
    assert first.window.mel_masked[30:].all()
    shots = [shot for _ in range(2) for shot in play(performance)[1].shots]
    for shot, face in zip(shots, motion.faces, strict=False):
        assert shot.face is face


def test_a_window_ends_where_the_voice_changes(performance: Performance) -> None:
    cells = text_cells(6)
    performance.score.extend([*cells[:1], *(replace(cell, voice=2) for cell in cells[1:])])
    first, _ = play(performance)
    second, _ = play(performance)
    assert (first.plan.new, first.window.voice) == (1, 0)
    assert (second.plan.new, second.window.voice) == (4, 2)


def primer(motion: np.ndarray | None) -> Primer:
    return Primer(np.full(60, 9, np.int32), np.full((60, 100), 0.5, np.float32), motion)


def test_a_speech_goes_on_from_its_reference(performance: Performance) -> None:
    play(performance)
    size = performance._space.size
    reference = primer(np.full((16, size), 2.0, np.float32))
    cells = text_cells(6)
    performance.score.extend([replace(cells[0], primer=reference), *cells[1:]])
    shown = performance._shown[-1]
    job, chunk = play(performance)
    assert (job.window.text[:60] == 9).all()
    assert (job.window.mel[:60] == 0.5).all()
    np.testing.assert_array_equal(job.window.motion[:16], reference.motion)
    # The face does not jump: it goes over from where it was to the reference's manner.
    jump = chunk.shown[0] - shown
    assert np.abs(jump).max() < 0.3 * np.abs(2.0 - shown).max()
    second, chunk = play(performance)
    assert (second.window.mel[:30] == 0.5).all()
    np.testing.assert_allclose(chunk.shown[-1], chunk.motion[-1], atol=1e-6)


def test_a_reference_without_motion_leaves_the_face_alone(performance: Performance) -> None:
    play(performance)
    before = performance._motion[-16:]
    performance.score.extend([replace(text_cells(1)[0], primer=primer(None))])
    job, chunk = play(performance)
    np.testing.assert_array_equal(job.window.motion[:16], before)
    np.testing.assert_array_equal(chunk.shown, chunk.motion)


def test_what_is_held_back_is_performed_again_from_its_reference(performance: Performance) -> None:
    reference = primer(None)
    cells = text_cells(10)
    performance.score.extend([replace(cells[0], primer=reference), *cells[1:]])
    play(performance)
    play(performance)
    performance.hold_back(3)
    performance.cut(performance.frame, performance.frame)
    assert performance.idle_next
    assert play(performance)[0].plan.new == min(WINDOWS.growth)
    performance.score.paused = False
    job, _ = play(performance)
    assert job.cells[0].primer is reference
    assert [cell.text[0] for cell in job.cells] == [cell.text[0] for cell in cells[3:5]]
    assert len(performance.score) == 5
