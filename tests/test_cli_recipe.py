import json
from pathlib import Path

from typer.testing import CliRunner

from jamflow_rt.cli import app
from tests.toy_recipe import write_recipe
from tests.toy_shards import write_toy_shards


def test_train_takes_a_recipe_and_shards(tmp_path: Path) -> None:
    write_toy_shards(tmp_path / "shards", clips=4)
    write_recipe(tmp_path / "mine.yaml", steps=3)
    arguments = ["train", "recipe", "--config", str(tmp_path / "mine.yaml")]
    arguments += ["--work", str(tmp_path), "--steps", "1", "--set", "ema=0.5"]
    result = CliRunner().invoke(app, [*arguments, "--shards", str(tmp_path / "shards")])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "mine/model.safetensors") in result.stderr
    state = json.loads((tmp_path / "mine/checkpoints/step-00000001/state.json").read_text())
    assert state["step"] == 1 and state["recipe"]["ema"] == 0.5
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and "--shards" in result.stderr
