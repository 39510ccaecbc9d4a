"""Downloaded files: what the doctor says of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from jamflow_rt.codec.vocos import Vocos, VocosShape
from jamflow_rt.render.liveportrait.architecture import TINY
from jamflow_rt.weights import catalogue
from jamflow_rt.weights.examining import examine
from jamflow_rt.weights.finding import Finding
from jamflow_rt.weights.hashing import sha256
from tests.liveportrait_official import write_official


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole LivePortrait, which is taken for the published one, and somebody's Vocos."""
    folder = tmp_path / "weights"
    write_official(folder / "liveportrait", TINY)
    files = tuple(
        replace(
            file,
            sha256=(sha256(folder / "liveportrait" / file.path),),
            size=(folder / "liveportrait" / file.path).stat().st_size,
        )
        for file in catalogue.LIVEPORTRAIT.files
    )
    known = replace(catalogue.LIVEPORTRAIT, files=files)
    everything = tuple(
        known if each is catalogue.LIVEPORTRAIT else each for each in catalogue.CATALOGUE
    )
    for module in ("catalogue", "examining"):
        monkeypatch.setattr(f"jamflow_rt.weights.{module}.CATALOGUE", everything)
        monkeypatch.setattr(f"jamflow_rt.weights.{module}.LIVEPORTRAIT", known)
    torch.save(Vocos(VocosShape(16, 24, 2)).state_dict(), folder / "pytorch_model.bin")
    return folder


def told(*places: Path) -> dict[str, Finding]:
    return {Path(finding.name).name: finding for finding in examine(places)}


def test_published_files_are_known_by_their_hash_and_others_by_their_tensors(
    weights: Path,
) -> None:
    found = told(weights)
    assert found["motion_extractor.pth"].ok and "as published" in found["motion_extractor.pth"].text
    assert "Licence: MIT" in found["motion_extractor.pth"].text
    vocos = found["pytorch_model.bin"]
    assert (
        vocos.ok is None and "Vocos, for --vocos. No published file has its SHA-256" in vocos.text
    )
    assert "not found: F5TTS_v1_Base/model_1250000.safetensors" in found["F5-TTS"].text
    assert "SWivid/F5-TTS" in found["F5-TTS"].text and "CC-BY-NC" in found["F5-TTS"].text
    assert "LivePortrait" not in found and "Vocos" not in found
    # Of single files nothing else is wanted.
    assert list(told(weights / "pytorch_model.bin")) == ["pytorch_model.bin"]


def test_wrong_files_are_told_with_the_place_of_the_right_ones(weights: Path) -> None:
    base = weights / "liveportrait" / "base_models"
    whole = (base / "warping_module.pth").read_bytes()
    (base / "warping_module.pth").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray((base / "spade_generator.pth").read_bytes())
    flipped[len(flipped) // 2] ^= 255
    (base / "spade_generator.pth").write_bytes(flipped)
    shutil.copy(base / "motion_extractor.pth", base / "appearance_feature_extractor.pth")
    (base / "motion_extractor.pth").unlink()
    (weights / "vocab.txt").write_text("<!DOCTYPE html>", "utf-8")
    found = told(weights)
    broken = found["warping_module.pth"]
    assert broken.ok is False and f"{len(whole):,} bytes, SHA-256" in broken.text
    assert "KwaiVGI/LivePortrait" in broken.text
    assert found["spade_generator.pth"].ok is False
    assert "damaged, or trained further" in found["spade_generator.pth"].text
    renamed = found["appearance_feature_extractor.pth"]
    assert renamed.ok is False and "call it motion_extractor.pth" in renamed.text
    assert "is a web page" in found["vocab.txt"].text
    assert "not found: base_models/motion_extractor.pth;" in found["LivePortrait"].text


def test_places_without_weights_are_told(tmp_path: Path) -> None:
    assert told(tmp_path)[tmp_path.name].ok is False
    assert "no file" in told(tmp_path / "nowhere")["nowhere"].text


def test_the_vocabulary_is_the_published_one_with_either_ends_of_lines(tmp_path: Path) -> None:
    f5_tts = pytest.importorskip("f5_tts", reason="run `make parity-env`")
    lines = Path(f5_tts.__path__[0], "infer", "examples", "vocab.txt").read_bytes()
    for ends in (b"\n", b"\r\n"):
        (tmp_path / "vocab.txt").write_bytes(lines.replace(b"\n", ends))
        assert told(tmp_path / "vocab.txt")["vocab.txt"].ok
