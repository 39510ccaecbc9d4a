import warnings
from pathlib import Path

import pytest
import torch

from jamflow_rt.config import ModelConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.checkpoint import load_checkpoint, save_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.train.distil import DistilRecipe, train_distil
from tests.test_joint_data import write_clips, write_corpus
from tests.toy import toy_model

RECIPE = DistilRecipe(steps=4, tokens=150, warm_up=1, flow_every=2)


def test_a_student_is_made_and_resumes(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    write_clips(tmp_path)
    taught, made = tmp_path / "taught.safetensors", tmp_path / "made.safetensors"
    save_checkpoint(toy_model(), taught)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matplotlib's own
        train_distil(tmp_path, tmp_path, tmp_path / "work", taught, made, RECIPE)
        first = made.read_bytes()
        train_distil(tmp_path, tmp_path, tmp_path / "work", taught, made, RECIPE)
    student, teacher = load_checkpoint(made), load_checkpoint(taught)
    assert student.config == teacher.config
    moved = {
        name
        for (name, new), old in zip(student.named_parameters(), teacher.parameters(), strict=True)
        if not torch.equal(new, old)
    }
    assert {"audio.step_embed.time_mlp.2.weight", "motion.step_embed.time_mlp.2.weight"} <= moved
    assert "audio.proj_out.weight" in moved
    assert first == made.read_bytes()  # it was done
    assert (tmp_path / "work" / "loss.png").exists()


def test_a_network_without_mean_velocities_is_refused(tmp_path: Path) -> None:
    config = ModelConfig(**{**toy_model().config.model_dump(), "mean_velocity": False})
    taught = tmp_path / "taught.safetensors"
    save_checkpoint(JamFlow(config), taught)
    with pytest.raises(InvalidInput, match="mean_velocity"):
        train_distil(tmp_path, tmp_path, tmp_path / "work", taught, taught, RECIPE)
