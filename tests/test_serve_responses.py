from __future__ import annotations

from jamflow_rt.serve.responses import MAX_REMEMBERED, Responses
from jamflow_rt.stream.speech import Speech


async def test_ended_responses_are_remembered_and_the_oldest_forgotten() -> None:
    responses = Responses()
    for number in range(MAX_REMEMBERED + 1):
        responses.add(Speech(str(number)))
        responses.end(str(number))
    assert responses.find("0") is None
    assert responses.find("1") is not None
    assert len(responses) == 0
