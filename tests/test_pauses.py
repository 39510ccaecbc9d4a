import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.pauses import split_pauses, without_pauses


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello.", ["Hello."]),
        ("Well, [pause:0.5] yes.", ["Well, ", 0.5, " yes."]),
        ("[Pause: 2 ]Go[pause:0]", [2.0, "Go", 0.0]),
        ("[pause:1] [pause:1]", [1.0, 1.0]),
        ("a [sic] remark", ["a [sic] remark"]),
        ("", []),
    ],
)
def test_pauses_stand_between_stretches(text: str, parts: list[str | float]) -> None:
    assert split_pauses(text) == parts


def test_the_text_alone() -> None:
    assert without_pauses("Well,[pause:0.5]yes.") == "Well, yes."


@pytest.mark.parametrize("pause", ["[pause:]", "[pause:long]", "[pause:-1]", "[pause:11]"])
def test_impossible_pauses_are_named(pause: str) -> None:
    with pytest.raises(InvalidInput, match="seconds from 0 to 10"):
        split_pauses(f"Well, {pause} yes.")
