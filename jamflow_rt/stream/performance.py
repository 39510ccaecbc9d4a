"""The generation state of a session: what was performed, what is to come, and windows from both.

A performance is plain data and knows no clock and no threads. Live sessions and offline rendering
drive the same one: `next_job()` gives a window, an engine samples it, `accept()` takes it in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, BEAT_SAMPLES, MEL_PER_MOTION, SAMPLES_PER_MOTION
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.mel import SILENCE, silence_mel
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.codec.vocoder import Vocoder, VocoderStream
from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.noise import window_noise
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.stream.score import Cell, Excerpt, Floats, Score
from jamflow_rt.stream.windows import WindowPlan, WindowPlanner

S = TypeVar("S", bound=np.generic)

HISTORY_BEATS = 40
"""Beats of history kept: more than is ever generated ahead, and a prefix before that."""


@dataclass(frozen=True, slots=True)
class Shot:
    """40 ms of a performance."""

    index: int
    """Motion frame since the beginning of the performance."""
    face: FaceState
    sound: Floats
    """(960,)"""
    speech_id: str | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """The new beats of a sampled window, decoded."""

    mel: Floats  # (15·new, 100)
    motion: Floats  # (4·new, D)
    shots: list[Shot]


@dataclass(frozen=True, slots=True)
class Job:
    """A window to be sampled, and all that is needed to decode it elsewhere."""

    plan: WindowPlan
    window: Window
    start: int
    """Motion frame of its first new beat."""
    cells: list[Cell]
    """What the new beats perform; empty when idle."""
    space: MotionSpace
    voice: VocoderStream | None
    """Decodes the new beats; for an idle window: what the last speech still rings with."""
    right: int
    """Mel frames of right context the vocoder wants."""
    primer: Floats | None
    """(n, 100) mel before the window, when `voice` is new and has not heard it."""

    @property
    def idle(self) -> bool:
        """True when nothing is performed."""
        return not self.cells

    def finish(self, result: WindowResult) -> Chunk:
        """Decode the new beats. May run in any thread, once."""
        first, new = self.plan.prefix, self.plan.new
        mel = result.mel[first * BEAT_MEL : (first + new) * BEAT_MEL]
        ahead = result.mel[(first + new) * BEAT_MEL :][: self.right]
        motion = self.space.steady(result.motion)
        motion = motion[first * BEAT_MOTION : (first + new) * BEAT_MOTION]
        sound = self._sound(mel, ahead).reshape(-1, SAMPLES_PER_MOTION)
        shots = [
            Shot(self.start + i, face, sound[i], self._speech(i // BEAT_MOTION))
            for i, face in enumerate(self.space.decode(motion))
        ]
        return Chunk(mel, motion, shots)

    def _speech(self, beat: int) -> str | None:
        return self.cells[beat].speech_id if self.cells else None

    def _sound(self, mel: Floats, ahead: Floats) -> Floats:
        if self.cells and self.cells[0].given:
            return np.concatenate([c.sound for c in self.cells if c.sound is not None])
        if self.cells and self.voice is not None:
            if self.primer is not None:
                self.voice.push(self.primer, mel[: self.right])
            return np.clip(self.voice.push(mel, ahead), -1.0, 1.0)
        sound = np.zeros(self.plan.new * BEAT_SAMPLES, np.float32)
        if self.voice is not None:
            tail = self.voice.push(mel[:BEAT_MEL], ahead)[:SAMPLES_PER_MOTION]
            sound[:SAMPLES_PER_MOTION] = tail * np.linspace(1, 0, SAMPLES_PER_MOTION)
        return sound


class Performance:
    """What a session has performed and is still to perform.

    Args:
        space: motion latents ⇄ faces.
        vocoder: mel → sound.
        planner: the shape of windows.
        seed: fixes the noise of every beat.
        voice: row of the model's table of voices.
    """

    def __init__(
        self,
        space: MotionSpace,
        vocoder: Vocoder,
        planner: WindowPlanner,
        seed: int,
        voice: int = 0,
    ) -> None:
        self.score = Score()
        self.frame = 0
        """Motion frames performed so far: the index of the next one."""
        self.firm = 0
        """From here on the performance is idle and may be done again, as something else."""
        self._space = space
        self._vocoder = vocoder
        self._planner = planner
        self._seed = seed
        self._voice_number = voice
        # The end of these is `frame`. They begin with a past of silence and rest.
        beats = planner.config.prefix
        self._text = np.zeros(beats * BEAT_MEL, np.int32)
        self._mel = silence_mel(beats * BEAT_MEL)
        self._motion = np.tile(space.rest.astype(np.float32), (beats * BEAT_MOTION, 1))
        # Counts generated beats, for their noise. Never goes back: what is done again is new.
        self._beat = beats
        # Windows since the last idling: they grow.
        self._windows = 0
        self._voice: VocoderStream | None = None
        # True after an interrupt: the mouth is to close soon.
        self._hurry = False

    @property
    def idle_next(self) -> bool:
        """True when nothing is ready to be performed: the next window would be idle."""
        return self.score.ready == 0

    def next_plan(self) -> WindowPlan:
        """The shape of the next window."""
        ready = self.score.ready
        if ready:
            return self._planner.speech(self._windows, ready)
        return self._planner.silence(self._hurry)

    def next_job(self) -> Job:
        """The next window. Changes nothing but the vocoder's stream, which the job takes along."""
        plan, cells = self.next_plan(), []
        if self.idle_next:
            excerpt = _silence(plan.new + plan.look_ahead)
        else:
            cells = self.score.first(plan.new)
            excerpt = self.score.peek(plan.new + plan.look_ahead)
        primer = None
        if cells and cells[0].given:
            self._voice = None
        elif cells and self._voice is None:
            self._voice = self._vocoder.stream()
            past = self._mel[-plan.prefix * BEAT_MEL :]
            # A stream begins in silence anyway.
            primer = None if (past == SILENCE).all() else past
        return Job(
            plan=plan,
            window=self._window(plan, excerpt),
            start=self.frame,
            cells=cells,
            space=self._space,
            voice=self._voice,
            right=self._vocoder.right,
            primer=primer,
        )

    def accept(self, job: Job, chunk: Chunk) -> None:
        """Take the new beats of the last job in: they are history now."""
        if job.start != self.frame:
            raise InvalidInput(f"The window starts at {job.start}; {self.frame} is next.")
        text = np.zeros(len(chunk.mel), np.int32)
        if job.cells:
            text = np.concatenate([cell.text for cell in job.cells])
        self._text = np.concatenate([self._text, text])[-HISTORY_BEATS * BEAT_MEL :]
        self._mel = np.concatenate([self._mel, chunk.mel])[-HISTORY_BEATS * BEAT_MEL :]
        self._motion = np.concatenate([self._motion, chunk.motion])[-HISTORY_BEATS * BEAT_MOTION :]
        self.frame += len(chunk.motion)
        self._hurry = False
        self._beat += job.plan.new
        self.score.drop(len(job.cells))
        if job.idle:
            self._voice, self._windows = None, 0
        else:
            self._windows += 1
            self.firm = self.frame

    def abandon(self) -> None:
        """The last job will not be accepted."""
        self._voice = None

    def rewind(self, frame: int) -> None:
        """Forget idle frames from `frame` on; it lies between `firm` and `self.frame`.

        Sound is silent there, so any frame will do as the start of new beats.
        """
        if not self.firm <= frame <= self.frame:
            raise InvalidInput(f"Cannot go back to {frame}: only {self.firm}…{self.frame} is idle.")
        self._truncate(frame)
        self._voice, self._windows = None, 0

    def forget(self) -> None:
        """Forget what was to be performed: idling is next, and soon."""
        self.score.clear()
        self._hurry = True

    def cut(self, silent: int, resume: int) -> None:
        """Interrupt: sound ends at frame `silent`, the motion goes on as generated to `resume`.

        What was to be performed is forgotten. The next window starts at `resume` and sees in its
        prefix what was really shown: silence after the cut, and the face as it moved on.
        """
        self.forget()
        resume = min(max(resume, silent), self.frame)
        self._truncate(resume)
        mels = min(round((resume - silent) * MEL_PER_MOTION), len(self._mel))
        if mels > 0:
            self._mel = np.concatenate([self._mel[:-mels], silence_mel(mels)])
            self._text = np.concatenate([self._text[:-mels], np.zeros(mels, np.int32)])
        self.firm = resume
        self._voice, self._windows = None, 0

    def _truncate(self, frame: int) -> None:
        frames = self.frame - frame
        mels = round(frames * MEL_PER_MOTION)
        self._motion = _at_least(self._motion, frames, self._planner.config.prefix * BEAT_MOTION)
        self._mel = _at_least(self._mel, mels, self._planner.config.prefix * BEAT_MEL)
        self._text = _at_least(self._text, mels, self._planner.config.prefix * BEAT_MEL)
        self.frame = frame

    def _window(self, plan: WindowPlan, excerpt: Excerpt) -> Window:
        mels, frames = plan.prefix * BEAT_MEL, plan.prefix * BEAT_MOTION
        fresh = (plan.beats - plan.prefix) * BEAT_MOTION
        size, groups = self._space.size, len(self._space.groups)
        mel_noise, motion_noise = window_noise(
            self._seed, self._beat - plan.prefix, plan.beats, size
        )
        return Window(
            text=np.concatenate([self._text[-mels:], excerpt.text]),
            mel=np.concatenate([self._mel[-mels:], excerpt.mel]),
            mel_masked=np.concatenate([np.zeros(mels, np.bool_), ~excerpt.known]),
            motion=np.concatenate([self._motion[-frames:], np.zeros((fresh, size), np.float32)]),
            motion_masked=np.concatenate(
                [np.zeros((frames, groups), np.bool_), np.ones((fresh, groups), np.bool_)]
            ),
            mel_noise=mel_noise,
            motion_noise=motion_noise,
            voice=self._voice_number,
        )


def _silence(beats: int) -> Excerpt:
    frames = beats * BEAT_MEL
    return Excerpt(np.zeros(frames, np.int32), silence_mel(frames), np.ones(frames, np.bool_))


def _at_least(array: NDArray[S], drop: int, keep: int) -> NDArray[S]:
    """`array` without its last `drop` rows; what then is missing of `keep` is its first row."""
    left = array[: len(array) - drop]
    missing = keep - len(left)
    if missing <= 0:
        return left
    return np.concatenate([np.repeat(array[:1], missing, axis=0), left])
