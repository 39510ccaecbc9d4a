"""Recipes: every number of a training, as YAML; those of `jamflow_rt/train/recipes` ship.

Where a number comes from stands beside it in the file: the paper, F5-TTS's configuration, or us.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from jamflow_rt.config import ModelConfig, StrictModel
from jamflow_rt.errors import InvalidInput, NotSupported

SHIPPED = Path(__file__).parents[1] / "recipes"

Share = Annotated[float, Field(ge=0.0, le=1.0)]
StreamName = Literal["audio", "motion"]


class Start(StrictModel):
    """What the networks begin as; random where nothing is said.

    A key that a recipe names without a value is one that must be set.
    """

    weights: Path | None = None
    """A checkpoint of the joint model, or the folder of a run: its newest average."""
    f5: Path | None = None
    """Weights of F5-TTS for the audio stream."""


class StreamMask(StrictModel):
    """What of one stream is generated, clip by clip."""

    known: Share = 0.0
    """How often all of it is known."""
    span: tuple[Share, Share] = (0.7, 1.0)
    """Otherwise one span is generated, of this part of the clip at least and at most."""
    drop: Share = 0.0
    """How often what is known of it is withheld."""


class SpanMasks(StrictModel):
    """Independent spans of both streams, as F5-TTS masks its one; every task is a pattern."""

    kind: Literal["spans"] = "spans"
    audio: StreamMask
    motion: StreamMask
    text_drop: Share = 0.0
    """How often the text alone is withheld."""
    cond_drop: Share = 0.0
    """How often everything is: text, sound and motion (but not what is always given)."""
    group_known: Share = 0.0
    """How often a group of motion other than the first is known all along."""


class TaskMasks(StrictModel):
    """The tasks of windows in the shares of `jamflow_rt.flow.masking.TASKS`."""

    kind: Literal["tasks"]


class Lengths(StrictModel):
    """Which clips are used, and how long."""

    shortest: float = Field(gt=0)
    """Seconds."""
    longest: float = Field(gt=0)
    crops: tuple[Annotated[int, Field(ge=2)], ...] | None = None
    """Lengths in beats that clips are cut to, at random places; whole clips if not given."""
    slack: int = Field(default=1, ge=0)
    """Beats that a clip may lose at its end to be as long as the others of its batch."""


class Batches(StrictModel):
    """How many clips are computed at once."""

    frames: int = Field(gt=0)
    """Mel frames of one pass of one process, about."""
    accumulate: int = Field(default=1, ge=1)
    """Passes that make one step."""
    multiple: int | None = Field(default=None, ge=1)
    """Clips of a pass of all processes are a multiple of it. Not given, it is the number of
    processes; give the same to compare runs on different numbers."""
    workers: int = Field(default=2, ge=0)
    """Processes that read clips, for each process that trains."""


class Optimiser(StrictModel):
    """AdamW, with a rate that rises, and falls to nothing at the end, both linearly."""

    learning_rate: float = Field(gt=0, allow_inf_nan=False)
    warm_up: int = Field(ge=0)
    """Steps in which the rate rises."""
    decay: Share
    """The last part of all steps, in which it falls."""
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(gt=0)
    """The gradient's greatest norm."""


class Validation(StrictModel):
    """Clips that are kept out, and how often the loss on them is measured."""

    share: Share = 0.0
    every: int = Field(default=1000, ge=1)
    passes: int = Field(default=8, ge=1)
    """Passes of one measurement; always the same clips, masks and noise."""


class Recipe(StrictModel):
    """Every number of a training."""

    model: Literal["paper", "default"] | ModelConfig
    audio_reads_motion: bool = True
    """False: the audio stream is as if it were alone; motion still reads it."""
    vocabulary: Path | None = None
    """`vocab.txt` of the characters, where the model's text is characters."""
    start: Start = Start()
    frozen: tuple[StreamName, ...] = ()
    """Streams whose weights stay as they are."""

    times: Literal["uniform", "logistic_normal"]
    """How flow times are drawn."""
    masks: SpanMasks | TaskMasks = Field(discriminator="kind")
    audio_weight: float = Field(ge=0, allow_inf_nan=False)
    motion_weight: float = Field(ge=0, allow_inf_nan=False)

    lengths: Lengths
    batches: Batches
    optimiser: Optimiser
    ema: float = Field(ge=0, lt=1)
    """Share of the average of weights that one step leaves."""
    precision: Literal["fp32", "bf16", "auto"]
    """Of products and convolutions; `auto` is bf16 where the processor is fast with it."""
    steps: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)

    validation: Validation = Validation()
    save_every: int = Field(default=1000, ge=1)
    """Steps."""
    keep: int = Field(default=2, ge=1)
    """Checkpoints; older ones are deleted."""
    log_every: int = Field(default=20, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if set(self.frozen) == {"audio", "motion"}:
            raise ValueError("frozen: with both streams frozen nothing learns")
        for stream, weight in (("audio", self.audio_weight), ("motion", self.motion_weight)):
            if stream not in self.frozen and not weight:
                raise ValueError(f"{stream}_weight: 0, but the stream is not frozen; freeze it")
        if self.lengths.shortest >= self.lengths.longest:
            raise ValueError("lengths: shortest must be less than longest")
        return self


def load_recipe(name: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name: a YAML file, or the name of a shipped recipe, such as `paper_stage1`.
        overrides: `key.key=value` with values in YAML, to be set over the file's.

    Raises:
        InvalidInput: there is none, or something in it is wrong; the message names the file and
            the key.
    """
    path = Path(name)
    shipped = SHIPPED / f"{name}.yaml"
    if not path.is_file() and shipped.is_file():
        path = shipped
    content = _read(path)
    settings = list(overrides)
    for override in settings:
        _override(content, override)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        origin = " ".join([str(path), *(f"--set {override}" for override in settings)])
        raise InvalidInput(f"{origin}: {complaints(error)}") from error


def complaints(error: ValidationError) -> str:
    """What is wrong with settings, key by key."""
    told = []
    for one in error.errors(include_url=False):
        key = ".".join(str(part) for part in one["loc"])
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = "there is no such key"
        told.append(f"{key}: {message}" if key else message)
    return "; ".join(told)


def _read(path: Path) -> dict[str, Any]:
    yaml = _yaml()
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
        raise InvalidInput(f"There is no recipe {path}. Give a YAML file, or one of: {known}.")
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} is no recipe: it must hold keys and values.")
    return content


def _override(content: dict[str, Any], override: str) -> None:
    yaml = _yaml()
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise InvalidInput(f"{override!r}: write KEY=VALUE, such as batches.frames=4800.")
    *outer, last = key.strip().split(".")
    place = content
    for part in outer:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise InvalidInput(f"{override!r}: {part} holds one value, no keys.")
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InvalidInput(f"{override!r}: {value!r} is no YAML: {error}") from error


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise NotSupported("Recipes need pyyaml: pip install 'jamflow-rt[train]'.") from error
    return yaml
