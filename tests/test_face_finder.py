from __future__ import annotations

import hashlib
import io
import sys
import types
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from jamflow_rt.errors import Failed, InvalidInput, NotSupported
from jamflow_rt.render import face_finder
from jamflow_rt.render.face_finder import VARIABLE, find_face, landmarker_file, read_photo

MODEL = b"a landmarker"


@pytest.fixture(autouse=True)
def known_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(face_finder, "SHA256", hashlib.sha256(MODEL).hexdigest())


def answer(monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    def urlopen(url: str, timeout: float) -> io.BytesIO:
        if content is None:
            raise OSError("no network")
        return io.BytesIO(content)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_photographs_are_read_upright_and_flat(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"me{suffix}"
    image = Image.new("RGB", (40, 20), "black")
    image.paste("white", (0, 0, 40, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    image.save(path, exif=exif)
    picture = read_photo(path)
    assert picture.shape == (40, 20, 3)
    assert picture[:, -2:].mean() > 200 > picture[:, :10].mean()


def test_transparent_places_are_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "me.png")
    assert (read_photo(tmp_path / "me.png") == 255).all()


def test_what_is_no_photograph_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"no picture .*me\.jpg"):
        read_photo(tmp_path / "me.jpg")
    (tmp_path / "me.jpg").write_bytes(b"text")
    with pytest.raises(InvalidInput, match=r"me\.jpg is no JPEG"):
        read_photo(tmp_path / "me.jpg")
    monkeypatch.setattr(face_finder, "MOST_PIXELS", 100)
    Image.new("RGB", (20, 20)).save(tmp_path / "large.png")
    with pytest.raises(InvalidInput, match="^[^ ]+ has .* megapixels"):
        read_photo(tmp_path / "large.png")


def test_the_model_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, MODEL)
    path = landmarker_file(tmp_path)
    assert path.read_bytes() == MODEL
    answer(monkeypatch, None)
    assert landmarker_file(tmp_path) == path


def test_a_wrong_model_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, b"something else")
    with pytest.raises(Failed, match="SHA-256"):
        landmarker_file(tmp_path)
    assert list(tmp_path.iterdir()) == []
    answer(monkeypatch, None)
    with pytest.raises(Failed, match=VARIABLE):
        landmarker_file(tmp_path)


def test_the_users_own_model_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.task"
    monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises(InvalidInput, match=r"mine\.task"):
        landmarker_file()
    path.write_bytes(MODEL)
    assert landmarker_file() == path


def fake_mediapipe(faces: int) -> types.ModuleType:
    points = [SimpleNamespace(x=0.5, y=0.25, z=-0.1)] * 478

    class Landmarker:
        @classmethod
        def create_from_options(cls, options: object) -> Landmarker:
            return cls()

        def __enter__(self) -> Landmarker:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def detect(self, image: object) -> SimpleNamespace:
            return SimpleNamespace(face_landmarks=[points] * faces)

    def anything(**options: object) -> SimpleNamespace:
        return SimpleNamespace(**options)

    module = types.ModuleType("mediapipe")
    vision = SimpleNamespace(FaceLandmarkerOptions=anything, FaceLandmarker=Landmarker)
    module.__dict__.update(
        tasks=SimpleNamespace(vision=vision, BaseOptions=anything),
        Image=anything,
        ImageFormat=SimpleNamespace(SRGB=1),
    )
    return module


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def put(faces: int) -> None:
        monkeypatch.setitem(sys.modules, "mediapipe", fake_mediapipe(faces))

    return put


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(MODEL)
    return path


def test_a_missing_model_is_named(use: Callable[[int], None], tmp_path: Path) -> None:
    use(1)
    with pytest.raises(InvalidInput, match=r"no face landmarker .*gone\.task"):
        find_face(np.zeros((200, 200, 3), np.uint8), tmp_path / "gone.task")


def test_one_face_is_found_in_pixels_of_the_picture(
    use: Callable[[int], None], model: Path
) -> None:
    use(1)
    marks = find_face(np.zeros((2000, 4000, 3), np.uint8), model)
    assert marks.shape == (478, 3)
    assert marks[0] == pytest.approx([2000, 500, -400])


@pytest.mark.parametrize(("faces", "complaint"), [(0, "no face"), (2, "2 faces")])
def test_none_and_several_are_errors(
    use: Callable[[int], None], model: Path, faces: int, complaint: str
) -> None:
    use(faces)
    with pytest.raises(InvalidInput, match=complaint):
        find_face(np.zeros((200, 200, 3), np.uint8), model)


def test_without_mediapipe_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(NotSupported, match=r"jamflow-rt\[portrait\]"):
        find_face(np.zeros((200, 200, 3), np.uint8))
