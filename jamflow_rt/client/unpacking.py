"""Frames out of what came of them: decoded sound, picture and motion."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.client.decoding import PictureDecoder, SoundDecoder
from jamflow_rt.client.frames import Parts, RemoteFrame
from jamflow_rt.codec.arkit import ARKIT_NAMES
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import InvalidInput
from jamflow_rt.protocol import MediaFrame, MediaKind, MotionPayload
from jamflow_rt.stream.media import SpokenPhoneme, SpokenWord

log = logging.getLogger(__name__)


class Unpacker:
    """Decodes the frames of one session, in order.

    What a frame lacks because the server left it out, the frame before lends it.

    Args:
        space: the server's; without it, motion stays latents.
    """

    def __init__(self, space: MotionSpace | None) -> None:
        self.space = space
        self._sound = SoundDecoder()
        self._pictures = PictureDecoder()
        # What was seen last.
        self._picture: NDArray[np.uint8] | None = None
        self._motion: FaceState | None = None
        self._latents: NDArray[np.float32] | None = None
        self._arkit: dict[str, float] = {}

    async def frame(
        self,
        parts: Parts,
        speech_id: str | None,
        words: tuple[SpokenWord, ...],
        phonemes: tuple[SpokenPhoneme, ...],
    ) -> RemoteFrame:
        """Decode one."""
        if parts.seen is not None and parts.seen.kind is MediaKind.VIDEO:
            await self._see_picture(parts.seen)
        elif parts.seen is not None:
            self._see_motion(parts.seen)
        return RemoteFrame(
            time=parts.time,
            picture=self._picture,
            sound=np.concatenate([self._sound.decode(packet) for packet in parts.sounds]),
            motion=self._motion,
            speech_id=speech_id,
            epoch=parts.epoch,
            words=words,
            phonemes=phonemes,
            latents=self._latents,
            arkit=self._arkit,
        )

    async def _see_picture(self, media: MediaFrame) -> None:
        picture = await asyncio.to_thread(self._pictures.decode, media.payload, media.flag)
        if picture is not None:
            self._picture = picture

    def _see_motion(self, media: MediaFrame) -> None:
        try:
            motion = MotionPayload.unpack(media.payload)
            faces = None if self.space is None else self.space.decode(motion.latents[None])
        except InvalidInput as error:
            log.warning("Motion could not be read: %s", error)
            return
        self._latents = motion.latents
        self._arkit = dict(zip(ARKIT_NAMES, motion.arkit.tolist(), strict=True))
        self._motion = None if faces is None else faces[0]
