from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from jamflow_rt.codec.face import FaceState, Keypoints
from jamflow_rt.codec.keypoint_map import load_mesh_map
from jamflow_rt.codec.keypoints import KeypointTrack
from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.liveportrait import source as sources
from jamflow_rt.render.liveportrait.crop import Crop, PasteBack
from jamflow_rt.render.liveportrait.idle import idle_template, load_template, onto
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.render.liveportrait.renderer import LivePortraitRenderer
from jamflow_rt.render.liveportrait.source import (
    LivePortraitSource,
    open_source,
    portrait_source,
    video_source,
)
from jamflow_rt.render.portraits import load_portrait
from jamflow_rt.track import tracker
from jamflow_rt.track.tracker import TrackedFace

MAP = load_mesh_map()
NETWORKS = LivePortraitNetworks.random(0, tiny=True)
ZERO = np.zeros(3, np.float32)


@pytest.fixture(scope="module")
def mara() -> LivePortraitSource:
    return portrait_source(NETWORKS, load_portrait("mara"))


def own_face(source: LivePortraitSource, frame: int = 0) -> FaceState:
    expression = source.motion.expression[frame].numpy()
    return FaceState(MAP.neutral, ZERO, ZERO[:2], 1.0, Keypoints(expression, frame))


def landmarks_of(crop: Crop) -> np.ndarray:
    """A face whose crop that is: eyes above the lips, a box around."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (478, 2)) * 0.9
    points[[33, 133, 362, 263]] = [[-0.5, -0.4], [-0.2, -0.4], [0.2, -0.4], [0.5, -0.4]]
    points[[61, 291, 13, 14]] = [[-0.3, 0.4], [0.3, 0.4], [0, 0.4], [0, 0.4]]
    points[:4] = [[-1, 0], [1, 0], [0, -1], [0, 1]]
    c, s = np.cos(crop.angle), np.sin(crop.angle)
    turned = points @ np.array([[c, s], [-s, c]])
    half = crop.side / 2 / 2.3
    up = np.array([-s, c]) * -0.125 * crop.side
    return (turned * half + crop.centre - up).astype(np.float32)


@pytest.mark.parametrize("angle", [0.0, 0.3, -0.4])
def test_the_square_is_turned_with_the_face_and_higher_than_it(angle: float) -> None:
    wanted = Crop(np.array([300, 250], np.float32), 230.0, angle)
    found = Crop.around(landmarks_of(wanted))
    assert found.angle == pytest.approx(angle, abs=1e-3)
    assert found.side == pytest.approx(230.0, rel=1e-3)
    np.testing.assert_allclose(found.centre, wanted.centre, atol=0.2)


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_what_is_cut_out_goes_back_where_it_was(angle: float) -> None:
    rows, columns = np.mgrid[:256, :256]
    waves = [np.sin(rows / 17), np.cos(columns / 23), np.sin((rows + columns) / 31)]
    picture = ((np.stack(waves, -1) + 1) * 127).astype(np.uint8)
    crop = Crop(np.array([120, 140], np.float32), 150.0, angle)
    cut = crop.cut(picture, 512)
    paste = PasteBack(crop, 256, torch.device("cpu"))
    whole = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    again = paste(cut[None], whole)
    assert (again - whole).abs().max() < 0.03
    # And what is drawn otherwise stays within the square.
    other = paste(torch.ones(1, 3, 512, 512), whole)
    outside = paste.mask[0, 0] == 0
    assert outside.float().mean() > 0.4
    torch.testing.assert_close(other[:, :, outside], whole[:, :, outside])
    assert other[0, :, 140, 120].min() > 0.99


def test_a_face_at_rest_is_the_source(mara: LivePortraitSource) -> None:
    renderer = LivePortraitRenderer(NETWORKS, mara, 128, MAP)
    torch.testing.assert_close(renderer.keypoints(own_face(mara)), mara.motion.placed())
    # A mesh at rest adds nothing to the source's expression.
    mesh = FaceState(MAP.neutral, ZERO, ZERO[:2], 1.0)
    torch.testing.assert_close(renderer.keypoints(mesh), mara.motion.placed())


def test_the_mouth_of_the_face_moves_the_keypoints_of_the_mouth(mara: LivePortraitSource) -> None:
    renderer = LivePortraitRenderer(NETWORKS, mara, 128, MAP, stitching=False)
    face = own_face(mara)
    assert face.keypoints is not None
    expression = face.keypoints.expression.copy()
    expression[19, 1] += 0.03
    opened = replace(face, keypoints=Keypoints(expression, 0))
    moved = renderer.keypoints(opened) - renderer.keypoints(face)
    scale = float(mara.motion.scale[0, 0])
    assert moved[0, 19, 1] == pytest.approx(0.03 * scale, rel=1e-4)
    moved[0, 19] = 0
    assert moved.abs().max() < 1e-6
    # The same from a mesh, by the map.
    mesh = MAP.neutral.copy()
    mesh[14, 1] += 0.5
    by_mesh = renderer.keypoints(FaceState(mesh, ZERO, ZERO[:2], 1.0))
    assert by_mesh[0, 19, 1] - renderer.keypoints(face)[0, 19, 1] == pytest.approx(
        0.040 * scale, rel=1e-3
    )


def test_head_and_place_move_as_the_face_says(mara: LivePortraitSource) -> None:
    renderer = LivePortraitRenderer(NETWORKS, mara, 128, MAP, stitching=False)
    face = own_face(mara)
    start = renderer.keypoints(face)
    aside = renderer.keypoints(replace(face, translation=np.array([2.0, 0.0], np.float32)))
    torch.testing.assert_close(aside - start, (aside - start)[:, :1].expand(-1, 21, -1))
    assert (aside - start)[0, 0, 0] == pytest.approx(2 * mara.centimetre, rel=1e-4)
    near = renderer.keypoints(replace(face, scale=1.2))
    centre = mara.motion.t[:, None] * torch.tensor([1.0, 1.0, 0.0])
    torch.testing.assert_close(near - centre, (start - centre) * 1.2)
    # Tilted clockwise about its place: right goes down.
    tilted = renderer.keypoints(replace(face, rotation=np.array([0, 0, 0.2], np.float32)))
    arms = mara.motion.keypoints[0] * float(mara.motion.scale[0, 0])
    right = arms[:, 0].argmax()
    assert (tilted - start)[0, right, 1] > 0


def test_pictures_have_their_size_and_change_within_the_square(mara: LivePortraitSource) -> None:
    renderer = LivePortraitRenderer(NETWORKS, mara, 160, MAP)
    renderer.warm_up()
    picture = renderer.render(own_face(mara))
    assert picture.shape == (160, 160, 3) and picture.dtype == np.uint8
    # Beyond the square the picture is the portrait's own.
    small = LivePortraitRenderer(NETWORKS, mara, 160, MAP)
    whole = (small._picture[0].permute(1, 2, 0) * 255).round().numpy().astype(np.uint8)
    assert small._paste is not None
    outside = small._paste.mask[0, 0].numpy() == 0
    np.testing.assert_array_equal(picture[outside], whole[outside])
    square = LivePortraitRenderer(NETWORKS, mara, 160, MAP, paste_back=False)
    assert square.render(own_face(mara)).shape == (160, 160, 3)
    with pytest.raises(InvalidInput, match="8 pixels"):
        LivePortraitRenderer(NETWORKS, mara, 8, MAP)


def test_what_cannot_be_drawn_is_refused(mara: LivePortraitSource) -> None:
    renderer = LivePortraitRenderer(NETWORKS, mara, 64, MAP)
    face = own_face(mara)
    with pytest.raises(InvalidInput, match="NaN"):
        renderer.render(replace(face, scale=float("nan")))
    with pytest.raises(InvalidInput, match=r"expression \(20, 3\)"):
        renderer.render(replace(face, keypoints=Keypoints(np.zeros((20, 3), np.float32), 0)))
    with pytest.raises(InvalidInput, match="landmarks"):
        renderer.render(replace(face, landmarks=np.zeros((468, 3), np.float32)))


def test_each_frame_of_a_video_is_a_source_of_its_own() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (200, 240, 3), np.uint8) for _ in range(11)]
    crop = Crop(np.array([120, 100], np.float32), 150.0, 0.0)
    landmarks = np.repeat(landmarks_of(crop)[None], 11, 0)
    source = video_source(NETWORKS, pictures, landmarks, "clip")
    assert source.video and len(source.pictures) == 11
    assert source.pictures[0].shape == (200, 200, 3)
    np.testing.assert_array_equal(source.track.expression, source.motion.expression.numpy())
    renderer = LivePortraitRenderer(NETWORKS, source, 128, MAP)
    for frame in (0, 7, 3):
        x_d = renderer.keypoints(own_face(source, frame))
        torch.testing.assert_close(x_d[0], source.motion.placed()[frame], atol=1e-5, rtol=1e-4)
    assert not np.array_equal(
        renderer.render(own_face(source, 2)), renderer.render(own_face(source, 9))
    )


def test_pictures_without_a_face_stay_as_they_are() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (200, 200, 3), np.uint8) for _ in range(5)]
    landmarks = np.repeat(
        landmarks_of(Crop(np.array([100, 100], np.float32), 190.0, 0.0))[None], 5, 0
    )
    seen = np.array([True, True, False, False, True])
    source = video_source(NETWORKS, pictures, landmarks, "clip", seen)
    renderer = LivePortraitRenderer(NETWORKS, source, 200, MAP)
    np.testing.assert_array_equal(renderer.render(own_face(source, 2)), pictures[2])
    assert not np.array_equal(renderer.render(own_face(source, 1)), pictures[1])
    square = LivePortraitRenderer(NETWORKS, source, 64, MAP, paste_back=False)
    assert square.render(own_face(source, 3)).shape == (64, 64, 3)
    own = source.motion.expression.numpy()
    np.testing.assert_allclose(source.track.expression[[0, 1, 4]], own[[0, 1, 4]])
    np.testing.assert_allclose(
        source.track.expression[2], own[1] + (own[4] - own[1]) / 3, atol=1e-6
    )


def test_a_face_that_is_too_small_or_mostly_lost_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.full((300, 500, 3), 90, np.uint8)).save(tmp_path / "me.png")
    small = landmarks_of(Crop(np.array([250, 150], np.float32), 100.0, 0.1))
    monkeypatch.setattr(sources, "find_face", lambda picture, model: small)
    with pytest.raises(InvalidInput, match="4. pixels large and 80 are needed"):
        open_source(NETWORKS, tmp_path / "me.png")
    seen = np.array([True, False, False])
    monkeypatch.setattr(sources, "landmarker_file", lambda: tmp_path / "me.png")
    monkeypatch.setattr(
        tracker,
        "Tracker",
        lambda model: SimpleNamespace(
            track=lambda path, longest: TrackedFace(np.repeat(small[None], 3, 0), seen)
        ),
    )
    with pytest.raises(InvalidInput, match=r"seen in 33% of me\.mp4"):
        open_source(NETWORKS, tmp_path / "me.mp4")


def test_a_photograph_is_opened_with_the_finder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "me.png"
    Image.fromarray(np.full((300, 500, 3), 90, np.uint8)).save(path)
    crop = Crop(np.array([250, 150], np.float32), 200.0, 0.1)
    monkeypatch.setattr(sources, "find_face", lambda picture, model: landmarks_of(crop))
    source = open_source(NETWORKS, path)
    assert source.name == "me" and not source.video
    assert source.pictures[0].shape == (300, 300, 3)
    # It begins as the picture is, and blinks later.
    np.testing.assert_allclose(
        source.track.expression[0], source.motion.expression[0].numpy(), atol=1e-6
    )
    lids = source.track.expression[:, 11, 1] - source.track.expression[0, 11, 1]
    assert lids.max() > 0.012
    with pytest.raises(InvalidInput, match=r"me\.gif is no photograph and no video"):
        open_source(NETWORKS, tmp_path / "me.gif")


def test_the_idle_template_is_calm_and_blinks() -> None:
    track = idle_template()
    assert len(track.expression) == 400
    assert np.degrees(np.abs(track.rotation)).max() < 2.5
    assert np.degrees(np.abs(np.diff(track.rotation, axis=0))).max() < 0.2
    closed = track.expression[:, 11, 1] > 0.01
    assert np.diff(closed.astype(int)).clip(0).sum() == 5
    moved = onto(np.full((21, 3), 0.5, np.float32), track)
    np.testing.assert_allclose(moved.expression[0], 0.5)


def test_a_motion_template_is_read_at_our_rate(tmp_path: Path) -> None:
    frames = 31
    angle = np.linspace(0, 0.3, frames)
    turn = np.stack(
        [[[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]] for a in angle]
    )
    path = tmp_path / "motion.npz"
    parts = {
        "nod_exp": np.random.default_rng(0).normal(size=(frames, 21, 3)),
        "nod_R": turn,
        "nod_t": np.zeros((frames, 3)),
        "nod_scale": np.full((frames, 1), 1.4),
        "nod_fps": np.array(30),
    }
    np.savez(path, **parts)
    track = load_template(path, "nod")
    assert isinstance(track, KeypointTrack) and len(track.expression) == 26
    np.testing.assert_allclose(track.scale, 1.0)
    np.testing.assert_allclose(track.rotation[-1], [0, 0, 0.3], atol=1e-5)
    with pytest.raises(InvalidInput, match="no motion template 'wink'"):
        load_template(path, "wink")
