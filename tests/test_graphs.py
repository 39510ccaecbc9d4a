from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch

from jamflow_rt.config import SamplingConfig
from jamflow_rt.flow.graphs import GraphedVelocity, Velocities
from jamflow_rt.flow.guidance import guided_velocity
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.model.jam import Condition
from tests.test_sampler import window
from tests.toy import toy_model

MODEL = toy_model()
SIZE = MODEL.config.motion_size


class FakeGraphs:
    """Replays by calling again, and writes the results to where the first ones were."""

    def __init__(self, broken: bool = False) -> None:
        self.captured: list[int] = []
        self.replays = 0
        self.broken = broken

    def capture(
        self, function: Callable[[], Velocities]
    ) -> tuple[Callable[[], object], Velocities]:
        if self.broken:
            raise RuntimeError("operation not permitted when stream is capturing")
        outputs = function()
        self.captured.append(len(outputs[0]))

        def replay() -> None:
            self.replays += 1
            for static, fresh in zip(outputs, function(), strict=True):
                static.copy_(fresh)

        return replay, outputs


class Counting:
    """The toy network's velocity; remembers the batches it was called with."""

    def __init__(self) -> None:
        self.mels: list[torch.Tensor] = []

    def __call__(
        self, mel: torch.Tensor, motion: torch.Tensor, t: torch.Tensor, condition: Condition
    ) -> Velocities:
        self.mels.append(mel)
        return guided_velocity(MODEL, mel, motion, t, condition, 0.0)


def batch(size: int, beats: int = 3, seed: int = 0) -> tuple:
    torch.manual_seed(seed)
    audio, motion = beats * 15, beats * 4
    condition = Condition(
        text=MODEL.embed_text(torch.randint(1, 100, (size, audio))),
        mel=torch.randn(size, audio, 100),
        mel_masked=torch.rand(size, audio) > 0.5,
        motion=torch.randn(size, motion, SIZE),
        motion_masked=torch.rand(size, motion, len(MODEL.config.groups)) > 0.5,
        step=torch.rand(size),
    )
    return (
        torch.randn(size, audio, 100),
        torch.randn(size, motion, SIZE),
        torch.rand(size),
        condition,
    )


@torch.inference_mode()
def test_every_bucket_is_recorded_once_and_agrees_with_computing() -> None:
    backend, velocity = FakeGraphs(), Counting()
    graphed = GraphedVelocity(velocity, backend, buckets=(1, 2, 4))
    for seed, size in enumerate((3, 1, 4, 2, 3, 1)):
        given = batch(size, seed=seed)
        expected = Counting()(*given)
        got = graphed(*given)
        for one, other in zip(got, expected, strict=True):
            assert len(one) == size
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert backend.captured == [4, 1, 2]
    assert backend.replays == 6


@torch.inference_mode()
def test_inputs_are_copied_to_where_the_recording_reads_them() -> None:
    velocity = Counting()
    graphed = GraphedVelocity(velocity, FakeGraphs())
    first, second = batch(3, seed=1), batch(3, seed=2)
    graphed(*first)
    graphed(*second)
    static = velocity.mels[0]
    assert all(mel is static for mel in velocity.mels)
    assert len(static) == 4
    assert torch.equal(static[:3], second[0])
    # Nobody reads the row that was missing, but its numbers are sound.
    assert torch.equal(static[3], first[0][0])


@torch.inference_mode()
def test_results_outlive_the_next_replay() -> None:
    graphed = GraphedVelocity(Counting(), FakeGraphs())
    kept, _ = graphed(*batch(2, seed=1))
    before = kept.clone()
    graphed(*batch(2, seed=2))
    assert torch.equal(kept, before)


@torch.inference_mode()
def test_lengths_and_what_is_told_have_recordings_of_their_own() -> None:
    backend = FakeGraphs()
    graphed = GraphedVelocity(Counting(), backend)
    short, long = batch(2, beats=3), batch(2, beats=5)
    without_step = (*short[:3], short[3]._replace(step=None))
    for given in (short, long, without_step, short):
        expected = Counting()(*given)
        for one, other in zip(graphed(*given), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert backend.captured == [2, 2, 2]


@torch.inference_mode()
def test_what_is_larger_than_every_bucket_is_computed() -> None:
    backend = FakeGraphs()
    graphed = GraphedVelocity(Counting(), backend, buckets=(1, 2))
    given = batch(3)
    assert torch.equal(graphed(*given)[0], Counting()(*given)[0])
    assert backend.captured == []


@torch.inference_mode()
def test_a_recording_that_fails_is_tried_once_and_told(caplog: pytest.LogCaptureFixture) -> None:
    velocity = Counting()
    graphed = GraphedVelocity(velocity, FakeGraphs(broken=True))
    given = batch(2)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            for one, other in zip(graphed(*given), Counting()(*given), strict=True):
                assert torch.equal(one, other)
    assert len(caplog.records) == 1
    assert "computed without one" in caplog.text
    assert "stream is capturing" in caplog.text


def test_a_sampler_with_graphs_samples_the_same() -> None:
    backend = FakeGraphs()
    plain = Sampler(MODEL, SamplingConfig(evaluations=3))
    graphed = Sampler(MODEL, SamplingConfig(evaluations=3), graphs=backend)
    runs = [graphed.start(window(seed=n)) for n in range(3)]
    while not runs[0].done:
        graphed.advance(runs)
    for seed, run in enumerate(runs):
        expected = plain.sample(window(seed=seed))
        torch.testing.assert_close(run.result().mel, expected.mel, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(run.result().motion, expected.motion, rtol=1e-4, atol=1e-4)
    assert backend.captured == [4]
    assert backend.replays == 3


def test_the_switch_does_nothing_on_a_processor() -> None:
    given = window()
    on, off = (Sampler(MODEL, SamplingConfig(), cuda_graphs=switch) for switch in (True, False))
    torch.testing.assert_close(on.sample(given).mel, off.sample(given).mel, rtol=0, atol=0)


def test_a_recording_is_of_one_span_of_guided_beats() -> None:
    backend = FakeGraphs()
    sampling = SamplingConfig(evaluations=2, guidance=2.0, guided="generated", precision="full")
    plain = Sampler(MODEL, sampling)
    graphed = Sampler(MODEL, sampling, graphs=backend)
    windows = [window(beats=5, prefix=prefix, seed=prefix) for prefix in (1, 3)]
    runs = [graphed.start(w) for w in windows]
    while not runs[0].done:
        graphed.advance(runs)
    for given, run in zip(windows, runs, strict=True):
        expected = plain.sample(given)
        torch.testing.assert_close(run.result().mel, expected.mel, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(run.result().motion, expected.motion, rtol=1e-4, atol=1e-4)
    assert backend.captured == [1, 1]
