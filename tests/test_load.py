"""What a load test measures, in a time that does not pass."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
import pytest
from pydantic import SecretStr
from rich.console import Console

from jamflow_rt.errors import Failed, InvalidInput, NotAuthorized, Overloaded
from jamflow_rt.load import run, visit
from jamflow_rt.load.arrivals import Connection, Heard, Open
from jamflow_rt.load.ear import Ear
from jamflow_rt.load.lag import watched
from jamflow_rt.load.plan import LoadMedia, LoadPlan
from jamflow_rt.load.punctuality import Punctuality
from jamflow_rt.load.report import Level, LoadReport
from jamflow_rt.load.run import opener, run_level, run_levels
from jamflow_rt.load.tally import Spread, Tally, pooled
from tests.load_fakes import FRAME, RATE, FakeConnection, at_once


def piece(at: float, time: float, loud: slice | None = None) -> Heard:
    sound = np.zeros(round(FRAME * RATE), np.float32)
    if loud is not None:
        sound[loud] = 0.5
    return Heard(at, time, sound, RATE)


# The ear


async def test_the_ear_knows_to_the_sample_when_sound_begins_and_ends() -> None:
    ear = Ear()
    ear.hear(piece(10.0, 0.0, slice(0, 10)))
    begun = ear.expect()
    ear.hear(piece(10.04, 0.04))
    assert not begun.done()
    ear.hear(piece(10.08, 0.08, slice(240, 480)))
    assert begun.result() == pytest.approx(10.09)
    assert ear.last == pytest.approx(10.10)
    ear.hear(piece(10.12, 0.12))
    assert ear.last == pytest.approx(10.10), "silence does not count"


async def test_nobody_has_to_wait_for_the_sound_any_more() -> None:
    ear = Ear()
    ear.expect().cancel()
    other = ear.expect()
    ear.hear(piece(1.0, 0.0, slice(0, 1)))
    assert other.result() == 1.0


# Underruns


def counted(*pieces: tuple[float, float], interrupt: float | None = None) -> Punctuality:
    punctuality = Punctuality()
    if interrupt is not None:
        punctuality.interrupted(interrupt)
    for at, media_time in pieces:
        punctuality.push(piece(at, media_time))
    return punctuality


def test_what_comes_in_time_is_no_underrun() -> None:
    found = counted(
        *((5 + index * FRAME + 0.07 * (index % 2), index * FRAME) for index in range(9))
    )
    assert (found.pieces, found.late, found.underruns) == (9, 0, 0)


def test_what_never_comes_is_a_gap() -> None:
    found = counted((5.0, 0.0), (5.12, 0.12), (5.16, 0.16))
    assert (found.gaps, found.stalls, found.late) == (1, 0, 0)
    assert counted((5.0, 0.0), (5.12, 0.12), interrupt=4.9).underruns == 0
    assert counted((5.0, 0.0), (5.12, 0.12), interrupt=4.0).underruns == 1


def test_a_clock_that_slips_is_one_underrun_and_late_from_then_on() -> None:
    found = counted((5.0, 0.0), *((5.3 + index * FRAME, index * FRAME) for index in range(1, 9)))
    assert (found.gaps, found.stalls, found.late) == (0, 1, 8)


def test_a_hold_up_that_is_made_up_for_is_one_underrun() -> None:
    late = [(5.5, index * FRAME) for index in range(1, 11)]
    found = counted((5.0, 0.0), *late, (5.5, 0.44), (5.5, 0.48))
    assert found.stalls == 1
    assert found.late == 10, "of the last ones it was up to 80 ms"


def test_each_further_loss_is_another_underrun() -> None:
    found = counted((5.0, 0.0), (5.14, 0.04), (5.18, 0.08), (5.32, 0.12))
    assert found.stalls == 2


def test_what_has_not_come_at_the_end_is_missing() -> None:
    found = counted((5.0, 0.0), (5.04, 0.04))
    found.end(5.1)
    assert (found.stalls, found.late, found.missing) == (0, 0, 0)
    found.end(6.18)
    assert (found.stalls, found.late, found.missing) == (1, 25, 25)
    nothing = counted()
    nothing.end(7.0)
    assert (nothing.stalls, nothing.missing) == (0, 0)


# Tallies


def test_a_spread_in_milliseconds() -> None:
    spread = Spread.of([index / 100 for index in range(1, 101)])
    assert spread is not None
    assert (spread.count, spread.median, spread.late, spread.worst) == (100, 505, 950, 1000)
    assert spread.text == "505/950/1000"
    assert spread.json() == {"count": 100, "median_ms": 505, "95th_ms": 950, "worst_ms": 1000}
    assert Spread.of([]) is None


def test_refusals_and_errors_are_kept_apart_and_told() -> None:
    tally = Tally()
    tally.note(Overloaded("It is full."))
    tally.note(Failed("It broke."))
    tally.note(Failed("It broke."))
    assert (tally.refusals, tally.errors) == (1, 2)
    assert tally.told == {"It is full.": 1, "It broke.": 2}
    assert isinstance(tally.failure, Overloaded)


def test_many_clients_become_one_tally_with_the_rates_of_one_client() -> None:
    one = Tally(connects=[0.1], waits=[0.2], seconds=10, frames=250, received=100_000, pieces=250)
    two = Tally(connects=[0.3], seconds=5, frames=50, received=20_000, pieces=50, late=3, gaps=1)
    two.note(Failed("It broke."))
    both = pooled([one, two])
    assert (both.connects, both.waits) == ([0.1, 0.3], [0.2])
    assert (both.rate, both.bytes_rate) == (20, 8000)
    assert (both.underruns, both.errors, both.told) == (1, 1, {"It broke.": 1})
    assert both.json()["late"] == 0.01
    assert pooled([]).json()["late"] is None


# Visits


def visited(connection: FakeConnection, seconds: float = 30.0, number: int = 0) -> Tally:
    async def open_connection(number: int) -> Connection:
        await asyncio.sleep(0.1)
        return connection

    tally = at_once(visit.visit(open_connection, number, seconds))
    assert connection.closed
    return tally


def test_a_client_talks_and_measures() -> None:
    connection = FakeConnection()
    tally = visited(connection)
    assert tally.connects == pytest.approx([0.1])
    assert len(set(connection.said)) == 4, "all of the sentences"
    assert tally.said == len(connection.said) == len(tally.waits) >= 7
    # A sound that begins within a piece is heard when that has come.
    assert min(tally.waits) > 0.199 and max(tally.waits) < 0.241
    assert len(tally.silences) == connection.interrupts == (tally.said + 1) // 3
    assert min(tally.silences) >= 0 and max(tally.silences) <= 0.091
    assert tally.seconds == pytest.approx(30)
    assert tally.rate == pytest.approx(25, abs=0.1)
    assert tally.bytes_rate == pytest.approx(4100)
    assert (tally.underruns, tally.late, tally.unheard, tally.errors) == (0, 0, 0, 0)


def test_two_clients_do_not_talk_alike() -> None:
    one, other = FakeConnection(), FakeConnection()
    visited(one, number=0)
    visited(other, number=1)
    assert one.said[0] != other.said[0]


def test_a_visit_is_repeatable() -> None:
    assert visited(FakeConnection(), number=3).json() == visited(FakeConnection(), number=3).json()


def test_late_frames_are_underruns() -> None:
    connection = FakeConnection()
    connection.delays = {100: 0.29, 400: 0.21}
    tally = visited(connection)
    assert (tally.stalls, tally.gaps) == (1, 0), "after the first, the buffer is large enough"
    assert tally.late == 6 + 4


def test_a_server_that_falls_silent_is_no_good_server() -> None:
    connection = FakeConnection()
    connection.delays = {100: 1000.0}
    tally = visited(connection, 20.0)
    assert tally.stalls == 1
    assert tally.json()["late"] == pytest.approx(0.8, abs=0.01)
    assert tally.rate == pytest.approx(5, abs=0.1)


def test_where_there_is_nothing_to_see_sound_is_counted() -> None:
    connection = FakeConnection()
    connection.sights = False
    assert visited(connection).rate == pytest.approx(25, abs=0.1)


def test_a_refused_client_is_a_finding() -> None:
    async def refuse(number: int) -> Connection:
        raise Overloaded("It is full.")

    tally = at_once(visit.visit(refuse, 0, 5.0))
    assert (tally.refusals, tally.errors, tally.connects) == (1, 0, [])
    assert tally.rate == tally.bytes_rate == 0


def test_a_refused_sentence_is_a_finding_and_the_next_is_tried() -> None:
    connection = FakeConnection()
    connection.refusal = Overloaded("Slower, please.")
    tally = visited(connection, 10.0)
    assert tally.refusals == tally.told["Slower, please."] == tally.said > 3
    assert tally.waits == []


def test_a_server_that_says_nothing_is_found_out() -> None:
    connection = FakeConnection()
    connection.mute = True
    tally = visited(connection, 30.0)
    assert (tally.said, tally.unheard) == (2, 2), "one was given up, one met the end"
    assert tally.told == {"A speech never was heard.": 1}


@pytest.mark.parametrize("name", ["fails_after", "ends_after"])
def test_a_session_that_ends_early_is_an_error(name: str) -> None:
    connection = FakeConnection()
    setattr(connection, name, 2.0)
    tally = visited(connection, 20.0)
    told = {"fails_after": "It broke.", "ends_after": "The server ended the session."}
    assert tally.told == {told[name]: 1}
    assert tally.seconds == pytest.approx(2.0, abs=0.1)


def test_a_session_without_media_is_an_error() -> None:
    connection = FakeConnection()
    connection.delays = {0: 1000.0}
    tally = visited(connection)
    assert tally.told == {"Nothing came within 15 seconds.": 1}
    assert (tally.connects, tally.seconds) == ([], 0.0)


def test_a_client_that_breaks_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    async def break_down(number: int) -> Connection:
        raise RuntimeError("a slip")

    tally = at_once(visit.visit(break_down, 0, 5.0))
    assert tally.errors == 1 and "a slip" in str(tally.failure)
    assert "RuntimeError" in caplog.text


def test_troubles_and_the_servers_own_account_are_taken_over() -> None:
    connection = FakeConnection()
    connection.troubles.append(Failed("The connection was lost."))
    connection.underruns = 2
    tally = visited(connection, 5.0)
    assert (tally.errors, tally.server_underruns) == (1, 2)


# Levels and the report


class Server:
    """So many places."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.asked: list[tuple[LoadMedia, int]] = []

    async def make_open(self, media: LoadMedia, clients: int) -> Open:
        self.asked.append((media, clients))

        async def open_connection(number: int) -> Connection:
            if number >= self.places:
                raise Overloaded("All places are taken.")
            return FakeConnection()

        return open_connection


