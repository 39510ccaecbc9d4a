"""Triangles: cover, filtering, blending."""

from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.render.raster import draw, pack, unpack

FULL = np.uint64(0x00FF000000000000)


def square(count: int, size: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A square cut into random triangles: a grid whose inner points are shaken."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, size, count + 1), np.linspace(0, size, count + 1))
    shake = rng.uniform(-0.3, 0.3, (2, count + 1, count + 1)) * size / count
    shake[:, [0, -1]] = 0
    shake[:, :, [0, -1]] = 0
    points = np.stack([(x + shake[0]).ravel(), (y + shake[1]).ravel()], 1)
    triangles = []
    for r in range(count):
        for c in range(count):
            a = r * (count + 1) + c
            triangles += [(a, a + 1, a + count + 1), (a + 1, a + count + 2, a + count + 1)]
    order = rng.permutation(len(triangles))
    return points.astype(np.float32), np.array(triangles, np.int32)[order]


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_cover_each_pixel_exactly_once(seed: int) -> None:
    points, triangles = square(9, 64, seed)
    half = np.zeros((4, 4, 4), np.uint8)
    half[..., 3] = 128
    frame = np.full((64, 64), FULL, np.uint64)
    frame |= np.uint64(200)
    uv = np.full_like(points, 2)
    draw(frame, pack(half), points, uv, triangles)
    red = frame & np.uint64(0xFFFF)
    # Drawn twice it would be 50, not at all 200.
    assert set(np.unique(red)) <= {99, 100}


def test_identity_copies_the_texture() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (32, 32, 4), dtype=np.uint8)
    image[..., 3] = 255
    points, triangles = square(1, 32, 0)
    frame = np.zeros((32, 32), np.uint64)
    draw(frame, pack(image), points, points, triangles)
    picture = np.zeros((32, 32, 3), np.uint8)
    unpack(frame, picture)
    # The last row and column would need texels beyond the border.
    np.testing.assert_allclose(
        picture[:-1, :-1].astype(int), image[:-1, :-1, :3].astype(int), atol=2
    )


def test_a_shrunken_drawing_keeps_flat_colour() -> None:
    image = np.full((16, 16, 4), (10, 120, 250, 255), np.uint8)
    points, triangles = square(3, 16, 1)
    frame = np.zeros((40, 40), np.uint64)
    draw(frame, pack(image), points * 1.7 + 3.3, points, triangles)
    picture = np.zeros((40, 40, 3), np.uint8)
    unpack(frame, picture)
    painted = picture[4:30, 4:30].reshape(-1, 3)
    np.testing.assert_array_equal(painted, np.broadcast_to([10, 120, 250], painted.shape))
    assert (picture[:3] == 0).all()


def test_triangles_outside_or_without_area_are_left_out() -> None:
    image = np.full((4, 4, 4), 255, np.uint8)
    points = np.array([[-50, -50], [-20, -50], [-50, -20], [5, 5], [9, 9], [1e7, 5]], np.float32)
    triangles = np.array([[0, 1, 2], [3, 3, 4], [3, 4, 4]], np.int32)
    frame = np.zeros((16, 16), np.uint64)
    draw(frame, pack(image), points, np.zeros_like(points), triangles)
    assert not frame.any()


def test_no_channel_overflows_into_the_next() -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (32, 32, 4), dtype=np.uint8)
    points, triangles = square(4, 32, 3)
    frame = np.full((32, 32), FULL | np.uint64(0x00FF00FF00FF), np.uint64)
    white = pack(np.dstack([np.full((32, 32, 3), 255, np.uint8), image[..., 3]]))
    for _ in range(3):
        draw(frame, white, points, points, triangles)
    assert (frame == FULL | np.uint64(0x00FF00FF00FF)).all()


@pytest.mark.parametrize("wild", [1e4, 1e6, 1e30, np.inf, np.nan])
def test_wild_points_neither_fail_nor_bleed(wild: float) -> None:
    points, triangles = square(4, 32, 5)
    uv = points * 1000 % 8
    points[[6, 12]] = wild
    points[18, 1] = -wild
    red = np.zeros((8, 8, 4), np.uint8)
    red[..., [0, 3]] = 255
    frame = np.full((32, 32), FULL, np.uint64)
    draw(frame, pack(red), points, uv, triangles)
    assert set(np.unique(frame)) <= {FULL, FULL | np.uint64(255)}
    assert (frame == FULL | np.uint64(255)).any()


@pytest.mark.parametrize("wild", [1e4, 1e9, 1e30, -1e30, 3e38])
def test_wild_places_in_the_texture_show_its_border(wild: float) -> None:
    points, triangles = square(4, 32, 5)
    uv = points.copy()
    uv[[6, 12], 0] = wild
    uv[18] = wild
    red = np.zeros((8, 8, 4), np.uint8)
    red[..., [0, 3]] = 255
    frame = np.full((32, 32), FULL, np.uint64)
    draw(frame, pack(red), points, uv, triangles)
    assert (frame == FULL | np.uint64(255)).all()


def test_the_border_of_a_texture_repeats() -> None:
    image = np.zeros((2, 3, 4), np.uint8)
    image[:, :, 0] = (40, 80, 120)
    image[..., 3] = 255
    points, triangles = square(1, 16, 0)
    uv = points / 16 * [9, 6] - [3, 2]
    frame = np.zeros((16, 16), np.uint64)
    draw(frame, pack(image), points, uv.astype(np.float32), triangles)
    red = (frame & np.uint64(255)).astype(int)
    # A third of the square lies to the left of the texture, a third to the right.
    assert (red[:, :6] == 40).all()
    assert (abs(red[:, 10:] - 120) <= 1).all()
    assert (np.diff(red, axis=1) >= 0).all()


def test_a_sliver_between_two_pixels_covers_nothing() -> None:
    points = np.array([[2.6, 1], [2.6001, 1], [2.6, 14]], np.float32)
    frame = np.zeros((16, 16), np.uint64)
    white = pack(np.full((4, 4, 4), 255, np.uint8))
    draw(frame, white, points, points[::-1].copy(), np.array([[0, 1, 2]], np.int32))
    assert not frame.any()
