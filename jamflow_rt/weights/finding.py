"""What `jamflow-rt doctor` says of one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool | None
    """None where it is missing and only some need it, or where nobody can tell."""
    text: str
