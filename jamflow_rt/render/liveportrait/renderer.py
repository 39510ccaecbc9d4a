"""Faces drawn with LivePortrait's networks: a photograph or a video whose mouth is generated."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor

from jamflow_rt.codec.face import N_LANDMARKS, FaceState
from jamflow_rt.codec.keypoints import N_KEYPOINTS, MeshMap
from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.liveportrait.crop import PasteBack
from jamflow_rt.render.liveportrait.keypoints import KeypointMotion, Placement, placed, relative
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.render.liveportrait.source import LivePortraitSource

_SMALLEST, _LARGEST = 16, 2048


class LivePortraitRenderer:
    """A `Renderer` of one source. Belongs to one session.

    The mouth, and with a template the rest of a face, comes as `FaceState.keypoints`; a face that
    has a mesh only is taken over through the documented map. Poses are relative to the source's
    own, so that a face at rest is the source.

    Args:
        networks: LivePortrait's; where they are, is drawn.
        source: who.
        size: width and height of the pictures in pixels.
        mesh_map: expressions of faces that have a mesh only.
        stitching: correct the keypoints, so that the square's border stays where it is.
        paste_back: draw into the whole picture; otherwise only the square is shown.

    Raises:
        InvalidInput: the size is no number of pixels between 16 and 2048.
    """

    def __init__(
        self,
        networks: LivePortraitNetworks,
        source: LivePortraitSource,
        size: int,
        mesh_map: MeshMap,
        *,
        stitching: bool = True,
        paste_back: bool = True,
    ) -> None:
        if not _SMALLEST <= size <= _LARGEST:
            raise InvalidInput(
                f"A picture of {size} pixels is not possible; {_SMALLEST} to {_LARGEST} is."
            )
        self._networks = networks
        self._source = source
        self._size = size
        self._map = mesh_map
        self._stitching = stitching
        self._device = source.motion.expression.device
        factor = size / len(source.pictures[0])
        crop = source.crop.scaled(factor, np.zeros(2, np.float32))
        self._paste = PasteBack(crop, size, self._device) if paste_back else None
        # The frame of a video that was drawn last, with all that is computed of it.
        self._frame = -1
        self._look_at(0)

    @property
    def size(self) -> int:
        """Width and height of the pictures in pixels."""
        return self._size

    def warm_up(self) -> None:
        """Draw once: what is set up lazily then is."""
        self.render(FaceState(self._map.neutral, _ZERO, _ZERO[:2], 1.0))

    def render(self, face: FaceState) -> NDArray[np.uint8]:
        """The picture of a face: (size, size, 3) RGB, a new array.

        Raises:
            InvalidInput: the face holds NaN or has another shape.
        """
        with torch.inference_mode():
            x_d = self.keypoints(face)
            picture = self._drawn(x_d) if self._source.seen[self._frame] else self._as_it_is()
            pixels = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8)
            return np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy())

    def _drawn(self, x_d: Tensor) -> Tensor:
        drawn = self._networks.render(self._features, self._x_s, x_d)
        if self._paste is not None:
            return self._paste(drawn, self._picture)
        return torch.nn.functional.interpolate(
            drawn, (self._size, self._size), mode="bilinear", antialias=True
        )

    def _as_it_is(self) -> Tensor:
        """The frame of a video in which there is no face to draw."""
        if self._paste is not None:
            return self._picture
        source = self._source
        return source.crop.cut(source.pictures[self._frame], self._size)[None]

    @torch.inference_mode()
    def keypoints(self, face: FaceState) -> Tensor:
        """(1, 21, 3) x_d: where a face's keypoints are, in the crop, −1…1.

        Raises:
            InvalidInput: as `render`.
        """
        _check(face)
        if face.keypoints is not None and self._source.video:
            self._look_at(face.keypoints.frame % len(self._source.pictures))
        own = self._motion.placement()
        x_d = placed(self._motion.keypoints, relative(own, self._driving(face, own), _at_rest(own)))
        # Where nothing moves, nothing is to be corrected.
        if not self._stitching or torch.equal(x_d, self._x_s):
            return x_d
        return self._networks.stitch(self._x_s, x_d)

    def _driving(self, face: FaceState, own: Placement) -> Placement:
        """What the face does, as LivePortrait's relative driving takes it: from `_at_rest`."""
        if face.keypoints is None:
            moved = torch.from_numpy(self._map.expressions(face.landmarks[None])).to(self._device)
            expression = own.expression + moved
        else:
            given = np.ascontiguousarray(face.keypoints.expression[None], np.float32)
            expression = torch.from_numpy(given).to(self._device)
        # Row vectors are multiplied by LivePortrait's R. Its depth is taken to point away, as ours
        # does; that could not be checked without its weights.
        turn = Rotation.from_rotvec(face.rotation).as_matrix().T.astype(np.float32)
        shift = np.append(face.translation, 0.0).astype(np.float32) * self._source.centimetre
        return Placement(
            torch.from_numpy(turn).to(self._device)[None],
            expression,
            own.scale.new_full((1, 1), face.scale),
            torch.from_numpy(shift).to(self._device)[None],
        )

    def _look_at(self, frame: int) -> None:
        if frame == self._frame:
            return
        source = self._source
        self._frame = frame
        self._motion = KeypointMotion(*(part[frame : frame + 1] for part in source.motion))
        self._x_s = self._motion.placed()
        picture = source.pictures[frame]
        if source.features is not None:
            self._features = source.features
        else:
            cut = source.crop.cut(picture)[None].to(self._device)
            self._features = self._networks.appearance(cut)
        if len(picture) != self._size:
            image = Image.fromarray(picture)
            picture = np.asarray(image.resize((self._size, self._size), Image.Resampling.LANCZOS))
        pixels = torch.from_numpy(np.array(picture)).to(self._device)
        self._picture = pixels.permute(2, 0, 1)[None].float() / 255


_ZERO: Final = np.zeros(3, np.float32)


def _at_rest(own: Placement) -> Placement:
    """The pose of a FaceState at rest, with the source's expression."""
    eye = torch.eye(3, device=own.t.device)[None]
    return Placement(eye, own.expression, torch.ones_like(own.scale), torch.zeros_like(own.t))


def _check(face: FaceState) -> None:
    arrays = [face.landmarks, face.rotation, face.translation, np.array(face.scale)]
    if face.landmarks.shape != (N_LANDMARKS, 3):
        raise InvalidInput(f"The face has landmarks {face.landmarks.shape}, not (478, 3).")
    if face.keypoints is not None:
        arrays.append(face.keypoints.expression)
        if face.keypoints.expression.shape != (N_KEYPOINTS, 3):
            shape = face.keypoints.expression.shape
            raise InvalidInput(f"The face has an expression {shape}, not (21, 3).")
    if not all(np.isfinite(array).all() for array in arrays):
        raise InvalidInput("The face holds NaN or infinite numbers.")
