"""What a drawing browser fetches."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load, load_file, save
from starlette.applications import Starlette
from starlette.testclient import TestClient

from jamflow_rt.render import Portrait, load_portrait, portrait_names
from jamflow_rt.serve.portraits import PACK_FILE, PortraitPacks, encode_pictures, routes
from tests.drawing_fixture import FILE, tensors
from tests.toy import toy_space

SPACE = toy_space()
VOICES = ("bella", "anna")
PACK = f"/v1/portraits/mara/{PACK_FILE}"


@pytest.fixture(scope="module")
def packs() -> PortraitPacks:
    return PortraitPacks()


@pytest.fixture(scope="module")
def client(packs: PortraitPacks) -> TestClient:
    return TestClient(Starlette(routes=list(routes(packs, SPACE, VOICES))))


def told(content: bytes) -> dict[str, Any]:
    """The metadata of a pack."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, Any] = json.loads(
        json.loads(content[8 : 8 + length])["__metadata__"]["pack"]
    )
    return metadata


def test_portraits_and_voices_are_listed_the_usual_ones_first(client: TestClient) -> None:
    answer = client.get("/v1/portraits")
    assert answer.status_code == 200
    listed = answer.json()
    assert listed["portraits"][0] == "mara"
    assert sorted(listed["portraits"]) == sorted(portrait_names())
    assert listed["voices"] == ["bella", "anna"]


def test_the_motion_space_is_served_whole(client: TestClient) -> None:
    served = load(client.get("/v1/motion-space").content)
    np.testing.assert_array_equal(served["average"], SPACE.average)
    basis = np.concatenate([SPACE.mouth, SPACE.eyes, SPACE.brows])
    np.testing.assert_array_equal(served["basis"], basis)
    for name in ("pose_mean", "pose_std", "rest"):
        np.testing.assert_array_equal(served[name], getattr(SPACE, name))


@pytest.mark.parametrize("name", portrait_names())
def test_a_pack_holds_the_portrait(client: TestClient, name: str) -> None:
    portrait = load_portrait(name)
    content = client.get(f"/v1/portraits/{name}/{PACK_FILE}").content
    # A page is waiting for it.
    assert len(content) < 500_000
    pack, story = load(content), told(content)
    assert story["name"] == name
    for key in ("landmarks", "origin", "pose"):
        np.testing.assert_array_equal(pack[key], getattr(portrait, key))
    assert pack["unit"][0] == np.float32(portrait.unit)
    assert [entry["name"] for entry in story["layers"]] == [layer.name for layer in portrait.layers]
    first = 0
    for entry, layer in zip(story["layers"], portrait.layers, strict=True):
        assert entry["first"] == first
        first += entry["count"]
        triangles = pack["triangles"][entry["first"] : first]
        # Corner by corner the kept triangles are some of the portrait's, in its order.
        here = np.concatenate([pack["vertices"][triangles], pack["uv"][triangles]], 2)
        there = np.concatenate([layer.vertices[layer.triangles], layer.uv[layer.triangles]], 2)
        places = [np.flatnonzero((there == corner).all((1, 2))) for corner in here]
        assert all(len(place) for place in places)
        assert (np.diff([place[0] for place in places]) > 0).all()
        picture = Image.open(io.BytesIO(pack[f"picture.{entry['picture']}"].tobytes()))
        np.testing.assert_array_equal(np.array(picture.convert("RGBA")), layer.image)
    assert first == len(pack["triangles"])


def test_vertices_are_pulled_and_follow_as_in_the_portrait(client: TestClient) -> None:
    face = next(layer for layer in load_portrait().layers if layer.name == "face")
    content = client.get(PACK).content
    pack = load(content)
    entry = next(entry for entry in told(content)["layers"] if entry["name"] == "face")
    corners = pack["triangles"][entry["first"] : entry["first"] + entry["count"]].ravel()
    for corner in np.unique(corners):
        (same,) = np.nonzero((face.vertices == pack["vertices"][corner]).all(1))
        known = [n for n in same if (face.uv[n] == pack["uv"][corner]).all()]
        assert any(
            (face.pull_index[n] == pack["pull_index"][corner]).all()
            and np.allclose(face.pull_weight[n], pack["pull_weight"][corner], atol=1e-3)
            and abs(face.follow[n] - pack["follow"][corner]) < 1e-3
            for n in known
        )


def test_what_is_left_out_shows_nothing(client: TestClient) -> None:
    content = client.get(PACK).content
    counts = {entry["name"]: entry["count"] for entry in told(content)["layers"]}
    for layer in load_portrait().layers:
        if (layer.image[..., 3] > 0).all():
            assert counts[layer.name] == len(layer.triangles)
    hair = next(layer for layer in load_portrait().layers if layer.name == "hair_front")
    assert 0 < counts["hair_front"] < 0.8 * len(hair.triangles)


