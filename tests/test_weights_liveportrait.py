"""The published files of LivePortrait become our names, with norms inside the convolutions."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.liveportrait.architecture import TINY
from jamflow_rt.render.liveportrait.networks import PUBLISHED, LivePortraitNetworks
from jamflow_rt.weights.catalogue import LIVEPORTRAIT
from jamflow_rt.weights.liveportrait import FILES, read_official, translate
from tests.liveportrait_official import (
    Tensors,
    appearance_names,
    generator_names,
    motion_names,
    stitching_names,
    warping_names,
    write_official,
)


def _published() -> dict[str, Tensors]:
    """Names and shapes of the published files."""
    small = stitching_names()
    return {
        "appearance_extractor": appearance_names(PUBLISHED),
        "motion_extractor": motion_names(PUBLISHED),
        "warping": warping_names(PUBLISHED),
        "generator": generator_names(PUBLISHED),
        "stitching": {f"{part}.{name}": t for part in small for name, t in small[part].items()},
    }


def test_every_published_name_becomes_one_of_ours_in_its_shape() -> None:
    with torch.device("meta"):
        networks = LivePortraitNetworks()
        published = _published()
        for name in FILES:
            ours = networks.get_submodule(name).state_dict()
            theirs = translate(published[name])
            assert {key: value.shape for key, value in theirs.items()} == {
                key: value.shape for key, value in ours.items()
            }


def test_a_batch_norm_becomes_part_of_the_convolution_before_it() -> None:
    conv, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    norm(torch.randn(8, 4, 5, 5) * 3 + 1)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    tensors = {f"first.conv.{k}": v for k, v in conv.state_dict().items()}
    tensors |= {f"first.norm.{k}": v for k, v in norm.state_dict().items()}
    folded = translate(tensors)
    assert set(folded) == {"first.conv.weight", "first.conv.bias"}
    x = torch.randn(2, 3, 8, 8)
    found = nn.functional.conv2d(x, folded["first.conv.weight"], folded["first.conv.bias"])
    with torch.no_grad():
        assert torch.allclose(found, norm.eval()(conv(x)), atol=1e-5)


def test_a_batch_norm_that_comes_first_stays() -> None:
    tensors = appearance_names(TINY)
    kept = translate(tensors)
    assert torch.equal(
        kept["volume_blocks.0.norm1.running_var"], tensors["resblocks_3d.3dr0.norm1.running_var"]
    )
    assert not any("norm2" in name for name in kept)


def test_spectral_norm_is_divided_out() -> None:
    # The old implementation, which trained the published weights and named their parts.
    conv = nn.utils.spectral_norm(nn.Conv2d(3, 5, 3))
    conv(torch.randn(1, 3, 8, 8))
    conv.eval()
    folded = translate({f"up_0.conv_0.{k}": v for k, v in conv.state_dict().items()})
    x = torch.randn(1, 3, 8, 8)
    found = nn.functional.conv2d(x, folded["up_0.conv_0.weight"], folded["up_0.conv_0.bias"])
    with torch.no_grad():
        assert torch.allclose(found, conv(x), atol=1e-5)


def test_the_folder_above_is_found_too(tmp_path: Path) -> None:
    write_official(tmp_path / "liveportrait", TINY)
    read = read_official(tmp_path)
    assert set(read) == set(FILES)
    assert read["warping"].source == tmp_path / "liveportrait" / FILES["warping"]


def test_missing_files_are_named_with_their_source(tmp_path: Path) -> None:
    write_official(tmp_path / "weights", TINY)
    (tmp_path / "weights" / FILES["generator"]).unlink()
    with pytest.raises(InvalidInput, match=r"spade_generator\.pth.*KwaiVGI/LivePortrait"):
        read_official(tmp_path / "weights")
    with pytest.raises(InvalidInput, match=r"nowhere is no folder"):
        read_official(tmp_path / "nowhere")


def test_the_files_are_those_of_the_catalogue() -> None:
    assert set(FILES.values()) == {file.path for file in LIVEPORTRAIT.files}


def test_swapped_files_are_told(tmp_path: Path) -> None:
    write_official(tmp_path, TINY)
    shutil.copy(tmp_path / FILES["motion_extractor"], tmp_path / FILES["warping"])
    with pytest.raises(InvalidInput, match=r"warping_module\.pth is .* motion_extractor\.pth"):
        read_official(tmp_path)


def test_what_its_training_kept_beside_the_stitching_is_left_out(tmp_path: Path) -> None:
    write_official(tmp_path, TINY)
    read = read_official(tmp_path)["stitching"].tensors
    assert {name.partition(".")[0] for name in read} == {"stitching", "eyes", "lips"}
