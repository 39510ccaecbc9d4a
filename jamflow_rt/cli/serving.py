"""`serve` and `publish`: sessions for browsers, and one into an SFU."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer

from jamflow_rt.cli.terminal import (
    Badge,
    CudaGraphs,
    Device,
    Model,
    Portrait,
    Voice,
    loaded,
    say_so,
)
from jamflow_rt.config import IceServer, ServerConfig
from jamflow_rt.errors import InvalidInput

# Heavy imports (torch, the models) stand inside the commands: --help answers at once.

Ice = Annotated[
    list[str] | None,
    typer.Option(
        "--ice-server",
        help="stun:HOST:PORT or turn:HOST:PORT?transport=udp; may be given several times.",
    ),
]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
    max_sessions: Annotated[
        int, typer.Option(help="Viewers at the same time, if the machine can serve so many.")
    ] = 4,
    overcommit: Annotated[
        bool, typer.Option("--overcommit", help="Admit so many whether or not it can.")
    ] = False,
    auth_key: Annotated[
        str | None,
        typer.Option(
            envvar="JAMFLOW_AUTH_KEY",
            help="Only tokens that this key buys at POST /v1/sessions open sessions.",
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Be open to everybody who reaches the address.")
    ] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin whose pages may use the server; may be given several times."),
    ] = None,
    ice_server: Ice = None,
    turn_secret: Annotated[
        str | None,
        typer.Option(envvar="JAMFLOW_TURN_SECRET", help="coturn's static-auth-secret."),
    ] = None,
    idle_seconds: Annotated[
        float, typer.Option(help="A session of which nothing is asked for so long is ended.")
    ] = 300.0,
    max_session_seconds: Annotated[float, typer.Option(help="Longest session.")] = 3600.0,
    sessions_per_subject: Annotated[
        int, typer.Option(help="Sessions at once for one subject of tokens, or one address.")
    ] = 2,
    requests_per_minute: Annotated[
        int, typer.Option(help="Requests and events of one subject, or one address.")
    ] = 120,
    badge: Badge = True,
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="Log JSON lines to standard error.")
    ] = False,
    model: Model = None,
    device: Device = "auto",
    cuda_graphs: CudaGraphs = False,
) -> None:
    """Serve the web page, WebRTC (WHEP) and WebSockets."""
    from jamflow_rt.serve.logs import log_json
    from jamflow_rt.serve.run import serve as run

    config = _config(
        host=host,
        port=port,
        max_sessions=max_sessions,
        overcommit=overcommit,
        auth_key=auth_key,
        insecure=insecure,
        allowed_origins=tuple(allow_origin or ()),
        ice_servers=_ice_servers(ice_server),
        turn_secret=turn_secret,
        idle_seconds=idle_seconds,
        max_session_seconds=max_session_seconds,
        sessions_per_subject=sessions_per_subject,
        requests_per_minute=requests_per_minute,
        badge=badge,
    )
    if json_logs:
        log_json()
    say_so("Loading …")
    run(
        config,
        model,
        on_ready=lambda url: print(f"Serving on {url}  (Ctrl+C stops)", flush=True),
        device=device,
        cuda_graphs=cuda_graphs,
    )


def publish(
    url: Annotated[str, typer.Option("--whip", help="The SFU's WHIP endpoint.")],
    token: Annotated[
        str | None, typer.Option(envvar="JAMFLOW_WHIP_TOKEN", help="What the SFU asks for.")
    ] = None,
    portrait: Portrait = None,
    voice: Voice = None,
    ice_server: Ice = None,
    turn_secret: Annotated[
        str | None,
        typer.Option(envvar="JAMFLOW_TURN_SECRET", help="coturn's static-auth-secret."),
    ] = None,
    badge: Badge = True,
    model: Model = None,
    device: Device = "auto",
    cuda_graphs: CudaGraphs = False,
) -> None:
    """Push the avatar into an SFU (mediamtx, SRS, LiveKit); it says each line of standard input.

    It ends when the input ends and everything has been said.
    """
    from jamflow_rt.serve.ice import IceServers
    from jamflow_rt.serve.publishing import publish_lines

    config = _config(ice_servers=_ice_servers(ice_server), turn_secret=turn_secret)
    servers = IceServers(config).for_server()
    with loaded(model, badge=badge, live=True, device=device, cuda_graphs=cuda_graphs) as avatar:
        asyncio.run(publish_lines(avatar, url, sys.stdin, token, servers, portrait, voice))


def _config(**settings: Any) -> ServerConfig:
    """The settings, with an error that names the option."""
    from pydantic import ValidationError

    try:
        return ServerConfig(**settings)
    except ValidationError as error:
        # The input stays out of the message: it may be a secret.
        first = error.errors(include_input=False, include_url=False)[0]
        raise InvalidInput(
            f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}."
        ) from error


def _ice_servers(urls: list[str] | None) -> tuple[IceServer, ...]:
    return tuple(IceServer(urls=(url,)) for url in urls or ())
