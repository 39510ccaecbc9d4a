from __future__ import annotations

import io
import json

from rich.console import Console

from jamflow_rt.bench.figures import Bar, Figure
from jamflow_rt.bench.report import Report, this_machine


def report() -> Report:
    return Report(
        model="toy",
        settings={"trials": 3},
        machine={"cores": 2},
        families={
            "first_frame": (
                Figure(key="median", name="the wait", value=120.0, unit="ms", bar=Bar(150.0)),
                Figure(key="worst", name="the worst wait", value=900.0, unit="ms"),
            ),
            "batching": (
                Figure(key="ratio", name="batched", value=0.71, digits=2, bar=Bar(0.5), note="4"),
            ),
        },
    )


def test_missed_bars_are_named() -> None:
    assert report().missed == ["batching.ratio"]


def test_json_holds_every_figure_with_its_bar() -> None:
    content = json.loads(report().json())
    assert content["model"] == "toy"
    assert content["settings"] == {"trials": 3}
    assert content["machine"] == {"cores": 2}
    assert content["missed"] == ["batching.ratio"]
    median = content["figures"]["first_frame"]["median"]
    assert median["value"] == 120.0
    assert median["bar"] == {"at_most": 150.0}
    assert median["ok"] is True
    assert content["figures"]["batching"]["ratio"]["ok"] is False
    assert "ok" not in content["figures"]["first_frame"]["worst"]


def test_the_table_shows_each_figure_beside_its_bar() -> None:
    console = Console(width=120, file=io.StringIO())
    console.print(report().table())
    lines = console.file.getvalue().splitlines()
    (wait,) = [line for line in lines if "the wait" in line]
    assert "120 ms" in wait and "≤ 150 ms" in wait and "ok" in wait
    (batched,) = [line for line in lines if "batched" in line]
    assert "0.71" in batched and "≤ 0.50" in batched and "missed" in batched
    (worst,) = [line for line in lines if "the worst wait" in line]
    assert "900 ms" in worst and "ok" not in worst


def test_a_machine_is_known_by_its_cores_and_torch() -> None:
    machine = this_machine()
    assert machine["cores"] >= 1
    assert machine["torch"]
    json.dumps(machine)
