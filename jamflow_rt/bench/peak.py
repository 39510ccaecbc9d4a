"""The machine's own matrix-product peak, and the share of it that the ODE loop reaches."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.bench.batching import SESSIONS
from jamflow_rt.bench.figures import Figure
from jamflow_rt.bench.subject import Subject
from jamflow_rt.bench.window import speech_window
from jamflow_rt.bundle import Bundle
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.model.precision import fast_precision

_GIGA = 1e9


def peak_figures(subject: Subject) -> list[Figure]:
    """Peak, work of one evaluation, and shares of the peak."""
    return subject.compute(lambda: _figures(subject))


def _figures(subject: Subject) -> list[Figure]:
    bundle, plan = subject.bundle, subject.plan
    new = max(bundle.windows.growth)
    device = next(bundle.model.parameters()).device
    dtype = network_dtype(device)
    arithmetic = str(dtype).removeprefix("torch.")
    cores = torch.get_num_threads()
    where = f"{arithmetic}, {cores} cores"
    peak = measure_peak(plan.product, dtype, plan.repeats)
    audio = bundle.model.config.audio
    rows = speech_window(bundle, new).beats * BEAT_MEL
    own = measure_product(rows, audio.width, audio.width * audio.ff_mult, dtype, plan.repeats)
    figures = [
        Figure(key="cores", name="cores that the engine chooses here", value=cores),
        _speed("peak", f"matrix product, up to {plan.product} squared", peak, where),
        _speed("own_product", "matrix product, of the network's own shape", own, where),
    ]
    if dtype != torch.float32:
        full = measure_peak(plan.product, torch.float32, plan.repeats)
        figures.append(_speed("peak_float32", "matrix product in float32", full, ""))
    figures.append(
        Figure(
            key="work",
            name=f"one evaluation of a window of {rows // BEAT_MEL} beats",
            value=evaluation_flops(bundle, new) / _GIGA,
            unit="GFLOP",
            digits=2,
        )
    )
    for sessions in (1, SESSIONS):
        reached = measure_loop(bundle, new, sessions, plan.repeats)
        figures.append(
            Figure(
                key=f"share_{sessions}",
                name=f"share of the peak that the ODE loop reaches, batch of {sessions}",
                value=100 * reached / peak,
                unit="%",
                note=f"{reached / _GIGA:.1f} GFLOP/s",
            )
        )
    return figures


def _attention_flops(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], *_: Any, **__: Any
) -> int:
    """Operations of one attention, of shapes (B, H, T, size): scores, and their sums of values."""
    batch, heads, rows, size = query
    return 2 * batch * heads * rows * key[2] * (size + value[3])


# The counter of torch 2.13 knows attention on CUDA only.
_MORE_FLOPS = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops}


def network_dtype(device: torch.device) -> torch.dtype:
    """What the network multiplies in, on this device."""
    one = torch.ones(1, 1, device=device)
    with fast_precision(device):
        return (one @ one).dtype


def measure_peak(side: int, dtype: torch.dtype, repeats: int) -> float:
    """Operations a second of the best product of large square matrices, `side` wide at most."""
    # A smaller product is over before another process interrupts it.
    sides = (side, side // 2, side // 4)
    return max(measure_product(size, size, size, dtype, repeats) for size in sides)


def measure_product(rows: int, inner: int, columns: int, dtype: torch.dtype, repeats: int) -> float:
    """Operations a second of the best of some products (rows, inner) × (inner, columns)."""  # noqa: RUF002
    left, right = torch.randn(rows, inner).to(dtype), torch.randn(inner, columns).to(dtype)
    times = []
    for _ in range(repeats + 1):
        start = perf_counter()
        left @ right
        times.append(perf_counter() - start)
    return 2 * rows * inner * columns / min(times)


def evaluation_flops(bundle: Bundle, new: int) -> int:
    """Operations of one evaluation of the network for one speech window of `new` new beats."""
    sampler = Sampler(bundle.model, bundle.sampling)
    run = sampler.start(speech_window(bundle, new))
    with FlopCounterMode(display=False, custom_mapping=_MORE_FLOPS) as counter:
        sampler.advance([run])
    return int(counter.get_total_flops())


def measure_loop(bundle: Bundle, new: int, sessions: int, repeats: int) -> float:
    """Operations a second (median) of the ODE loop over one window of each session."""
    sampler = Sampler(bundle.model, bundle.sampling)
    windows = [speech_window(bundle, new, seed) for seed in range(sessions)]
    work = sessions * bundle.sampling.evaluations * evaluation_flops(bundle, new)
    times = []
    for _ in range(repeats + 1):
        runs = [sampler.start(window) for window in windows]
        start = perf_counter()
        while not runs[0].done:
            sampler.advance(runs)
        times.append(perf_counter() - start)
    # The first of everything compiles, allocates and fills caches.
    return work / median(times[1:])


def _speed(key: str, name: str, operations: float, note: str) -> Figure:
    value = operations / _GIGA
    return Figure(key=key, name=name, value=value, unit="GFLOP/s", digits=1, note=note)
