"""`say`, `voices` and `portrait`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jamflow_rt.cli.terminal import Badge, Device, Model, Portrait, Voice, loaded, progress, say_so
from jamflow_rt.errors import InvalidInput

# Heavy imports (torch, the models) stand inside the commands: --help answers at once.


def say(
    text: Annotated[str, typer.Argument(help="What to say; - reads it from standard input.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write: .mp4 or .wav. Without: the speakers."),
    ] = None,
    portrait: Portrait = None,
    voice: Voice = None,
    size: Annotated[int, typer.Option("--size", help="Width and height of the picture.")] = 512,
    speed: Annotated[
        float, typer.Option("--speed", min=0.25, max=4.0, help="2 is twice as fast.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="Another number, another take.")] = 0,
    badge: Badge = True,
    model: Model = None,
    device: Device = "auto",
) -> None:
    """Say TEXT: into an MP4 with the face, into a WAV, or through the speakers."""
    from jamflow_rt.record import file_kind, record
    from jamflow_rt.speakers import Speakers
    from jamflow_rt.stream.settings import SessionSettings

    # What can be wrong is found out before the models are loaded.
    pictures = output is not None and file_kind(output) == "mp4"
    speakers = Speakers() if output is None else None
    if text == "-":
        text = sys.stdin.read()
    settings = SessionSettings(speed=speed)
    with loaded(model, badge=badge, device=device) as avatar:
        frames = avatar.render_speech(
            text,
            portrait,
            voice,
            size=size,
            pictures=pictures,
            seed=seed,
            settings=settings,
        )
        shown = progress(frames, avatar.frame_count(text, voice, settings=settings), "speaking")
        if speakers is not None:
            with speakers:
                for frame in shown:
                    speakers.play(frame.sound)
        elif output is not None:
            seconds = record(shown, output)
            say_so(f"{output}: {seconds:.1f} s")


def voices(model: Model = None) -> None:
    """List the voices, the usual one first."""
    from jamflow_rt.bundle import read_settings

    for voice in read_settings(model).voices:
        kind = f"{'British' if voice.british else 'American'} English"
        print(f"{voice.name}\t{f'as {voice.reference} sounds' if voice.reference else kind}")


def portrait(
    photo: Annotated[Path, typer.Argument(help="JPEG, PNG or WebP of one face.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the portrait.")],
    landmarker: Annotated[
        Path | None,
        typer.Option("--landmarker", help="Google's face_landmarker.task; else found or fetched."),
    ] = None,
) -> None:
    """Make a portrait of a photograph, to be used with --portrait."""
    from jamflow_rt.render.face_finder import PHOTO_SUFFIXES
    from jamflow_rt.render.open_portrait import open_portrait

    if photo.suffix.lower() not in PHOTO_SUFFIXES:
        kinds = ", ".join(PHOTO_SUFFIXES)
        raise InvalidInput(f"{photo.name} is no photograph: give one of {kinds}.")
    open_portrait(photo, landmarker).save(output)
    say_so(f"{output}: say it with --portrait {output}")