PLAN = LoadPlan(url="http://server", clients=(1, 3), media=("motion", "webrtc"), seconds=8)


def found(places: int = 2, told: list[str] | None = None) -> LoadReport:
    server = Server(places)
    progress = (lambda what: None) if told is None else told.append
    report = at_once(run_levels(PLAN, server.make_open, progress))
    assert server.asked == [("motion", 1), ("motion", 3), ("webrtc", 1), ("webrtc", 3)]
    return report


def test_every_level_is_reported_and_so_are_those_without_a_place() -> None:
    told: list[str] = []
    report = found(told=told)
    assert told == [
        "motion, 1 client",
        "motion, 3 clients",
        "webrtc, 1 client",
        "webrtc, 3 clients",
    ]
    content = json.loads(report.json())
    assert list(content["media"]) == ["motion", "webrtc"]
    small, large = content["media"]["motion"]
    assert (small["clients"], small["served"], small["refusals"]) == (1, 1, 0)
    assert (large["clients"], large["served"], large["refusals"]) == (3, 2, 1)
    assert large["told"] == {"All places are taken.": 1}
    assert large["connect"]["count"] == 2
    assert large["first_sound"]["count"] == sum(e["said"] for e in large["each"]) > 2
    assert 200 <= large["first_sound"]["median_ms"] <= 241
    assert large["frames_a_second"] == pytest.approx(25, abs=0.2)
    assert [each["refusals"] for each in large["each"]] == [0, 0, 1]


