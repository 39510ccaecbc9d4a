"""The motion space of a server, which turns what comes over the wire into faces."""

from __future__ import annotations

import asyncio
import logging
import urllib.request
from typing import Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from jamflow_rt.client.addresses import space_url
from jamflow_rt.codec.face import N_LANDMARKS
from jamflow_rt.codec.motion import POSE_SIZE, MotionSpace
from jamflow_rt.errors import InvalidInput

log = logging.getLogger(__name__)

SPACE_SECONDS: Final = 10.0
"""How long the server may take to send its motion space."""
MAX_SPACE: Final = 16 * 1024 * 1024
"""Bytes of a motion space; ours has 0.2 MB."""


async def fetch_space(url: str, token: str | None) -> MotionSpace | None:
    """The server's motion space; None, with a warning, when it cannot be had."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        content = await asyncio.to_thread(_fetch, space_url(url), headers)
        return unpack_space(content)
    except (OSError, InvalidInput) as error:
        log.warning("The motion space cannot be had, frames come without faces: %s", error)
        return None


def unpack_space(content: bytes) -> MotionSpace:
    """Read what `GET /v1/motion-space` gives.

    Raises:
        InvalidInput: it is something else.
    """
    try:
        tensors = {name: np.asarray(tensor, np.float32) for name, tensor in load(content).items()}
        none = np.zeros((0, N_LANDMARKS, 3), np.float32)
        # Which rows are of the mouth and which of the eyes does not matter for decoding.
        space = MotionSpace(
            average=tensors["average"],
            mouth=tensors["basis"],
            eyes=none,
            brows=none,
            pose_mean=tensors["pose_mean"],
            pose_std=tensors["pose_std"],
            rest=tensors["rest"],
        )
    except (SafetensorError, KeyError, ValueError) as error:
        raise InvalidInput(f"This is no motion space: {error!r}.") from error
    right = (
        space.average.shape == (N_LANDMARKS, 3)
        and space.mouth.shape[1:] == (N_LANDMARKS, 3)
        and space.pose_mean.shape == space.pose_std.shape == (POSE_SIZE,)
        and space.rest.shape == (space.size,)
    )
    if not right:
        raise InvalidInput("This is no motion space: its tensors have other shapes.")
    return space


def _fetch(url: str, headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=SPACE_SECONDS) as answer:
        content: bytes = answer.read(MAX_SPACE + 1)
    if len(content) > MAX_SPACE:
        raise InvalidInput(f"It has more than {MAX_SPACE} bytes.")
    return content
