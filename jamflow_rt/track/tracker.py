"""Video → the landmarks of its face, 25 a second: MediaPipe's FaceLandmarker."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.track.pictures import read_pictures

Floats = NDArray[np.float32]

_SECONDS_BETWEEN_LOOKS: Final = 1.0
"""How often a second face is looked for."""


class FaceError(InvalidInput):
    """A video without a face, or with several."""

    def __init__(self, kind: Literal["no face", "several faces"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


class TrackedFace(NamedTuple):
    """What `track` finds in one video, 25 times a second."""

    landmarks: Floats  # (T, 478, 3) pixels; z in the same unit as x
    seen: NDArray[np.bool_]  # (T,) False where no face was found (the landmarks are interpolated)


class Tracker:
    """MediaPipe's FaceLandmarker on videos.

    Args:
        model: Google's face_landmarker.task.

    Raises:
        NotSupported: MediaPipe is not installed.
        InvalidInput: there is no file `model`.
    """

    def __init__(self, model: Path) -> None:
        try:
            import mediapipe
        except ImportError as error:
            raise NotSupported(
                'Face tracking needs MediaPipe: pip install "jamflow-rt[portrait]"; to train, '
                "`make train-env` installs it."
            ) from error
        if not model.is_file():
            raise InvalidInput(f"The face landmarker model {model} is not there; see --landmarker.")
        self._mp = mediapipe
        self._model = model

    def track(self, path: Path, longest: float | None = None) -> TrackedFace:
        """The landmarks of the only face in a video of any frame rate.

        Args:
            path: the video.
            longest: seconds that are accepted.

        Raises:
            FaceError: it shows no face or several.
            InvalidInput: it cannot be read, or is longer than `longest`.
        """
        vision = self._mp.tasks.vision
        points: list[Floats] = []
        places: list[int] = []
        starts: list[float] = []
        looks: list[int] = []
        end = 0.0
        with (
            self._landmarker(vision.RunningMode.VIDEO, 1) as follower,
            self._landmarker(vision.RunningMode.IMAGE, 2) as finder,
        ):
            for index, (start, stop, picture) in enumerate(read_pictures(path, longest)):
                image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=picture)
                starts.append(start)
                end = stop
                if start >= len(looks) * _SECONDS_BETWEEN_LOOKS:
                    looks.append(len(finder.detect(image).face_landmarks))
                found = follower.detect_for_video(image, round(start * 1000)).face_landmarks
                if found:
                    height, width = picture.shape[:2]
                    scale = np.array([width, height, width])
                    places.append(index)
                    points.append(np.array([[p.x, p.y, p.z] for p in found[0]] * scale, np.float32))
        if not points:
            raise FaceError(
                "no face",
                f"No face was found in {path.name}: it should look into the camera, in even light.",
            )
        if 2 * looks.count(2) > len(looks):
            raise FaceError(
                "several faces",
                f"{path.name} shows more than one face: cut out the one that speaks.",
            )
        return _resampled(np.array(points), np.array(places), np.array(starts), end)

    def _landmarker(self, mode: Any, faces: int) -> Any:
        vision = self._mp.tasks.vision
        return vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=self._mp.tasks.BaseOptions(model_asset_path=str(self._model)),
                running_mode=mode,
                num_faces=faces,
            )
        )


def _resampled(
    points: Floats, places: NDArray[np.int_], starts: NDArray[np.float64], end: float
) -> TrackedFace:
    """Landmarks at 25 a second, straight between those of the pictures.

    Args:
        points: (N, 478, 3) where a face was found.
        places: (N,) in which pictures.
        starts: (P,) when each picture begins.
        end: when the last one ends.
    """
    # A part of a frame is a frame: the last picture may have been left out.
    frames = math.ceil(end * MOTION_RATE - 1e-3)
    times = np.arange(frames) / MOTION_RATE
    columns = points.reshape(len(points), -1).T
    landmarks = np.stack([np.interp(times, starts[places], column) for column in columns], axis=1)
    nearest = np.abs(times[:, None] - starts[None]).argmin(1)
    return TrackedFace(
        landmarks.reshape(frames, *points.shape[1:]).astype(np.float32),
        np.isin(nearest, places),
    )
