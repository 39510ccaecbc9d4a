"""Our reading of text, phrases and schedules against F5-TTS's own package."""

import ast
import re
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.flow.schedule import flow_times
from jamflow_rt.text.f5 import CharacterVocabulary, read_characters
from jamflow_rt.text.pace import LONGEST, split_phrases
from tests.upstream import f5_tts


@cache
def utils() -> Any:
    return f5_tts("f5_tts.model.utils")


def package() -> Path:
    f5_tts()
    spec = find_spec("f5_tts")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def their_chunks() -> Callable[[str, int], list[str]]:
    """`chunk_text`; the file that it is in imports transcribers and players."""
    source = (package() / "infer" / "utils_infer.py").read_text("utf-8")
    function = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "chunk_text"
    )
    names: dict[str, Any] = {"re": re}
    exec(compile(ast.Module([function], []), "chunk_text", "exec"), names)
    return names["chunk_text"]  # type: ignore[no-any-return]


LATIN = st.text("abcdefghijklmnopqrstuvwxyzABCYZ0123456789 .,;:!?'\"“”‘’—…-_%()/@$éüß한あ")
# With a Chinese character jieba itself is asked, which knows a few words such as C#.
CHINESE = st.text("我你好世界银行长大不了一个中国人重要着AbcC#1.5%，。！？；“”… -é").map(
    "好{}".format
)


@given(LATIN)
def test_latin_text_is_read_as_theirs(text: str) -> None:
    assert read_characters(text) == utils().convert_char_to_pinyin([text])[0]


@given(CHINESE)
def test_chinese_is_read_as_theirs(text: str) -> None:
    assert read_characters(text) == utils().convert_char_to_pinyin([text])[0]


@pytest.mark.parametrize(
    "text",
    [
        "Some call me nature, others call me mother nature.",
        "I don't really care what you call me—it's 3.14% of well-known \"co-ops\"; e.g. (this).",
        "突然，身边一阵笑声。我看着他们，意气风发地挺直了胸膛，甩了甩那稍显肉感的双臂。",
        "他说OK了，但是version 2.0在2024年3月15日才发布 hello world。",
        "不要一个人去看一看,重庆的银行长大了。",
    ],
)
def test_numbers_of_their_vocabulary_are_theirs(text: str) -> None:
    file = package() / "infer" / "examples" / "vocab.txt"
    numbers, size = utils().get_tokenizer(str(file), "custom")
    vocabulary = CharacterVocabulary.load(file)
    assert len(vocabulary) == size == 2545
    theirs = utils().list_str_to_idx(utils().convert_char_to_pinyin([text]), numbers)[0]
    # Theirs are raised by one inside the network.
    assert vocabulary.ids(text).tolist() == (theirs + 1).tolist()


PHRASE = st.text("abc 你好", min_size=1, max_size=12).map(lambda text: text.strip() or "a")


@given(
    st.lists(st.tuples(PHRASE, st.sampled_from([". ", ", ", "! ", ": ", "。", "，", "; "]))),
    st.integers(100, 900),
)
def test_phrases_are_theirs_where_none_is_too_long(
    parts: list[tuple[str, str]], frames: int
) -> None:
    text = "".join(phrase + mark for phrase, mark in parts).strip()
    reference = "A reference of some forty bytes or so..  "
    seconds = frames / 93.75
    most = int(len(reference) / seconds * (LONGEST - seconds))
    if most < 40:  # ours then cut what theirs leave too long
        return
    assert split_phrases(text, reference, frames) == their_chunks()(text, most)


@pytest.mark.parametrize("steps", [4, 5, 6, 7, 10, 12, 16, 32])
def test_schedules_are_theirs(steps: int) -> None:
    t = utils().get_epss_timesteps(steps, "cpu", torch.float32)
    for sway in (0.0, -1.0):
        theirs = t + sway * (torch.cos(torch.pi / 2 * t) - 1 + t)
        ours = torch.tensor(flow_times(steps, sway, epss=True))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
