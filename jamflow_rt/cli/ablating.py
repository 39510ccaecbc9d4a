"""`ablate`: what the parts of the network are worth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from jamflow_rt.cli.terminal import Model, say_so
from jamflow_rt.errors import NotSupported

# Heavy imports (torch, the models) stand inside the command: --help answers at once.


def ablate(
    sentences: Annotated[
        Path, typer.Option("--sentences", help="Held-out text, one sentence a line.")
    ],
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first lines.")
    ] = None,
    work: Annotated[
        Path, typer.Option("--work", help="Folder with the corpus, as of `train`.")
    ] = Path("runs"),
    prepared: Annotated[
        Path, typer.Option("--prepared", help="What `jamflow-rt prepare` wrote.")
    ] = Path("runs/prepared"),
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the variants and the table.")
    ] = Path("runs/ablation"),
    only: Annotated[
        str | None, typer.Option("--only", help="Some of the variants, with commas.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of each variant.")] = 300,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Mel frames a step.")] = 2048,
    new_motion: Annotated[
        bool, typer.Option("--new-motion", help="The Motion-DiT begins at random.")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of crops, masks and noise: how much is chance.")
    ] = 0,
    model: Model = None,
) -> None:
    """Train variants of the network alike and set lips and word errors side by side.

    All begin with the weights of one model, or of its Audio-DiT. What was measured is kept; what
    was broken off resumes.
    """
    from jamflow_rt.ablation.report import markdown, write
    from jamflow_rt.ablation.run import ADAPTATION, Plan
    from jamflow_rt.ablation.run import ablate as measure
    from jamflow_rt.ablation.variants import named
    from jamflow_rt.bundle import Bundle
    from jamflow_rt.evaluate.recogniser import Recogniser
    from jamflow_rt.evaluate.take import read_sentences

    variants = named(only)
    plan = Plan(
        corpus=work / "corpus",
        prepared=prepared,
        sentences=tuple(read_sentences(sentences, limit)),
        work=output,
        recipe=replace(ADAPTATION, steps=steps, tokens=tokens, seed=seed),
        new_motion=new_motion,
    )
    try:
        results = measure(Bundle.load(model), variants, plan, Recogniser(), say_so)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("jamflow_rt"):
            raise
        raise NotSupported(f"Ablations need {error.name}: run `make evaluate-env`.") from error
    write(results, plan.settings, output)
    typer.echo(markdown(results), nl=False)
