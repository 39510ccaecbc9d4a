from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from jamflow_rt.bench import run
from jamflow_rt.bench.liveportrait import liveportrait_figures, measure_networks
from jamflow_rt.bench.run import FAMILIES, bench
from jamflow_rt.bench.subject import Subject
from jamflow_rt.render import load_portrait
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from tests.bench_fakes import TINY
from tests.toy import toy_bundle


@pytest.fixture(scope="module")
def networks() -> LivePortraitNetworks:
    return LivePortraitNetworks.random(0, tiny=True)


def test_pictures_of_one_source_with_different_keypoints_are_measured(
    networks: LivePortraitNetworks, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tensor] = []

    def render(f_s: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
        drawn.append(x_d)
        return torch.zeros(1, 3, 512, 512)

    monkeypatch.setattr(networks, "render", render)
    assert min(measure_networks(networks, 3)) > 0
    assert len(drawn) == 1 + 3, "one to warm up, then all"
    assert len({x_d.numpy().tobytes() for x_d in drawn}) == 4


def test_the_bundles_own_networks_are_measured(networks: LivePortraitNetworks) -> None:
    bundle = replace(toy_bundle(), networks=networks)
    figures = liveportrait_figures(Subject(bundle, load_portrait(), TINY))
    assert [figure.key for figure in figures] == ["photo", "picture"]
    assert min(figure.value for figure in figures) > 0
    assert "bundle" in figures[1].note


def test_they_are_measured_when_asked_for_or_when_the_model_has_them(
    networks: LivePortraitNetworks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for family in FAMILIES:
        monkeypatch.setitem(run.FAMILIES, family, lambda _subject: [])
    without = Subject(toy_bundle(), load_portrait(), TINY)
    having = Subject(replace(toy_bundle(), networks=networks), load_portrait(), TINY)
    assert "liveportrait" not in bench(without).families
    assert list(bench(without, only="liveportrait").families) == ["liveportrait"]
    assert "liveportrait" in bench(having).families
