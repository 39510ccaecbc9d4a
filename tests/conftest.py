"""What every test module shares: quiet threads and repeatable random examples."""

from __future__ import annotations

import torch
from hypothesis import settings

# Timing of a shared machine must not decide a property test, and a failure must come back.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

# Toy networks are too small to gain from more threads, and other processes share the cores.
torch.set_num_threads(1)
