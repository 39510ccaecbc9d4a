"""Video → face landmarks and sound: the first half of `jamflow-rt prepare`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.sound_file import read_sound


class TrackedVideo(NamedTuple):
    """What `track` reads from one video."""

    landmarks: NDArray[np.float32]  # (T, 478, 3) pixels; z in the same unit as x
    seen: NDArray[np.bool_]  # (T,) False where no face was found (the landmarks are interpolated)
    sound: NDArray[np.float32]  # (N,) mono at 24 kHz


def _pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate or 0)
        if abs(rate - MOTION_RATE) > 0.01:
            raise InvalidInput(
                f"{path.name} has {rate:g} frames/s; motion is learned at {MOTION_RATE}. "
                f"Convert it first, for instance with ffmpeg -r {MOTION_RATE}."
            )
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


class Tracker:
    """MediaPipe's FaceLandmarker on videos. Needs `mediapipe` and Google's model file."""

    def __init__(self, model: Path) -> None:
        try:
            import mediapipe
        except ImportError as error:
            raise NotSupported(
                "Face tracking needs mediapipe: run `make train-env`, which installs it."
            ) from error
        if not model.is_file():
            raise InvalidInput(f"The face landmarker model {model} is not there; see --landmarker.")
        self._mp = mediapipe
        self._model = model

    def track(self, path: Path) -> TrackedVideo:
        """Landmarks and sound of one 25 frames/s video of one face.

        Raises:
            InvalidInput: the frame rate is not 25, no frame shows a face, or there is no sound.
        """
        vision = self._mp.tasks.vision
        options = vision.FaceLandmarkerOptions(
            base_options=self._mp.tasks.BaseOptions(model_asset_path=str(self._model)),
            running_mode=vision.RunningMode.VIDEO,
        )
        points: list[NDArray[np.float32] | None] = []
        with vision.FaceLandmarker.create_from_options(options) as landmarker:
            for index, picture in enumerate(_pictures(path)):
                image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=picture)
                found = landmarker.detect_for_video(image, index * 1000 // MOTION_RATE)
                height, width = picture.shape[:2]
                points.append(
                    np.array(
                        [[p.x * width, p.y * height, p.z * width] for p in found.face_landmarks[0]],
                        np.float32,
                    )
                    if found.face_landmarks
                    else None
                )
        seen = np.array([p is not None for p in points])
        if not seen.any():
            raise InvalidInput(f"No face was found in {path.name}.")
        good = np.flatnonzero(seen)
        known = np.stack([p for p in points if p is not None]).reshape(len(good), -1)
        every = np.arange(len(points))
        filled = np.stack([np.interp(every, good, column) for column in known.T], axis=1)
        return TrackedVideo(
            filled.reshape(len(points), -1, 3).astype(np.float32), seen, read_sound(path)
        )
