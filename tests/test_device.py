import pytest
import torch

from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.model.device import find_device


def test_auto_is_the_processor_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert find_device("auto") == torch.device("cuda")


def test_a_gpu_that_is_not_there_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert find_device("cuda") == torch.device("cuda")
    with pytest.raises(NotSupported, match=r"cuda:1 is not here.*--device cpu"):
        find_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "mps", "meta", "cuda:x", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="auto, cpu, cuda"):
        find_device(name)
