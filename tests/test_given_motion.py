from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.whitening import SILENCE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.given_motion import MotionSource, check_motion, motion_cells
from tests.stream_fakes import toy_space

SPACE = toy_space()


def latents(frames: int) -> np.ndarray:
    random = np.random.default_rng(frames)
    return random.standard_normal((frames, SPACE.size)).astype(np.float32)


def test_faces_and_latents_are_the_same_motion() -> None:
    given_latents = latents(6)
    by_latents = check_motion(given_latents, SPACE)
    by_faces = check_motion(SPACE.decode(given_latents), SPACE)
    np.testing.assert_array_equal(by_latents.latents, given_latents)
    np.testing.assert_allclose(by_faces.latents, given_latents, atol=1e-3)


def test_what_is_no_motion_is_refused() -> None:
    face = SPACE.decode(latents(1))[0]
    cut = FaceState(face.landmarks[:10], face.rotation, face.translation, face.scale)
    broken = FaceState(face.landmarks * np.nan, face.rotation, face.translation, face.scale)
    for wrong in ([], latents(0), latents(2)[:, :3], [face, "face"], [cut], [broken]):
        with pytest.raises(InvalidInput, match=r"[Mm]otion"):
            check_motion(wrong, SPACE)


def test_cells_of_motion_are_silent_or_to_be_spoken() -> None:
    motion = check_motion(latents(5), SPACE)
    silent = motion_cells(motion, None, "s")
    assert [cell.given for cell in silent] == [True, True]
    assert silent[0].mel is not None and (silent[0].mel == np.float32(SILENCE)).all()
    ids = np.arange(30, dtype=np.int32)
    spoken = motion_cells(motion, ids, "s", voice=3)
    assert [cell.given for cell in spoken] == [False, False]
    assert [cell.voice for cell in spoken] == [3, 3]
    assert spoken[1].text.tolist() == list(range(15, 30))
    assert spoken[1].faces is not None and len(spoken[1].faces) == 4
    assert spoken[1].faces[0] is spoken[1].faces[3] is motion.faces[4]


@given(st.lists(st.integers(1, 11), max_size=6))
def test_chunks_of_any_size_are_the_same_motion(sizes: list[int]) -> None:
    whole = latents(sum(sizes))
    source = MotionSource("s")
    start = 0
    for size in sizes:
        source.push(check_motion(whole[start : start + size], SPACE))
        start += size
    source.finish()

    async def read() -> list[np.ndarray]:
        return [
            cell.motion
            async for piece in source.pieces()
            for cell in piece.cells
            if cell.motion is not None
        ]

    cells = asyncio.run(read())
    assert len(cells) == -(-len(whole) // 4)
    if cells:
        np.testing.assert_array_equal(np.concatenate(cells)[: len(whole)], whole)
