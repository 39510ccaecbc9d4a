from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.config import WindowConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.windows import WindowPlanner

configs = st.builds(
    WindowConfig,
    prefix=st.integers(1, 8),
    opening=st.integers(1, 8),
    growth=st.lists(st.integers(1, 12), min_size=1, max_size=4).map(tuple),
    look_ahead=st.integers(0, 3),
)


@given(configs, st.integers(1, 60))
def test_windows_tile_a_speech_without_gap_or_overlap(config: WindowConfig, beats: int) -> None:
    planner, position, index = WindowPlanner(config), 0, 0
    while position < beats:
        plan = planner.speech(index, beats - position)
        assert plan.prefix == (config.prefix if index else min(config.opening, config.prefix))
        assert plan.new >= 1
        assert plan.look_ahead >= config.look_ahead
        assert plan.beats in planner.lengths
        position += plan.new
        index += 1
    assert position == beats


@given(configs, st.integers(0, 10))
def test_a_window_with_enough_to_say_has_exactly_the_size_of_its_turn(
    config: WindowConfig, index: int
) -> None:
    wanted = config.growth[min(index, len(config.growth) - 1)]
    plan = WindowPlanner(config).speech(index, 100)
    assert (plan.new, plan.look_ahead) == (wanted, config.look_ahead)


def test_growth_and_a_short_rest() -> None:
    planner = WindowPlanner(WindowConfig(prefix=4, growth=(2, 4, 8), look_ahead=1))
    assert [planner.speech(i, 50).new for i in range(5)] == [2, 4, 8, 8, 8]
    rest = planner.speech(3, 3)
    assert (rest.new, rest.look_ahead, rest.beats) == (3, 2, 9)
    assert planner.lengths == (5, 7, 9, 13)


def test_a_speech_that_goes_on_from_a_reference_sees_all_of_it() -> None:
    planner = WindowPlanner(WindowConfig(prefix=4, opening=2))
    assert [planner.speech(0, 9, primed).prefix for primed in (False, True)] == [2, 4]


def test_idle_windows_have_one_size() -> None:
    plan = WindowPlanner(WindowConfig(prefix=4, look_ahead=1), idle=4).silence()
    assert (plan.prefix, plan.new, plan.look_ahead) == (4, 4, 1)


def test_idling_in_a_hurry_takes_the_shortest_window() -> None:
    planner = WindowPlanner(WindowConfig(prefix=4, growth=(2, 4, 8), look_ahead=1))
    assert planner.silence(hurry=True).beats == 7


def test_nothing_to_say_is_no_window() -> None:
    with pytest.raises(InvalidInput, match="at least one beat"):
        WindowPlanner(WindowConfig()).speech(0, 0)
    with pytest.raises(InvalidInput, match="growth"):
        WindowPlanner(WindowConfig(growth=()))
