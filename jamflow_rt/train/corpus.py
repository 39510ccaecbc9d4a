"""Teacher speech with timed phonemes: the `corpus` stage.

hibari-tts (Apache-2.0) reads sentences; an internal tensor of its graph tells how long it held
each phoneme. A corpus is a folder of shards: `shardK.npz` with phonemes and times,
`shardK.wav.npy` with 16-bit sound and `shardK.mel.npy` with the whitened mel as float16.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import HOP, SAMPLE_RATE
from jamflow_rt.codec.mel import mel_of
from jamflow_rt.errors import InvalidInput, NotSupported

DURATION_FRAME = 0.025
F0_SAMPLES = 300
# The teacher's phoneme times run this late against the sound (first voiced or burst energy over
# 40 sentences, and a forced aligner, agree within 10 ms).
LATENESS = 0.035
PUNCTUATION_TAIL = 0.08
QUIET_DB = -42.0
SILENT_ID = 0


class Utterance(NamedTuple):
    """One sentence as the teacher said it."""

    ids: NDArray[np.int16]  # (n,) phoneme ids, a silence (0) first and last
    seconds: NDArray[np.float32]  # (n,) how long each id lasts; they add up to the sound
    f0: NDArray[np.float32]  # (m,) Hz every 12.5 ms, 0 where unvoiced
    sound: NDArray[np.float32]  # (N,) 24 kHz


class Teacher:
    """hibari-tts with its phoneme durations exposed."""

    def __init__(self) -> None:
        try:
            import hibari
            import onnx
            import onnxruntime
            from hibari import dsp
        except ImportError as error:
            raise NotSupported("The corpus stage needs the `train` extra (onnx).") from error
        self._hibari: Any = hibari.Hibari(threads=1)
        self._synthesise = dsp.synth
        graph = onnx.load(self._hibari.model_path)
        graph.graph.output.append(
            onnx.helper.make_tensor_value_info("/Clip_output_0", onnx.TensorProto.FLOAT, None)
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._punctuation = {self._hibari.vocab[c] for c in ';:,.!?—…"()“” '}

    def __call__(self, text: str, seed: int, speed: float = 1.0) -> Utterance | None:
        """Say the first sentence of `text`; None when there is nothing to say."""
        phonemes = self._hibari.phonemize(text)
        if not phonemes:
            return None
        ids = self._hibari.ids(phonemes[0])
        inputs = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([speed], np.float32)}
        *parts, held = self._session.run(None, inputs)
        generator = np.random.default_rng(seed)
        sound = self._synthesise(*(part[0] for part in parts), generator).astype(np.float32)
        seconds = held.reshape(-1) * DURATION_FRAME
        seconds = self._end_last_phone(ids, seconds, sound)
        seconds[0] -= LATENESS
        seconds[-1] += LATENESS
        f0 = np.asarray(parts[5]).reshape(-1).astype(np.float32)
        return Utterance(np.asarray(ids, np.int16), seconds.astype(np.float32), f0, sound)

    def _end_last_phone(
        self, ids: Sequence[int], seconds: NDArray[np.float64], sound: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Give the silence that the last phone swallowed back to the closing silence."""
        step = SAMPLE_RATE // 100
        energy = np.square(sound[: len(sound) // step * step]).reshape(-1, step).mean(1)
        decibel = 10 * np.log10(energy / energy.max() + 1e-12)
        quiet_from = (np.flatnonzero(decibel > QUIET_DB)[-1] + 1) * 0.01 + LATENESS
        last = max(i for i, x in enumerate(ids) if x != SILENT_ID and x not in self._punctuation)
        start = seconds[:last].sum()
        fixed = seconds.copy()
        fixed[last] = min(max(quiet_from - start, DURATION_FRAME), seconds[last])
        marks = range(last + 1, len(ids) - 1)
        for mark in marks:
            fixed[mark] = min(PUNCTUATION_TAIL / len(marks), seconds[mark])
        fixed[-1] += seconds.sum() - fixed.sum()
        return fixed


def _write_shard(job: tuple[int, list[tuple[int, str]], Path]) -> float:
    index, sentences, folder = job
    import torch

    torch.set_num_threads(1)
    teacher = Teacher()
    said = [u for seed, text in sentences if (u := teacher(text, seed)) is not None]
    mels = [mel_of(u.sound).astype(np.float16) for u in said]
    sounds = [
        (u.sound[: len(m) * HOP] * 32767).round().astype(np.int16)
        for u, m in zip(said, mels, strict=True)
    ]

    def offsets(items: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
        return np.cumsum([0, *(len(item) for item in items)], dtype=np.int64)

    np.save(folder / f"shard{index}.wav.npy", np.concatenate(sounds))
    np.save(folder / f"shard{index}.mel.npy", np.concatenate(mels))
    np.savez(
        folder / f"shard{index}.npz",
        ids=np.concatenate([u.ids for u in said]),
        frames=np.concatenate([u.seconds for u in said]),
        offsets=offsets([u.ids for u in said]),
        f0=np.concatenate([u.f0 for u in said]),
        f0_offsets=offsets([u.f0 for u in said]),
        mel_offsets=offsets(mels),
    )
    return sum(len(s) for s in sounds) / SAMPLE_RATE


def build_corpus(sentences: Path, folder: Path, count: int, processes: int = 2) -> float:
    """Let the teacher say `count` random sentences of a text file (one a line).

    Returns:
        Hours of sound written. Shards that exist are kept, so a broken run resumes.

    Raises:
        InvalidInput: the file has fewer sentences than asked for.
    """
    lines = [line.strip() for line in sentences.read_text("utf-8").splitlines() if line.strip()]
    if len(lines) < count:
        raise InvalidInput(f"{sentences.name} has {len(lines)} sentences, fewer than {count}.")
    random.Random(0).shuffle(lines)
    folder.mkdir(parents=True, exist_ok=True)
    numbered = list(enumerate(lines[:count]))
    size = 1000
    jobs = [
        (k, numbered[k * size : (k + 1) * size], folder)
        for k in range(-(-count // size))
        if not (folder / f"shard{k}.npz").exists()
    ]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        seconds = sum(pool.imap_unordered(_write_shard, jobs))
    (folder / "DONE").touch()
    return seconds / 3600
