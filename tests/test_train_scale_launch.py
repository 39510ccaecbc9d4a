"""Two processes, started as a user starts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from jamflow_rt.train.scale.recipe import load_recipe
from tests.toy_recipe import last_weights, scalars, trained, write_recipe
from tests.toy_shards import write_toy_shards


def launch(logs: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return subprocess.run(
        [*torchrun, "-m", "jamflow_rt.train.scale", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(logs)},
        check=False,
    )


def test_two_processes_do_what_one_does_with_twice_the_batch(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    write_toy_shards(shards, clips=16)
    common = {"steps": 8, "validation": {"share": 0.1, "every": 4}, "save_every": 4}
    one = write_recipe(
        tmp_path / "one.yaml", batches={"frames": 300, "multiple": 2, "accumulate": 2}, **common
    )
    write_recipe(tmp_path / "two.yaml", batches={"frames": 150, "accumulate": 2}, **common)
    trained(one, shards, tmp_path / "one")
    done = launch(tmp_path, tmp_path / "two.yaml", "--shards", shards, "--work", tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("weights", "average"):
        alone, shared = (last_weights(tmp_path / run, name) for run in ("one", "two"))
        assert alone.keys() == shared.keys()
        for key, tensor in alone.items():
            torch.testing.assert_close(shared[key], tensor, rtol=0, atol=1e-5)
    curves = [scalars(tmp_path / run) for run in ("one", "two")]
    for tag in ("loss/audio", "loss/motion", "validation/audio", "gradient_norm", "epoch"):
        assert curves[0][tag] == pytest.approx(curves[1][tag], abs=1e-5)
    # One process goes on where two were, since the passes stay the same.
    more = load_recipe(tmp_path / "one.yaml", ["steps=9"])
    assert trained(more, shards, tmp_path / "two").step == 9


def test_a_wrong_recipe_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("steps: none")
    done = subprocess.run(
        [sys.executable, "-m", "jamflow_rt.train.scale", path, "--shards", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "wrong.yaml" in done.stderr
    assert "steps" in done.stderr and "Traceback" not in done.stderr
