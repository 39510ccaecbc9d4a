"""What a bench found: as a table, and as JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from typing import Any

import torch
from rich.table import Table

from jamflow_rt.bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one run."""

    model: str
    """Name of the bundle."""
    settings: dict[str, Any]
    """How thoroughly it was measured."""
    machine: dict[str, Any]
    """Where."""
    families: dict[str, tuple[Figure, ...]] = field(default_factory=dict)
    """What was measured, by family."""

    @property
    def missed(self) -> list[str]:
        """`family.key` of each figure that does not meet its bar."""
        return [
            f"{family}.{figure.key}"
            for family, figures in self.families.items()
            for figure in figures
            if figure.ok is False
        ]

    def json(self) -> str:
        """Everything, as one JSON object."""
        content = {
            "model": self.model,
            "machine": self.machine,
            "settings": self.settings,
            "figures": {
                family: {figure.key: figure.json() for figure in figures}
                for family, figures in self.families.items()
            },
            "missed": self.missed,
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)

    def table(self) -> Table:
        """For people."""
        where = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        table = Table(title=f"{self.model}: bench", caption=where, caption_justify="left")
        table.add_column("measure")
        table.add_column("here", justify="right", no_wrap=True)
        table.add_column("bar", justify="right", no_wrap=True)
        table.add_column("")
        table.add_column("note")
        for family, figures in self.families.items():
            table.add_section()
            table.add_row(family, style="bold")
            for figure in figures:
                colour = {None: "", True: "green", False: "bold red"}[figure.ok]
                verdict = f"[{colour}]{figure.verdict}[/]" if colour else ""
                table.add_row(figure.name, figure.text, figure.bar_text, verdict, figure.note)
        return table


def this_machine() -> dict[str, Any]:
    """What the figures depend on: processor, cores, how busy others keep them, torch."""
    found: dict[str, Any] = {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count() or 1,
        "torch": torch.__version__,
    }
    if hasattr(os, "getloadavg"):
        found["load"] = round(os.getloadavg()[0], 2)
    return found
