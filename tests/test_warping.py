from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.phonemes import SILENCE
from jamflow_rt.text.script import Script, Word
from jamflow_rt.text.timeline import PhonemeSpan, Timeline, WordSpan
from jamflow_rt.text.warping import LONGEST, SHORTEST, least_frames, most_frames, warp


def timeline(lengths: list[int] | None = None, lead: int = 6, trail: int = 9) -> Timeline:
    phonemes = "hɛlO ju, aɡIn."
    words = (Word("Hello", 0, 4), Word("you,", 5, 7), Word("again.", 9, 13))
    script = Script("Hello you, again.", phonemes, words)
    lengths = lengths or [5, 8, 6, 9, 4, 7, 10, 8, 3, 6, 5, 9, 8, 6]
    return Timeline.of(script, lengths, lead=lead, trail=trail)


def features(spoken: Timeline, seed: int = 0, columns: int = 4) -> np.ndarray:
    """A target for each phoneme, one for all silences, and smooth ways between them."""
    random = np.random.default_rng(seed)
    targets = [
        np.zeros(columns) if span.symbol in f"{SILENCE} ,." else random.normal(0, 2, columns)
        for span in spoken.phonemes
    ]
    steps = np.repeat(np.array(targets), [s.end - s.start for s in spoken.phonemes], axis=0)
    kernel = np.ones(3) / 3
    return np.stack(
        [np.convolve(np.pad(c, 1, mode="edge"), kernel, mode="valid") for c in steps.T], axis=1
    ).astype(np.float32)


def stretched(spoken: Timeline, made: np.ndarray, factors: list[float]) -> tuple[np.ndarray, list]:
    """Features with every phoneme at a rate of its own; the edges of the phonemes in it."""
    pieces, edges, at = [], [], 0
    for span, factor in zip(spoken.phonemes, factors, strict=True):
        length = max(1, round((span.end - span.start) * factor))
        places = span.start + (np.arange(length) + 0.5) * (span.end - span.start) / length
        pieces.append(made[places.astype(int)])
        edges.append((at, at + length))
        at += length
    return np.concatenate(pieces), edges


def test_what_is_given_as_it_was_made_stays() -> None:
    spoken = timeline()
    made = features(spoken)
    assert warp(spoken, made, made) == spoken.padded()


def test_a_known_warp_is_found() -> None:
    spoken = timeline()
    made = features(spoken)
    random = np.random.default_rng(1)
    factors = random.uniform(0.6, 1.7, len(spoken.phonemes)).tolist()
    factors[0], factors[-1] = 5.0, 4.0  # silence before and after
    given_features, edges = stretched(spoken, made, factors)
    noisy = given_features + random.normal(0, 0.05, given_features.shape).astype(np.float32)
    found = warp(spoken, made, noisy * 3 + 1)  # units and origin do not matter
    starts = dict(zip((s.start for s in spoken.phonemes), (e[0] for e in edges), strict=True))
    ends = dict(zip((s.end for s in spoken.phonemes), (e[1] for e in edges), strict=True))
    for word, moved in zip(spoken.words, found.words, strict=True):
        assert moved.start == pytest.approx(starts[word.start], abs=2)
        assert moved.end == pytest.approx(ends[word.end], abs=2)


def test_a_pause_is_found_where_none_was_made() -> None:
    phonemes = "hɛlOjuaɡIn"
    words = (Word("Hello", 0, 4), Word("you", 4, 6), Word("again", 6, 10))
    spoken = Timeline.of(Script("Hello you again", phonemes, words), [7] * 10, lead=6, trail=6)
    made = features(spoken)
    cut = spoken.words[1].end
    rest = np.zeros((40, made.shape[1]), np.float32)
    found = warp(spoken, made, np.concatenate([made[:cut], rest, made[cut:]]))
    assert found.words[1].end == pytest.approx(cut, abs=2)
    assert found.words[2].start == pytest.approx(cut + 40, abs=2)
    assert PhonemeSpan(SILENCE, found.words[1].end, found.words[2].start) in found.phonemes


