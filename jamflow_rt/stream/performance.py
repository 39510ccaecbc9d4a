"""The generation state of a session: what was performed, what is to come, and windows from both.

A performance is plain data and knows no clock and no threads. Live sessions and offline rendering
drive the same one: `next_job()` gives a window, an engine samples it, `accept()` takes it in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, MEL_PER_MOTION
from jamflow_rt.codec.keypoints import KeypointSpace, KeypointTrack
from jamflow_rt.codec.space import Space
from jamflow_rt.codec.vocoder import Vocoder, VocoderStream
from jamflow_rt.codec.whitening import SILENCE, silence_mel
from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.noise import window_noise
from jamflow_rt.flow.window import Window
from jamflow_rt.stream.job import Chunk, Job
from jamflow_rt.stream.score import Cell, Excerpt, Floats, Primer, Score
from jamflow_rt.stream.windows import WindowPlan, WindowPlanner

S = TypeVar("S", bound=np.generic)
_Past = tuple[NDArray[np.int32], Floats, Floats]

HISTORY_BEATS = 40
"""Beats of history kept: more than is ever generated ahead, and a prefix before that."""


class Performance:
    """What a session has performed and is still to perform.

    Args:
        space: motion latents ⇄ faces.
        vocoder: mel → sound.
        planner: the shape of windows.
        seed: fixes the noise of every beat.
        voice: row of the model's table of voices for idling; cells bring their own.
    """

    def __init__(
        self,
        space: Space,
        vocoder: Vocoder,
        planner: WindowPlanner,
        seed: int,
        voice: int = 0,
    ) -> None:
        self.score = Score()
        self.frame = 0
        """Motion frames performed so far: the index of the next one."""
        self.voice = voice
        """Row of the model's table of voices while idling."""
        self.firm = 0
        """From here on the performance is idle and may be done again, as something else."""
        self._space = space
        self._vocoder = vocoder
        self._planner = planner
        self._seed = seed
        # The end of these is `frame`. They begin with a past of silence and rest.
        beats = planner.config.prefix
        self._text = np.zeros(beats * BEAT_MEL, np.int32)
        self._mel = silence_mel(beats * BEAT_MEL)
        self._motion = np.tile(space.rest.astype(np.float32), (beats * BEAT_MOTION, 1))
        self._shown = self._motion
        # Counts generated beats, for their noise. Never goes back: what is done again is new.
        self._beat = beats
        # Windows since the last idling: they grow.
        self._windows = 0
        self._voice: VocoderStream | None = None
        # True after an interrupt: the mouth is to close soon.
        self._hurry = False
        # The latest cells performed, in case they are to be performed again.
        self._performed: deque[Cell] = deque(maxlen=HISTORY_BEATS)
        # The last reference and the speech that goes on from it.
        self._primer: tuple[str | None, Primer] | None = None

    @property
    def idle_next(self) -> bool:
        """True when nothing is ready to be performed: the next window would be idle."""
        return self.score.ready == 0

    def follow(self, track: KeypointTrack) -> None:
        """What of the motion is given comes from another face, from the next window on."""
        if isinstance(self._space, KeypointSpace):
            self._space = self._space.following(track)

    def next_plan(self) -> WindowPlan:
        """The shape of the next window."""
        ready = self.score.ready
        if ready:
            first = self.score.first(1)[0]
            if first.primer is not None and self._planner.config.phrases:
                return self._planner.phrase(ready, first.primer.beats)
            return self._planner.speech(self._windows, ready, first.primer is not None)
        return self._planner.silence(self._hurry or self.score.awaiting)

    def next_job(self) -> Job:
        """The next window. Changes nothing but the vocoder's stream, which the job takes along."""
        plan, cells = self.next_plan(), []
        if self.idle_next:
            excerpt = _silence(plan.new + plan.look_ahead)
        else:
            cells = self.score.first(plan.new)
            excerpt = self.score.peek(plan.new + plan.look_ahead)
        primer, offset = None, self._shown[-1] - self._motion[-1]
        reference = cells[0].primer if cells else None
        if cells and (cells[0].given or reference is not None):
            self._voice = None
        if cells and not cells[0].given and self._voice is None:
            self._voice = self._vocoder.stream()
            past = self._mel[-plan.prefix * BEAT_MEL :]
            # A stream begins in silence anyway, and what a reference ends with is not to be heard.
            primer = None if reference is not None or (past == SILENCE).all() else past
        if reference is not None and reference.motion is not None:
            offset = self._shown[-1] - reference.motion[-1]
        return Job(
            plan=plan,
            window=self._window(plan, excerpt, cells[0] if cells else None),
            start=self.frame,
            cells=cells,
            space=self._space,
            voice=self._voice,
            right=self._vocoder.right,
            primer=primer,
            offset=offset,
        )

    def accept(self, job: Job, chunk: Chunk) -> None:
        """Take the new beats of the last job in: they are history now."""
        if job.start != self.frame:
            raise InvalidInput(f"The window starts at {job.start}; {self.frame} is next.")
        text = np.zeros(len(chunk.mel), np.int32)
        if job.cells:
            text = np.concatenate([cell.text for cell in job.cells])
            if job.cells[0].primer is not None:
                self._primer = job.cells[0].speech_id, job.cells[0].primer
                self._text, self._mel, self._motion = self._past(job.plan, job.cells[0])
        self._text = np.concatenate([self._text, text])[-HISTORY_BEATS * BEAT_MEL :]
        self._mel = np.concatenate([self._mel, chunk.mel])[-HISTORY_BEATS * BEAT_MEL :]
        self._motion = np.concatenate([self._motion, chunk.motion])[-HISTORY_BEATS * BEAT_MOTION :]
        self.frame += len(chunk.motion)
        self._hurry = False
        self._shown = np.concatenate([self._shown, chunk.shown])[-HISTORY_BEATS * BEAT_MOTION :]
        self._beat += job.plan.new
        self._performed.extend(job.cells)
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
        if frame == self.frame:
            return  # a speech that was about to go on does not begin anew
        self._truncate(frame)
        self._voice, self._windows = None, 0

    def forget(self) -> None:
        """Forget what was to be performed: idling is next, and soon."""
        self.score.clear()
        self._performed.clear()
        self._hurry = True

    def hold_back(self, beats: int) -> None:
        """Pause: idling is next, and soon; the last `beats` performed will be performed again."""
        cells = [self._performed.pop() for _ in range(min(beats, len(self._performed)))][::-1]
        if cells and cells[0].primer is None and self._primer is not None:
            speech_id, primer = self._primer
            if cells[0].speech_id == speech_id:
                cells[0] = replace(cells[0], primer=primer)
        self.score.put_back(cells)
        self.score.paused = True
        self._hurry = True

    def cut(self, silent: int, resume: int) -> None:
        """Silence from frame `silent`; the motion goes on as generated to `resume`.

        The next window starts at `resume` and sees in its prefix what was really shown: silence
        after the cut, and the face as it moved on. `forget` or `hold_back` has been called.
        """
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
        self._shown = _at_least(self._shown, frames, self._planner.config.prefix * BEAT_MOTION)
        self._mel = _at_least(self._mel, mels, self._planner.config.prefix * BEAT_MEL)
        self._text = _at_least(self._text, mels, self._planner.config.prefix * BEAT_MEL)
        self.frame = frame

    def _past(self, plan: WindowPlan, first: Cell | None) -> _Past:
        """Text, mel and motion of a window's prefix: what was performed, or a reference."""
        mels, frames = plan.prefix * BEAT_MEL, plan.prefix * BEAT_MOTION
        motion = _at_least(self._motion, 0, frames)[-frames:]
        if first is None or first.primer is None:
            return self._text[-mels:], self._mel[-mels:], motion
        primer = first.primer
        return primer.text, primer.mel, motion if primer.motion is None else primer.motion

    def _window(self, plan: WindowPlan, excerpt: Excerpt, first: Cell | None) -> Window:
        past_text, past_mel, past_motion = self._past(plan, first)
        fresh = plan.new + plan.look_ahead
        # What a model without motion leaves as it is.
        motion = np.tile(self._space.rest.astype(np.float32), (fresh * BEAT_MOTION, 1))
        free = np.ones((fresh * BEAT_MOTION, len(self._space.groups)), np.bool_)
        for beat, cell in enumerate(self.score.first(fresh) if first is not None else []):
            if cell.motion is not None:
                place = slice(beat * BEAT_MOTION, (beat + 1) * BEAT_MOTION)
                motion[place], free[place] = cell.motion, False
        mel_noise, motion_noise = window_noise(
            self._seed, self._beat - plan.prefix, plan.beats, self._space.size
        )
        return Window(
            text=np.concatenate([past_text, excerpt.text]),
            mel=np.concatenate([past_mel, excerpt.mel]),
            mel_masked=np.concatenate([np.zeros(len(past_mel), np.bool_), ~excerpt.known]),
            motion=np.concatenate([past_motion, motion]),
            motion_masked=np.concatenate(
                [np.zeros((len(past_motion), free.shape[1]), np.bool_), free]
            ),
            mel_noise=mel_noise,
            motion_noise=motion_noise,
            voice=self.voice if first is None else first.voice,
            listens=first is not None and first.given,
            given=self._space.given(
                self.frame - plan.prefix * BEAT_MOTION, plan.beats * BEAT_MOTION
            ),
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
