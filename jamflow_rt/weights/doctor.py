"""What is there, what is missing, where it is published: `jamflow-rt doctor`."""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path

import torch

from jamflow_rt.bundle import Bundle
from jamflow_rt.errors import InvalidInput, JamflowError
from jamflow_rt.model.precision import fast_bf16
from jamflow_rt.render.face_finder import URL, VARIABLE, known_landmarker, landmarker_place
from jamflow_rt.weights.catalogue import CATALOGUE, F5, JAMFLOW, LIVEPORTRAIT, VOCOS
from jamflow_rt.weights.examining import examine, where_published
from jamflow_rt.weights.finding import Finding
from jamflow_rt.weights.importing import MANIFEST, changed_files

_EXTRAS = {
    "mediapipe": ("photographs and videos", 'pip install "jamflow-rt[portrait]"'),
    "sounddevice": ("say without a file", 'pip install "jamflow-rt[speakers]"'),
    "pypinyin": ("Chinese text with F5-TTS", 'pip install "jamflow-rt[pinyin]"'),
    "accelerate": ("training at scale", 'pip install "jamflow-rt[train]"'),
}
"""Module → what needs it, and how it is installed."""


def diagnose(bundle: Path | None = None, given: tuple[Path, ...] = ()) -> list[Finding]:
    """Look at the machine, the packages, a bundle, and files of weights.

    Args:
        bundle: a folder; without one, the model of the package.
        given: files of weights, or folders with some.
    """
    found = [*_machine(), *_packages(), _landmarker(), *_bundle(bundle)]
    if given:
        found += examine(given)
    elif bundle is None:
        found += [
            Finding(each.name, None, f"for {each.purpose}.\n{where_published(each)}")
            for each in CATALOGUE
        ]
    return found


def _machine() -> list[Finding]:
    cores = os.cpu_count() or 1
    processor = torch.device("cpu")
    count = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(count))
    bf16 = "bf16 is fast here" if fast_bf16(processor) else "no fast bf16: fp32 is used"
    return [
        Finding("python", True, f"{platform.python_version()} on {platform.system()}"),
        Finding("processor", True, f"{cores} cores, {bf16}"),
        Finding(
            "GPU",
            True if count else None,
            names or f"none that torch {torch.__version__} sees: the processor is used",
        ),
    ]


def _packages() -> list[Finding]:
    findings = []
    for module, (purpose, remedy) in _EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        text = "installed" if there else f"not installed; for {purpose}: {remedy}"
        findings.append(Finding(module, True if there else None, text))
    return findings


def _landmarker() -> Finding:
    name, path = "face landmarker", landmarker_place()
    if known_landmarker(path):
        return Finding(name, True, f"{path}, as published (SHA-256 agrees)")
    if os.environ.get(VARIABLE):
        text = f"{VARIABLE} names {path}, which is not the published file: get it from {URL}"
        return Finding(name, False, text)
    if path.is_file():
        return Finding(name, False, f"{path} is not the published file: delete it, it is fetched")
    return Finding(name, None, f"not here yet; fetched from {URL} with the first photograph")


def _bundle(folder: Path | None) -> list[Finding]:
    name = "model of the package" if folder is None else str(folder)
    try:
        loaded = Bundle.load(folder)
    except JamflowError as error:
        return [Finding(name, False, str(error)), *_manifest(folder)]
    voices = ", ".join(loaded.voices)
    size = sum(parameter.numel() for parameter in loaded.model.parameters()) / 1e6
    found = [Finding(name, True, f"loads; {size:.1f} M parameters, voices {voices}")]
    return found if folder is None else [*found, *_manifest(folder), *_parts(loaded)]


def _manifest(folder: Path | None) -> list[Finding]:
    if folder is None:
        return []
    try:
        changed = changed_files(folder)
    except InvalidInput as error:
        return [Finding("files", None, str(error))]
    text = f"every file is as {MANIFEST} says (SHA-256)"
    if changed:
        text = f"not as {MANIFEST} says: {', '.join(changed)}; import them anew"
    return [Finding("files", not changed, text)]


def _parts(bundle: Bundle) -> list[Finding]:
    """Which of the public weights a bundle has."""
    there = {
        F5.name: bundle.references is not None,
        VOCOS.name: bundle.settings.vocoder == "vocos",
        LIVEPORTRAIT.name: bundle.networks is not None,
        JAMFLOW.name: bundle.references is not None and bundle.model.config.motion is not None,
    }
    return [
        Finding(each.name, True, f"here. Licence: {each.licence}.")
        if there[each.name]
        else Finding(each.name, None, f"missing; for {each.purpose}.\n{where_published(each)}")
        for each in CATALOGUE
    ]