def test_tables_have_a_row_a_number_of_clients() -> None:
    tables = found().tables()
    assert [table.row_count for table in tables] == [2, 2]
    console = Console(width=120)
    with console.capture() as capture:
        console.print(*tables)
    text = capture.get()
    assert "motion: 8 s a client" in text and "webrtc: 8 s a client" in text
    assert "1 times: All places are taken." in text
    row = next(line for line in text.splitlines() if line.strip().startswith("2 of 3"))
    cells = row.split()[3:]
    assert [cell.count("/") for cell in cells[:3]] == [2, 2, 2]
    assert cells[3:6] == ["0", "0.0%", "25.1"]
    assert cells[-2] == "0/0/1"


async def test_a_load_test_that_was_held_up_says_so() -> None:
    async with watched() as lag:
        await asyncio.sleep(0)
        time.sleep(0.2)  # noqa: ASYNC251 - it is what must not happen
        await asyncio.sleep(0.03)
    assert lag.worst > 0.1
    report = LoadReport(PLAN, {"audio": [Level((Tally(),), 0.5, lag.worst)]})
    with (console := Console(width=120)).capture() as capture:
        console.print(*report.tables())
    assert "was held up" in capture.get()
    assert json.loads(report.json())["media"]["audio"][0]["own_lag_ms"] > 100


