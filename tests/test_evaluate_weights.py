from __future__ import annotations

from pathlib import Path

import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.weights import I3D, INCEPTION, SYNCNET, Weights


@pytest.mark.parametrize("weights", [SYNCNET, INCEPTION, I3D])
def test_a_file_is_found_by_its_public_name(weights: Weights, tmp_path: Path) -> None:
    assert weights.find(None) is None and weights.find(tmp_path) is None
    (tmp_path / weights.file).touch()
    assert weights.find(tmp_path) == tmp_path / weights.file
    with pytest.raises(InvalidInput, match="no folder"):
        weights.find(tmp_path / "gone")


def test_what_is_needed_names_file_size_licence_and_place() -> None:
    needs = SYNCNET.needs()
    for part in ("syncnet_v2.model", "52 MB", "MIT", "robots.ox.ac.uk", "--weights"):
        assert part in needs
