"""Checkpoints of a run: everything to go on from, bit for bit.

`RUN/checkpoints/step-00001000/` holds the weights and their averages as safetensors, what
`accelerate` keeps (the optimiser's state, every process's random state), and `state.json`. A
checkpoint is written under another name and renamed when it is complete. Several machines share the
folder, or each has its own with everything in it.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from jamflow_rt.config import StrictModel
from jamflow_rt.errors import Failed, InvalidInput
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
    clips: str
    """`ClipShards.fingerprint`."""


def newest(run: Path) -> Path | None:
    """The newest checkpoint of a run."""
    names = _names(run)
    return run / _FOLDER / names[-1] if names else None


def _names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / _FOLDER).glob("step-*"))


class Checkpoints:
    """Writes and reads the checkpoints of one run.

    Args:
        run: folder of the run.
        accelerator: prepared with the objective and the optimiser.
        recipe: of the run.
        clips: `ClipShards.fingerprint`.
        writes: whether this process writes into the folder (`machines.writes`).
    """

    def __init__(
        self, run: Path, accelerator: Accelerator, recipe: Recipe, clips: str, writes: bool
    ) -> None:
        self._run, self._accelerator, self._recipe = run, accelerator, recipe
        self._clips, self._writes = clips, writes
        accelerator.register_save_state_pre_hook(self._save_weights)
        accelerator.register_load_state_pre_hook(self._load_weights)

    def _save_weights(
        self, models: list[nn.Module], weights: list[dict[str, Tensor]], folder: str
    ) -> None:
        """Instead of accelerate, which would name them by how the network is wrapped."""
        weights.clear()
        if self._writes:
            network = self._accelerator.unwrap_model(models[0]).model
            _write(network.state_dict(), Path(folder) / _WEIGHTS)

    def _load_weights(self, models: list[nn.Module], folder: str) -> None:
        wrapped = models.pop()
        network = self._accelerator.unwrap_model(wrapped).model
        network.load_state_dict(load_file(Path(folder) / _WEIGHTS))

    def resume(self, average: Average) -> int:
        """Load the newest checkpoint that every machine has; all processes take part.

        Returns:
            The number of steps that are done; 0 where there is no checkpoint.

        Raises:
            InvalidInput: the checkpoint is damaged, or of a run with other numbers.
        """
        everyone: list[list[str]] = gather_object([_names(self._run)])
        common = set(everyone[0]).intersection(*everyone[1:])
        if not common:
            return 0
        path = self._run / _FOLDER / max(common)
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
            other.append(f"batches{_so_that_it_goes_on(before, state.processes, processes)}")
        if state.clips != self._clips:
            other.append("the clips")
        if other:
            raise InvalidInput(
                f"{path} is of a run with other numbers and cannot go on where it was. Changed: "
                f"{', '.join(other)}. Set them back, or begin a new run in another folder with "
                "start.weights set to this one."
            )

    def save(self, step: int, objective: Objective, average: Average) -> None:
        """Write the checkpoint of a step and delete the oldest; all processes take part.

        Raises:
            Failed: it could not be written; those before are whole.
        """
        try:
            self._save(step, objective, average)
        except (OSError, SafetensorError) as error:
            raise Failed(
                f"The checkpoint of step {step} could not be written to {self._run}: {error}. "
                "Those before are whole; started again, the training goes on from there."
            ) from error

    def _save(self, step: int, objective: Objective, average: Average) -> None:
        path = self._run / _FOLDER / f"step-{step:08d}"
        draft = path.with_name(f".{path.name}")
        accelerator = self._accelerator
        if self._writes:
            for broken_off in path.parent.glob(".step-*"):
                shutil.rmtree(broken_off)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(draft))
        if self._writes:
            _write(average.of(objective.model), draft / AVERAGE)
            state = State(
                step=step,
                processes=accelerator.num_processes,
                recipe=self._recipe.model_dump(mode="json"),
                clips=self._clips,
            )
            (draft / _STATE).write_text(json.dumps(state.model_dump(), indent=2) + "\n", "utf-8")
        accelerator.wait_for_everyone()
        if self._writes:
            if path.exists():
                shutil.rmtree(path)
            draft.replace(path)
            for old in _names(self._run)[: -self._recipe.keep]:
                shutil.rmtree(path.with_name(old))
        accelerator.wait_for_everyone()


def _passes(batches: Batches, processes: int) -> tuple[int, int, int]:
    """What a plan of passes depends on."""
    return batches.frames * processes, batches.multiple or processes, batches.accumulate


def _so_that_it_goes_on(before: Batches, then: int, now: int) -> str:
    """What makes the same passes on another number of processes, in brackets."""
    frames, multiple, accumulate = _passes(before, then)
    if then == now or frames % now or multiple % now:
        return f" (then {then} processes, now {now})"
    return (
        f" (then {then} processes, now {now}: batches.frames={frames // now}, "
        f"batches.multiple={multiple} and batches.accumulate={accumulate} compute the same)"
    )


def _write(weights: Mapping[str, Tensor], path: Path) -> None:
    save_file({name: tensor.float().contiguous().cpu() for name, tensor in weights.items()}, path)
