from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.serve.resuming import Resuming, new_token


@pytest.fixture
def resuming() -> Resuming[str]:
    return Resuming()


def test_a_token_brings_back_once(resuming: Resuming[str]) -> None:
    token = resuming.issue("session")
    assert resuming.take(token) == "session"
    assert resuming.take(token) is None
    assert len(resuming) == 0


def test_a_new_token_ends_the_old_one(resuming: Resuming[str]) -> None:
    first = resuming.issue("session")
    second = resuming.issue("session")
    assert resuming.take(first) is None
    assert resuming.take(second) == "session"


def test_a_token_made_before_can_be_given(resuming: Resuming[str]) -> None:
    token = new_token()
    assert resuming.issue("session", token) == token
    assert resuming.take(token) == "session"


def test_nobody_comes_back_to_what_has_ended(resuming: Resuming[str]) -> None:
    token = resuming.issue("session")
    resuming.revoke("session")
    resuming.revoke("session")
    assert resuming.take(token) is None


def test_tokens_are_long_and_all_different(resuming: Resuming[str]) -> None:
    tokens = {resuming.issue(f"session {n}") for n in range(200)}
    assert len(tokens) == 200
    assert min(len(token) for token in tokens) >= 43  # 256 bits in base64


@given(st.text())
def test_what_is_no_token_brings_nobody_back(text: str) -> None:
    resuming: Resuming[str] = Resuming()
    resuming.issue("session")
    assert resuming.take(text) is None
    assert len(resuming) == 1
