"""The training itself, on one process or many: `accelerate` knows which."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import torch
from accelerate.utils import send_to_device
from torch import Tensor
from torch.func import functional_call

from jamflow_rt.errors import Failed
from jamflow_rt.flow.objective import masked_numbers
from jamflow_rt.model.checkpoint import save_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.train.scale.batching import BatchPlan
from jamflow_rt.train.scale.checkpoints import Checkpoints
from jamflow_rt.train.scale.data import Examples, Pass, passes
from jamflow_rt.train.scale.learner import Average, Objective, freeze, rate_share
from jamflow_rt.train.scale.machines import agree, join, writes
from jamflow_rt.train.scale.networks import SCALE, begin, config_for, save_space, scale_for
from jamflow_rt.train.scale.progress import Record, bar
from jamflow_rt.train.scale.recipe import Recipe
from jamflow_rt.train.scale.splitting import split
from jamflow_rt.train.scale.stopping import asked_to_stop
from jamflow_rt.train.scale.text import text_ids_for
from jamflow_rt.train.shards import ClipShards


class Trainer:
    """Trains the joint network on prepared clips; what was broken off goes on.

    Args:
        recipe: every number.
        shards: folder of prepared clips.
        run: folder for checkpoints, curves and the finished weights; shared by all machines, or
            each machine's own.

    Raises:
        InvalidInput: recipe, clips, weights or a checkpoint do not fit each other.
    """

    def __init__(self, recipe: Recipe, shards: Path, run: Path) -> None:
        self.recipe, self.run_folder = recipe, run
        self.accelerator = join(recipe, run)
        self._shards = ClipShards.open(shards)
        numbers = recipe.model_dump_json(exclude={"start", "vocabulary"})
        agree(self.accelerator, recipe=numbers, clips=self._shards.fingerprint)
        self._writes = writes(self.accelerator, run)
        self.config = config_for(recipe, self._shards)
        self._scale = scale_for(recipe, self._shards, run)
        model = begin(self.config, recipe, self._scale)
        freeze(model, recipe.frozen)
        self._learning = [p for p in model.parameters() if p.requires_grad]
        o = recipe.optimiser
        adam = torch.optim.AdamW(
            self._learning, lr=o.learning_rate, betas=o.betas, weight_decay=o.weight_decay
        )
        self._wrapped, self._optimiser = self.accelerator.prepare(Objective(model), adam)
        self._objective: Objective = self.accelerator.unwrap_model(self._wrapped)
        self.average = Average(self._objective.model, recipe.ema)
        self._weights = torch.tensor(
            [recipe.audio_weight, recipe.motion_weight], device=self.accelerator.device
        )
        self._examples = Examples(
            self._shards, self.config, recipe, text_ids_for(recipe, self.config), self._scale
        )
        learned, kept_out = split(self._shards, recipe)
        self._plan, self._kept_out = self._plan_of(learned), kept_out
        if self._writes:
            self._scale.save(run / SCALE)
        self._checkpoints = Checkpoints(
            run, self.accelerator, recipe, self._shards.fingerprint, self._writes
        )
        self.step = self._checkpoints.resume(self.average)
        """Steps that are done."""

    def run(self) -> None:
        """Train to the last step.

        Raises:
            Failed: the loss is no number any more; or it was asked to stop (SIGTERM, Ctrl-C), on
                any machine, and has left a checkpoint.
            InvalidInput: a shard is damaged.
        """
        with asked_to_stop() as asked, warnings.catch_warnings():
            # Norms of queries and keys are computed in fp32 where the rest is bf16: as is wanted.
            warnings.filterwarnings("ignore", "Mismatch dtype between input and weight")
            try:
                self._run(asked)
            except OSError as error:
                raise Failed(
                    f"{self.run_folder} could not be written: {error}. Started again, it goes on."
                ) from error

    def _run(self, asked: Callable[[], bool]) -> None:
        recipe, accelerator = self.recipe, self.accelerator
        accelerator.init_trackers(
            "tensorboard", init_kwargs={"tensorboard": {"purge_step": self.step + 1}}
        )
        record = Record(accelerator)
        first, end = (count * recipe.batches.accumulate for count in (self.step, recipe.steps))
        with (
            bar(self.step, recipe.steps, accelerator.is_local_main_process) as advance,
            closing(self._passes(self._plan, first, end, recipe.batches.workers)) as coming,
        ):
            while self.step < recipe.steps:
                now = [next(coming) for _ in range(recipe.batches.accumulate)]
                # On all machines alike. Read after the step is sent off: a GPU does not wait.
                asking = accelerator.reduce(torch.tensor(float(asked()), device=accelerator.device))
                record.add(*self._learn(now), frames=sum(p.batch.ids.numel() for p in now))
                self.step += 1
                last = self.step == recipe.steps
                stopping = bool(asking) and not last
                saving = last or stopping or self.step % recipe.save_every == 0
                if saving or self.step % recipe.log_every == 0:
                    figures = record.figures(self.step)
                    accelerator.log(figures | {"epoch": self._epoch}, self.step)
                    advance(self.step, figures)
                if self._kept_out and (last or self.step % recipe.validation.every == 0):
                    accelerator.log(self.validate(), self.step)
                if saving:
                    self._checkpoints.save(self.step, self._objective, self.average)
                    self._export()
                if stopping:
                    raise Failed(
                        f"Stopped at step {self.step} of {recipe.steps}, as asked. "
                        "Started again, it goes on from there."
                    )
        accelerator.end_training()

    def _passes(self, plan: BatchPlan, first: int, end: int, workers: int) -> Generator[Pass]:
        """This process's passes, on its device."""
        rank = self.accelerator.process_index
        for one in passes(self._examples, plan, rank, first, end, workers):
            yield send_to_device(one, self.accelerator.device, non_blocking=True)

    @property
    def _epoch(self) -> float:
        return self.step * self.recipe.batches.accumulate / self._plan.per_epoch

    def _plan_of(self, clips: list[int]) -> BatchPlan:
        recipe = self.recipe
        beats = [self._shards.entries[clip].beats for clip in clips]
        processes = self.accelerator.num_processes
        return BatchPlan(clips, beats, recipe.lengths, recipe.batches, recipe.seed, processes)

    def _learn(self, passes: list[Pass]) -> tuple[Tensor, Tensor, Tensor, float]:
        """One step, as `Record.add` wants it."""
        recipe, accelerator = self.recipe, self.accelerator
        # Every masked number of the step counts the same, whichever process and pass it is in.
        counts = torch.stack([self._count(one) for one in passes]).sum(0)
        counts = accelerator.reduce(counts).clamp(min=1)
        rate = recipe.optimiser.learning_rate
        rate *= rate_share(recipe.optimiser, self.step, recipe.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        # Both averages that the libraries take, over processes and over passes, are undone.
        scale = self._weights / counts * accelerator.num_processes * len(passes)
        errors, norm = torch.zeros_like(counts), torch.zeros(())
        for one in passes:
            with accelerator.accumulate(self._wrapped):
                made = self._wrapped(*one)
                accelerator.backward((made * scale).sum())
                errors += made.detach()
                if accelerator.sync_gradients:
                    norm = accelerator.clip_grad_norm_(self._learning, recipe.optimiser.clip)
                self._optimiser.step()
                self._optimiser.zero_grad()
        self.average.update(self._objective.model, self.step)
        return errors, counts, norm, rate

    def _count(self, one: Pass) -> Tensor:
        return masked_numbers(self._objective.model, one.batch).float()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Losses of the averaged weights on the clips that are kept out."""
        accelerator = self.accelerator
        plan = self._plan_of(self._kept_out)
        end = min(self.recipe.validation.passes, plan.per_epoch)
        weights = {f"model.{k}": v for k, v in self.average.of(self._objective.model).items()}
        sums = torch.zeros(2, 2, device=accelerator.device)
        for one in self._passes(plan, 0, end, workers=0):
            with accelerator.autocast():
                errors = functional_call(self._objective, weights, tuple(one))
            sums += torch.stack([errors, self._count(one)])
        errors, counts = accelerator.reduce(sums)
        audio, motion = (errors / counts.clamp(min=1)).tolist()
        return {"validation/audio": audio, "validation/motion": motion}

    def _export(self) -> None:
        """The averaged weights as sessions load them, and the space of their motion."""
        if not self._writes:
            return
        model = JamFlow(self.config)
        weights = self.average.of(self._objective.model)
        model.load_state_dict({name: tensor.cpu() for name, tensor in weights.items()})
        self._scale.fold_given(model)
        save_checkpoint(model, self.run_folder / "model.safetensors")
        save_space(self._shards, self._scale, self.run_folder)
