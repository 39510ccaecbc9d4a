"""`load`: many clients of a server at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jamflow_rt.cli.terminal import say_so
from jamflow_rt.errors import InvalidInput

if TYPE_CHECKING:
    from jamflow_rt.load.plan import LoadMedia

# Heavy imports stand inside the command: --help answers at once.


def load(
    url: Annotated[str, typer.Argument(help="The server's address, http://127.0.0.1:8080.")],
    clients: Annotated[
        str, typer.Option("--clients", help="Clients at once, one number after the other.")
    ] = "1,2,4",
    media: Annotated[
        str, typer.Option("--media", help="What they take: video, motion and audio are WebSocket.")
    ] = "video,motion,audio,webrtc",
    seconds: Annotated[
        float, typer.Option("--seconds", min=1.0, max=3600.0, help="How long each client stays.")
    ] = 30.0,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="JAMFLOW_TOKEN", help="For all clients, which then count as one subject."
        ),
    ] = None,
    auth_key: Annotated[
        str | None,
        typer.Option(envvar="JAMFLOW_AUTH_KEY", help="Buys each client a token of its own."),
    ] = None,
    portrait: Annotated[
        str | None, typer.Option("--portrait", help="One of the server's portraits.")
    ] = None,
    voice: Annotated[
        str | None, typer.Option("--voice", help="One of the server's voices.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of tables.")
    ] = False,
) -> None:
    """Let clients talk to a server and measure what they get: latencies, underruns, rates.

    Each says sentences one after the other, with pauses, and interrupts one of three.
    """
    from pydantic import SecretStr

    from jamflow_rt.load.plan import LoadPlan
    from jamflow_rt.load.run import load as measure

    plan = LoadPlan(
        url=url,
        clients=_counts(clients),
        media=_media(media),
        seconds=seconds,
        token=None if token is None else SecretStr(token),
        auth_key=None if auth_key is None else SecretStr(auth_key),
        portrait=portrait,
        voice=voice,
    )
    report = measure(plan, lambda told: say_so(f"Measuring: {told} …"))
    if json:
        typer.echo(report.json())
        return
    console = Console()
    for table in report.tables():
        console.print(table)


def _counts(text: str) -> tuple[int, ...]:
    """`1,2,4` as numbers of clients."""
    from jamflow_rt.load.plan import MOST_CLIENTS

    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = (0,)
    if min(counts) < 1 or max(counts) > MOST_CLIENTS:
        raise InvalidInput(
            f"--clients wants numbers from 1 to {MOST_CLIENTS} with commas, like 1,2,4; not "
            f"{text!r}."
        )
    return counts


def _media(text: str) -> tuple[LoadMedia, ...]:
    """`video,webrtc` as media modes."""
    from jamflow_rt.load.plan import LOAD_MEDIA

    named = [part.strip() for part in text.split(",")]
    found = tuple(media for name in named for media in LOAD_MEDIA if media == name)
    if len(found) != len(named) or len(set(found)) != len(found):
        raise InvalidInput(
            f"--media wants some of {', '.join(LOAD_MEDIA)}, each once and with commas between "
            f"them; not {text!r}."
        )
    return found
