"""What a browser needs to draw a portrait itself: packs of portraits, and the motion space.

A pack is one safetensors file, made once and kept in memory: the meshes of all layers behind one
another, the pictures as WebP bytes, and in the metadata (`pack`, as JSON) which layer has which
triangles. Names from the network are looked up in a table; none of them becomes a path.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import jamflow_rt
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.render.portrait import Layer, Portrait
from jamflow_rt.render.portraits import DEFAULT_PORTRAIT, load_portrait, portrait_names

PACK_FILE: Final = "pack.safetensors"
"""The one file of a portrait: `GET /v1/portraits/{name}/pack.safetensors`."""
_MEDIA_TYPE: Final = "application/octet-stream"
# Pictures of portraits that were not shipped as files. Above this, bytes grow and nothing shows.
_WEBP_QUALITY: Final = 92
# Texels around a triangle in which nothing may show if it is left out: a browser that draws the
# portrait small blurs its pictures about as far.
_PRUNING_MARGIN: Final = 24


@dataclass(frozen=True)
class Asset:
    """Bytes to serve, and the tag by which a browser asks whether they changed."""

    content: bytes
    cache: str
    """The `Cache-Control` header."""
    zipped: bytes = field(init=False)
    tag: str = field(init=False)
    """A weak one: it stands for the content with and without compression."""

    def __post_init__(self) -> None:
        digest = hashlib.blake2b(self.content, digest_size=16).hexdigest()
        object.__setattr__(self, "zipped", gzip.compress(self.content, mtime=0))
        object.__setattr__(self, "tag", f'W/"{digest}"')

    def answer(self, request: Request) -> Response:
        """The content, or 304 when the browser has it."""
        headers = {"ETag": self.tag, "Cache-Control": self.cache, "Vary": "Accept-Encoding"}
        if self.tag in _listed(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        content = self.content
        if "gzip" in _listed(request.headers.get("accept-encoding", "")):
            content = self.zipped
            headers["Content-Encoding"] = "gzip"
        return Response(content, headers=headers, media_type=_MEDIA_TYPE)


class PortraitPacks:
    """Packs by the name of their portrait.

    Those of shipped portraits are made when they are first asked for. Others (uploads) come and
    go with `add` and `remove`; whoever knows their name may fetch them, so it must be unguessable.

    Args:
        names: shipped portraits that may be fetched.
    """

    def __init__(self, names: Collection[str] | None = None) -> None:
        known = set(portrait_names() if names is None else names)
        # The usual one first, as with voices.
        self.names: Final = tuple(sorted(known, key=lambda name: (name != DEFAULT_PORTRAIT, name)))
        self._shipped: dict[str, Asset] = {}
        self._added: dict[str, Asset] = {}
        self._making = asyncio.Lock()

    def add(self, name: str, portrait: Portrait) -> None:
        """Offer one more portrait; encoding it takes tenths of a second, best in a thread."""
        content = pack_portrait(portrait, encode_pictures(portrait))
        self._added[name] = Asset(content, "private, no-store")

    def remove(self, name: str) -> None:
        """Forget a portrait that was added; nothing happens if there is none."""
        self._added.pop(name, None)

    async def find(self, name: str) -> Asset | None:
        """The pack of that name, or None."""
        if name in self._added:
            return self._added[name]
        if name not in self.names:
            return None
        async with self._making:
            if name not in self._shipped:
                self._shipped[name] = await asyncio.to_thread(_pack_shipped, name)
        return self._shipped[name]


class Endpoints:
    """What answers the routes."""

    def __init__(self, packs: PortraitPacks, motion: MotionSpace, voices: Sequence[str]) -> None:
        self._packs = packs
        self._voices = list(voices)
        self._motion = Asset(save(motion_tensors(motion)), "no-cache")

    async def names(self, request: Request) -> Response:
        """GET /v1/portraits: portraits and voices there are, the usual ones first."""
        return JSONResponse({"portraits": list(self._packs.names), "voices": self._voices})

    async def file(self, request: Request) -> Response:
        """GET /v1/portraits/{name}/{file}: the pack of a portrait."""
        found = None
        if request.path_params["file"] == PACK_FILE:
            found = await self._packs.find(request.path_params["name"])
        if found is None:
            raise HTTPException(404, f"There is no such file; each portrait has {PACK_FILE}.")
        return found.answer(request)

    async def motion_space(self, request: Request) -> Response:
        """GET /v1/motion-space: what turns motion latents into faces."""
        return self._motion.answer(request)


def routes(packs: PortraitPacks, motion: MotionSpace, voices: Sequence[str]) -> list[Route]:
    """The routes of everything that a drawing browser fetches."""
    endpoints = Endpoints(packs, motion, voices)
    return [
        Route("/v1/portraits", endpoints.names, methods=["GET"]),
        Route("/v1/portraits/{name}/{file}", endpoints.file, methods=["GET"]),
        Route("/v1/motion-space", endpoints.motion_space, methods=["GET"]),
    ]


def motion_tensors(motion: MotionSpace) -> dict[str, NDArray[np.float32]]:
    """The motion space as it is served: `basis` (shapes, 478, 3) is in the order of the latents."""
    tensors = {
        "average": motion.average,
        "basis": np.concatenate([motion.mouth, motion.eyes, motion.brows]),
        "pose_mean": motion.pose_mean,
        "pose_std": motion.pose_std,
        "rest": motion.rest,
    }
    return {key: np.ascontiguousarray(array, np.float32) for key, array in tensors.items()}


def pack_portrait(portrait: Portrait, pictures: Mapping[str, bytes]) -> bytes:
    """A portrait as safetensors.

    Tensors: `landmarks` (478, 3), `origin` (2,), `unit` (1,), `pose` (3, 3) as in `Portrait`;
    `vertices` (N, 3), `uv` (N, 2), `follow` (N,), `pull_index` and `pull_weight` (N, 4) of all
    layers, `triangles` (M, 3) that count vertices of all layers, and `picture.0` … as bytes.
    Triangles that show nothing are left out, and the vertices that only they had.

    Args:
        portrait: whom to draw.
        pictures: the picture of each layer, by its name, as WebP.
    """
    meshes = [_prune(layer) for layer in portrait.layers]
    # Layers that share a picture (those of photographs do) share its bytes.
    unlike = list(dict.fromkeys(pictures[layer.name] for layer in portrait.layers))
    told, vertices, triangles = [], 0, 0
    for layer, mesh in zip(portrait.layers, meshes, strict=True):
        mesh["triangles"] = mesh["triangles"] + vertices
        told.append(
            {
                "name": layer.name,
                "picture": unlike.index(pictures[layer.name]),
                "first": triangles,
                "count": len(mesh["triangles"]),
                "texels": _texels(layer),
            }
        )
        vertices += len(mesh["vertices"])
        triangles += len(mesh["triangles"])
    kinds = {
        "vertices": np.float32,
        "uv": np.float32,
        "follow": np.float16,
        "pull_index": np.uint16,
        "pull_weight": np.float16,
        "triangles": np.uint16 if vertices <= 1 << 16 else np.uint32,
    }
    tensors: dict[str, NDArray[np.generic]] = {
        "landmarks": portrait.landmarks,
        "origin": portrait.origin,
        "unit": np.array([portrait.unit], np.float32),
        "pose": portrait.pose,
    }
    for key, kind in kinds.items():
        tensors[key] = np.concatenate([mesh[key] for mesh in meshes]).astype(kind)
    for n, picture in enumerate(unlike):
        tensors[f"picture.{n}"] = np.frombuffer(picture, np.uint8)
    pack = json.dumps({"name": portrait.name, "layers": told})
    return save(
        {key: np.ascontiguousarray(array) for key, array in tensors.items()}, {"pack": pack}
    )


def encode_pictures(portrait: Portrait) -> dict[str, bytes]:
    """The pictures of a portrait's layers as WebP; layers of one picture get the same bytes."""
    encoded: dict[int, bytes] = {}
    for layer in portrait.layers:
        if id(layer.image) in encoded:
            continue
        image = Image.fromarray(layer.image, "RGBA")
        if (layer.image[..., 3] == 255).all():
            image = image.convert("RGB")
        file = io.BytesIO()
        image.save(file, "WEBP", quality=_WEBP_QUALITY, exact=True, use_sharp_yuv=True)
        encoded[id(layer.image)] = file.getvalue()
    return {layer.name: encoded[id(layer.image)] for layer in portrait.layers}


