"""How fast is it here: the wait before a speech, and what a sounding second costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median
from time import perf_counter

import av
import numpy as np
from aiortc.codecs.opus import OpusEncoder
from numpy.typing import NDArray
from rich.table import Table

from jamflow_rt.avatar import Avatar
from jamflow_rt.beats import BEAT_MEL, MOTION_RATE, SAMPLE_RATE
from jamflow_rt.bundle import Bundle
from jamflow_rt.config import SamplingConfig, WindowConfig
from jamflow_rt.evaluate.synthesis import Stopwatch, Synthesiser
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.model.threads import apart
from jamflow_rt.render.mesh import MeshRenderer
from jamflow_rt.render.renderer import Renderer
from jamflow_rt.serve.encoder import TICKS_PER_PICTURE, VideoEncoder
from jamflow_rt.serve.resample import Doubler
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.sources import text_piece
from jamflow_rt.stream.windows import WindowPlanner

SENTENCES = (
    "Good morning, how are you?",
    "The weather will be fine until the evening, and then a little rain may fall.",
    "I can tell you more about it, if you have a minute.",
    "Please put the blue book back on the table before you leave.",
)
SIZES = (512, 1024)
STAGES = ("text", "sampling", "vocoder", "rendering", "encoding")


@dataclass(frozen=True, slots=True)
class Speed:
    """What `jamflow-rt bench` measured on this machine."""

    first_frame: tuple[float, ...]
    """Seconds from `say()` to the first speech frame out of the session, one a trial."""
    cost: dict[str, float]
    """Stage → seconds of work per sounding second."""
    windows: dict[tuple[int, int], float]
    """(beats of the window, evaluations) → seconds to sample it (median)."""
    rendering: dict[int, float]
    """Width of the picture → seconds to draw one frame on one core (median)."""

    @property
    def total(self) -> float:
        """The stages together; below 1 one session runs in real time even if nothing overlaps."""
        return sum(self.cost.values())

    def tables(self) -> list[Table]:
        """For people."""
        cost = Table(title="Cost of one session, per sounding second", min_width=50)
        cost.add_column("stage")
        cost.add_column("seconds", justify="right")
        for stage, seconds in self.cost.items():
            cost.add_row(stage, f"{seconds:.3f}")
        cost.add_row("sum", f"{self.total:.3f}", style="bold")
        wait = Table(
            title=f"say() to first speech frame ({len(self.first_frame)} trials)", min_width=50
        )
        for name in ("median", "fastest", "slowest"):
            wait.add_column(name, justify="right")
        times = (median(self.first_frame), min(self.first_frame), max(self.first_frame))
        wait.add_row(*(f"{seconds * 1000:.0f} ms" for seconds in times))
        evaluations = sorted({steps for _, steps in self.windows})
        windows = Table(title="Sampling one window")
        windows.add_column("beats", justify="right")
        for steps in evaluations:
            windows.add_column(f"{steps} evaluations", justify="right")
        for beats in sorted({beats for beats, _ in self.windows}):
            windows.add_row(
                str(beats), *(f"{self.windows[beats, n] * 1000:.0f} ms" for n in evaluations)
            )
        rendering = Table(title="Rendering one frame", min_width=50)
        rendering.add_column("pixels", justify="right")
        rendering.add_column("one core", justify="right")
        for size, seconds in sorted(self.rendering.items()):
            rendering.add_row(f"{size} × {size}", f"{seconds * 1000:.1f} ms")  # noqa: RUF001
        return [cost, wait, windows, rendering]


def bench(
    bundle: Bundle,
    renderer: Renderer,
    *,
    trials: int = 20,
    evaluations: Sequence[int] = (2, 4, 8, 16),
    sentences: Sequence[str] = SENTENCES,
    sizes: Sequence[int] = SIZES,
    progress: Callable[[str], None] = lambda stage: None,
) -> Speed:
    """Measure a bundle on this machine; takes about `trials` seconds and ten more.

    Args:
        bundle: what to measure.
        renderer: draws for the cost measure, and at every size if it is a `MeshRenderer`.
        trials: how many times the wait is measured.
        evaluations: columns of the window table.
        sentences: what is said.
        sizes: widths of the pictures that are drawn.
        progress: told what is being measured.
    """
    progress("cost")
    cost = apart(lambda: asyncio.run(measure_cost(bundle, renderer, sentences)))
    progress("windows")
    windows = apart(lambda: measure_windows(bundle, evaluations))
    progress("rendering")
    renderers = [renderer]
    if isinstance(renderer, MeshRenderer):
        neutral = bundle.motion.neutral
        renderers = [MeshRenderer(renderer.portrait, neutral, size) for size in sizes]
    rendering = {drawing.size: measure_rendering(bundle, drawing) for drawing in renderers}
    progress("first frame")
    with Avatar(bundle) as avatar:
        avatar.warm_up()
        first = asyncio.run(measure_first_frame(avatar, trials, sentences))
    return Speed(tuple(first), cost, windows, rendering)


async def measure_cost(
    bundle: Bundle, renderer: Renderer, sentences: Sequence[str] = SENTENCES
) -> dict[str, float]:
    """Seconds of each stage per sounding second, one stage after the other."""
    synthesiser = Synthesiser(bundle)
    encoder = _Encoder()
    # The first of everything compiles, allocates and fills caches.
    warm = synthesiser(sentences[0])
    await encoder(renderer.render(warm.faces[0]), warm.sound[: SAMPLE_RATE // MOTION_RATE])
    watch = Stopwatch()
    seconds = 0.0
    for seed, sentence in enumerate(sentences):
        take = synthesiser(sentence, seed, watch)
        seconds += take.seconds
        for face, sound in zip(take.faces, _by_frame(take.sound), strict=True):
            start = perf_counter()
            picture = renderer.render(face)
            watch("rendering", start)
            start = perf_counter()
            await encoder(picture, sound)
            watch("encoding", start)
    encoder.close()
    return {stage: watch.seconds.get(stage, 0.0) / seconds for stage in STAGES}


def measure_windows(
    bundle: Bundle, evaluations: Sequence[int], repeats: int = 5
) -> dict[tuple[int, int], float]:
    """(beats, evaluations) → median seconds to sample one speech window of that length."""
    found: dict[tuple[int, int], float] = {}
    voice = bundle.voice()
    timeline = bundle.front.timeline(SENTENCES[1], voice=voice)
    for new in bundle.windows.growth:
        config = WindowConfig(**{**bundle.windows.model_dump(), "growth": (new,)})
        performance = Performance(
            bundle.motion, bundle.vocoder, WindowPlanner(config), 0, voice.number
        )
        cells = text_piece(timeline, SENTENCES[1], "bench").cells
        performance.score.extend(cells * (new // len(cells) + 1))
        window = performance.next_job().window
        for steps in evaluations:
            sampling = SamplingConfig(**{**bundle.sampling.model_dump(), "evaluations": steps})
            sampler = Sampler(bundle.model, sampling)
            times = []
            for _ in range(repeats + 1):
                start = perf_counter()
                sampler.sample(window)
                times.append(perf_counter() - start)
            found[len(window.text) // BEAT_MEL, steps] = median(times[1:])
    return found


def measure_rendering(bundle: Bundle, renderer: Renderer, faces: int = 60) -> float:
    """Median seconds to draw one of many different faces, as the motion space has them."""
    latents = np.random.default_rng(0).normal(size=(faces, bundle.motion.size))
    varied = bundle.motion.decode(latents.astype(np.float32))
    # The first of everything compiles, allocates and fills caches.
    renderer.render(varied[0])
    times = []
    for face in varied:
        start = perf_counter()
        renderer.render(face)
        times.append(perf_counter() - start)
    return median(times)


async def measure_first_frame(
    avatar: Avatar, trials: int, sentences: Sequence[str] = SENTENCES
) -> list[float]:
    """Seconds from `say()` to the first frame of the speech, in a session that idles before."""
    async with avatar.session() as session:
        waits = []
        await _until_first_frame(session, sentences[0])
        for trial in range(trials):
            waits.append(await _until_first_frame(session, sentences[trial % len(sentences)]))
    return waits


async def _until_first_frame(session: Session, text: str) -> float:
    wait = 0.0
    idle = 0
    start: float | None = None
    async for frame in session:
        if start is None:
            # Half a second of idling, so that every trial finds the same state.
            idle = idle + 1 if frame.speech_id is None else 0
            if idle >= MOTION_RATE // 2:
                start = perf_counter()
                session.say(text)
        elif frame.speech_id is not None:
            wait = perf_counter() - start
            break
    await session.interrupt()
    return wait


class _Encoder:
    """Picture and sound to VP8 and Opus, as a viewer's connection does it."""

    def __init__(self) -> None:
        self._video = VideoEncoder()
        self._opus = OpusEncoder()
        self._doubler = Doubler()
        self._frames = 0

    async def __call__(self, picture: NDArray[np.uint8], sound: NDArray[np.float32]) -> None:
        await self._video.encode(picture, self._frames * TICKS_PER_PICTURE)
        pcm = np.round(np.clip(self._doubler.push(sound), -1, 1) * 32767).astype(np.int16)
        for index, block in enumerate(pcm.reshape(2, -1)):
            packet = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
            packet.sample_rate = 2 * SAMPLE_RATE
            packet.pts = (2 * self._frames + index) * len(block)
            packet.time_base = Fraction(1, 2 * SAMPLE_RATE)
            self._opus.encode(packet)
        self._frames += 1

    def close(self) -> None:
        self._video.close()


def _by_frame(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    return sound.reshape(-1, SAMPLE_RATE // MOTION_RATE)
