"""The processes of one training, on one machine or many: they meet, agree, and miss each other."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import broadcast_object_list, gather_object

from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.model.precision import fast_bf16
from jamflow_rt.train.scale.recipe import Recipe

_PATIENCE = timedelta(minutes=10)
"""How long a process waits for others that are silent: a machine whose power is cut says nothing.
The main one's writing of a checkpoint must fit in."""


def join(recipe: Recipe, run: Path) -> Accelerator:
    """This process's part in a training.

    Raises:
        InvalidInput: it was started as one of several and not told which.
    """
    device = torch.accelerator.current_accelerator() or torch.device("cpu")
    bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and fast_bf16(device))
    run.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(
        # Not told, processes on CPUs would not know of each other.
        cpu=device.type == "cpu",
        mixed_precision="bf16" if bf16 else "no",
        gradient_accumulation_steps=recipe.batches.accumulate,
        log_with="tensorboard",
        project_dir=run,
        kwargs_handlers=[
            DistributedDataParallelKwargs(gradient_as_bucket_view=True),
            InitProcessGroupKwargs(timeout=_PATIENCE),
        ],
    )
    # Without --multi_gpu, `accelerate launch` starts one process a machine and tells it where the
    # others are, but not which of them it is: each would train by itself.
    launched = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR"} <= os.environ.keys()
    if launched and accelerator.num_processes == 1 and "WORLD_SIZE" not in os.environ:
        raise InvalidInput(
            "`accelerate launch` was told of several processes and started one that knows of no "
            "other. Give it --multi_gpu (on CPUs as well, in place of --cpu), or set that by "
            "`accelerate config`; for one process, --num_machines 1 --num_processes 1."
        )
    return accelerator


def agree(accelerator: Accelerator, **said: str) -> None:
    """See that all processes were started for the same.

    Raises:
        InvalidInput: something of what they say differs; it is named.
    """
    everyone: list[dict[str, str]] = gather_object([said])
    other = [name for name in said if len({one[name] for one in everyone}) > 1]
    if other:
        raise InvalidInput(
            f"The machines of this training were started with different {' and '.join(other)}: "
            "give all of them the same recipe, settings and clips."
        )


def writes(accelerator: Accelerator, run: Path) -> bool:
    """Whether this process writes what a run leaves: one does in each folder.

    Machines that share the folder have one that writes; machines that have their own, one each.
    """
    # A new name: clients of a network folder remember that a file was missing.
    [name] = broadcast_object_list([f".{secrets.token_hex(8)}"])
    mark = run / name
    if accelerator.is_main_process:
        mark.touch()
    accelerator.wait_for_everyone()
    shared = all(gather_object([mark.exists()]))
    if accelerator.is_main_process:
        mark.unlink()
    accelerator.project_configuration.save_on_each_node = not shared
    return bool(accelerator.is_main_process if shared else accelerator.is_local_main_process)


@contextmanager
def missing_each_other() -> Iterator[None]:
    """Say it clearly when another process is gone.

    Raises:
        Failed: another process ended, or was silent for ten minutes.
    """
    try:
        yield
    except RuntimeError as error:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        of_theirs = isinstance(error, torch.distributed.DistError) or "gloo" in str(error)
        if not (distributed and of_theirs):
            raise
        raise Failed(
            "Another process of this training ended, or cannot be reached; what it printed says "
            "why. Start all of them again: they go on from the newest checkpoint. (Here: "
            f"{str(error).splitlines()[0]})"
        ) from error