def test_features_without_weight_do_not_count() -> None:
    spoken = timeline()
    made = features(spoken)
    given_features, _ = stretched(spoken, made, [1.4] * len(spoken.phonemes))
    clean = warp(spoken, made, given_features)
    random = np.random.default_rng(2)
    noise = [random.normal(0, 1, (len(part), 3)) for part in (made, given_features)]
    with_noise = [
        np.concatenate([part, more], axis=1).astype(np.float32)
        for part, more in zip((made, given_features), noise, strict=True)
    ]
    weights = np.array([1, 1, 1, 1, 0, 0, 0], np.float32)
    assert warp(spoken, with_noise[0], with_noise[1], weights) == clean


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 9), min_size=14, max_size=14),
    lead=st.integers(0, 8),
    trail=st.integers(0, 8),
    slack=st.integers(0, 90),
    seed=st.integers(0, 2**16),
)
def test_whatever_is_given(
    lengths: list[int], lead: int, trail: int, slack: int, seed: int
) -> None:
    lengths[0] = max(lengths[0], 1)
    spoken = timeline(lengths, lead, trail)
    random = np.random.default_rng(seed)
    made = random.normal(0, 1, (spoken.frames, 3)).astype(np.float32)
    frames = least_frames(spoken) + slack
    found = warp(spoken, made, random.normal(0, 1, (frames, 3)).astype(np.float32))
    assert found.frames == -(-frames // BEAT_MEL) * BEAT_MEL
    edges = [0]
    for span in found.phonemes:
        assert span.start == edges[-1] < span.end
        edges.append(span.end)
    assert edges[-1] == found.frames == len(found.ids())
    silences = f"{SILENCE} ,."
    before = [s for s in spoken.phonemes if s.symbol not in silences]
    after = [s for s in found.phonemes if s.symbol not in silences]
    assert [s.symbol for s in after] == [s.symbol for s in before]
    for old, new in zip(before, after, strict=True):
        rate = (new.end - new.start) / (old.end - old.start)
        assert SHORTEST <= rate <= LONGEST or new.end - new.start == 1
    assert [word.text for word in found.words] == [word.text for word in spoken.words]
    times = [time for word in found.words for time in (word.start, word.end)]
    assert times == sorted(times) and times[-1] <= found.frames


def test_too_much_text_is_refused_with_both_times() -> None:
    spoken = timeline()
    short = np.zeros((least_frames(spoken) - 1, 4), np.float32)
    seconds = f"{spoken.seconds:.1f} s to say"
    with pytest.raises(InvalidInput, match=seconds):
        warp(spoken, features(spoken), short)


def test_bounds_count_sounds_alone() -> None:
    spoken = timeline([10] * 14, lead=50, trail=50)
    sounds = 4 + 2 + 4
    assert least_frames(spoken) == sounds * 4
    assert most_frames(spoken) == sounds * 25


@pytest.mark.parametrize(("made", "given_shape"), [((7, 4), (90, 4)), ((101, 4), (90, 3))])
def test_features_that_do_not_fit_are_refused(made: tuple, given_shape: tuple) -> None:
    spoken = timeline()
    assert spoken.frames == 109
    with pytest.raises(InvalidInput, match=r"compared|fit a timeline"):
        warp(spoken, np.zeros(made, np.float32), np.zeros(given_shape, np.float32))


def test_nothing_and_too_much_are_refused() -> None:
    spoken = timeline()
    for frames in (0, 40_000):
        with pytest.raises(InvalidInput, match="can be aligned"):
            warp(spoken, features(spoken), np.zeros((frames, 4), np.float32))


def test_a_word_without_sound_keeps_its_place() -> None:
    plain = timeline()
    silent = WordSpan("—", plain.words[0].end, plain.words[0].end)
    spoken = Timeline(plain.phonemes, (plain.words[0], silent, *plain.words[1:]), plain.frames)
    made = features(spoken)
    assert [w.text for w in warp(spoken, made, made).words] == ["Hello", "—", "you,", "again."]
    assert warp(spoken, made, made).words[1] == silent
