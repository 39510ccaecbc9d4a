"""The people whose portraits come with the package. They depict nobody."""

from __future__ import annotations

from typing import Final

from jamflow_rt.train.illustration.amara import AMARA
from jamflow_rt.train.illustration.jonas import JONAS
from jamflow_rt.train.illustration.look import Look
from jamflow_rt.train.illustration.mara import MARA

PEOPLE: Final[dict[str, Look]] = {look.name: look for look in (AMARA, JONAS, MARA)}
"""Looks by name."""
