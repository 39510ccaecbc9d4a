"""`dub`: another speech for a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jamflow_rt.cli.terminal import Model, Voice, loaded, progress, say_so
from jamflow_rt.errors import InvalidInput

_LEAST_SEEN = 0.5
"""Share of the video in which the face must be found."""

# Heavy imports (torch, the models) stand inside the commands: --help answers at once.


def dub(
    video: Annotated[Path, typer.Argument(help="Video of one face that looks into the camera.")],
    text: Annotated[str, typer.Option("--text", help="What it is to say.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: .mp4.")],
    voice: Voice = None,
    seed: Annotated[int, typer.Option("--seed", help="Another number, another take.")] = 0,
    landmarker: Annotated[
        Path | None,
        typer.Option("--landmarker", help="Google's face_landmarker.task; else found or fetched."),
    ] = None,
    model: Model = None,
) -> None:
    """Give VIDEO another speech that fits its lips; its pictures stay as they are."""
    import numpy as np

    from jamflow_rt.record import file_kind
    from jamflow_rt.record_over import record_over
    from jamflow_rt.render.face_finder import landmarker_file
    from jamflow_rt.stream.dub import LONGEST
    from jamflow_rt.stream.settings import SessionSettings
    from jamflow_rt.stream.sources import check_text
    from jamflow_rt.track.tracker import Tracker
    from jamflow_rt.watching import faces_of_video

    # What can be wrong is found out before the models are loaded.
    if file_kind(output) != "mp4":
        raise InvalidInput(f"Cannot write {output.name!r}: a dubbed video needs .mp4.")
    if not video.is_file():
        raise InvalidInput(f"There is no video {video}.")
    check_text(text, SessionSettings().max_text)
    tracker = Tracker(landmarker or landmarker_file())
    say_so("Tracking the face …")
    face = tracker.track(video, LONGEST)
    if face.seen.mean() < _LEAST_SEEN:
        raise InvalidInput(
            f"The face in {video.name} is seen in {face.seen.mean():.0%} of it only: take a part "
            "in which it looks into the camera."
        )
    with loaded(model) as avatar:
        faces = faces_of_video(avatar.bundle, video, face)
        frames = avatar.dub(text, faces, voice, seed=seed)
        sound = [frame.sound for frame in progress(frames, len(faces), "speaking")]
    seconds = record_over(video, np.concatenate(sound), output)
    say_so(f"{output}: {seconds:.1f} s")
