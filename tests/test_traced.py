from __future__ import annotations

import logging

import pytest
import torch

from jamflow_rt.config import SamplingConfig
from jamflow_rt.flow import traced as traced_module
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.flow.traced import TracedVelocity
from tests.test_graphs import MODEL, Counting, batch
from tests.test_sampler import window
from tests.toy import toy_model


@torch.inference_mode()
def test_a_trace_computes_the_same_for_batches_of_any_size() -> None:
    plain = Counting()
    traced = TracedVelocity(MODEL.eval(), plain)
    traced.prepare(*batch(1))
    plain.mels.clear()
    for size in (1, 3):
        inputs = batch(size, seed=size)
        ours = traced(*inputs)
        assert plain.mels == [], "the network itself was not asked"
        for one, other in zip(ours, Counting()(*inputs), strict=True):
            assert torch.equal(one, other)


@torch.inference_mode()
def test_shapes_that_were_not_prepared_are_computed_as_ever() -> None:
    plain = Counting()
    traced = TracedVelocity(MODEL.eval(), plain)
    traced.prepare(*batch(1, beats=3))
    plain.mels.clear()
    traced(*batch(1, beats=4))
    assert len(plain.mels) == 1


@torch.inference_mode()
def test_what_cannot_be_traced_is_computed_as_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no tracing here")

    monkeypatch.setattr(traced_module.torch.jit, "trace", refuse)
    plain = Counting()
    traced = TracedVelocity(MODEL.eval(), plain)
    with caplog.at_level(logging.WARNING):
        traced.prepare(*batch(1))
        traced.prepare(*batch(1))
    assert caplog.text.count("untraced") == 1
    assert len(traced(*batch(2))[0]) == 2


@torch.inference_mode()
def test_a_trace_of_something_else_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    plain = Counting()
    traced = TracedVelocity(toy_model(seed=5).eval(), plain)
    with caplog.at_level(logging.WARNING):
        traced.prepare(*batch(1))
    assert "something else" in caplog.text
    plain.mels.clear()
    traced(*batch(1))
    assert len(plain.mels) == 1


def test_a_prepared_sampler_samples_the_same() -> None:
    given = window()
    plain = Sampler(toy_model(), SamplingConfig(evaluations=2)).sample(given)
    sampler = Sampler(toy_model(), SamplingConfig(evaluations=2))
    sampler.prepare(given)
    prepared = sampler.sample(given)
    assert (plain.mel == prepared.mel).all() and (plain.motion == prepared.motion).all()
