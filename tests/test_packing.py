from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional

from jamflow_rt.config import SamplingConfig
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.model import packing
from jamflow_rt.model.packing import PackedLinear, packed
from tests.test_sampler import window
from tests.toy import toy_model

LARGE = (1024, 1024)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(weight: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("Unknown operation")

    monkeypatch.setattr(packing, "_reorder", refuse)
    packing._works.cache_clear()
    yield
    packing._works.cache_clear()


def test_a_large_weight_is_laid_out_and_computes_the_same() -> None:
    torch.manual_seed(0)
    layer = PackedLinear(*LARGE).eval()
    plain = nn.Linear(*LARGE)
    plain.load_state_dict(layer.state_dict())
    assert packing._works()  # a torch that lacks it samples F5-TTS a tenth slower: look at why
    layer.pack()
    assert layer.packed is not None
    assert list(layer.state_dict()) == ["weight", "bias"]
    with torch.no_grad():
        for tokens in ((1, 5), (2, 700)):
            x = torch.randn(*tokens, 1024)
            torch.testing.assert_close(layer(x), plain(x), rtol=1e-5, atol=1e-5)


def test_small_weights_and_other_numbers_are_left_as_they_are() -> None:
    assert packed(torch.zeros(384, 1152)) is None
    assert packed(torch.zeros(LARGE, dtype=torch.bfloat16)) is None


def test_gradients_and_bf16_pass_the_layout_by() -> None:
    layer = PackedLinear(*LARGE).eval()
    layer.pack()
    x = torch.randn(1, 3, 1024)
    layer(x).sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.any()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16


@pytest.mark.parametrize("change", ["train", "move"])
def test_what_may_change_the_weight_ends_the_layout(change: str) -> None:
    layer = PackedLinear(*LARGE).eval()
    layer.pack()
    if change == "train":
        layer.train()
    else:
        layer.to(torch.float64).to(torch.float32)
    assert layer.packed is None
    with torch.no_grad():
        layer.weight.zero_()
        x = torch.randn(1, 3, 1024)
        torch.testing.assert_close(layer(x), layer.bias.expand(1, 3, -1))


@pytest.mark.usefixtures("broken")
def test_a_torch_that_cannot_lay_weights_out_computes_as_ever() -> None:
    layer = PackedLinear(*LARGE).eval()
    layer.pack()
    assert layer.packed is None
    with torch.no_grad():
        x = torch.randn(1, 3, 1024)
        assert torch.equal(layer(x), functional.linear(x, layer.weight, layer.bias))


@pytest.mark.parametrize("prepared", [False, True])
def test_a_model_samples_the_same_with_its_weights_laid_out(
    prepared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, sampling = toy_model(), SamplingConfig(evaluations=2, precision="full")
    given = window()
    plain = Sampler(model, sampling).sample(given)
    monkeypatch.setattr(packing, "LARGE", 1)
    sampler = Sampler(model, sampling)
    block = model.audio.block(0)
    assert block.attn.packed is not None and block.ff.ff[2].packed is not None
    if prepared:
        sampler.prepare(given)
        assert sampler._traced is not None
        assert all(sampler._traced._traces.values())  # a trace can hold what is laid out
    result = sampler.sample(given)
    torch.testing.assert_close(result.mel, plain.mel, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(result.motion, plain.motion, rtol=1e-4, atol=1e-4)
