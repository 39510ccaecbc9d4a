"""LivePortrait's networks give what the published weights mean, on every way to the picture."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import Tensor

from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.liveportrait.architecture import TINY
from jamflow_rt.render.liveportrait.keypoints import degrees
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from tests.liveportrait_official import (
    Tensors,
    appearance,
    generator,
    motion,
    warping,
    write_official,
)

NETWORKS = {
    "appearance_extractor": 0.84,
    "motion_extractor": 28.12,
    "warping": 45.53,
    "generator": 55.37,
    "stitching": 0.23,
}
"""Millions of weights, as upstream tells them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("liveportrait") / "weights"
    write_official(path, TINY)
    return path


@pytest.fixture(scope="module")
def networks(folder: Path) -> LivePortraitNetworks:
    return LivePortraitNetworks.load(folder, architecture=TINY)


def _official(folder: Path, name: str) -> Tensors:
    return torch.load(folder / "base_models" / f"{name}.pth", weights_only=True)


def _source(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    made = torch.Generator().manual_seed(3)
    f_s = torch.randn(batch, TINY.channels, TINY.depth, 64, 64, generator=made)
    x_s = 1.4 * torch.rand(batch, 21, 3, generator=made) - 0.7
    return f_s, x_s, x_s + 0.15 * torch.randn(batch, 21, 3, generator=made)


def test_the_published_sizes_have_as_many_weights_as_upstream_tells() -> None:
    with torch.device("meta"):
        networks = LivePortraitNetworks()
    for name, millions in NETWORKS.items():
        count = sum(weight.numel() for weight in networks.get_submodule(name).parameters())
        assert count / 1e6 == pytest.approx(millions, abs=0.02), name


def test_appearance_is_what_the_file_means(folder: Path, networks: LivePortraitNetworks) -> None:
    image = torch.rand(2, 3, 256, 256)
    expected = appearance(_official(folder, "appearance_feature_extractor"), TINY, image)
    found = networks.appearance(image)
    assert found.shape == (2, TINY.channels, TINY.depth, 64, 64)
    assert torch.allclose(found, expected, atol=1e-4)


def test_motion_is_what_the_file_means(folder: Path, networks: LivePortraitNetworks) -> None:
    image = torch.rand(2, 3, 256, 256)
    heads = motion(_official(folder, "motion_extractor"), TINY, image)
    found = networks.motion(image)
    for name in ("pitch", "yaw", "roll"):
        assert torch.allclose(getattr(found, name), degrees(heads[name]), atol=1e-3)
    assert torch.allclose(found.t, heads["t"], atol=1e-4)
    assert torch.allclose(found.scale, heads["scale"], atol=1e-4)
    assert torch.allclose(found.expression, heads["exp"].view(2, 21, 3), atol=1e-4)
    assert torch.allclose(found.keypoints, heads["kp"].view(2, 21, 3), atol=1e-4)


def test_warping_is_what_the_file_means(folder: Path, networks: LivePortraitNetworks) -> None:
    source = _source()
    features, occlusion = warping(_official(folder, "warping_module"), TINY, *source)
    assert occlusion.std() > 0.02  # the weights make a flow worth comparing
    with torch.inference_mode():
        found = networks.warping(*source)
    assert torch.allclose(found.features, features, atol=1e-4)
    assert torch.allclose(found.occlusion, occlusion, atol=1e-4)


def test_the_picture_is_what_the_files_mean(folder: Path, networks: LivePortraitNetworks) -> None:
    source = _source()
    features, _ = warping(_official(folder, "warping_module"), TINY, *source)
    expected = generator(_official(folder, "spade_generator"), TINY, features)
    assert expected.std() > 0.05
    with torch.inference_mode():
        plainly = networks.generator(features)
    assert torch.allclose(plainly, expected, atol=1e-4)
    drawn = networks.render(*source)
    assert drawn.shape == (2, 3, 512, 512)
    assert torch.allclose(drawn, expected, atol=1e-4)


def test_stitching_corrects_keypoints_by_the_shoulder_network(
    folder: Path, networks: LivePortraitNetworks
) -> None:
    file = folder / "retargeting_models" / "stitching_retargeting_module.pth"
    official = torch.load(file, weights_only=True)
    _, x_s, x_d = _source()

    def mlp(part: str, x: Tensor) -> Tensor:
        layers = len(official[part]) // 2
        for i in range(layers):
            name = f"module.mlp.{2 * i}"
            x = x @ official[part][f"{name}.weight"].T + official[part][f"{name}.bias"]
            x = x.relu() if i < layers - 1 else x
        return x

    said = mlp("retarget_shoulder", torch.cat([x_s.flatten(1), x_d.flatten(1)], 1))
    expected = x_d + said[:, :63].view(2, 21, 3)
    expected[:, :, :2] += said[:, None, 63:]
    assert torch.allclose(networks.stitch(x_s, x_d), expected, atol=1e-5)
    openness = torch.tensor([[0.1, 0.2, 0.3]]).expand(2, -1)
    eyes = mlp("retarget_eye", torch.cat([x_s.flatten(1), openness], 1)).view(2, 21, 3)
    lips = mlp("retarget_mouth", torch.cat([x_s.flatten(1), openness[:, :2]], 1)).view(2, 21, 3)
    with torch.inference_mode():
        assert torch.allclose(networks.stitching.retarget_eyes(x_s, openness), eyes, atol=1e-5)
        found = networks.stitching.retarget_lips(x_s, openness[:, :2])
    assert torch.allclose(found, lips, atol=1e-5)


def test_one_source_serves_many_pictures(networks: LivePortraitNetworks) -> None:
    f_s, x_s, x_d = _source(3)
    together = networks.render(f_s[:1], x_s[:1], x_d)
    apart = [networks.render(f_s[:1], x_s[:1], one[None]) for one in x_d]
    assert torch.allclose(together, torch.cat(apart), atol=1e-6)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_threads_that_draw_at_once_do_not_mix_their_pictures(
    networks: LivePortraitNetworks,
) -> None:
    f_s, x_s, x_d = _source(2)
    alone = networks.render(f_s, x_s, x_d)
    found: dict[int, Tensor] = {}

    def draw(i: int) -> None:
        found[i] = networks.render(f_s[i : i + 1], x_s[i : i + 1], x_d[i : i + 1])

    threads = [Thread(target=draw, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        assert torch.allclose(found[i], alone[i : i + 1], atol=1e-6)


def test_weights_that_change_change_the_picture() -> None:
    networks = LivePortraitNetworks.random(0, tiny=True)
    source = _source(1)
    before = networks.render(*source)
    assert torch.equal(LivePortraitNetworks.random(0, tiny=True).render(*source), before)
    other = LivePortraitNetworks.random(1, tiny=True)
    networks.load_state_dict(other.state_dict())
    assert torch.equal(networks.to("cpu").render(*source), other.render(*source))
    assert not torch.allclose(other.render(*source), before, atol=1e-3)


def test_a_saved_file_is_read_back_with_its_sizes(
    networks: LivePortraitNetworks, tmp_path: Path
) -> None:
    file = tmp_path / "face.safetensors"
    networks.save(file)
    read = LivePortraitNetworks.load(file)
    assert read.architecture == TINY
    for name, tensor in networks.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor)
    assert not read.training


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    file.write_bytes(b"nothing")
    with pytest.raises(InvalidInput, match=r"other\.safetensors holds no networks"):
        LivePortraitNetworks.load(file)


def test_a_folder_of_other_sizes_is_refused_by_file_and_name(folder: Path) -> None:
    wider = TINY.model_copy(update={"flow_width": 4})
    with pytest.raises(InvalidInput, match=r"warping_module\.pth do not fit .*dense_motion"):
        LivePortraitNetworks.load(folder, architecture=wider)
