from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from jamflow_rt.codec.keypoint_map import load_mesh_map
from jamflow_rt.codec.keypoints import KeypointSpace
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.flow.objective import condition_of, flow_matching_errors, masked_numbers
from jamflow_rt.model.checkpoint import load_checkpoint, save_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.train.scale import checkpoints
from jamflow_rt.train.scale.checkpoints import newest
from jamflow_rt.train.scale.data import Pass
from jamflow_rt.train.scale.learner import Average, rate_share
from jamflow_rt.train.scale.recipe import load_recipe
from jamflow_rt.train.scale.run import train_recipe
from jamflow_rt.train.scale.scaling import MotionScale
from jamflow_rt.train.scale.trainer import Trainer
from jamflow_rt.train.shards import ClipShards
from tests.test_objective import batch_of
from tests.toy import toy_config, toy_model, toy_space
from tests.toy_recipe import (
    keypoint_config,
    last_weights,
    scalars,
    toy_recipe,
    trained,
    write_recipe,
)
from tests.toy_shards import write_toy_shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_toy_shards(folder, clips=16)
    return folder


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_broken_run_goes_on_bit_for_bit(shards: Path, tmp_path: Path) -> None:
    recipe = toy_recipe(batches={"accumulate": 2}, validation={"share": 0.2, "every": 2})
    trained(recipe, shards, tmp_path / "straight")
    # Broken off after a step that no checkpoint holds: it is made again.
    broken = Trainer(recipe, shards, tmp_path / "broken")
    broken._learn = failing_after(broken, 4)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    resumed = Trainer(recipe, shards, tmp_path / "broken")
    assert resumed.step == 3
    resumed.run()
    for name in ("weights", "average"):
        straight = last_weights(tmp_path / "straight", name)
        assert same(straight, last_weights(tmp_path / "broken", name))
    states = [
        torch.load(tmp_path / run / "checkpoints/step-00000006/optimizer.bin", weights_only=True)
        for run in ("straight", "broken")
    ]
    for a, b in zip(*(state["state"].values() for state in states), strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)
    curves = [scalars(tmp_path / run)["loss/audio"] for run in ("straight", "broken")]
    assert curves[0] == curves[1] and set(curves[0]) == {2, 3, 4, 6}


def failing_after(trainer: Trainer, steps: int) -> object:
    learn, left = trainer._learn, iter(range(steps))

    def learn_or_break(passes: object) -> object:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return learn(passes)  # type: ignore[arg-type]

    return learn_or_break


def test_a_run_leaves_weights_for_sessions_curves_and_few_checkpoints(
    shards: Path, tmp_path: Path
) -> None:
    recipe = toy_recipe(steps=8, save_every=2, keep=2, validation={"share": 0.2, "every": 4})
    trained(recipe, shards, tmp_path)
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00000006", "step-00000008"]
    model = load_checkpoint(tmp_path / "model.safetensors")
    assert model.config == toy_config()
    averaged = last_weights(tmp_path, "average")
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, averaged[name], rtol=1e-3, atol=1e-4)
    curves = scalars(tmp_path)
    assert set(curves["loss/motion"]) == {2, 4, 6, 8} and set(curves["validation/audio"]) == {4, 8}
    assert set(curves) >= {"gradient_norm", "learning_rate", "epoch", "mel_frames_per_second"}
    assert curves["learning_rate"][8] == pytest.approx(2e-3 * rate_share(recipe.optimiser, 7, 8))


def test_it_learns(tmp_path: Path) -> None:
    write_toy_shards(tmp_path / "shards", clips=2, beats=3)
    recipe = toy_recipe(
        steps=60,
        save_every=60,
        log_every=10,
        optimiser={"learning_rate": 1e-2, "warm_up": 5},
        masks={"audio": {}, "motion": {}, "cond_drop": 0.0},
        batches={"frames": 400, "multiple": 8},
    )
    trained(recipe, tmp_path / "shards", tmp_path / "run")
    for losses in (scalars(tmp_path / "run")[f"loss/{name}"] for name in ("audio", "motion")):
        assert losses[60] < 0.93 * losses[10]


def test_masked_numbers_of_all_passes_of_a_step_count_alike(shards: Path, tmp_path: Path) -> None:
    recipe = toy_recipe(batches={"frames": 150, "accumulate": 3})
    trainer = Trainer(recipe, shards, tmp_path)
    passes = list(trainer._passes(trainer._plan, 0, 3, 0))
    assert len({one.batch.mel.shape for one in passes}) > 1
    model = trainer._objective.model
    made = [
        flow_matching_errors(model, one.batch, one.t, one.mel_noise, one.motion_noise)
        for one in passes
    ]
    numbers = sum(masked_numbers(model, one.batch) for one in passes)
    loss = sum(errors.audio for errors in made) / numbers[0]
    loss = loss + 0.5 * sum(errors.motion for errors in made) / numbers[1]
    gradients = torch.autograd.grad(loss, trainer._learning)
    errors, counts, norm, _ = trainer._learn(passes)
    torch.testing.assert_close(counts, numbers.float())
    torch.testing.assert_close(torch.tensor([1, 0.5]) @ (errors / counts), loss.detach())
    torch.testing.assert_close(norm, torch.nn.utils.get_total_norm(gradients), rtol=1e-5, atol=0)


