"""Small videos, and a MediaPipe that sees what their pictures' colours say."""

from __future__ import annotations

import types
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np

from jamflow_rt.codec.face import N_LANDMARKS

GREY, BLACK, WHITE = 120, 0, 255


def write_video(
    path: Path,
    greys: list[int],
    rate: int = 25,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
) -> Path:
    """A video of plain pictures, losslessly enough that their greys can be told apart."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for index, grey in enumerate(greys):
            picture = np.full((size[1], size[0], 3), grey, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def fake_mediapipe() -> types.ModuleType:
    """Black pictures show no face, white ones two, others one whose place is their grey."""

    class Landmarker:
        def __init__(self, options: Any) -> None:
            self.most = options.num_faces

        @classmethod
        def create_from_options(cls, options: Any) -> Landmarker:
            return cls(options)

        def __enter__(self) -> Landmarker:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def detect(self, image: Any) -> SimpleNamespace:
            grey = float(image.data.mean())
            count = 0 if grey < 20 else 2 if grey > 235 else 1
            point = SimpleNamespace(x=grey / 255, y=0.5, z=0.0)
            return SimpleNamespace(face_landmarks=[[point] * N_LANDMARKS] * min(count, self.most))

        def detect_for_video(self, image: Any, milliseconds: int) -> SimpleNamespace:
            return self.detect(image)

    def anything(**options: object) -> SimpleNamespace:
        return SimpleNamespace(**options)

    module = types.ModuleType("mediapipe")
    vision = SimpleNamespace(
        FaceLandmarkerOptions=anything,
        FaceLandmarker=Landmarker,
        RunningMode=SimpleNamespace(IMAGE=1, VIDEO=2),
    )
    module.__dict__.update(
        tasks=SimpleNamespace(vision=vision, BaseOptions=anything),
        Image=anything,
        ImageFormat=SimpleNamespace(SRGB=1),
    )
    return module
