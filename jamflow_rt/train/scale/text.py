"""What a clip's text is to the network: ids on mel frames."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MEL_RATE
from jamflow_rt.config import ModelConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.f5 import CharacterVocabulary
from jamflow_rt.text.phonemes import symbol_ids
from jamflow_rt.train.scale.data import TextIds
from jamflow_rt.train.scale.recipe import Recipe
from jamflow_rt.train.shards import ClipRecord


def text_ids_for(recipe: Recipe, config: ModelConfig) -> TextIds:
    """The function that a network's kind of text asks for.

    Raises:
        InvalidInput: the recipe has no vocabulary or another network's, or it cuts clips whose text
            cannot be cut.
    """
    if config.text.kind == "phonemes":
        return phoneme_ids
    if recipe.lengths.crops is not None:
        raise InvalidInput(
            "lengths.crops: this network reads characters, and nobody knows which of them are said "
            "in a part of a clip; leave crops out."
        )
    if recipe.vocabulary is None:
        raise InvalidInput("vocabulary: this network reads characters; set it to a vocab.txt.")
    vocabulary = CharacterVocabulary.load(recipe.vocabulary)
    if len(vocabulary) != config.text.vocab:
        raise InvalidInput(
            f"{recipe.vocabulary} has {len(vocabulary)} entries; the network of this recipe reads "
            f"{config.text.vocab}."
        )
    return partial(character_ids, vocabulary)


def character_ids(
    vocabulary: CharacterVocabulary, record: ClipRecord, first: int, frames: int
) -> NDArray[np.int64]:
    """Characters first and 0 after, as F5-TTS does; what does not fit is left out."""
    ids = np.zeros(frames, np.int64)
    read = vocabulary.ids(record.text)[:frames]
    ids[: len(read)] = read
    return ids


def phoneme_ids(record: ClipRecord, first: int, frames: int) -> NDArray[np.int64]:
    """The phoneme that sounds on each mel frame, 0 in silence.

    Raises:
        InvalidInput: the clip's phonemes have no times.
    """
    if record.phones is None:
        raise InvalidInput(
            f"{record.source} at {record.start} s has no timed phonemes, which this network's text "
            "is made of: prepare the clips with transcripts that can be aligned."
        )
    ids = np.zeros(first + frames, np.int64)
    for symbol, start, end in record.phones:
        if symbol:
            ids[round(start * MEL_RATE) : round(end * MEL_RATE)] = symbol_ids(symbol)[0]
    return ids[first:]