def test_a_frozen_stream_stays_bit_for_bit_and_the_other_learns(
    shards: Path, tmp_path: Path
) -> None:
    begin = toy_model()
    save_checkpoint(begin, tmp_path / "begin.safetensors")
    before = load_checkpoint(tmp_path / "begin.safetensors").state_dict()
    recipe = toy_recipe(
        start={"weights": str(tmp_path / "begin.safetensors")},
        frozen=["audio"],
        audio_reads_motion=False,
        audio_weight=0.0,
    )
    trainer = trained(recipe, shards, tmp_path / "run")
    for name in ("weights", "average"):
        after = last_weights(tmp_path / "run", name)
        for key, tensor in before.items():
            assert torch.equal(tensor, after[key]) == (
                key.startswith("audio.") or "step_embed" in key
            ), key
    # The audio stream keeps nothing for a backward pass, and the motion's reads it.
    assert all(p.grad is None for p in trainer._objective.model.audio.parameters())
    assert not load_checkpoint(tmp_path / "run/model.safetensors").config.audio_reads_motion
    # Stage 2 begins with what stage 1 averaged.
    second = Trainer(toy_recipe(start={"weights": str(tmp_path / "run")}), shards, tmp_path / "2")
    assert same(second._objective.model.state_dict(), last_weights(tmp_path / "run", "average"))
    assert second.config.audio_reads_motion


def test_motion_reads_a_sound_that_does_not_read_it() -> None:
    config = toy_config().model_copy(update={"audio_reads_motion": False})
    model = JamFlow(config).eval()
    model.load_state_dict(toy_model().state_dict())
    batch = batch_of(["continue"])
    condition, t = condition_of(model, batch), torch.full((1,), 0.5)
    mel, motion = model(batch.mel, batch.motion, t, condition)
    other_mel, other_motion = model(batch.mel, batch.motion + 1, t, condition)
    assert torch.equal(mel, other_mel) and not torch.equal(motion, other_motion)
    _, deafened = model(batch.mel + 1, batch.motion, t, condition)
    assert not torch.equal(motion, deafened)


def test_stage_one_needs_weights(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="start.f5"):
        Trainer(toy_recipe(frozen=["audio"], audio_weight=0.0), shards, tmp_path)
    with pytest.raises(InvalidInput, match="begins with weights: set start.weights"):
        Trainer(toy_recipe(start={"weights": None}), shards, tmp_path)


def test_weights_of_another_network_are_refused(shards: Path, tmp_path: Path) -> None:
    other = JamFlow(toy_config().model_copy(update={"depth": 2}))
    save_checkpoint(other, tmp_path / "other.safetensors")
    (tmp_path / "empty").mkdir()
    for path, said in (("other.safetensors", "another network"), ("empty", "no run")):
        recipe = toy_recipe(start={"weights": str(tmp_path / path)})
        with pytest.raises(InvalidInput, match=said):
            Trainer(recipe, shards, tmp_path / "run")


def test_the_paper_motion_is_learned_whitened_and_reads_what_is_given_as_it_is(
    tmp_path: Path,
) -> None:
    write_toy_shards(tmp_path / "shards", clips=8, motion="liveportrait", size=12, given=5)
    recipe = toy_recipe(model=keypoint_config().model_dump(mode="json"), steps=2)
    trained(recipe, tmp_path / "shards", tmp_path / "run")
    scale = MotionScale.of(ClipShards.open(tmp_path / "shards").index)
    finished = load_checkpoint(tmp_path / "run/model.safetensors")
    inside = JamFlow(keypoint_config())
    inside.load_state_dict(last_weights(tmp_path / "run", "average"))
    noisy, known = torch.randn(1, 8, 12), torch.randn(1, 8, 12)
    masked = torch.ones(1, 8, 1, dtype=torch.bool)
    given = np.random.default_rng(0).standard_normal((1, 8, 5)).astype(np.float32)
    torch.testing.assert_close(
        inside.motion.embed(noisy, known, masked, torch.from_numpy(scale.given(given))),
        finished.motion.embed(noisy, known, masked, torch.from_numpy(given)),
        rtol=2e-3,
        atol=2e-3,
    )
    space = KeypointSpace.load(tmp_path / "run/motion.safetensors", load_mesh_map())
    np.testing.assert_array_equal(space.mean, scale.mean)
    np.testing.assert_array_equal(space.std, scale.std)


