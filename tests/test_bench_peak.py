from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, N_MELS
from jamflow_rt.bench import peak
from jamflow_rt.bench.peak import (
    evaluation_flops,
    measure_loop,
    measure_product,
    network_dtype,
    peak_figures,
)
from jamflow_rt.bench.subject import Subject
from jamflow_rt.bench.window import speech_window
from jamflow_rt.model import threads
from jamflow_rt.model.jam import Condition
from jamflow_rt.render import load_portrait
from tests.bench_fakes import TINY
from tests.toy import toy_bundle


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    # A toy gains nothing from two, and waits for both where other processes share the cores.
    monkeypatch.setattr(threads, "MOST_CORES", 1)


def test_attention_is_counted() -> None:
    # With gradients attention is written out as products, which torch counts by itself.
    bundle = toy_bundle()
    model = bundle.model
    beats = speech_window(bundle, 2).beats
    mels, frames = beats * BEAT_MEL, beats * BEAT_MOTION
    known = Condition(
        text=model.embed_text(torch.zeros(1, mels, dtype=torch.long)),
        mel=torch.zeros(1, mels, N_MELS),
        mel_masked=torch.ones(1, mels, dtype=torch.bool),
        motion=torch.zeros(1, frames, model.config.motion_size),
        motion_masked=torch.ones(1, frames, len(model.config.groups), dtype=torch.bool),
        voice=torch.zeros(1, dtype=torch.long),
    )
    with torch.enable_grad(), FlopCounterMode(display=False) as counter:
        model(known.mel, known.motion, torch.zeros(1), known)
    assert counter.get_flop_counts()["Global"][torch.ops.aten.bmm] > 0
    assert evaluation_flops(bundle, 2) == counter.get_total_flops()


def test_longer_windows_are_more_work() -> None:
    bundle = toy_bundle()
    assert evaluation_flops(bundle, 8) > 1.5 * evaluation_flops(bundle, 2)


def test_products_and_loops_have_a_speed() -> None:
    assert measure_product(16, 8, 4, torch.float32, repeats=2) > 0
    assert measure_loop(toy_bundle(), 2, sessions=2, repeats=1) > 0
    assert network_dtype(torch.device("cpu")) in (torch.float32, torch.bfloat16)


def test_shares_are_of_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "measure_product", lambda *_: 100e9)
    monkeypatch.setattr(peak, "measure_loop", lambda _bundle, _new, sessions, _n: sessions * 20e9)
    monkeypatch.setattr(peak, "network_dtype", lambda _: torch.float32)
    figures = {f.key: f for f in peak_figures(Subject(toy_bundle(), load_portrait(), TINY))}
    assert figures["peak"].text == "100.0 GFLOP/s"
    assert figures["share_1"].value == pytest.approx(20.0)
    assert figures["share_4"].value == pytest.approx(80.0)
    assert figures["work"].value > 0
