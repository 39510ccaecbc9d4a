from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jamflow_rt.errors import InvalidInput
from jamflow_rt.hear.echo import EchoGate
from jamflow_rt.hear.hearing import (
    BargeIn,
    HeardEvent,
    Hearing,
    HearingSettings,
    UserPaused,
    UserResumed,
    UserStarted,
    UserStopped,
)
from tests.test_hear_echo import babble, room
from tests.test_hear_voice_activity import voice

BLOCK = 0.032
SILENT = np.zeros(512, np.float32)


class ScriptedVoice:
    """A VoiceActivity that reads the probability from the sound: its loudest sample."""

    def __init__(self) -> None:
        self.resets = 0

    def probability(self, block: np.ndarray) -> float:
        return float(np.abs(block).max())

    def reset(self) -> None:
        self.resets += 1


class ScriptedGate(EchoGate):
    """Takes negative sound for the avatar's."""

    def near(self, block: np.ndarray) -> bool:
        return float(block[0]) >= 0


def hearing(**settings: float | None) -> Hearing:
    return Hearing(HearingSettings(**settings), ScriptedVoice(), ScriptedGate())


def listen(
    ear: Hearing, *stretches: tuple[float, float], speaking: bool = False
) -> list[HeardEvent]:
    """Let it hear stretches of (probability, seconds); negative ones are echo."""
    events: list[HeardEvent] = []
    for probability, seconds in stretches:
        for _ in range(round(seconds / BLOCK)):
            events += ear.push(np.full(512, probability, np.float32), 16_000, speaking)
    return events


def kinds(events: list[HeardEvent]) -> list[type]:
    return [type(event) for event in events]


def test_a_turn_has_a_start_a_pause_and_an_end() -> None:
    events = listen(hearing(), (0.0, 0.96), (0.9, 1.6), (0.0, 1.6))
    assert kinds(events) == [UserStarted, UserPaused, UserStopped]
    started, paused, stopped = (event.time for event in events)
    assert started == pytest.approx(0.96 + 0.16)
    assert paused == pytest.approx(2.56 + 0.25, abs=BLOCK)
    assert stopped == pytest.approx(2.56 + 0.7, abs=BLOCK)


def test_who_goes_on_after_a_pause_is_in_the_same_turn() -> None:
    events = listen(hearing(), (0.9, 0.8), (0.0, 0.48), (0.9, 0.8), (0.0, 1.6))
    assert kinds(events) == [UserStarted, UserPaused, UserResumed, UserPaused, UserStopped]


def test_short_sounds_are_no_turn() -> None:
    assert listen(hearing(), *[(0.9, 0.096), (0.0, 0.48)] * 5) == []


def test_gaps_between_syllables_do_not_keep_a_turn_from_starting() -> None:
    events = listen(hearing(min_speech=0.3), *[(0.9, 0.16), (0.0, 0.064)] * 4)
    assert kinds(events) == [UserStarted]


def test_a_click_in_the_silence_does_not_prolong_the_turn() -> None:
    events = listen(hearing(), (0.9, 0.8), (0.0, 0.48), (0.9, 0.032), (0.0, 0.48))
    assert kinds(events) == [UserStarted, UserPaused, UserStopped]
    assert events[-1].time == pytest.approx(0.8 + 0.7, abs=BLOCK)


def test_a_probability_around_the_threshold_does_not_flicker() -> None:
    wavering = [(0.55, 0.032), (0.4, 0.032)] * 30
    events = listen(hearing(), *wavering, (0.3, 1.6))
    assert kinds(events) == [UserStarted, UserPaused, UserStopped]
    assert listen(hearing(), (0.45, 3.2)) == []


def test_speaking_over_the_avatar_interrupts_it_once() -> None:
    ear = hearing(barge_in=0.3)
    events = listen(ear, (0.0, 0.96), (0.9, 1.6), speaking=True)
    assert kinds(events) == [BargeIn]
    assert events[0].time == pytest.approx(0.96 + 0.3, abs=BLOCK)
    assert kinds(listen(ear, (0.0, 1.6))) == [UserPaused, UserStopped]
    assert kinds(listen(ear, (0.9, 1.6), speaking=True)) == [BargeIn]


def test_none_never_interrupts_and_the_turn_begins_when_the_avatar_has_finished() -> None:
    ear = hearing(barge_in=None)
    assert listen(ear, (0.9, 3.2), speaking=True) == []
    events = listen(ear, (0.9, 0.32))
    assert kinds(events) == [UserStarted]
    assert events[0].time == pytest.approx(3.2 + BLOCK)


