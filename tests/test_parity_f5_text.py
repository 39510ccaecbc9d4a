"""Our reading of text, phrases and schedules against F5-TTS's own package."""

import ast
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.flow.schedule import flow_times
from jamflow_rt.stream.phrases import voice_reference
from jamflow_rt.text.f5 import CharacterVocabulary, read_characters
from jamflow_rt.text.pace import LONGEST, split_phrases
from jamflow_rt.text.written import CharacterFront, Phrase
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
def theirs(function: str) -> Callable[..., Any]:
    """One of `infer/utils_infer.py`, a file that imports transcribers and players."""
    source = (package() / "infer" / "utils_infer.py").read_text("utf-8")
    wanted = ("chunk_text", "infer_process", "infer_batch_process")
    functions: list[ast.stmt] = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name in wanted
    ]
    names: dict[str, Any] = {
        "re": re,
        "torch": torch,
        "np": np,
        "ThreadPoolExecutor": lambda: ThreadPoolExecutor(1),
        "convert_char_to_pinyin": utils().convert_char_to_pinyin,
        "torchaudio": SimpleNamespace(load=lambda sound: (sound, 24000)),
        **{"mel_spec_type": "vocos", "target_rms": 0.1, "cross_fade_duration": 0, "nfe_step": 1},
        **{"cfg_strength": 2.0, "sway_sampling_coef": -1, "speed": 1, "fix_duration": None},
        **{"device": "cpu", "hop_length": 256, "target_sample_rate": 24000, "tqdm": None},
    }
    exec(compile(ast.Module(functions, []), "utils_infer", "exec"), names)
    return names[function]  # type: ignore[no-any-return]


class _Told:
    """Stands for F5-TTS's model and its vocoder, and remembers what is to be sampled."""

    def __init__(self) -> None:
        self.phrases: list[tuple[list[str], int]] = []

    def sample(self, cond: torch.Tensor, text: Any, duration: int, **_: Any) -> Any:
        self.phrases.append((text[0], duration - cond.shape[-1] // 256))
        return torch.zeros(1, duration, 100), None

    def decode(self, mel: torch.Tensor) -> torch.Tensor:
        return torch.zeros(1, 256 * mel.shape[-1])


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
    their = utils().list_str_to_idx(utils().convert_char_to_pinyin([text]), numbers)[0]
    # Theirs are raised by one inside the network.
    assert vocabulary.ids(text).tolist() == (their + 1).tolist()


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
    most = int((len(reference) - 1) / seconds * (LONGEST - seconds))
    if most < 40:  # ours then cut what theirs leave too long
        return
    assert split_phrases(text, reference, frames) == theirs("chunk_text")(text, most)


SENTENCE = "I don't really care what you call me, I've been a silent spectator. "


@pytest.mark.parametrize("speed", [1.0, 0.7, 1.6])
@pytest.mark.parametrize(
    ("seconds", "transcript"),
    [
        (5.33, "Some call me nature, others call me mother nature."),
        (3.1, "Hello there"),
        (8.0, "对，这就是我，万人敬仰的太乙真人。"),
    ],
)
@pytest.mark.parametrize("text", ["Yes!", "Ten bytes.", SENTENCE, SENTENCE * 9, "你好，今天很好。"])
def test_phrases_take_as_long_as_theirs(
    seconds: float, transcript: str, text: str, speed: float
) -> None:
    sound = np.sin(np.arange(round(seconds * 24000)) / 9).astype(np.float32) * 0.2
    vocabulary = CharacterVocabulary.load(package() / "infer" / "examples" / "vocab.txt")
    reference = voice_reference(sound, transcript, vocabulary)
    front = CharacterFront(vocabulary, lambda voice: reference.spoken)
    model = _Told()
    padded = torch.from_numpy(np.pad(sound, (0, 1200)))[None]  # as preprocess_ref_audio_text does
    written = transcript if transcript.endswith("。") else transcript.removesuffix(".") + ". "
    theirs("infer_process")(
        padded, written, text, model, model, show_info=lambda _: None, progress=None, speed=speed
    )
    phrases = front.phrases(text, speed, reference.spoken)
    assert len(phrases) == len(model.phrases)
    read = reference.primer.text[reference.primer.text > 0].tolist()
    numbers, _ = utils().get_tokenizer(
        str(package() / "infer" / "examples" / "vocab.txt"), "custom"
    )
    for phrase, (characters, frames) in zip(phrases, model.phrases, strict=True):
        assert isinstance(phrase, Phrase)
        # Up to whole beats.
        assert 0 <= phrase.frames - frames < BEAT_MEL
        expected = (utils().list_str_to_idx([characters], numbers)[0] + 1).tolist()
        assert read + list(phrase.characters) == expected


@pytest.mark.parametrize("steps", [4, 5, 6, 7, 10, 12, 16, 32])
def test_schedules_are_their(steps: int) -> None:
    t = utils().get_epss_timesteps(steps, "cpu", torch.float32)
    for sway in (0.0, -1.0):
        their = t + sway * (torch.cos(torch.pi / 2 * t) - 1 + t)
        ours = torch.tensor(flow_times(steps, sway, epss=True))
        torch.testing.assert_close(ours, their, rtol=0, atol=1e-6)
