import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jamflow_rt.ablation.report import Result, markdown, write
from jamflow_rt.ablation.run import Plan, ablate
from jamflow_rt.ablation.variants import VARIANTS, Variant, begin, named
from jamflow_rt.config import ModelConfig, SamplingConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.checkpoint import load_checkpoint
from jamflow_rt.train.joint import JointRecipe
from tests.test_joint_data import write_clips, write_corpus
from tests.toy import toy_bundle, toy_model, toy_space

BY_NAME = {variant.name: variant for variant in VARIANTS}


def test_each_variant_differs_from_the_base_in_one_thing() -> None:
    base = toy_model().config
    plain = BY_NAME["base"].config(base).model_dump()
    assert plain == base.model_dump()
    assert [v.name for v in VARIANTS[:2]] == ["start", "base"]
    for variant in VARIANTS[2:]:
        config = variant.config(base).model_dump()
        assert len([key for key in config if config[key] != plain[key]]) == 1, variant.name
    assert BY_NAME["joint-all"].config(base).joint_depth == base.depth
    assert BY_NAME["joint-none"].config(base).joint_depth == 0


def test_variants_begin_with_the_same_weights() -> None:
    taught = toy_model()
    for variant in VARIANTS:
        model = begin(variant, taught)
        for name, weight in model.state_dict().items():
            assert torch.equal(weight, taught.state_dict()[name])
        assert model.config == variant.config(taught.config)


def test_the_motion_stream_can_begin_anew_the_same_for_all() -> None:
    taught = toy_model(seed=1)
    base, other = (begin(BY_NAME[name], taught, new_motion=True) for name in ("base", "mask-none"))
    for name, weight in base.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name])
        if name.startswith("audio."):
            assert torch.equal(weight, taught.state_dict()[name])
    query = "motion.transformer_blocks.0.attn.to_q.weight"
    assert not torch.equal(base.state_dict()[query], taught.state_dict()[query])


def test_variants_are_chosen_by_name() -> None:
    assert named(None) == VARIANTS
    assert [v.name for v in named("mask-none, base")] == ["base", "mask-none"]
    with pytest.raises(InvalidInput, match=r"no variant named nothing\. There are start, base"):
        named("base,nothing")


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="wheels"):
        Variant("odd", "", {"wheels": 4}).config(toy_model().config)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    write_corpus(tmp_path)
    write_clips(tmp_path)
    return Plan(
        corpus=tmp_path,
        prepared=tmp_path,
        sentences=("Bob may.",),
        work=tmp_path / "ablation",
        recipe=JointRecipe(steps=20, tokens=120, warm_up=1),
        evaluations=1,
    )


Run = Callable[..., list[Result]]


@pytest.fixture
def run(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Run:
    bundle = toy_bundle()
    voices = (bundle.settings.voices[0].model_copy(update={"name": "heart"}),)
    # Distilled as the shipped one: what is trained here is not.
    sampling = SamplingConfig(evaluations=2, distilled=True)
    settings = bundle.settings.model_copy(update={"voices": voices, "sampling": sampling})
    monkeypatch.setattr("jamflow_rt.ablation.run.HELD_OUT_CLIPS", 1)

    def train_and_measure(
        names: str, heard: str = "Bob may.", numbers: Plan = plan
    ) -> list[Result]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # matplotlib's own
            taught = replace(bundle, settings=settings)
            return ablate(taught, named(names), numbers, lambda sound: heard)

    return train_and_measure


def test_variants_are_trained_and_measured_alike(run: Run, plan: Plan) -> None:
    base, apart = run("base,joint-none", "Bob will.")
    assert (base.name, apart.name) == ("base", "joint-none")
    for result in (base, apart):
        assert result.word_error_rate == 0.5
        assert result.closed is not None and result.chance is not None
        assert result.audio_loss is not None and result.motion_loss is not None
        assert result.seconds is not None and result.seconds > 0
    assert base.motion_loss != apart.motion_loss
    trained = load_checkpoint(plan.work / "joint-none" / "model.safetensors")
    assert trained.config.joint_depth == 0
    assert trained.config.motion_size == toy_space().size


def test_the_weights_before_are_measured_too(run: Run, plan: Plan) -> None:
    (start,) = run("start", "Bob.")
    assert start.word_error_rate == 0.5 and start.closed is not None
    assert start.audio_loss is None and start.seconds is None
    assert not (plan.work / "start" / "model.safetensors").exists()


def test_clips_of_another_motion_space_are_refused(run: Run, plan: Plan) -> None:
    space = toy_space()
    replace(space, eyes=-space.eyes).save(plan.prepared / "motion.safetensors")
    with pytest.raises(InvalidInput, match="--space"):
        run("base")
    (plan.prepared / "motion.safetensors").write_bytes(b"no space")
    with pytest.raises(InvalidInput, match="no motion space"):
        run("base")


def test_variants_of_other_settings_are_refused(run: Run, plan: Plan) -> None:
    plan.work.mkdir()
    (plan.work / "settings.json").write_text("{}", "utf-8")
    with pytest.raises(InvalidInput, match="other settings"):
        run("start")


def test_what_was_measured_is_not_trained_again(run: Run, plan: Plan) -> None:
    first = run("base", "Bob may.")
    weights = plan.work / "base" / "model.safetensors"
    weights.unlink()
    assert run("base", "something else") == first
    assert not weights.exists()


def test_training_is_the_same_with_the_same_seed(run: Run, plan: Plan) -> None:
    weights = plan.work / "base" / "model.safetensors"
    first = run("base")
    before = load_checkpoint(weights).state_dict()
    for path in (plan.work / "base").iterdir():
        path.unlink()
    second = run("base")
    other = replace(plan, work=plan.work / "other", recipe=replace(plan.recipe, seed=1))
    assert run("base", numbers=other)[0].motion_loss != first[0].motion_loss
    assert replace(first[0], seconds=None) == replace(second[0], seconds=None)
    for name, weight in load_checkpoint(weights).state_dict().items():
        assert torch.equal(weight, before[name])


def test_the_table_has_a_row_for_each_variant(tmp_path: Path) -> None:
    results = [
        Result("base", "as it is", 0.05, 0.02, 0.9, 0.25, 0.8, 0.0512, 0.21, 300.0),
        Result("mask-none", "no mask", None),
    ]
    lines = markdown(results).splitlines()
    assert len(lines) == 4
    assert "| `base` | as it is | 5.0% | 2.0% | 90% | 25% | 65% | 0.80 | 0.0512 | 0.2100 |" in lines
    assert len({line.count("|") for line in lines}) == 1
    write(results, {"steps": 3}, tmp_path)
    content = json.loads((tmp_path / "ablation.json").read_text("utf-8"))
    assert content["settings"] == {"steps": 3}
    assert content["results"][0]["closed"] == 0.9
    assert (tmp_path / "ablation.md").read_text("utf-8") == markdown(results)
    with pytest.raises(InvalidInput, match="Cannot write"):
        write(results, {}, tmp_path / "nowhere")


def test_configurations_of_before_are_read_as_ever() -> None:
    content = toy_model().config.model_dump()
    for name in ("joint_blocks", "aligned_rope"):
        del content[name]
    config = ModelConfig.model_validate(content)
    assert config.joint_depth == config.depth // 2
    assert config.aligned_rope and np.isclose(config.window_seconds or 0.0, 0.5)
