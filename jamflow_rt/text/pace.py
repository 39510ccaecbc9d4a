"""F5's duration rule and phrase splitting (placeholder until text/f5.py lands)."""

from __future__ import annotations

import re

from jamflow_rt.beats import MEL_RATE


def spoken_frames(reference_frames: int, reference: str, text: str, speed: float) -> int:
    size = len(text.encode())
    if size < 10:
        speed = min(speed, 0.3)
    return int(reference_frames / max(1, len(reference.encode())) * size / speed)


def split_phrases(text: str, reference: str, reference_frames: int, speed: float) -> list[str]:
    seconds = reference_frames / MEL_RATE
    most = max(20, int(len(reference.encode()) / seconds * (22 - seconds) * speed))
    phrases: list[str] = []
    current = ""
    for part in re.split(r"(?<=[;:,.!?])\s+", text.strip()):
        if current and len((current + " " + part).encode()) > most:
            phrases.append(current)
            current = part
        else:
            current = f"{current} {part}".strip()
    return [*phrases, current] if current else phrases
