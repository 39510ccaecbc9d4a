"""`doctor` and `import`: public weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jamflow_rt.cli.terminal import say_so

# Heavy imports (torch, the models) stand inside the commands: --help answers at once.


def doctor(
    weights: Annotated[
        list[Path] | None,
        typer.Argument(help="Downloaded files of weights, or folders with some."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="A bundle folder; else the package's model.")
    ] = None,
) -> None:
    """Say what is here, what is missing, where it is published and under which licence."""
    from rich.console import Console
    from rich.text import Text

    from jamflow_rt.weights.doctor import diagnose

    marks = {True: ("ok", "green"), False: ("wrong", "red"), None: ("-", "dim")}
    findings = diagnose(model, tuple(weights or ()))
    out = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        mark, colour = marks[finding.ok]
        text = finding.text.replace("\n", "\n        ")
        out.print(Text.assemble((f"{mark:7} ", colour), (f"{finding.name}: ", "bold"), text))
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def import_(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the bundle.")],
    vocab: Annotated[Path, typer.Option("--vocab", help="F5-TTS's vocab.txt.")],
    vocos: Annotated[Path, typer.Option("--vocos", help="Vocos: pytorch_model.bin.")],
    voice: Annotated[
        Path,
        typer.Option("--voice", help="Sound of the voice, with what it says in a .txt beside."),
    ],
    f5: Annotated[
        Path | None, typer.Option("--f5", help="F5-TTS: .safetensors, or .pt of a training.")
    ] = None,
    joint: Annotated[
        Path | None, typer.Option("--joint", help="A checkpoint of JAM-Flow's training.")
    ] = None,
    liveportrait: Annotated[
        Path | None, typer.Option("--liveportrait", help="LivePortrait's published folder.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--f5-version", help="v1 or v0, where its folder does not tell.")
    ] = None,
) -> None:
    """Make one bundle of public weights: F5-TTS, Vocos, LivePortrait. See `doctor` for places."""
    from typing import cast, get_args

    from jamflow_rt.errors import InvalidInput
    from jamflow_rt.weights.f5 import F5Version
    from jamflow_rt.weights.importing import Sources, import_weights

    if version is not None and version not in get_args(F5Version):
        raise InvalidInput(f"--f5-version is v1 or v0, not {version!r}.")
    sources = Sources(
        vocab=vocab,
        vocos=vocos,
        voice=voice,
        f5=f5,
        joint=joint,
        liveportrait=liveportrait,
        version=cast("F5Version | None", version),
    )
    for missing in import_weights(sources, output):
        say_so(missing)
    say_so(f"{output}: say it with --model {output}")
