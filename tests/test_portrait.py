"""Portraits: what is shipped loads, what is damaged is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jamflow_rt.errors import InvalidInput
from jamflow_rt.render import Portrait, load_portrait, portrait_names
from jamflow_rt.render.topology import LOWER_LIP, UPPER_LIP

ASSETS = Path(__file__).resolve().parents[1] / "jamflow_rt" / "assets" / "portraits"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The default portrait's files, to be damaged."""
    return Path(shutil.copytree(ASSETS / "mara", tmp_path / "mara"))


def test_the_default_is_among_the_names() -> None:
    assert "mara" in portrait_names()
    assert load_portrait().name == "mara"


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"'nobody'.*mara"):
        load_portrait("nobody")


def test_a_path_is_no_name() -> None:
    with pytest.raises(InvalidInput):
        load_portrait("../portraits/mara")


def test_shipped_files_are_small_and_of_two_kinds() -> None:
    files = [path for path in ASSETS.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".webp", ".png"}
    assert sum(path.stat().st_size for path in files) < 4_000_000


@pytest.mark.parametrize("name", portrait_names())
def test_one_portrait_is_small(name: str) -> None:
    assert sum(path.stat().st_size for path in (ASSETS / name).iterdir()) < 800_000


@pytest.mark.parametrize("name", portrait_names())
def test_lips_are_closed_and_eyes_open_at_rest(name: str) -> None:
    marks = load_portrait(name).landmarks
    np.testing.assert_allclose(marks[UPPER_LIP.inner], marks[LOWER_LIP.inner], atol=1e-5)
    assert marks[145, 1] - marks[159, 1] > 0.8
    assert marks[374, 1] - marks[386, 1] > 0.8


def test_arrays_cannot_be_changed() -> None:
    portrait = load_portrait()
    with pytest.raises(ValueError, match="read-only"):
        portrait.landmarks[0] = 0
    for layer in portrait.layers:
        assert not layer.image.flags.writeable
        assert not layer.vertices.flags.writeable


def test_saving_and_loading_keeps_the_numbers(tmp_path: Path) -> None:
    portrait = load_portrait()
    portrait.save(tmp_path / "again")
    again = Portrait.load(tmp_path / "again")
    np.testing.assert_array_equal(again.landmarks, portrait.landmarks)
    assert [layer.name for layer in again.layers] == [layer.name for layer in portrait.layers]
    for old, new in zip(portrait.layers, again.layers, strict=True):
        np.testing.assert_array_equal(new.vertices, old.vertices)
        np.testing.assert_array_equal(new.triangles, old.triangles)
        assert new.image.shape == old.image.shape


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no portrait"):
        Portrait.load(tmp_path / "none")


def test_missing_picture(copy: Path) -> None:
    (copy / "face.webp").unlink()
    with pytest.raises(InvalidInput, match="face"):
        Portrait.load(copy)


def test_cut_picture(copy: Path) -> None:
    data = (copy / "face.webp").read_bytes()
    (copy / "face.webp").write_bytes(data[: len(data) // 3])
    with pytest.raises(InvalidInput, match="damaged"):
        Portrait.load(copy)


def test_cut_numbers(copy: Path) -> None:
    path = copy / "portrait.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InvalidInput, match="damaged"):
        Portrait.load(copy)


@pytest.mark.parametrize(
    ("key", "place", "value"),
    [
        ("landmarks", (3, 0), np.nan),
        ("face.triangles", (0, 0), 100_000),
        ("face.triangles", (0, 0), -1),
        ("hair_front.pull_index", (0, 0), 478),
        ("body.vertices", (0, 0), np.inf),
        ("unit", (0,), 0.0),
    ],
)
def test_numbers_that_cannot_be(copy: Path, key: str, place: tuple[int, ...], value: float) -> None:
    path = copy / "portrait.safetensors"
    tensors = load_file(str(path))
    tensors[key] = tensors[key].copy()
    tensors[key][place] = value
    names = [layer.name for layer in load_portrait().layers]
    save_file(tensors, str(path), metadata={"layers": json.dumps(names), "name": "mara"})
    with pytest.raises(InvalidInput, match="damaged"):
        Portrait.load(copy)
