"""Files of weights: what is read, and what is refused with which words."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from jamflow_rt.errors import InvalidInput
from jamflow_rt.weights.reading import below, load_strictly, read_tensors


def test_safetensors_and_pickled_weights_are_the_same(tmp_path: Path) -> None:
    tensors = {"a.weight": torch.randn(2, 3), "b": torch.randn(4).half()}
    save_file(tensors, tmp_path / "one.safetensors")
    for ending in ("pt", "pth", "bin", "ckpt"):
        torch.save(tensors, tmp_path / f"one.{ending}")
    for file in tmp_path.iterdir():
        read = read_tensors(file)
        assert set(read) == set(tensors)
        for name, tensor in tensors.items():
            assert read[name].dtype == tensor.dtype
            assert torch.equal(read[name], tensor)


def test_the_old_format_of_torch_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "old.pth"
    torch.save({"a": torch.ones(3)}, file, _use_new_zipfile_serialization=False)
    assert torch.equal(read_tensors(file)["a"], torch.ones(3))


def test_nested_dictionaries_become_dotted_names(tmp_path: Path) -> None:
    file = tmp_path / "nested.pt"
    torch.save(
        {"ema": {"x.w": torch.ones(2)}, "step": 7, "note": "text", "y": torch.zeros(1)}, file
    )
    read = read_tensors(file)
    assert set(read) == {"ema.x.w", "y"}
    assert set(below(read, "ema.x.")) == {"w"}


class _Evil:
    def __reduce__(self) -> object:
        return os.mkdir, ("evil-was-here",)


def test_objects_that_could_run_code_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.ones(1), "b": _Evil()}, tmp_path / "evil.pt")
    with pytest.raises(InvalidInput, match=r"evil\.pt holds more than tensors: \w+\.mkdir"):
        read_tensors(tmp_path / "evil.pt")
    assert not (tmp_path / "evil-was-here").exists()


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind, but long enough to be looked at")
    with pytest.raises(InvalidInput, match=name):
        read_tensors(tmp_path / name)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    torch.save({"a": torch.randn(1000)}, tmp_path / "whole.pt")
    (tmp_path / "half.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:2000])
    with pytest.raises(InvalidInput, match=r"half\.pt is damaged.* broke off"):
        read_tensors(tmp_path / "half.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"", "is empty"),
    ],
)
@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_what_a_download_leaves_instead_is_told(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=words):
        read_tensors(tmp_path / name)
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(InvalidInput, match=r"folder\.pth is a folder"):
        read_tensors(tmp_path / "folder.pth")


def test_other_endings_missing_files_and_empty_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"x")
    with pytest.raises(InvalidInput, match=r"x\.onnx.*\.safetensors"):
        read_tensors(tmp_path / "x.onnx")
    with pytest.raises(InvalidInput, match=r"no file .*y\.pt"):
        read_tensors(tmp_path / "y.pt")
    torch.save({"step": 3}, tmp_path / "z.pt")
    with pytest.raises(InvalidInput, match=r"z\.pt holds no tensors"):
        read_tensors(tmp_path / "z.pt")


def test_loading_is_strict_and_says_what_does_not_fit() -> None:
    module = nn.Linear(3, 2)
    weight, bias = torch.randn(2, 3), torch.randn(2)
    load_strictly(module, {"weight": weight.half(), "bias": bias}, "here")
    assert torch.equal(module.weight, weight.half().float())
    for tensors, words in (
        ({"weight": weight}, "missing: bias"),
        ({"weight": weight, "bias": bias, "c": bias}, "unexpected: c"),
        ({"weight": weight.T, "bias": bias}, r"weight \[3, 2\] instead of \[2, 3\]"),
    ):
        with pytest.raises(InvalidInput, match=f"here .*Linear.*{words}"):
            load_strictly(module, tensors, "here")
