"""Where the network runs."""

from __future__ import annotations

import torch

from jamflow_rt.errors import InvalidInput, NotSupported


def find_device(name: str = "auto") -> torch.device:
    """The device of that name.

    Args:
        name: `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:1`.

    Raises:
        InvalidInput: the name means nothing here.
        NotSupported: there is no such GPU, or this torch cannot use one.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise InvalidInput(f"There is no device {name!r}: give auto, cpu, cuda or cuda:1.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise NotSupported(
            f"Device {name} is not here: torch {torch.__version__} sees "
            f"{torch.cuda.device_count()} CUDA devices. Install a CUDA build of torch and its "
            "driver, or use --device cpu."
        )
    return device