def test_other_clips_are_scaled_as_those_that_the_weights_learned_from(tmp_path: Path) -> None:
    """From a run's folder, from its finished weights, and from these in a bundle."""
    form = {"motion": "liveportrait", "size": 12, "given": 5}
    model = keypoint_config().model_dump(mode="json")
    write_toy_shards(tmp_path / "first", clips=8, **form)
    write_toy_shards(tmp_path / "others", clips=3, **form)
    one = trained(toy_recipe(model=model, steps=1), tmp_path / "first", tmp_path / "one")
    (tmp_path / "bundle").mkdir()
    for name in ("model.safetensors", "motion.safetensors"):
        (tmp_path / "bundle" / name).write_bytes((tmp_path / "one" / name).read_bytes())
    starts = ("one", "one/model.safetensors", "bundle/model.safetensors")
    for number, start in enumerate(starts):
        recipe = toy_recipe(model=model, start={"weights": str(tmp_path / start)})
        then = Trainer(recipe, tmp_path / "others", tmp_path / f"then{number}")
        np.testing.assert_array_equal(then._scale.mean, one._scale.mean)
        np.testing.assert_array_equal(then._scale.std, one._scale.std)
        given = np.random.default_rng(0).standard_normal((1, 8, 5)).astype(np.float32)
        noisy, masked = torch.randn(1, 8, 12), torch.ones(1, 8, 1, dtype=torch.bool)
        before, after = JamFlow(keypoint_config()), then._objective.model
        before.load_state_dict(last_weights(tmp_path / "one", "average"))
        # The same face means the same to it.
        torch.testing.assert_close(
            before.motion.embed(noisy, noisy, masked, torch.from_numpy(one._scale.given(given))),
            after.motion.embed(noisy, noisy, masked, torch.from_numpy(then._scale.given(given))),
            rtol=2e-3,
            atol=2e-3,
        )
    trained(recipe, tmp_path / "others", tmp_path / "then2")
    (tmp_path / "bundle" / "motion.safetensors").unlink()
    resumed = Trainer(recipe, tmp_path / "others", tmp_path / "then2")
    np.testing.assert_array_equal(resumed._scale.mean, one._scale.mean)


def test_a_mesh_of_another_space_is_refused(shards: Path, tmp_path: Path) -> None:
    space = toy_space()
    space.save(tmp_path / "motion.safetensors")
    save_checkpoint(toy_model(), tmp_path / "model.safetensors")
    clips = tmp_path / "clips"
    write_toy_shards(clips, clips=4)
    space.save(clips / "motion.safetensors")
    recipe = toy_recipe(start={"weights": str(tmp_path / "model.safetensors")})
    assert Trainer(recipe, clips, tmp_path / "run").step == 0
    replace(space, rest=space.rest + 1).save(clips / "motion.safetensors")
    with pytest.raises(InvalidInput, match="Prepare them with --space .*motion.safetensors"):
        Trainer(recipe, clips, tmp_path / "run")


def test_clips_that_a_network_cannot_move_are_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="mesh motion.*wants 12 and 5"):
        Trainer(toy_recipe(model=keypoint_config().model_dump(mode="json")), shards, tmp_path)
    with pytest.raises(InvalidInput, match="motion.safetensors is missing"):
        Trainer(toy_recipe(model="default"), shards, tmp_path)
    write_toy_shards(tmp_path / "points", clips=1, motion="liveportrait", size=12, given=5)
    with pytest.raises(InvalidInput, match="has liveportrait motion; .* --motion mesh"):
        Trainer(toy_recipe(model="default"), tmp_path / "points", tmp_path)
    with pytest.raises(InvalidInput, match="None of the 16 clips.*2.0 to 5.0 s"):
        Trainer(toy_recipe(lengths={"shortest": 2.0}), shards, tmp_path)


def test_a_run_does_not_go_on_with_other_numbers(shards: Path, tmp_path: Path) -> None:
    trained(toy_recipe(steps=1), shards, tmp_path)
    for change in ({"seed": 1}, {"batches": {"frames": 400}}, {"optimiser": {"clip": 2.0}}):
        with pytest.raises(InvalidInput, match=f"{next(iter(change))}"):
            Trainer(toy_recipe(steps=2, **change), shards, tmp_path)
    write_toy_shards(tmp_path / "others", clips=17)
    with pytest.raises(InvalidInput, match="Changed: the clips"):
        Trainer(toy_recipe(steps=2), tmp_path / "others", tmp_path)
    assert Trainer(toy_recipe(steps=2, save_every=1), shards, tmp_path).step == 1


