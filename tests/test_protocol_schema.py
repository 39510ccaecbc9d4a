from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from jamflow_rt import protocol
from jamflow_rt.protocol.schema import dump_schema, protocol_schema

CHECKED_IN = Path(__file__).parents[1] / "clients" / "web" / "protocol.schema.json"


def test_the_schema_in_clients_web_is_current() -> None:
    assert CHECKED_IN.read_text(encoding="utf-8") == dump_schema(), (
        "The events have changed. Refresh the schema of the clients: "
        "python -m jamflow_rt.protocol.schema > clients/web/protocol.schema.json"
    )


def test_the_module_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Run anew, as `python -m` does, not as it was imported above.
        patch.delitem(sys.modules, "jamflow_rt.protocol.schema")
        runpy.run_module("jamflow_rt.protocol.schema", run_name="__main__")
    assert capsys.readouterr().out == dump_schema()


def test_every_event_is_described() -> None:
    schema = protocol_schema()
    kinds = [*get_args(protocol.ClientEvent), *get_args(protocol.ServerEvent)]
    for kind in kinds:
        described: dict[str, Any] = schema["$defs"][kind.__name__]
        assert described["properties"]["type"]["const"] == kind.model_fields["type"].default
        assert described["required"][0] == "type"
        assert described["additionalProperties"] is False
        assert described["description"]
    for name, union in (
        ("ClientEvent", protocol.ClientEvent),
        ("ServerEvent", protocol.ServerEvent),
    ):
        members = [member["$ref"].rsplit("/", 1)[1] for member in schema["$defs"][name]["oneOf"]]
        assert members == [kind.__name__ for kind in get_args(union)]


def test_every_reference_leads_somewhere() -> None:
    schema = protocol_schema()
    text = json.dumps(schema)
    references = [part.split('"', 1)[0] for part in text.split('"#/$defs/')[1:]]
    assert references
    assert set(references) <= set(schema["$defs"])


def test_sound_is_base64_in_the_schema() -> None:
    audio = protocol_schema()["$defs"]["InputAudioAppend"]["properties"]["audio"]
    assert (audio["type"], audio["contentEncoding"]) == ("string", "base64")
