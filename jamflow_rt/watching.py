"""The faces of a video, as a bundle's model knows faces: for dubbing, and for filling gaps."""

from __future__ import annotations

from pathlib import Path

from jamflow_rt.bundle import Bundle
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.keypoints import KeypointSpace
from jamflow_rt.track.clip import into_space
from jamflow_rt.track.pictures import pictures_at_our_rate
from jamflow_rt.track.tracker import TrackedFace


def faces_of_video(bundle: Bundle, video: Path, tracked: TrackedFace) -> list[FaceState]:
    """What a face does in a video, 25 a second.

    A model of LivePortrait's keypoints was trained on what LivePortrait's networks see, the rest of
    the face included: where they are in the bundle, they look. Otherwise faces are meshes.

    Args:
        bundle: of the model.
        video: the file.
        tracked: where the face is in it.

    Raises:
        InvalidInput: the video cannot be read.
    """
    space = bundle.motion
    if bundle.networks is None or not isinstance(space, KeypointSpace):
        return bundle.mesh.decode(into_space(tracked.landmarks, bundle.mesh))
    from jamflow_rt.render.liveportrait.source import video_source

    pictures = pictures_at_our_rate(video, len(tracked.landmarks))
    source = video_source(bundle.networks, pictures, tracked.landmarks, video.stem, tracked.seen)
    latents = space.encode_expressions(source.track.expression)
    return space.following(source.track).decode(latents)
