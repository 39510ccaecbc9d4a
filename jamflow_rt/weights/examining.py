"""Downloaded files of weights: what they are, and whether they are what was published."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.f5 import CharacterVocabulary
from jamflow_rt.weights.catalogue import (
    CATALOGUE,
    LIVEPORTRAIT,
    Published,
    PublishedFile,
    published_file,
)
from jamflow_rt.weights.finding import Finding
from jamflow_rt.weights.hashing import sha256
from jamflow_rt.weights.reading import PICKLED, check_content, read_tensors
from jamflow_rt.weights.recognising import instead, recognised

_WEIGHTS = (".safetensors", *PICKLED)
_VOCABULARY = "vocab.txt"


def examine(places: tuple[Path, ...]) -> list[Finding]:
    """Look at files of weights, and at all of them in folders.

    Returns:
        A finding for every file; of folders also for every published set that is not whole.
    """
    found: list[Finding] = []
    seen: set[PublishedFile] = set()
    for place in places:
        try:
            files = _files(place)
        except OSError as error:
            found.append(Finding(str(place), False, f"cannot be looked at: {error.strerror}."))
            continue
        if not files:
            found.append(Finding(str(place), False, "there is no file of weights in it."))
        for path in files:
            found.append(_examined(path))
            seen.update(file for _, file in _called(path))
    if any(place.is_dir() for place in places):
        found += [finding for each in CATALOGUE for finding in _missing(each, seen)]
    return found


def where_published(published: Published) -> str:
    """Where a set is to be had, under which licence, with the hashes of its files."""
    lines = [f"Published: {published.where}. Licence: {published.licence}."]
    lines += [f"SHA-256 {file.sha256[0]} {file.path}" for file in published.files]
    return "\n".join(lines)


def _files(place: Path) -> list[Path]:
    """The files of weights at a place, and folders that are named as if they were some."""
    if not place.is_dir():
        return [place]
    os.scandir(place).close()
    within = sorted(place.rglob("*"))
    return [path for path in within if path.suffix in _WEIGHTS or path.name == _VOCABULARY]


def _called(path: Path) -> Iterator[tuple[Published, PublishedFile]]:
    """The published files of that name, those from a folder of the same name first."""
    named = [(each, file) for each in CATALOGUE for file in each.files if file.name == path.name]
    yield from sorted(named, key=lambda pair: not path.as_posix().endswith(pair[1].path))


def _examined(path: Path) -> Finding:
    name = str(path)
    try:
        check_content(path)
        digest = sha256(path)
        known = published_file(digest)
        if known is not None:
            return _as_published(path, *known)
        text = _vocabulary(path) if path.name == _VOCABULARY else _network(path)
    except InvalidInput as error:
        return Finding(name, False, str(error).removeprefix(name).lstrip() + _original(path))
    if path.stat().st_size in [file.size for _, file in _called(path)]:
        text = f"damaged, or trained further: its SHA-256 is {digest}.{_original(path)}"
        return Finding(name, False, text)
    return Finding(name, None, f"{text}. No published file has its SHA-256, {digest}.")


def _as_published(path: Path, published: Published, file: PublishedFile) -> Finding:
    text = f"{published.name}'s {file.path}, as published (SHA-256 agrees)"
    if published is LIVEPORTRAIT and file.name != path.name:
        return Finding(str(path), False, f"{text}, under a wrong name: call it {file.name}.")
    return Finding(str(path), True, f"{text}. Licence: {published.licence}.")


def _original(path: Path) -> str:
    """Where the file of that name is to be had, for the end of a message."""
    for published, file in _called(path):
        size = f", {file.size:,} bytes" if file.size else ""
        return f" Published: {published.where}{size}, SHA-256 {file.sha256[0]}."
    return ""


def _vocabulary(path: Path) -> str:
    return f"a vocabulary of {len(CharacterVocabulary.load(path))} entries"


def _network(path: Path) -> str:
    tensors = read_tensors(path)
    what = recognised(tensors)
    wrong = next((file for each, file in _called(path) if each is LIVEPORTRAIT), None)
    if wrong is not None and not (what or "").startswith(wrong.name):
        raise InvalidInput(f"{path} is not what it is called: {instead(tensors)}.")
    return what or "tensors of no network that is known here"


def _missing(published: Published, seen: set[PublishedFile]) -> Iterator[Finding]:
    lacking = [file for file in published.files if file.needed and file not in seen]
    if lacking:
        names = ", ".join(file.path for file in lacking)
        text = f"not found: {names}; for {published.purpose}.\n{where_published(published)}"
        yield Finding(published.name, None, text)
