"""Which arithmetic is fast here."""

from __future__ import annotations

import torch


def fast_precision(device: torch.device) -> torch.autocast:
    """bf16 where the processor multiplies it fast; elsewhere it is emulated, 50 times slower."""
    return torch.autocast(device.type, torch.bfloat16, enabled=fast_bf16(device))


def fast_bf16(device: torch.device) -> bool:
    """True where bf16 is fast."""
    return device.type == "cuda" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
