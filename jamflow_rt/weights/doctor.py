"""What is there, what is missing, where it is published: `jamflow-rt doctor`."""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from jamflow_rt.bundle import EMBEDDED, Bundle
from jamflow_rt.errors import InvalidInput, JamflowError
from jamflow_rt.model.precision import fast_bf16
from jamflow_rt.render.face_finder import known_landmarker, landmarker_place
from jamflow_rt.weights.catalogue import CATALOGUE, F5, JAMFLOW, LIVEPORTRAIT, VOCOS
from jamflow_rt.weights.importing import MANIFEST, changed_files, sha256

_EXTRAS = {
    "mediapipe": ("photographs and videos", 'pip install "jamflow-rt[portrait]"'),
    "sounddevice": ("say without a file", 'pip install "jamflow-rt[speakers]"'),
    "pypinyin": ("Chinese text with F5-TTS", 'pip install "jamflow-rt[pinyin]"'),
    "accelerate": ("training at scale", 'pip install "jamflow-rt[train]"'),
}
"""Module → what needs it, and how it is installed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool | None
    """None where it is missing and only some need it."""
    text: str


def diagnose(bundle: Path | None = None, given: tuple[Path, ...] = ()) -> list[Finding]:
    """Look at the machine, the packages, a bundle, and files of weights.

    Args:
        bundle: a folder; without one, the model of the package.
        given: files whose hash is wanted.
    """
    found = [*_machine(), *_packages(), _landmarker(), _bundle(bundle)]
    if bundle is not None:
        found += _parts(bundle)
    found += [_hash(path) for path in given]
    if bundle is None:
        found += [
            Finding(
                each.name,
                None,
                f"not in the package; for {each.purpose}. Published: {each.where}"
                + (f" ({', '.join(each.files)})" if each.files else "")
                + f". Licence: {each.licence}.",
            )
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
    path = landmarker_place()
    if not path.is_file():
        return Finding(
            "face landmarker", None, "not here yet; fetched when the first photograph comes"
        )
    if known_landmarker(path):
        return Finding("face landmarker", True, "the published file (SHA-256 agrees)")
    return Finding(
        "face landmarker", False, f"{path} is not the published file: delete it, it is fetched anew"
    )


def _bundle(folder: Path | None) -> Finding:
    name = "model of the package" if folder is None else str(folder)
    try:
        loaded = Bundle.load(folder or EMBEDDED)
    except JamflowError as error:
        return Finding(name, False, str(error))
    voices = ", ".join(loaded.voices)
    size = sum(parameter.numel() for parameter in loaded.model.parameters()) / 1e6
    return Finding(name, True, f"loads; {size:.1f} M parameters, voices {voices}")


def _parts(folder: Path) -> list[Finding]:
    findings = []
    try:
        changed = changed_files(folder)
        text = f"every file is as {MANIFEST} says (SHA-256)"
        if changed:
            text = f"not as {MANIFEST} says: {', '.join(changed)}; import them anew"
        findings.append(Finding("files", not changed, text))
    except InvalidInput as error:
        findings.append(Finding("files", None, str(error)))
    try:
        bundle = Bundle.load(folder)
    except JamflowError:
        return findings
    there = {
        F5.name: bundle.references is not None,
        VOCOS.name: bundle.settings.vocoder == "vocos",
        LIVEPORTRAIT.name: bundle.networks is not None,
        JAMFLOW.name: bundle.references is not None and bundle.model.config.motion is not None,
    }
    for each in CATALOGUE:
        text = f"here. Licence: {each.licence}."
        if not there[each.name]:
            text = f"missing; for {each.purpose}. Published: {each.where}."
        findings.append(Finding(each.name, True if there[each.name] else None, text))
    return findings


def _hash(path: Path) -> Finding:
    if not path.is_file():
        return Finding(path.name, False, f"there is no file {path}")
    return Finding(
        path.name,
        None,
        f"SHA-256 {sha256(path)}; no published hash is on record: compare it with the page you "
        "took it from",
    )
