import warnings
from pathlib import Path

import torch

from jamflow_rt.train.loop import Loop
from jamflow_rt.train.muon import Muon, orthogonalise


def small_training(folder: Path, steps: int) -> tuple[Loop, torch.nn.Linear, list[int]]:
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    loop = Loop(folder, {"layer": layer, "optimiser": optimiser}, steps)
    seen: list[int] = []

    def one_step(step: int) -> dict[str, float]:
        seen.append(step)
        loss = layer(torch.tensor([1.0, step % 3])).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return {"loss": loss.item()}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matplotlib's own
        loop.run(one_step)
    return loop, layer, seen


def test_a_broken_run_resumes_where_it_was(tmp_path: Path) -> None:
    _, straight, _ = small_training(tmp_path / "straight", 60)
    small_training(tmp_path / "broken", 25)
    loop, resumed, seen = small_training(tmp_path / "broken", 60)
    assert seen == list(range(25, 60))
    torch.testing.assert_close(resumed.weight, straight.weight)
    assert loop.history[-1]["step"] == 60
    assert (tmp_path / "broken" / "loss.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(tmp_path.glob("**/*.tmp"))


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((16, 16), (8, 24), (24, 8)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.min() > 0.3 and values.max() < 1.4


def test_muon_solves_a_linear_problem() -> None:
    torch.manual_seed(0)
    target, weight = torch.randn(8, 8), torch.nn.Parameter(torch.zeros(8, 8))
    optimiser = Muon([weight], lr=0.2)
    x = torch.randn(64, 8)
    for step in range(150):
        optimiser.param_groups[0]["lr"] = 0.2 * (1 - step / 150)
        loss = (x @ (weight - target).T).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05
