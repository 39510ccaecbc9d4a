"""How long F5-TTS's own package and we take for the same speech: `python -m tests.measure_f5`.

Same random weights of F5TTS_v1_Base's size, same text, reference and noise, warmed up and in turn
in one process: ours exactly as theirs, then with guidance of what is new only, both in fp32, and
then that as fast as this machine can. Needs `make parity-env`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, MEL_RATE
from jamflow_rt.config import ModelConfig, SamplingConfig
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.flow.window import Window
from jamflow_rt.weights.f5 import unfilled
from jamflow_rt.weights.reading import load_strictly
from tests.upstream import f5_network

BAR = 0.6
NEW, REFERENCE = 25, 33
"""Beats of new sound (4 s) and of the reference (5.3 s, as F5-TTS's example)."""
CHARACTERS = 110

Sample = Callable[[], np.ndarray]


def window(config: ModelConfig) -> Window:
    """A reference and what is to be said after it."""
    random = np.random.default_rng(0)
    beats = REFERENCE + NEW
    frames, known = beats * BEAT_MEL, REFERENCE * BEAT_MEL
    mel = random.standard_normal((frames, config.mels)).astype(np.float32)
    mel[known:] = 0.0
    text = np.zeros(frames, np.int32)
    text[:CHARACTERS] = random.integers(1, config.text.vocab + 1, CHARACTERS)
    torch.manual_seed(1)
    still = np.zeros((beats * BEAT_MOTION, config.motion_size), np.float32)
    return Window(
        text=text,
        mel=mel,
        mel_masked=np.arange(frames) >= known,
        motion=still,
        motion_masked=np.zeros((len(still), len(config.groups)), bool),
        mel_noise=torch.randn(frames, config.mels).numpy(),
        motion_noise=still,
        given=np.zeros((len(still), config.given), np.float32),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often each is measured")
    parser.add_argument("--evaluations", type=int, default=16)
    options = parser.parse_args()

    config = ModelConfig.f5("v1_base")
    theirs, ours = f5_network(config), unfilled(config)
    tensors = theirs.transformer.state_dict()
    del tensors["rotary_embed.inv_freq"]
    load_strictly(ours.audio, tensors, "f5-tts")
    given = window(config)
    cond = torch.from_numpy(given.mel[~given.mel_masked] * config.mel_scale + config.mel_shift)
    ids = torch.from_numpy(given.text[:CHARACTERS].astype(np.int64) - 1)

    def upstream(evaluations: int) -> Sample:
        def sample() -> np.ndarray:
            made, _ = theirs.sample(
                cond[None],
                ids[None],
                len(given.text),
                steps=evaluations,
                cfg_strength=2.0,
                sway_sampling_coef=-1.0,
                seed=1,
            )
            return made[0].numpy()  # type: ignore[no-any-return]

        return sample

    def sampled(precision: str, guided: str) -> Callable[[int], Sample]:
        changes = {"precision": precision, "guided": guided, "pinned": guided == "generated"}

        def prepare(evaluations: int) -> Sample:
            sampling = SamplingConfig.f5(evaluations).model_copy(update=changes)
            sampler = Sampler(ours, sampling)
            return lambda: sampler.sample(given).mel * config.mel_scale + config.mel_shift

        return prepare

    ways = {
        "f5-tts": upstream,
        "ours, the same": sampled("full", "window"),
        "ours, guidance of what is new": sampled("full", "generated"),
        "that, as fast as can be": sampled("fast", "generated"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    mels: dict[str, np.ndarray] = {}
    for prepare in ways.values():
        prepare(1)()
    for _ in range(options.rounds):
        for name, prepare in ways.items():
            # The samplers share the model, and each lays its weights out as it wants them.
            sample = prepare(options.evaluations)
            start = time.perf_counter()
            mels[name] = sample()
            seconds[name].append(time.perf_counter() - start)
            print(f"  {name}: {seconds[name][-1]:.1f} s", flush=True)

    new, known = (beats * BEAT_MEL / MEL_RATE for beats in (NEW, REFERENCE))
    print(
        f"{new:.1f} s of new sound after {known:.1f} s, {options.evaluations} evaluations with "
        f"guidance, {torch.get_num_threads()} threads"
    )
    usual = min(seconds["f5-tts"])
    for name in ways:
        ratio = min(seconds[name]) / usual
        # With other guidance it is other speech, and with random weights only noise.
        same = name == "ours, the same"
        far = f", farthest {np.abs(mels[name] - mels['f5-tts']).max():.1e}" if same else ""
        verdict = "" if name == "f5-tts" else f", {'ok' if ratio <= BAR else 'missed'} (≤ {BAR})"
        print(f"{name:30}{min(seconds[name]):7.1f} s  ratio {ratio:.2f}{verdict}{far}")


if __name__ == "__main__":
    main()