def test_a_run_on_other_processes_is_told_what_computes_the_same(
    shards: Path, tmp_path: Path
) -> None:
    trained(toy_recipe(steps=1, batches={"frames": 150, "accumulate": 2}), shards, tmp_path)
    path = tmp_path / "checkpoints/step-00000001/state.json"
    path.write_text(path.read_text().replace('"processes": 1', '"processes": 4'))
    said = "batches.frames=600, batches.multiple=4 and batches.accumulate=2"
    with pytest.raises(InvalidInput, match=f"then 4 processes, now 1: {said}"):
        Trainer(toy_recipe(batches={"frames": 150, "accumulate": 2}), shards, tmp_path)
    batches = {"frames": 600, "multiple": 4, "accumulate": 2}
    assert Trainer(toy_recipe(batches=batches), shards, tmp_path).step == 1


@pytest.mark.parametrize(
    "file", ["weights.safetensors", "average.safetensors", "optimizer.bin", "state.json"]
)
def test_a_damaged_checkpoint_is_named(shards: Path, tmp_path: Path, file: str) -> None:
    trained(toy_recipe(steps=1), shards, tmp_path)
    checkpoint = newest(tmp_path)
    assert checkpoint is not None
    victim = checkpoint / file
    victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(InvalidInput, match="step-00000001 is damaged"):
        Trainer(toy_recipe(steps=2), shards, tmp_path)


def test_a_loss_that_is_no_number_ends_the_run(shards: Path, tmp_path: Path) -> None:
    trainer = Trainer(toy_recipe(steps=4, log_every=1), shards, tmp_path)
    with torch.no_grad():
        trainer._objective.model.audio.proj_out.bias.fill_(float("nan"))
    with pytest.raises(Failed, match="no number.*step 1"):
        trainer.run()
    assert newest(tmp_path) is None


def test_a_gradient_that_is_no_number_is_not_saved(shards: Path, tmp_path: Path) -> None:
    trainer = Trainer(toy_recipe(steps=4, save_every=2), shards, tmp_path)
    learn = trainer._learn

    def learn_or_spoil(passes: list[Pass]) -> tuple[Tensor, Tensor, Tensor, float]:
        errors, counts, norm, rate = learn(passes)
        return errors, counts, norm if trainer.step < 3 else norm * float("inf"), rate

    trainer._learn = learn_or_spoil  # type: ignore[method-assign]
    with pytest.raises(Failed, match="gradient is no number.*step 4"):
        trainer.run()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]


def test_a_full_disk_is_said_and_leaves_the_checkpoints_before(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(weights: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    trained(toy_recipe(steps=1), shards, tmp_path)
    trainer = Trainer(toy_recipe(steps=2), shards, tmp_path)
    with monkeypatch.context() as patch, pytest.raises(Failed, match="step 2.*No space left"):
        patch.setattr(checkpoints, "_write", full)
        trainer.run()
    with monkeypatch.context() as patch, pytest.raises(Failed, match="could not be written"):
        patch.setattr("accelerate.Accelerator.log", lambda *a: full({}, tmp_path / "curve"))
        trained(toy_recipe(steps=2), shards, tmp_path)
    trained(toy_recipe(steps=2), shards, tmp_path)
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00000001", "step-00000002"]


def test_the_average_follows_the_weights() -> None:
    layer = torch.nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    torch.nn.init.zeros_(layer.weight)
    average = Average(layer, decay=0.9)
    torch.nn.init.ones_(layer.weight)
    expected = 0.0
    for step in range(200):
        average.update(layer, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay)
        if step in (0, 50, 199):
            torch.testing.assert_close(
                average.of(layer)["weight"], torch.full((1, 2), expected), rtol=1e-5, atol=1e-6
            )
    assert average.of(layer)["bias"] is not None
    other = Average(layer, decay=0.9)
    other.load(average.of(layer))
    assert torch.equal(other.of(layer)["weight"], average.of(layer)["weight"])


def test_the_rate_rises_and_falls() -> None:
    optimiser = toy_recipe(optimiser={"warm_up": 9, "decay": 0.5}).optimiser
    shares = [rate_share(optimiser, step, 100) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and shares[9] == shares[50] == 1.0
    assert shares[75] == pytest.approx(0.5) and shares[99] == pytest.approx(0.02)
    assert rate_share(load_recipe("paper_stage2").optimiser, 50_000, 100_000) == 0.5


def test_a_recipe_file_is_trained_into_a_folder_of_its_name(shards: Path, tmp_path: Path) -> None:
    write_recipe(tmp_path / "mine.yaml")
    run = train_recipe(tmp_path / "mine.yaml", shards, tmp_path / "runs", ["steps=1"])
    assert run == tmp_path / "runs" / "mine" and (run / "model.safetensors").exists()
    with pytest.raises(InvalidInput, match="nowhere"):
        train_recipe(tmp_path / "mine.yaml", tmp_path / "nowhere", tmp_path / "runs")
