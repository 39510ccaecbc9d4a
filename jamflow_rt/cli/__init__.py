"""The command line: every command stands in a module with its kin."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from jamflow_rt.cli.ablating import ablate
from jamflow_rt.cli.dubbing import dub
from jamflow_rt.cli.loading import load
from jamflow_rt.cli.measuring import bench, evaluate
from jamflow_rt.cli.serving import publish, serve
from jamflow_rt.cli.speaking import portrait, say, voices
from jamflow_rt.cli.terminal import Commands
from jamflow_rt.cli.training import prepare, train
from jamflow_rt.cli.weights import doctor, import_

app = typer.Typer(
    cls=Commands,
    help="A face and its voice from one model, streamed in real time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    *(say, voices, portrait, dub, serve, publish, load),
    *(prepare, train, ablate, evaluate, bench),
)
for command in COMMANDS:
    app.command()(command)
app.command()(doctor)
app.command("import")(import_)


@app.callback()
def _setup(
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what happens.")] = False,
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )


def main() -> None:
    """Run the command line."""
    app()