def _pack_shipped(name: str) -> Asset:
    portrait = load_portrait(name)
    folder = Path(jamflow_rt.__file__).parent / "assets" / "portraits" / name
    pictures = {
        layer.name: (folder / f"{layer.name}.webp").read_bytes() for layer in portrait.layers
    }
    # Files have no version in their names: browsers ask each time, and get 304.
    return Asset(pack_portrait(portrait, pictures), "no-cache")


def _texels(layer: Layer) -> float:
    """Texels in one canonical unit, from the spread of the mesh over the picture."""
    width = int(layer.image.shape[1])
    across = float(np.ptp(layer.uv[:, 0])) * width
    return across / max(float(np.ptp(layer.vertices[:, 0])), 1e-6)


def _prune(layer: Layer) -> dict[str, NDArray[Any]]:
    """The mesh of a layer without the triangles around which its picture is transparent."""
    shown = layer.triangles[_shown(layer)]
    kept, renamed = np.unique(shown, return_inverse=True)
    mesh: dict[str, NDArray[Any]] = {
        key: getattr(layer, key)[kept]
        for key in ("vertices", "uv", "follow", "pull_index", "pull_weight")
    }
    return mesh | {"triangles": renamed.reshape(-1, 3).astype(np.int64)}


def _shown(layer: Layer) -> NDArray[np.bool_]:
    height, width = layer.image.shape[:2]
    # Sums of everything above and to the left: four of them tell the sum of a rectangle.
    sums = np.zeros((height + 1, width + 1), np.int64)
    sums[1:, 1:] = layer.image[..., 3].astype(np.int64).cumsum(0).cumsum(1)
    corners = (layer.uv * [width, height])[layer.triangles]
    limit = np.array([width, height])
    # What lies beyond the picture shows the picture's border.
    low = np.clip(np.floor(corners.min(1)) - _PRUNING_MARGIN, 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners.max(1)) + _PRUNING_MARGIN, 1, limit).astype(int)
    (left, top), (right, bottom) = low.T, high.T
    alpha = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    shown: NDArray[np.bool_] = alpha > 0
    return shown


def _listed(header: str) -> set[str]:
    """The parts of a header that is a list; of those with parameters none is meant."""
    return {part.strip() for part in header.split(",")}
