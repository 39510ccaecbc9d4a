import pytest
import torch
from torch.nn import functional

from jamflow_rt.model.activations import Mish, TanhGelu, only_computed

RANGE = torch.linspace(-60.0, 60.0, 24_001)
EXTREME = torch.tensor([-1e30, -200.0, 0.0, 200.0, 1e15])


@pytest.mark.parametrize("x", [RANGE, EXTREME], ids=["range", "extreme"])
@torch.inference_mode()
def test_they_are_what_torch_computes(x: torch.Tensor) -> None:
    assert only_computed(x)
    gelu = functional.gelu(x, approximate="tanh")
    torch.testing.assert_close(TanhGelu()(x), gelu, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(Mish()(x), functional.mish(x), rtol=1e-6, atol=1e-6)


def test_their_gradients_are_torchs_own() -> None:
    x = torch.linspace(-5.0, 5.0, 101, requires_grad=True)
    for module, function in (
        (TanhGelu(), lambda y: functional.gelu(y, approximate="tanh")),
        (Mish(), functional.mish),
    ):
        (ours,) = torch.autograd.grad(module(x).sum(), x)
        (theirs,) = torch.autograd.grad(function(x).sum(), x)
        assert torch.equal(ours, theirs)


@torch.inference_mode()
def test_other_precisions_are_torchs_own() -> None:
    x = RANGE.bfloat16()
    assert torch.equal(TanhGelu()(x), functional.gelu(x, approximate="tanh"))
    assert torch.equal(Mish()(x), functional.mish(x))
