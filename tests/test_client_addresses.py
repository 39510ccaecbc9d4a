from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from jamflow_rt.client.addresses import socket_url, space_url
from jamflow_rt.client.space import unpack_space
from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.portraits import motion_tensors
from tests.stream_fakes import toy_space


@pytest.mark.parametrize(
    ("url", "socket", "space"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/realtime", "http://127.0.0.1:8080"),
        ("https://a.example/", "wss://a.example/v1/realtime", "https://a.example"),
        ("ws://[::1]:80", "ws://[::1]:80/v1/realtime", "http://[::1]:80"),
        ("wss://a.example/jam", "wss://a.example/jam/v1/realtime", "https://a.example/jam"),
        ("wss://a.example/v1/realtime?x=1", "wss://a.example/v1/realtime", "https://a.example"),
    ],
)
def test_a_server_is_found_by_any_of_its_addresses(url: str, socket: str, space: str) -> None:
    assert socket_url(url, {}) == socket
    assert space_url(url) == f"{space}/v1/motion-space"


def test_names_are_escaped() -> None:
    url = socket_url("http://a", {"media": "audio", "portrait": "a&b=../c"})
    assert url == "ws://a/v1/realtime?media=audio&portrait=a%26b%3D..%2Fc"


@pytest.mark.parametrize("url", ["", "a.example", "ftp://a.example", "http://", "file:///etc"])
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="address of a server"):
        socket_url(url, {})


def test_the_motion_space_of_a_server_gives_the_same_faces() -> None:
    space = toy_space()
    latents = np.linspace(-2, 2, 3 * space.size, dtype=np.float32).reshape(3, -1)
    received = unpack_space(save(motion_tensors(space)))
    for face, same in zip(space.decode(latents), received.decode(latents), strict=True):
        assert same.landmarks == pytest.approx(face.landmarks, abs=1e-5)
        assert same.rotation == pytest.approx(face.rotation)
        assert same.scale == pytest.approx(face.scale)
    assert received.encode_faces(space.decode(latents)) == pytest.approx(latents, abs=1e-3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        save({"average": np.zeros((478, 3), np.float32)}),
        save(motion_tensors(toy_space()) | {"rest": np.zeros(2, np.float32)}),
    ],
)
def test_what_is_no_motion_space_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="no motion space"):
        unpack_space(content)