def test_a_level_where_nobody_was_served_has_an_empty_row() -> None:
    report = found(places=0)
    assert report.served == 0
    assert report.levels["motion"][0].json()["first_sound"] is None
    assert len(report.tables()) == 2


@pytest.mark.parametrize("error", [NotAuthorized("A token, please."), InvalidInput("No voice.")])
def test_a_door_that_stays_shut_is_told_at_once(error: Exception) -> None:
    tried: list[int] = []

    async def make_open(media: LoadMedia, clients: int) -> Open:
        async def open_connection(number: int) -> Connection:
            tried.append(number)
            raise error

        return open_connection

    with pytest.raises(type(error), match=str(error)):
        at_once(run_levels(PLAN, make_open))
    assert tried == [0]


def test_an_error_after_the_first_success_does_not_lose_what_was_found() -> None:
    async def make_open(media: LoadMedia, clients: int) -> Open:
        async def open_connection(number: int) -> Connection:
            if media == "webrtc":
                raise Failed("The server cannot be reached.")
            return FakeConnection()

        return open_connection

    report = at_once(run_levels(PLAN, make_open))
    assert report.served == 4
    assert pooled(report.levels["webrtc"][1].tallies).errors == 3


def test_clients_come_one_by_one() -> None:
    came: list[float] = []

    async def open_connection(number: int) -> Connection:
        came.append(asyncio.get_running_loop().time())
        return FakeConnection()

    level: Level = at_once(run_level(open_connection, 3, 4.0, stagger=0.25))
    assert np.diff(came) == pytest.approx([0.25, 0.25])
    assert level.served == 3


# Tokens


async def bearers(plan: LoadPlan, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    seen: list[str | None] = []

    async def open_socket(url: str, token: str | None, *rest: object) -> Connection:
        seen.append(token)
        return FakeConnection()

    async def buy_token(url: str, key: str) -> str:
        if key == "wrong":
            raise NotAuthorized("This is not the key.")
        bought.append(key)
        return f"{key} {len(bought)}"

    bought: list[str] = []
    monkeypatch.setattr("jamflow_rt.load.sockets.open_socket", open_socket)
    monkeypatch.setattr(run, "buy_token", buy_token)
    open_connection = await opener(plan, "audio", 2)
    for number in range(2):
        await open_connection(number)
    return seen


async def test_each_client_has_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    key, token = SecretStr("key"), SecretStr("token")
    url = "http://server"
    assert await bearers(LoadPlan(url=url), monkeypatch) == [None, None]
    assert await bearers(LoadPlan(url=url, token=token), monkeypatch) == ["token", "token"]
    assert await bearers(LoadPlan(url=url, auth_key=key), monkeypatch) == ["key 1", "key 2"]
    with pytest.raises(NotAuthorized, match="not the key"):
        await bearers(LoadPlan(url=url, auth_key=SecretStr("wrong")), monkeypatch)


def test_an_address_that_is_none_is_refused_before_anything_is_done() -> None:
    with pytest.raises(InvalidInput, match="127.0.0.1"):
        run.load(LoadPlan(url="server"))