def test_browsers_that_have_it_are_told_so(client: TestClient) -> None:
    for path in (PACK, "/v1/motion-space"):
        first = client.get(path)
        assert first.headers["cache-control"] == "no-cache"
        for header in (first.headers["etag"], f'"other", {first.headers["etag"]}'):
            again = client.get(path, headers={"If-None-Match": header})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
        changed = client.get(path, headers={"If-None-Match": '"other"'})
        assert changed.content == first.content


def test_it_is_compressed_for_those_who_can_read_that(client: TestClient) -> None:
    sizes = {}
    for encoding in ("identity", "gzip, br"):
        with client.stream("GET", PACK, headers={"Accept-Encoding": encoding}) as answer:
            assert answer.headers["vary"] == "Accept-Encoding"
            assert ("content-encoding" in answer.headers) == (encoding != "identity")
            sizes[encoding] = sum(len(chunk) for chunk in answer.iter_raw())
    assert sizes["gzip, br"] < 0.8 * sizes["identity"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/portraits/nobody/pack.safetensors",
        "/v1/portraits/mara/portrait.safetensors",
        "/v1/portraits/mara/face.webp",
        "/v1/portraits/../pack.safetensors",
        "/v1/portraits/%2e%2e/pack.safetensors",
        "/v1/portraits/mara%2f..%2fmara/pack.safetensors",
        "/v1/portraits/mara/..%2fmara%2fface.webp",
        "/v1/portraits/%00/pack.safetensors",
        "/v1/portraits//etc/passwd",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@settings(max_examples=50, deadline=None, derandomize=True)
@given(name=st.text(min_size=1), file=st.text(min_size=1))
def test_no_name_does_harm(client: TestClient, name: str, file: str) -> None:
    quoted = [part.encode().hex() for part in (name, file)]
    name, file = ("".join(f"%{part[n : n + 2]}" for n in range(0, len(part), 2)) for part in quoted)
    assert client.get(f"/v1/portraits/{name}/{file}").status_code == 404


def painted(colour: int) -> Portrait:
    """The shipped portrait with one more face of paint; both its last layers share a picture."""
    shipped = load_portrait()
    image = np.full((40, 40, 4), colour, np.uint8)
    mask = dataclasses.replace(shipped.layers[-1], name="mask", image=image)
    return dataclasses.replace(
        shipped, name="mine", layers=(*shipped.layers, mask, dataclasses.replace(mask, name="twin"))
    )


def test_an_added_portrait_is_served_until_it_is_removed(
    client: TestClient, packs: PortraitPacks
) -> None:
    packs.add("a-secret", painted(200))
    answer = client.get(f"/v1/portraits/a-secret/{PACK_FILE}")
    # It is somebody's face: no cache on the way may keep it.
    assert answer.headers["cache-control"] == "private, no-store"
    story = told(answer.content)
    assert story["name"] == "mine"
    mask, twin = story["layers"][-2:]
    assert mask["picture"] == twin["picture"] != story["layers"][-3]["picture"]
    assert "a-secret" not in client.get("/v1/portraits").text
    packs.remove("a-secret")
    packs.remove("a-secret")
    assert client.get(f"/v1/portraits/a-secret/{PACK_FILE}").status_code == 404


def test_pictures_of_one_image_are_encoded_once_and_look_the_same() -> None:
    portrait = painted(200)
    pictures = encode_pictures(portrait)
    assert pictures["mask"] is pictures["twin"]
    for layer in portrait.layers:
        decoded = np.array(Image.open(io.BytesIO(pictures[layer.name])).convert("RGBA"))
        seen = layer.image[..., 3] > 128
        assert decoded.shape == layer.image.shape
        difference = np.abs(decoded.astype(int) - layer.image)[seen]
        assert difference.mean() < 4


def test_only_names_that_were_given_are_offered() -> None:
    packs = PortraitPacks(["jonas"])
    client = TestClient(Starlette(routes=list(routes(packs, SPACE, VOICES))))
    assert client.get("/v1/portraits").json()["portraits"] == ["jonas"]
    assert client.get(PACK).status_code == 404


def test_the_same_portrait_has_the_same_tag_each_time(client: TestClient) -> None:
    fresh = TestClient(Starlette(routes=list(routes(PortraitPacks(), SPACE, VOICES))))
    assert fresh.get(PACK).headers["etag"] == client.get(PACK).headers["etag"]


def test_the_figures_for_the_browsers_tests_are_those_of_today() -> None:
    """If this fails, look at what changed, then run `python -m tests.drawing_fixture`."""
    kept, now = load_file(str(FILE)), load(save(tensors()))
    assert kept.keys() == now.keys()
    for name, array in now.items():
        np.testing.assert_allclose(kept[name], array, atol=1e-6, err_msg=name)
