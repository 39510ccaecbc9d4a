from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.config import WindowConfig
from jamflow_rt.model.threads import Cores
from jamflow_rt.stream.capacity import ENGINE_SHARE, MACHINE_SHARE, Capacity, Cost

BEATS, NEW = 21, 16
SECONDS = NEW * 0.16
SIZE = 512 * 512

seconds = st.floats(1e-4, 2.0)
costs = st.builds(Cost, st.just(BEATS), st.floats(1, 16), seconds, seconds)


def capacity(cores: int = 2) -> Capacity:
    return Capacity(WindowConfig(), cores)


def most(of: Capacity, pixels: int = 0) -> int:
    """Sessions that fit at once; the load of each added one is never less."""
    count = 0
    while count < 200 and of.fits(count + 1, (count + 1) * pixels):
        count += 1
    return count


def test_before_anything_was_measured_everything_fits() -> None:
    assert capacity().fits(100, 100 * SIZE)


def test_a_session_costs_its_part_of_the_passes_and_its_decoding() -> None:
    found = capacity()
    found.add(Cost(BEATS, 1.0, 0.15 * SECONDS, 0.05 * SECONDS))
    assert abs(found.load(1, 0).engine - 0.2) < 1e-9
    assert abs(found.load(1, 0).machine - 0.1) < 1e-9
    assert most(found) == int(ENGINE_SHARE / 0.2)


def test_half_of_those_who_speak_meet_in_a_pass() -> None:
    found = capacity()
    found.add(Cost(BEATS, 1.0, 0.2 * SECONDS, 0.0))
    found.add(Cost(BEATS, 2.2, 0.15 * SECONDS, 0.0))
    found.add(Cost(BEATS, 4.0, 0.1 * SECONDS, 0.0))
    loads = [round(found.load(n, 0).engine, 6) for n in range(9)]
    assert loads == [0.0, 0.2, 0.4, 0.45, 0.6, 0.75, 0.9, 0.9, 0.9]


def test_drawing_takes_cores_from_everybody() -> None:
    found = capacity(cores=2)
    found.add(Cost(BEATS, 1.0, 0.1 * SECONDS, 0.0))
    found.use_cores(Cores(2, 2))
    found.add_picture(SIZE, 0.02)  # half a core
    assert most(found) == 8
    assert most(found, SIZE) == int(2 * MACHINE_SHARE / (0.2 + 0.5)) == 2
    # Larger pictures cost more.
    assert most(found, 4 * SIZE) == 0
    assert found.load(3, 2 * SIZE).machine == found.load(3, 0).machine + 0.5


def test_windows_of_other_lengths_tell_nothing() -> None:
    found = capacity()
    found.add(Cost(7, 1.0, 9.0, 9.0))
    assert found.load(5, 0).engine == 0


def test_it_follows_a_machine_that_becomes_busy_and_free_again() -> None:
    found = capacity()

    def spend(share: float) -> None:
        for _ in range(40):
            found.add(Cost(BEATS, 1.0, share * SECONDS, 0.0))

    spend(0.1)
    free = most(found)
    spend(0.4)
    assert most(found) == 2 < free
    spend(0.1)
    assert most(found) == free
    # A few windows that met a busy moment change nothing.
    for _ in range(4):
        found.add(Cost(BEATS, 1.0, 3.0 * SECONDS, 0.0))
    assert most(found) == free


@given(st.lists(costs, max_size=8), st.integers(1, 8), seconds, st.integers(0, 30))
def test_more_sessions_are_never_less_load(
    windows: list[Cost], cores: int, drawing: float, sessions: int
) -> None:
    found = capacity(cores)
    for cost in windows:
        found.add(cost)
    found.add_picture(SIZE, drawing)
    one, two = found.load(sessions, 0), found.load(sessions + 1, 0)
    drawn = found.load(sessions + 1, SIZE)
    assert one.engine <= two.engine <= drawn.engine
    assert one.machine <= two.machine < drawn.machine
    if found.fits(sessions + 1, SIZE):
        assert found.fits(sessions + 1, 0) and found.fits(sessions, 0)


@given(costs, st.floats(1.0, 5.0), st.integers(1, 4))
def test_dearer_work_never_makes_room(cost: Cost, factor: float, cores: int) -> None:
    cheap, dear = capacity(cores), capacity(cores)
    cheap.add(cost)
    dear.add(Cost(BEATS, cost.together, cost.sampling * factor, cost.decoding * factor))
    assert most(dear) <= most(cheap)


@given(st.lists(costs, min_size=1, max_size=20))
def test_whatever_fits_leaves_the_engine_its_rest(windows: list[Cost]) -> None:
    found = capacity()
    for cost in windows:
        found.add(cost)
    count = most(found)
    assert found.load(count, 0).engine <= ENGINE_SHARE
    assert found.load(count, 0).machine <= MACHINE_SHARE
    if count < 200:
        assert not found.fits(count + 1, 0)
