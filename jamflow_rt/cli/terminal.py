"""What the commands share: the app, its options, how errors and progress are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

from jamflow_rt.errors import InvalidInput, JamflowError

if TYPE_CHECKING:
    from jamflow_rt.avatar import Avatar
    from jamflow_rt.bundle import Bundle
    from jamflow_rt.render.mesh import MeshRenderer

T = TypeVar("T")

Model = Annotated[
    Path | None,
    typer.Option("--model", help="Folder of another model than the one in the package."),
]
Portrait = Annotated[
    str | None,
    typer.Option("--portrait", help="Who speaks: a shipped name, a photograph, a portrait folder."),
]
Voice = Annotated[str | None, typer.Option("--voice", help="Name of the voice.")]

Badge = Annotated[
    bool,
    typer.Option("--badge/--no-badge", help="Mark pictures as made by a machine, in a corner."),
]

Device = Annotated[
    str, typer.Option("--device", help="Where the network runs: auto, cpu, cuda or cuda:1.")
]
CudaGraphs = Annotated[
    bool, typer.Option("--cuda-graphs", help="On a GPU, record the network and replay it.")
]


def console() -> Console:
    """Everything that is not a command's result goes to standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say_so(message: str) -> None:
    """A line for the person in front."""
    console().print(message, markup=False)


class Commands(TyperGroup):
    """Turns our errors into a line and an exit code: 2 for wrong input, 1 for the rest."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except JamflowError as error:
            console().print("[bold red]error:[/]", end=" ")
            say_so(str(error))
            raise typer.Exit(2 if isinstance(error, InvalidInput) else 1) from error


def progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, with a progress bar if a person is watching."""
    if not sys.stderr.isatty():
        yield from items
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as bar:
        yield from bar.track(items, total=total, description=what)


@contextmanager
def counter() -> Iterator[Callable[[str, int, int], None]]:
    """A function of (what, done, total): a bar for each `what` if a person is watching."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console()) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield advance


@contextmanager
def loaded(
    model: Path | None,
    *,
    badge: bool = True,
    live: bool = False,
    device: str = "auto",
    cuda_graphs: bool = False,
) -> Iterator[Avatar]:
    """An avatar that is closed at the end; `live` for sessions, not for a file."""
    from jamflow_rt.avatar import Avatar

    avatar = Avatar.load(model, badge=badge, warm=live, device=device, cuda_graphs=cuda_graphs)
    with avatar:
        yield avatar


def renderer_for(bundle: Bundle, portrait: str | None) -> MeshRenderer:
    """A renderer of a shipped portrait, or of one in a folder, for a bundle's motion."""
    from jamflow_rt.render.mesh import MeshRenderer
    from jamflow_rt.render.open_portrait import open_portrait
    from jamflow_rt.render.portraits import DEFAULT_PORTRAIT

    return MeshRenderer(open_portrait(portrait or DEFAULT_PORTRAIT), bundle.motion.neutral)
