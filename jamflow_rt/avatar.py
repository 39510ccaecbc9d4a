"""Avatar: a model that is loaded once, and the sessions it gives faces and voices to."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.bundle import Bundle
from jamflow_rt.casting import Casting
from jamflow_rt.codec.arkit import ArkitMap
from jamflow_rt.codec.keypoints import KeypointTrack
from jamflow_rt.config import Voice
from jamflow_rt.errors import Failed
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.model.device import find_device
from jamflow_rt.model.threads import apart, one_core
from jamflow_rt.opener import Opener
from jamflow_rt.stream.calibration import trial_windows
from jamflow_rt.stream.capacity import Capacity
from jamflow_rt.stream.clock import MediaClock
from jamflow_rt.stream.composing import compose
from jamflow_rt.stream.dub import dub_piece
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.given_motion import MotionLike, check_motion
from jamflow_rt.stream.inpainting import Gap, Recording, fill_gaps
from jamflow_rt.stream.manager import SessionManager
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.offline import LEAD_BEATS, TRAIL_BEATS, frames_of, perform, scheduled
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.rehearsal import chunks_of
from jamflow_rt.stream.score import Cell
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.settings import SessionSettings
from jamflow_rt.stream.sources import Piece, check_text, text_parts
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.studio import PortraitLike, Studio
from jamflow_rt.stream.windows import WindowPlanner
from jamflow_rt.text.timeline import Timeline

_USUAL_SIZE = 512
"""Pixels: the width of the pictures that a session is asked for with unless it says otherwise."""


class Avatar:
    """A loaded model with its engine. One serves many sessions.

        avatar = Avatar.load()
        async with avatar.session() as session:
            session.say("Hello.")
            async for frame in session:
                ...

    Args:
        bundle: model, vocoder, motion space and text front.
        max_sessions: sessions at the same time; None leaves it to what the machine can serve.
        by_capacity: refuse a session that the machine could not serve beside the others, as
            measured by `warm_up` and since; False is for those who measure.
        badge: mark pictures as made by a machine, in a corner.
        cuda_graphs: on a GPU, record the network for each size of batch and replay it; on a CPU
            it changes nothing.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        max_sessions: int | None = None,
        by_capacity: bool = True,
        badge: bool = True,
        cuda_graphs: bool = False,
    ) -> None:
        self.bundle = bundle
        self._capacity = Capacity(bundle.windows, os.cpu_count() or 1)
        sampler = Sampler(bundle.model, bundle.sampling, cuda_graphs=cuda_graphs)
        self.engine = Engine(sampler, on_cost=self._capacity.add)
        self._manager = SessionManager(max_sessions, self._capacity if by_capacity else None)
        # One thread times texts, the others draw.
        self._text_executor = ThreadPoolExecutor(1, "jamflow-text", initializer=one_core)
        self._draw_executor = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "jamflow-draw")
        self._casting = Casting(
            bundle.mesh, bundle.networks, badge, self._draw_executor, self._capacity
        )
        self._studio = Studio(
            engine=self.engine,
            front=bundle.front,
            space=bundle.motion,
            vocoder=bundle.vocoder,
            planner=WindowPlanner(bundle.windows),
            executor=self._text_executor,
            voices=bundle.settings.voices,
            find_voice=bundle.voice,
            open_painter=self._casting.painter,
            references=bundle.references,
        )

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        max_sessions: int | None = None,
        by_capacity: bool = True,
        badge: bool = True,
        warm: bool = True,
        device: str = "auto",
        cuda_graphs: bool = False,
    ) -> Avatar:
        """Load a model and make it ready to answer quickly; takes seconds.

        Args:
            path: a folder with a bundle; without one, the model that comes with the package.
            max_sessions: sessions at the same time; None leaves it to what the machine can serve.
            by_capacity: as for the class.
            badge: as for the class.
            warm: measure the machine and do everything once; for a single `render_speech` or `dub`
                it does not pay.
            device: where the joint model runs: `auto` takes a GPU if there is one, or `cpu`,
                `cuda`, `cuda:1`.
            cuda_graphs: as for the class.

        Raises:
            InvalidInput: there is no bundle at `path`, or no device has such a name.
            NotSupported: that GPU is not here.
        """
        place = find_device(device)
        bundle = apart(lambda: Bundle.load(path, place))
        avatar = cls(
            bundle,
            max_sessions=max_sessions,
            by_capacity=by_capacity,
            badge=badge,
            cuda_graphs=cuda_graphs,
        )
        try:
            if warm:
                avatar.warm_up()
        except BaseException:
            avatar.close()
            raise
        return avatar

    @property
    def alive(self) -> bool:
        """False when it was closed or its engine has died: sessions cannot be served."""
        return self.engine.alive

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The open sessions, oldest first."""
        return self._manager.sessions

    @property
    def max_sessions(self) -> int | None:
        """Sessions at the same time; None where what the machine can serve is the only limit."""
        return self._manager.max_sessions

    @property
    def obstacle(self) -> str | None:
        """Why no session with pictures can be opened now; None when one can."""
        return self.engine.ending or self._manager.refusal(_USUAL_SIZE**2)

    def session(
        self,
        portrait: PortraitLike | None = None,
        voice: str | None = None,
        *,
        size: int = 512,
        pictures: bool = True,
        seed: int | None = None,
        settings: SessionSettings | None = None,
        clock: MediaClock | None = None,
    ) -> SessionOpener:
        """Open a session: `await` this, or use it with `async with`.

        Args:
            portrait: the name of one that comes with the package, a photograph, a portrait's
                folder, or a Portrait.
            voice: one of `bundle.voices`; the first if none is given.
            size: width and height of the pictures in pixels.
            pictures: False saves the drawing; frames then have motion and sound only.
            seed: makes the session repeatable; random if none is given.
            settings: how far ahead to generate, rate of speech, limits.
            clock: for tests.

        Raises:
            InvalidInput: unknown portrait or voice, a photograph that will not do, impossible
                size.
            NotSupported: a photograph was given and MediaPipe is not installed.
            Overloaded: all places are taken; says when to try again.
            Failed: the avatar was closed.
        """
        options = _Options(portrait, voice, size, pictures, seed, settings, clock)
        return SessionOpener(partial(self._open, options))

    def render_speech(
        self,
        text: str,
        portrait: PortraitLike | None = None,
        voice: str | None = None,
        *,
        size: int = 512,
        pictures: bool = True,
        seed: int = 0,
        settings: SessionSettings | None = None,
    ) -> Iterator[Frame]:
        """Say a text without a clock, for files: idle for a moment, the text, idle for a moment.

        The frames come as fast as they can be made and are what a live session would show.

        Args:
            text: what to say.
            portrait: as for `session`.
            voice: as for `session`.
            size: as for `session`.
            pictures: as for `session`.
            seed: the same seed gives the same speech.
            settings: as for `session`.

        Raises:
            InvalidInput: as `session` and `Session.say`; before the first frame is asked for.
            Failed: the avatar was closed.
        """
        self._check_alive()
        settings = settings or SessionSettings()
        check_text(text, settings.max_text, self.bundle.front.check)
        speaker = self.bundle.voice(voice)
        painter = self._casting.painter(portrait, size) if pictures else None
        speech = Speech("speech-1", text)
        pieces = (
            self._compose(part, settings.speed, speaker, speech.id) for part in text_parts(text)
        )
        track = painter.track if painter else None
        performance = self._studio.performance(seed, speaker, track)
        shots = perform(performance, scheduled(pieces, speech), self.engine)
        return frames_of(shots, speech, painter, ArkitMap(self.bundle.motion.neutral))

    def dub(
        self,
        text: str,
        motion: MotionLike,
        voice: str | None = None,
        *,
        seed: int = 0,
        settings: SessionSettings | None = None,
    ) -> Iterator[Frame]:
        """Speak a text to given motion without a clock, for files: a frame for each of its faces.

        Args:
            text: what the lips say, or another text of about that length.
            motion: faces, or latents (N, D) of `bundle.motion`, 25 a second.
            voice: as for `session`.
            seed: the same seed gives the same speech.
            settings: as for `session`.

        Raises:
            InvalidInput: as `Session.dub` and its speech; before the first frame is asked for.
            Failed: the avatar was closed.
        """
        self._check_alive()
        check_text(text, (settings or SessionSettings()).max_text, self.bundle.front.check)
        given = check_motion(motion, self.bundle.motion)
        speech = Speech("speech-1", text)
        speaker = self.bundle.voice(voice)
        piece = dub_piece(text, given, speech.id, speaker, self._studio)
        speech.schedule(len(piece.cells), piece.words, piece.phonemes)
        performance = self._studio.performance(seed, speaker, KeypointTrack.of(given.faces))
        performance.score.extend(piece.cells)
        chunks = chunks_of(performance, self.engine)
        shots = islice(chain.from_iterable(chunk.shots for chunk in chunks), len(given.faces))
        return frames_of(shots, speech, None, ArkitMap(self.bundle.motion.neutral))

    def fill_gaps(
        self,
        text: str,
        sound: NDArray[np.float32],
        motion: MotionLike,
        *,
        sound_gaps: Sequence[Gap] = (),
        motion_gaps: Sequence[Gap] = (),
        seed: int = 0,
    ) -> Recording:
        """Generate what is missing of a recording: sound from lips and text, lips from sound.

        The paper's cross-modal reconstruction, for models that read characters. Blocks.

        Args:
            text: what is said in all of it, the gaps included.
            sound: (N,) at 24 kHz; what lies in a gap is not looked at.
            motion: faces, or latents (N, D) of `bundle.motion`, 25 a second.
            sound_gaps: (from, to) in seconds, where sound is generated.
            motion_gaps: the same for motion.
            seed: the same seed gives the same filling.

        Raises:
            InvalidInput: sound, motion or a gap cannot be used.
            NotSupported: the model reads phonemes.
            Failed: the avatar was closed.
        """
        self._check_alive()
        return fill_gaps(
            *(self._studio, text, sound, motion),
            sound_gaps=sound_gaps,
            motion_gaps=motion_gaps,
            seed=seed,
        )

    def frame_count(
        self, text: str, voice: str | None = None, *, settings: SessionSettings | None = None
    ) -> int:
        """How many frames `render_speech` will give.

        Raises:
            InvalidInput: as `render_speech`.
        """
        speed = (settings or SessionSettings()).speed
        speaker = self.bundle.voice(voice)
        beats = sum(self._timeline(part, speed, speaker).beats for part in text_parts(text))
        return (LEAD_BEATS + beats + TRAIL_BEATS) * BEAT_MOTION

    def warm_up(self) -> None:
        """Do everything once, so that the first answer is as quick as the later ones."""
        voice = self.bundle.voice()
        if self.bundle.references is None:
            self._timeline("Good morning, how are you?", 1.0, voice)
        # Twice: the first time pays for what is set up lazily, the second is measured.
        self._perform_something(voice)
        windows = trial_windows(self.bundle.motion, self._studio.planner)
        self._capacity.use_cores(self.engine.calibrate(windows))
        self.engine.forget_estimates()
        self._perform_something(voice)

    async def aclose(self) -> None:
        """Close all sessions and stop the threads. May be called twice."""
        await asyncio.gather(*(session.aclose() for session in self.sessions))
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Stop the threads; sessions that are still open fail. May be called twice."""
        self.engine.close()
        self._text_executor.shutdown(cancel_futures=True)
        self._draw_executor.shutdown(cancel_futures=True)

    async def __aenter__(self) -> Avatar:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Avatar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _open(self, options: _Options) -> Session:
        self._check_alive()
        voice = self.bundle.voice(options.voice)
        session_id = self._manager.admit(options.size**2 if options.pictures else 0)
        session: Session | None = None
        try:
            painter = None
            if options.pictures:
                painter = await asyncio.to_thread(
                    self._casting.painter, options.portrait, options.size
                )
            space = self.bundle.motion
            clock = options.clock or MediaClock()
            seed = secrets.randbits(32) if options.seed is None else options.seed
            session = Session(
                session_id,
                self._studio,
                self._studio.performance(seed, voice, painter.track if painter else None),
                Playout(clock, painter, space.decode(space.rest[None])[0]),
                voice,
                options.settings or SessionSettings(),
                options.size,
                on_close=self._manager.leave,
            )
            await session.start()
        except BaseException:
            self._manager.give_up(session_id)
            if session is not None:
                await session.aclose()
            raise
        self._manager.enter(session)
        return session

    def _perform_something(self, voice: Voice) -> None:
        # Any phoneme but silence: it is speech whose cost is learnt.
        cells = [Cell(np.ones(BEAT_MEL, np.int32)) for _ in range(sum(self.bundle.windows.growth))]
        for _shot in perform(self._studio.performance(0, voice), [Piece(cells)], self.engine):
            pass

    def _compose(self, text: str, speed: float, voice: Voice, speech_id: str) -> Piece:
        work = partial(compose, self._studio, speed, voice, speech_id, None)
        return self._text_executor.submit(work, text).result()

    def _timeline(self, text: str, speed: float, voice: Voice) -> Timeline:
        front = self.bundle.front
        return self._text_executor.submit(front.timeline, text, speed, voice).result()

    def _check_alive(self) -> None:
        if not self.alive:
            raise Failed("The avatar is closed or its engine has died; load it again.")


@dataclass(frozen=True, slots=True)
class _Options:
    portrait: PortraitLike | None
    voice: str | None
    size: int
    pictures: bool
    seed: int | None
    settings: SessionSettings | None
    clock: MediaClock | None


class SessionOpener(Opener[Session]):
    """What `avatar.session()` returns: `await` it for a session, or enter it with `async with`."""
