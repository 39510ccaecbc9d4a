"""Script and Word."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from jamflow_rt.text.script import Script, Word


def test_phonemes_of_a_word() -> None:
    script = Script("Hi there.", "hˈI ðˈɛɹ.", (Word("Hi", 0, 3), Word("there.", 4, 8)))
    assert [script.spoken(word) for word in script.words] == ["hˈI", "ðˈɛɹ"]


def test_scripts_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Script("", "", ()).text = "other"  # type: ignore[misc]
