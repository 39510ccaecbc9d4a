from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jamflow_rt.errors import InvalidInput
from jamflow_rt.render import open_portrait as module
from jamflow_rt.render.open_portrait import open_portrait
from jamflow_rt.render.portraits import DEFAULT_PORTRAIT, load_portrait
from tests.test_photo import face, photograph


def test_names_folders_and_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_portrait(DEFAULT_PORTRAIT).name == DEFAULT_PORTRAIT
    load_portrait().save(tmp_path / "someone")
    assert open_portrait(tmp_path / "someone").name == DEFAULT_PORTRAIT
    picture, landmarks = photograph(face())
    Image.fromarray(picture).save(tmp_path / "me.jpg")
    monkeypatch.setattr(module, "find_face", lambda picture, model: landmarks.astype(np.float32))
    portrait = open_portrait(str(tmp_path / "me.jpg"))
    assert portrait.name == "me"
    assert portrait.layers[0].name == "background"


def test_nobody(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'nobody'"):
        open_portrait("nobody")
    with pytest.raises(InvalidInput, match="no portrait in"):
        open_portrait(tmp_path / "nobody")
    with pytest.raises(InvalidInput, match=r"no picture .*me\.PNG"):
        open_portrait(str(tmp_path / "me.PNG"))
