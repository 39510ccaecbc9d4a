"""Files of weights, read without running code that they might carry."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from jamflow_rt.errors import InvalidInput

Tensors = dict[str, Tensor]

PICKLED = (".pt", ".pth", ".bin", ".ckpt")
"""Endings of what `torch.save` writes."""
_ZIP = b"PK\x03\x04"
"""What torch.save's files begin with; where their end is missing they are no zip files."""
_OBJECT = re.compile(r"GLOBAL (\S+)")
"""What torch's refusal calls the object that it will not make."""
_LOOK = 256
"""Bytes that tell a web page."""
_NAMED = 6
"""So many names a message lists; the rest is counted."""


def read_tensors(path: str | Path) -> Tensors:
    """All tensors of a file by name; on the CPU, in the file's own precision.

    What `torch.save` wrote may hold dictionaries in dictionaries: their keys become one name,
    joined by dots. Numbers, texts and the like beside the tensors are left out.

    Args:
        path: `.safetensors`, or `.pt`, `.pth`, `.bin` or `.ckpt`, which are read with torch's
            `weights_only`.

    Raises:
        InvalidInput: the file is missing or damaged, is of another kind, has no tensors, or holds
            objects that could run code.
    """
    path = Path(path)
    check_content(path)
    if path.suffix == ".safetensors":
        tensors = _read_safetensors(path)
    elif path.suffix in PICKLED:
        tensors = dict(_flat(_read_pickled(path), ""))
    else:
        raise InvalidInput(
            f"{path} is no file of weights: .safetensors and what torch.save writes "
            f"({', '.join(PICKLED)}) can be read."
        )
    if not tensors:
        raise InvalidInput(f"{path} holds no tensors.")
    return tensors


def check_content(path: Path) -> None:
    """Refuse what is no file of weights at a first look, and what often stands in for one.

    Raises:
        InvalidInput: there is no such file, it may not be read, is empty, or is something else
            that a download left there: a web page, or Git's pointer to a large file.
    """
    begin = _begin(path).lstrip().lower()
    if not begin:
        raise InvalidInput(f"{path} is empty: download it again.")
    if begin.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InvalidInput(
            f"{path} is a web page, not the file behind it: download it again, with the link that "
            "the page has for downloading (on Hugging Face /resolve/, not /blob/)."
        )
    if begin.startswith(b"version https://git-lfs"):
        raise InvalidInput(
            f"{path} is Git's pointer to the file, which was not fetched: run `git lfs pull` where "
            "it was cloned, or download the file itself."
        )


def _begin(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LOOK)
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {path}.") from error
    except IsADirectoryError as error:
        raise InvalidInput(f"{path} is a folder: name the file in it.") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error


def _read_safetensors(path: Path) -> Tensors:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InvalidInput(_damaged(path, f"no safetensors file ({error})")) from error


def _read_pickled(path: Path) -> object:
    try:
        # Checkpoints with optimiser states are several times larger than what is wanted of them.
        mapped = zipfile.is_zipfile(path)
        if not mapped and _begin(path).startswith(_ZIP):
            raise EOFError
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise InvalidInput(_damaged(path, "nothing that torch.save wrote")) from error
    except pickle.UnpicklingError as error:
        found = _OBJECT.search(str(error))
        if not found:
            raise InvalidInput(_damaged(path, "nothing that torch.save wrote")) from error
        raise InvalidInput(
            f"{path} holds more than tensors: {found[1]}. Such objects could run code, so it is "
            "not read: load it with the program that wrote it and save its tensors as .safetensors."
        ) from error


def _damaged(path: Path, kind: str) -> str:
    return (
        f"{path} is damaged, or {kind}: a download that broke off looks like this. Download it "
        "again."
    )


def _flat(content: object, prefix: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(content, Tensor):
        yield prefix, content
    elif isinstance(content, Mapping):
        for key, part in content.items():
            yield from _flat(part, f"{prefix}.{key}" if prefix else str(key))


def below(tensors: Mapping[str, Tensor], prefix: str) -> Tensors:
    """Those tensors whose names begin with `prefix`, named by what follows it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """Fill `module` with tensors: every name of its state, and no other, in its shape.

    Args:
        module: takes the tensors in its own precision.
        tensors: by the names of the module's state.
        source: where the tensors come from, for the message.

    Raises:
        InvalidInput: names are missing or left over, or shapes differ; the message says which.
    """
    own = module.state_dict()
    common = [name for name in own if name in tensors]
    faults = {
        "missing": [name for name in own if name not in tensors],
        "unexpected": [name for name in tensors if name not in own],
        "of another shape": [
            f"{name} {list(tensors[name].shape)} instead of {list(own[name].shape)}"
            for name in common
            if tensors[name].shape != own[name].shape
        ],
    }
    told = [f"{fault}: {_listed(names)}" for fault, names in faults.items() if names]
    if told:
        kind = type(module).__name__
        raise InvalidInput(f"The weights in {source} do not fit {kind}: {'; '.join(told)}.")
    module.load_state_dict(dict(tensors))


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
