"""Measures of the rendered video itself. Each needs something that no package carries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE, SAMPLES_PER_MOTION
from jamflow_rt.evaluate.frechet import Features, frechet_distance, read_reference
from jamflow_rt.evaluate.lips import (
    LOWER_INNER_LIP,
    UPPER_INNER_LIP,
    DrawnLandmarks,
    Lips,
    measure_lips,
)
from jamflow_rt.evaluate.sync import Sync, measure_sync
from jamflow_rt.evaluate.syncnet import Lse, SyncNet, crop_face, mean_error
from jamflow_rt.evaluate.take import Take
from jamflow_rt.evaluate.weights import I3D, INCEPTION, NEEDS_REFERENCE, SYNCNET
from jamflow_rt.record import record
from jamflow_rt.render.renderer import Renderer
from jamflow_rt.stream.media import Frame


class PictureSource(Renderer, DrawnLandmarks, Protocol):
    """A renderer that can tell where it draws the landmarks."""


class VideoTracker(Protocol):
    """Finds landmarks in a video file, as `jamflow_rt.track.tracker.Tracker` does."""

    def track(self, path: Path) -> TrackedLandmarks:
        """Every frame of a 25 frames/s video."""
        ...


class TrackedLandmarks(Protocol):
    """What a tracker found."""

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """(T, 478, 3) pixels."""
        ...


@dataclass(frozen=True, slots=True)
class PictureScores:
    """What the pictures of some takes scored; None where there was no judge."""

    lips: Lips | None = None
    """Closure of the lips that a tracker finds in the video."""
    sync: Sync | None = None
    """Correlation of loudness with that lip gap."""
    lse: Lse | None = None
    frame_distance: float | None = None
    """FID."""
    clip_distance: float | None = None
    """FVD."""


@dataclass(frozen=True, slots=True)
class PictureJudges:
    """The judges that the user brought."""

    tracker: VideoTracker | None = None
    syncnet: SyncNet | None = None
    inception: Features | None = None
    i3d: Features | None = None
    reference: Path | None = None
    """Folder of real videos or pictures for FID and FVD."""
    needs: dict[str, str] = field(default_factory=dict)
    """Measure → what it would need."""

    @classmethod
    def load(
        cls, weights: Path | None, reference: Path | None, tracker: VideoTracker | None
    ) -> PictureJudges:
        """Whatever there is in the folder `weights`, and what is missing.

        Raises:
            InvalidInput: the folder or a file in it cannot be read.
        """
        syncnet, inception, i3d = (kind.find(weights) for kind in (SYNCNET, INCEPTION, I3D))
        needs = {}
        if tracker is None:
            needs["tracked"] = "needs --track, MediaPipe's face_landmarker.task, and mediapipe"
        if syncnet is None:
            needs["lse"] = SYNCNET.needs()
        for name, path, kind in (("fid", inception, INCEPTION), ("fvd", i3d, I3D)):
            if path is None:
                needs[name] = kind.needs()
            elif reference is None:
                needs[name] = NEEDS_REFERENCE
        return cls(
            tracker,
            SyncNet.load(syncnet) if syncnet else None,
            Features(inception, "pictures") if inception and reference else None,
            Features(i3d, "clips") if i3d and reference else None,
            reference,
            needs,
        )

    @property
    def idle(self) -> bool:
        """Whether nothing would be measured, so that nothing need be drawn."""
        return not (self.tracker or self.syncnet or self.inception or self.i3d)


class PictureGallery:
    """Draws takes one by one and collects what the judges say of them.

    Args:
        judges: who looks.
        renderer: draws.
    """

    def __init__(self, judges: PictureJudges, renderer: PictureSource) -> None:
        self._judges = judges
        self._renderer = renderer
        self._gaps: list[tuple[Take, NDArray[np.float32]]] = []
        self._errors: list[Lse] = []
        self._frames: list[NDArray[np.float64]] = []
        self._clips: list[NDArray[np.float64]] = []

    def show(self, take: Take) -> None:
        """Draw a take and let the judges look at it."""
        judges = self._judges
        if judges.idle or not take.faces:
            return
        pictures = np.stack([self._renderer.render(face) for face in take.faces])
        if judges.tracker is not None:
            self._gaps.append((take, _tracked_gaps(judges.tracker, take, pictures)))
        if judges.syncnet is not None:
            points = np.stack([self._renderer.landmarks(face) for face in take.faces])
            error = judges.syncnet.measure(crop_face(pictures, points), take.sound)
            self._errors += [error] if error else []
        if judges.inception is not None:
            self._frames.append(judges.inception(pictures))
        if judges.i3d is not None:
            self._clips.append(judges.i3d(pictures))

    def scores(self) -> PictureScores:
        """What has been found so far."""
        return PictureScores(
            lips=measure_lips(self._gaps),
            sync=measure_sync((take.sound, gaps) for take, gaps in self._gaps),
            lse=mean_error(self._errors),
            frame_distance=self._distance(self._judges.inception, self._frames),
            clip_distance=self._distance(self._judges.i3d, self._clips),
        )

    def _distance(self, network: Features | None, made: list[NDArray[np.float64]]) -> float | None:
        if network is None or self._judges.reference is None or not made:
            return None
        videos = read_reference(self._judges.reference, self._renderer.size)
        real = [rows for rows in map(network, videos) if len(rows)]
        drawn = [rows for rows in made if len(rows)]
        if not real or not drawn:
            return None
        return frechet_distance(np.concatenate(drawn), np.concatenate(real))


def frames_of(take: Take, pictures: Iterator[NDArray[np.uint8]]) -> Iterator[Frame]:
    """A take as the frames of a session, for `record`."""
    for index, (face, picture) in enumerate(zip(take.faces, pictures, strict=True)):
        sound = take.sound[index * SAMPLES_PER_MOTION : (index + 1) * SAMPLES_PER_MOTION]
        yield Frame(index / MOTION_RATE, picture, sound, face, None, 0)


def _tracked_gaps(
    tracker: VideoTracker, take: Take, pictures: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Inner-lip gap in pixels that is seen in the take as a video file, (frames,)."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "take.mp4"
        record(frames_of(take, iter(pictures)), path)
        points = tracker.track(path).landmarks[: len(take.faces), :, :2]
    return np.asarray(
        np.linalg.norm(points[:, UPPER_INNER_LIP] - points[:, LOWER_INNER_LIP], axis=1), np.float32
    )
