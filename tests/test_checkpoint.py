from pathlib import Path

import pytest
import torch

from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.checkpoint import load_checkpoint, save_checkpoint
from tests.toy import toy_model


def test_saving_and_loading(tmp_path: Path) -> None:
    model = toy_model()
    save_checkpoint(model, tmp_path / "model.safetensors")
    loaded = load_checkpoint(tmp_path / "model.safetensors")
    assert loaded.config == model.config
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint at all"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"model\.safetensors is no checkpoint"):
        load_checkpoint(path)
