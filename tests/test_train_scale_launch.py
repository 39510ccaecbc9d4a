"""Two machines, started as a user starts them, but both of them here."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.scale.machines import join
from tests.toy_recipe import last_weights, scalars, toy_recipe, trained, write_recipe
from tests.toy_shards import write_toy_shards

Machine = subprocess.Popen[str]
TRAIN = "jamflow_rt.train.scale"
COMMON = {"steps": 8, "validation": {"share": 0.1, "every": 4}, "save_every": 4}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_toy_shards(tmp_path / "shards", clips=16)
    return tmp_path / "shards"


def names(run: Path) -> list[str]:
    return [path.name for path in (run / "checkpoints").glob("step-*")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(environment: dict[str, object], *command: object) -> Machine:
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | {k: str(v) for k, v in environment.items()},
    )


def ends(machines: list[Machine]) -> list[tuple[int, str]]:
    with ExitStack() as stack:
        for machine in machines:
            stack.callback(machine.kill)
        told = [machine.communicate(timeout=100)[1] for machine in machines]
    return [(machine.returncode, text) for machine, text in zip(machines, told, strict=True)]


def test_two_machines_do_what_one_does_with_twice_the_batch(shards: Path, tmp_path: Path) -> None:
    one = write_recipe(
        tmp_path / "one.yaml", batches={"frames": 300, "multiple": 2, "accumulate": 2}, **COMMON
    )
    write_recipe(tmp_path / "two.yaml", batches={"frames": 150, "accumulate": 2}, **COMMON)
    port = free_port()
    launch = ("accelerate.commands.launch", "--multi_gpu", "--num_machines", 2)
    found = ("--main_process_ip", "127.0.0.1", "--main_process_port", port, "--num_processes", 2)
    told = ends(
        [
            started(
                {"TMPDIR": tmp_path},
                *(*launch, "--machine_rank", rank, *found, "-m", TRAIN, tmp_path / "two.yaml"),
                *("--shards", shards, "--work", tmp_path / "runs"),
            )
            for rank in range(2)
        ]
    )
    assert [code for code, _ in told] == [0, 0], told
    trained(one, shards, tmp_path / "one")
    run = tmp_path / "runs" / "two"
    for name in ("weights", "average"):
        alone, shared = last_weights(tmp_path / "one", name), last_weights(run, name)
        assert alone.keys() == shared.keys()
        for key, tensor in alone.items():
            torch.testing.assert_close(shared[key], tensor, rtol=0, atol=1e-5)
    curves = [scalars(folder) for folder in (tmp_path / "one", run)]
    for tag in ("loss/audio", "loss/motion", "validation/audio", "gradient_norm", "epoch"):
        assert curves[0][tag] == pytest.approx(curves[1][tag], rel=1e-4)


def test_a_machine_that_dies_ends_the_other_and_both_go_on(shards: Path, tmp_path: Path) -> None:
    """Each machine has a folder of its own; one of them is behind when they are started again."""
    common = COMMON | {"save_every": 1, "optimiser": {"decay": 0.0}}
    write_recipe(tmp_path / "two.yaml", batches={"frames": 150}, **common)
    runs = [tmp_path / f"machine{rank}" / "two" for rank in range(2)]

    def start(steps: int) -> list[Machine]:
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": 2}
        return [
            started(
                meeting | {"RANK": rank, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1},
                *(TRAIN, tmp_path / "two.yaml", "--set", f"steps={steps}"),
                *("--shards", shards, "--work", run.parent),
            )
            for rank, run in enumerate(runs)
        ]

    machines = start(100_000)
    while not all(len(names(run)) == 2 for run in runs):
        assert machines[0].poll() is None and machines[1].poll() is None
        time.sleep(0.02)
    machines[1].kill()
    (code, told), (killed, _) = ends(machines)
    assert code == 1 and killed == -9
    assert "error: Another process of this training ended" in told and "Traceback" not in told

    shutil.rmtree(runs[1] / "checkpoints" / max(names(runs[1])))
    steps = int(max(names(runs[0]))[-8:]) + 1
    told_now = ends(start(steps))
    assert [code for code, _ in told_now] == [0, 0], told_now
    assert min(int(line.split("/")[0]) for line in told_now[0][1].splitlines()) < steps
    one = write_recipe(
        tmp_path / "one.yaml",
        batches={"frames": 300, "multiple": 2},
        **common | {"steps": steps, "validation": {"share": 0.1, "every": 1000}},
    )
    trained(one, shards, tmp_path / "one")
    for run in runs:
        assert (run / "model.safetensors").exists()
        for name in ("weights", "average"):
            alone, shared = last_weights(tmp_path / "one", name), last_weights(run, name)
            for key, tensor in alone.items():
                torch.testing.assert_close(shared[key], tensor, rtol=0, atol=1e-5)


def test_machines_that_do_not_know_of_each_other_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What `accelerate launch` without --multi_gpu tells each of two processes.
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    with pytest.raises(InvalidInput, match="--multi_gpu"):
        join(toy_recipe(), tmp_path)


def test_a_wrong_recipe_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("steps: none")
    [(code, told)] = ends([started({}, TRAIN, path, "--shards", tmp_path)])
    assert code == 2
    assert told.startswith("error: ") and "wrong.yaml" in told
    assert "steps" in told and "Traceback" not in told
