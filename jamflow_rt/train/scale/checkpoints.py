"""Checkpoints of a run: everything to go on from, bit for bit.

`RUN/checkpoints/step-00001000/` holds the weights and their averages as safetensors, what
`accelerate` keeps (the optimiser's state, every process's random state), and `state.json`. A
checkpoint is written under another name and renamed when it is complete. On several machines the
folder must be one that all of them see.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from jamflow_rt.config import StrictModel
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.scale.learner import Average, Objective
from jamflow_rt.train.scale.recipe import Batches, Recipe

AVERAGE = "average.safetensors"
_WEIGHTS = "weights.safetensors"
_FOLDER = "checkpoints"
_STATE = "state.json"
_FREE = frozenset({"steps", "save_every", "keep", "log_every", "start", "batches"})
"""Keys of a recipe that may change while a run lasts. `steps` moves the decay of the rate; of
`batches`, what would make other passes is compared for itself."""


class State(StrictModel):
    """`state.json`."""

    step: int
    processes: int
    recipe: dict[str, Any]


def newest(run: Path) -> Path | None:
    """The newest checkpoint of a run."""
    found = sorted((run / _FOLDER).glob("step-*"))
    return found[-1] if found else None


class Checkpoints:
    """Writes and reads the checkpoints of one run.

    Args:
        run: folder of the run.
        accelerator: prepared with the objective and the optimiser.
        recipe: of the run.
    """

    def __init__(self, run: Path, accelerator: Accelerator, recipe: Recipe) -> None:
        self._run, self._accelerator, self._recipe = run, accelerator, recipe
        accelerator.register_save_state_pre_hook(self._save_weights)
        accelerator.register_load_state_pre_hook(self._load_weights)

    def _save_weights(
        self, models: list[nn.Module], weights: list[dict[str, Tensor]], folder: str
    ) -> None:
        """Instead of accelerate, which would name them by how the network is wrapped."""
        weights.clear()
        if self._accelerator.is_main_process:
            network = self._accelerator.unwrap_model(models[0]).model
            _write(network.state_dict(), Path(folder) / _WEIGHTS)

    def _load_weights(self, models: list[nn.Module], folder: str) -> None:
        wrapped = models.pop()
        network = self._accelerator.unwrap_model(wrapped).model
        network.load_state_dict(load_file(Path(folder) / _WEIGHTS))

    def resume(self, average: Average) -> int:
        """Load the newest checkpoint.

        Returns:
            The number of steps that are done; 0 where there is no checkpoint.

        Raises:
            InvalidInput: the checkpoint is damaged, or of a run with other numbers.
        """
        path = newest(self._run)
        if path is None:
            return 0
        try:
            state = State.model_validate_json((path / _STATE).read_text("utf-8"))
            self._compare(state, path)
            self._accelerator.load_state(str(path))
            average.load(load_file(path / AVERAGE))
        except (
            OSError,
            EOFError,
            KeyError,
            RuntimeError,
            ValidationError,
            SafetensorError,
            pickle.UnpicklingError,
        ) as error:
            raise InvalidInput(
                f"{path} is damaged: {error}. Delete it to go on from the checkpoint before."
            ) from error
        return state.step

    def _compare(self, state: State, path: Path) -> None:
        now = self._recipe.model_dump(mode="json")
        other = [key for key in now if key not in _FREE and now[key] != state.recipe.get(key)]
        processes = self._accelerator.num_processes
        before = Batches.model_validate(state.recipe["batches"])
        if _passes(before, state.processes) != _passes(self._recipe.batches, processes):
            other.append(f"batches (then {state.processes} processes, now {processes})")
        if other:
            raise InvalidInput(
                f"{path} is of a run with other numbers and cannot go on where it was. Changed: "
                f"{', '.join(other)}. Set them back, or begin a new run in another folder with "
                "start.weights set to this one."
            )

    def save(self, step: int, objective: Objective, average: Average) -> None:
        """Write the checkpoint of a step and delete the oldest; all processes take part."""
        path = self._run / _FOLDER / f"step-{step:08d}"
        draft = path.with_name(f".{path.name}")
        accelerator = self._accelerator
        if accelerator.is_main_process and draft.exists():
            shutil.rmtree(draft)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(draft))
        if accelerator.is_main_process:
            _write(average.of(objective.model), draft / AVERAGE)
            state = State(
                step=step,
                processes=accelerator.num_processes,
                recipe=self._recipe.model_dump(mode="json"),
            )
            (draft / _STATE).write_text(json.dumps(state.model_dump(), indent=2) + "\n", "utf-8")
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            if path.exists():
                shutil.rmtree(path)
            draft.replace(path)
            for old in sorted(path.parent.glob("step-*"))[: -self._recipe.keep]:
                shutil.rmtree(old)
        accelerator.wait_for_everyone()


def _passes(batches: Batches, processes: int) -> tuple[int, int, int]:
    """What a plan of passes depends on."""
    return batches.frames * processes, batches.multiple or processes, batches.accumulate


def _write(weights: Mapping[str, Tensor], path: Path) -> None:
    save_file({name: tensor.float().contiguous().cpu() for name, tensor in weights.items()}, path)
