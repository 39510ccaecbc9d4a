"""What a bench says."""

from __future__ import annotations

SENTENCES = (
    "Good morning, how are you?",
    "The weather will be fine until the evening, and then a little rain may fall.",
    "I can tell you more about it, if you have a minute.",
    "Please put the blue book back on the table before you leave.",
)
LONG_SENTENCE = SENTENCES[1]
"""About four seconds: long enough to be interrupted."""
