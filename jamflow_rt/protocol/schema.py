"""The JSON Schema of all events, for clients in other languages.

python -m jamflow_rt.protocol.schema > clients/web/protocol.schema.json
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jamflow_rt.protocol.client_events import CLIENT
from jamflow_rt.protocol.server_events import SERVER


def protocol_schema() -> dict[str, Any]:
    """One JSON Schema (2020-12) with `ClientEvent`, `ServerEvent` and each event in its `$defs`."""
    keys, shared = CLIENT.json_schemas(
        [("ClientEvent", "validation", CLIENT), ("ServerEvent", "validation", SERVER)],
        title="jamflow_rt protocol",
        description="The events between a jamflow_rt server and its clients. Made by "
        "`python -m jamflow_rt.protocol.schema`; do not edit.",
    )
    definitions = shared["$defs"]
    for definition in definitions.values():
        _require_type(definition)
    for (name, _mode), union in keys.items():
        definitions[str(name)] = union
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": shared["title"],
        "description": shared["description"],
        "oneOf": [{"$ref": "#/$defs/ClientEvent"}, {"$ref": "#/$defs/ServerEvent"}],
        "$defs": dict(sorted(definitions.items())),
    }


def dump_schema() -> str:
    """`protocol_schema` as it stands in clients/web/protocol.schema.json."""
    return json.dumps(protocol_schema(), indent=2, ensure_ascii=False) + "\n"


def _require_type(definition: dict[str, Any]) -> None:
    """On the wire `type` is no default: an event without it is none."""
    kind = definition.get("properties", {}).get("type")
    if kind is not None and "const" in kind:
        kind.pop("default", None)
        definition["required"] = ["type", *definition.get("required", [])]


if __name__ == "__main__":
    sys.stdout.write(dump_schema())