def test_the_avatar_that_begins_in_the_middle_of_a_turn_is_interrupted_too() -> None:
    ear = hearing()
    assert kinds(listen(ear, (0.9, 0.8))) == [UserStarted]
    assert kinds(listen(ear, (0.9, 0.8), speaking=True)) == [BargeIn]


def test_the_avatars_own_sound_does_nothing() -> None:
    ear = hearing()
    assert listen(ear, (-0.9, 3.2), speaking=True) == []
    assert listen(ear, (-0.9, 0.5)) == []


def test_after_a_long_voice_nothing_of_it_is_counted_twice() -> None:
    ear = hearing(barge_in=None)
    listen(ear, (0.9, 9.6), (0.0, 0.64), speaking=True)
    assert listen(ear, (0.9, 0.096)) == []


def test_reset_begins_at_zero_and_forgets_the_turn() -> None:
    voice = ScriptedVoice()
    ear = Hearing(HearingSettings(), voice, ScriptedGate())
    listen(ear, (0.9, 0.8))
    assert ear.time == pytest.approx(0.8)
    ear.reset()
    assert (ear.time, voice.resets) == (0.0, 1)
    assert listen(ear, (0.0, 1.6)) == []


def test_what_is_played_reaches_the_gate() -> None:
    class Listener(ScriptedGate):
        heard = 0

        def played(self, sound: np.ndarray) -> None:
            self.heard += len(sound)

    gate = Listener()
    Hearing(HearingSettings(), ScriptedVoice(), gate).played(np.zeros(960, np.float32))
    assert gate.heard == 960


def test_integers_at_48_khz_are_heard_as_well() -> None:
    ear = Hearing(HearingSettings(), ScriptedVoice(), ScriptedGate())
    tone = (30_000 * np.sin(np.arange(48_000) * 0.05)).astype(np.int16)
    chunks = tone.reshape(-1, 960)
    events = [event for chunk in chunks for event in ear.push(chunk, 48_000, False)]
    assert kinds(events) == [UserStarted]


def test_sound_that_cannot_be_used_is_refused_whole() -> None:
    ear = hearing()
    with pytest.raises(InvalidInput, match="NaN"):
        ear.push(np.array([0.0, np.nan], np.float32), 16_000, False)
    with pytest.raises(InvalidInput, match="7999"):
        ear.push(SILENT, 7_999, False)
    assert ear.time == 0.0


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 0.1},
        {"threshold": 1.0},
        {"barge_in": -0.1},
        {"pause": 0.7},
        {"min_speech": -1},
        {"end_of_turn": 0.2},
        {"end_of_speech": 0.7},
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        HearingSettings(**settings)


stretches = st.lists(
    st.tuples(st.floats(-1, 1), st.integers(1, 30), st.booleans()), min_size=1, max_size=8
)


@given(stretches)
def test_events_come_in_an_order_that_makes_sense(script: list[tuple[float, int, bool]]) -> None:
    ear, events = hearing(), []
    for probability, blocks, speaking in script:
        events += listen(ear, (probability, blocks * BLOCK), speaking=speaking)
    in_turn = paused = False
    for event in events:
        match event:
            case UserStarted():
                assert not in_turn
                in_turn, paused = True, False
            case BargeIn():
                in_turn, paused = True, False
            case UserPaused():
                assert in_turn and not paused
                paused = True
            case UserResumed():
                assert in_turn and paused
                paused = False
            case UserStopped():
                assert in_turn and paused
                in_turn = paused = False
    times = [event.time for event in events]
    assert times == sorted(times)


def test_a_real_conversation_is_followed() -> None:
    """With Silero VAD and the real gate: an avatar of noise, a user of synthetic vowels."""
    seconds = 8
    played = babble(seconds, 20)
    played[24_000 * 4 :] = 0.0
    user = np.zeros(seconds * 24_000, np.float32)
    spoken = np.repeat(voice(1.5), 3)[::2]  # to 24 kHz, roughly
    user[24_000 * 2 : 24_000 * 2 + len(spoken)] = spoken
    random = np.random.default_rng(0)
    microphone = room(played, 0.1, -20.0) + user + random.normal(0, 1e-3, len(user))
    ear, events = Hearing(HearingSettings()), []
    for at in range(0, len(played), 960):
        ear.played(played[at : at + 960])
        events += ear.push(microphone[at : at + 960], 24_000, at < 24_000 * 4)
    assert kinds(events)[0] is BargeIn
    assert 2.3 < events[0].time < 3.2
    assert kinds(events)[-1] is UserStopped
