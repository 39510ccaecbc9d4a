from pathlib import Path

import pytest
import yaml

from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.scale.recipe import SHIPPED, SpanMasks, load_recipe
from tests.toy_recipe import toy_numbers, toy_recipe

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def test_shipped_recipes_are_read_by_their_names() -> None:
    assert NAMES == ["paper_stage1", "paper_stage2", "smoke"]
    for name in NAMES:
        assert load_recipe(name).steps > 0


def test_the_paper_is_trained_with_the_published_numbers() -> None:
    one, two = load_recipe("paper_stage1"), load_recipe("paper_stage2")
    assert one.frozen == ("audio",) and not one.audio_reads_motion and one.audio_weight == 0
    assert two.frozen == () and two.audio_reads_motion
    for recipe in (one, two):
        assert isinstance(recipe.masks, SpanMasks)
        assert recipe.masks.audio.span == recipe.masks.motion.span == (0.7, 1.0)
        assert recipe.masks.audio.drop == 0.3 and recipe.masks.cond_drop == 0.2
        assert recipe.times == "uniform" and recipe.optimiser.clip == 1.0


def test_every_number_of_the_papers_recipes_says_where_it_comes_from() -> None:
    for name in ("paper_stage1", "paper_stage2"):
        text = (SHIPPED / f"{name}.yaml").read_text("utf-8")
        for line in text.splitlines():
            key, _, value = line.partition(":")
            numeric = any(c.isdigit() for c in value.partition("#")[0])
            if numeric and not line.lstrip().startswith("#") and not key.endswith("f5"):
                before = text.partition(line)[0].splitlines()[-2:] if " #" not in line else []
                sources = ("[paper]", "[quoted]", "[F5]", "[ours]")
                assert any(s in part for s in sources for part in (line, *before)), line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimiser": {"learning_rat": 1}}, "optimiser.learning_rat"),
        ({"masks": {"audio": {"span": [0.7, 1.2]}}}, "masks.spans.audio.span.1"),
        ({"masks": {"kind": "spanks"}}, "masks"),
        ({"frozen": ["audio", "motion"]}, "nothing learns"),
        ({"motion_weight": 0.0}, "motion_weight"),
        ({"lengths": {"longest": 0.2}}, "lengths"),
        ({"precision": "fp8"}, "precision"),
    ],
)
def test_a_wrong_number_is_named_with_its_file(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(toy_numbers(**changes)), "utf-8")
    with pytest.raises(InvalidInput, match="mine.yaml") as error:
        load_recipe(path)
    assert said in str(error.value)


def test_what_is_no_recipe_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    for content in ("steps: [1", "- 1\n- 2\n"):
        path.write_text(content, "utf-8")
        with pytest.raises(InvalidInput, match="broken.yaml"):
            load_recipe(path)
    with pytest.raises(InvalidInput, match="there-is-none.*smoke"):
        load_recipe("there-is-none")


def test_numbers_are_set_over_a_recipes(tmp_path: Path) -> None:
    settings = ["steps=7", "batches.frames=300", "masks.kind=tasks", "start.weights=a/b"]
    recipe = load_recipe("smoke", settings)
    assert recipe.steps == 7 and recipe.batches.frames == 300
    assert recipe.batches.workers == load_recipe("smoke").batches.workers
    assert recipe.start.weights == Path("a/b")
    for wrong, said in (
        ("steps", "KEY=VALUE"),
        ("steps.more=1", "steps"),
        ("steps=[1", "YAML"),
        ("step=1", "smoke.yaml --set step=1: step: there is no such key"),
        ("=1", "KEY=VALUE"),
        ("steps=1e5", "steps.*integer"),
        ("batches.frames=", "batches.frames.*integer"),
        ("optimiser.learning_rate=.inf", "learning_rate.*finite"),
    ):
        with pytest.raises(InvalidInput, match=said):
            load_recipe("smoke", [wrong])


def test_a_toy_recipe_is_one() -> None:
    assert toy_recipe().steps == 6
