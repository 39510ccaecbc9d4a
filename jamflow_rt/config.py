"""Settings as frozen pydantic models: a misspelt key is an error, not a surprise."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from jamflow_rt.beats import N_MELS


class StrictModel(BaseModel):
    """Base of all settings: unknown keys are refused, instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StreamConfig(StrictModel):
    """One of the two streams of the network (Audio-DiT or Motion-DiT)."""

    width: int
    ff_mult: int = 2
    conv_kernel: int = 31
    """Kernel of the convolutional position embedding (odd)."""
    conv_groups: int = 16


class TextConfig(StrictModel):
    """How text reaches the Audio-DiT.

    `phonemes`: one phoneme id per mel frame, expanded by durations. `characters`: F5-TTS's way,
    characters first and filler after, padded to the length of the mel.
    """

    kind: Literal["phonemes", "characters"]
    vocab: int
    width: int
    layers: int
    expansion: int = 2
    mask_filler: bool = True
    """Of characters: keep filler at zero (F5-TTS v1 `text_mask_padding`; v0 does not)."""


F5Release = Literal["v1_base", "base", "v1_small", "small"]
"""The models that F5-TTS has configurations for; those without `v1` are its first version."""


class MotionGroup(StrictModel):
    """A named slice of the motion vector with a mask of its own."""

    name: str
    size: int


class ModelConfig(StrictModel):
    """The joint network (JAM-Flow, arXiv 2506.23552; see `jamflow_rt.model.jam`).

    Without `motion` it is F5-TTS, which speaks and leaves the face as it is given.
    """

    depth: int
    heads: int
    head_size: int = 64
    audio: StreamConfig
    motion: StreamConfig | None
    """None: there is no Motion-DiT."""
    text: TextConfig
    groups: tuple[MotionGroup, ...]
    """Generated motion, in the order of the motion vector."""
    voices: int = 0
    """Rows of the table of voices; without one, the model has one voice or takes the prefix's."""
    given: int = 0
    """Numbers a frame that are always given and never generated (the paper's `e_rest`)."""
    mels: int = N_MELS
    mel_scale: float = 1.0
    mel_shift: float = 0.0
    """Windows hold whitened mels; times `mel_scale` plus `mel_shift` they are the network's."""
    joint_blocks: int | None = None
    """Blocks, counted from the input, in which the streams attend to each other; None is the first
    half of them (the paper's figure)."""
    window_seconds: float | None = 0.5
    """Reach of the local attention bands, to each side; None is no mask. The paper masks, and its
    width is not known."""
    aligned_rope: bool = True
    """Motion frame i stands at 3.75·i on the axis of mel frames ("temporally aligned" in the
    paper). Otherwise at i, as if both streams had one rate."""
    rotated_heads: int | None = None
    """RoPE turns so many heads of each attention only; None is all (F5-TTS `pe_attn_head`)."""
    qk_norm: bool = False
    shared_modulation: bool = False
    """One AdaLN projection for all blocks with a learned offset a block, instead of one each."""
    mean_velocity: bool = False
    """It can also be asked for the mean velocity over a whole step, which the `distil` stage
    teaches."""
    mask_channels: bool = False
    """Tell the network in channels of their own which places are masked (F5 does not)."""
    audio_reads_motion: bool = True
    """False: sound is made as if there were no motion, while motion still reads the sound; so an
    Audio-DiT with weights of its own speaks as it did."""

    @model_validator(mode="after")
    def _check(self) -> ModelConfig:
        if self.depth % 2 and self.motion is not None:
            raise ValueError(f"depth must be even (half of the blocks are joint), not {self.depth}")
        if self.rotated_heads is not None and not 0 <= self.rotated_heads <= self.heads:
            raise ValueError(f"rotated_heads must be 0 to {self.heads}, not {self.rotated_heads}")
        if self.joint_blocks is not None and not 0 <= self.joint_blocks <= self.depth:
            raise ValueError(f"joint_blocks must be 0 to {self.depth}, not {self.joint_blocks}")
        return self

    @property
    def motion_size(self) -> int:
        """Generated numbers a motion frame."""
        return sum(group.size for group in self.groups)

    @property
    def joint_depth(self) -> int:
        """Number of joint blocks."""
        return self.depth // 2 if self.joint_blocks is None else self.joint_blocks

    @classmethod
    def default(cls, motion: tuple[MotionGroup, ...], voices: int = 0) -> ModelConfig:
        """The small configuration that ships in the package and runs on a CPU."""
        return cls(
            depth=8,
            heads=4,
            audio=StreamConfig(width=256, conv_kernel=15),
            motion=StreamConfig(width=128, conv_kernel=7),
            text=TextConfig(kind="phonemes", vocab=178, width=128, layers=3),
            groups=motion,
            voices=voices,
            qk_norm=True,
            shared_modulation=True,
            mask_channels=True,
            mean_velocity=True,
        )

    @classmethod
    def paper(cls) -> ModelConfig:
        """JAM-Flow as published: F5TTS_v1_Base as Audio-DiT, LivePortrait's mouth as motion."""
        return cls.f5("v1_base").model_copy(update={"motion": StreamConfig(width=640)})

    @classmethod
    def f5(cls, release: F5Release, vocab: int = 2545) -> ModelConfig:
        """F5-TTS, in the paper's motion space; it leaves the motion as it is given.

        Args:
            release: which of its configurations (F5-TTS `configs/*.yaml`).
            vocab: lines of its vocabulary file.
        """
        base, v1 = release.endswith("base"), release.startswith("v1")
        return cls(
            depth=22 if base else 18,
            heads=16 if base else 12,
            rotated_heads=None if v1 else 1,
            audio=StreamConfig(width=1024 if base else 768),
            motion=None,
            text=TextConfig(kind="characters", vocab=vocab, width=512, layers=4, mask_filler=v1),
            groups=(MotionGroup(name="mouth", size=12),),
            given=51,
            # F5-TTS works on the log-mel itself (jamflow_rt.codec.mel).
            mel_scale=4.30,
            mel_shift=-3.46,
        )


class Voice(StrictModel):
    """A voice that a model speaks with."""

    name: str
    number: int = Field(default=0, ge=0)
    """Its row in the tables of the model and the duration predictor; 0 where they have none."""
    british: bool = False
    """Words are read as in Britain."""
    reference: str | None = None
    """Path of a sound file that models which read characters go on from."""
    transcript: str = ""
    """What is said in it."""


class SamplingConfig(StrictModel):
    """How windows are sampled."""

    evaluations: int = Field(default=4, ge=1, le=64)
    """Euler steps, each one evaluation of the network."""
    guidance: float = Field(default=0.0, ge=0.0)
    """v + guidance · (v − v_unconditioned); 0 asks the network once a step instead of twice."""
    guided: Literal["window", "generated"] = "window"
    """Where v_unconditioned is computed: in the whole window, as F5-TTS does, or only in its
    generated part, as if there were no more. The longer what is known beside it (a reference, the
    past), the more that saves; guidance then costs as much as what is new."""
    sway: float = Field(default=-1.0, ge=-1.0, le=1.0)
    """F5's sway coefficient: −1 spends the steps early."""
    epss: bool = False
    """F5's pruned table of steps where it has one for this number, before the sway."""
    pinned: bool = True
    """Keep known places on their straight path at every step, as training showed them. F5-TTS lets
    them go their own way and puts them right at the end."""
    precision: Literal["fast", "full"] = "fast"
    """`fast` multiplies in bf16 where the processor does so fast, `full` in fp32 everywhere."""
    mouth_temperature: float = Field(default=1.0, ge=0.0, le=1.0)
    """Scale of the noise that the mouth is made of. Less than 1 gives the mouth that fits the sound
    best on average, instead of one of all that fit; eyes and head stay as lively as they are."""
    distilled: bool = False
    """Ask for mean velocities, with guidance inside, as the `distil` stage taught."""

    @model_validator(mode="after")
    def _check(self) -> SamplingConfig:
        if self.distilled and self.guidance:
            raise ValueError(
                "distilled sampling has its guidance inside: set guidance to 0, or distilled to "
                "false"
            )
        if self.guided == "generated" and not self.pinned:
            raise ValueError(
                "guidance of the generated part leaves known places unguided: set pinned to true, "
                "or guided to window"
            )
        return self

    @classmethod
    def f5(cls, evaluations: int = 32) -> SamplingConfig:
        """As F5-TTS samples."""
        return cls(evaluations=evaluations, guidance=2.0, epss=True, pinned=False)


class WindowConfig(StrictModel):
    """The shape of windows, in beats of 160 ms."""

    prefix: int = Field(default=4, ge=1)
    opening: int = Field(default=2, ge=1)
    """The prefix of a speech's first window, when it is less: idling before it tells little, and
    a shorter window is there sooner."""
    growth: tuple[int, ...] = (2, 4, 8, 16)
    """New beats of the first, second, … window of a speech; the last number repeats."""
    look_ahead: int = Field(default=1, ge=0)
    phrases: bool = False
    """A phrase of text is one window, however long: for text that is not aligned with time."""


class IceServer(StrictModel):
    """A STUN or TURN server, for the server and the browser alike."""

    urls: tuple[str, ...] = Field(min_length=1)
    """`stun:host:port`, `turn:host:port?transport=udp`, …"""
    username: str | None = None
    credential: SecretStr | None = None
    """Without one, a TURN server's credentials are made of `ServerConfig.turn_secret`."""


class ServerConfig(StrictModel):
    """Settings of `jamflow-rt serve`."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    max_sessions: int = Field(default=4, ge=1)
    overcommit: bool = False
    """Admit so many even where the machine could not serve them when all speak at once."""
    max_text: int = 5000
    """Longest text of one `say`, in characters."""

    auth_key: SecretStr | None = None
    """Whoever has it gets tokens; without it the server is open to all who reach it."""
    insecure: bool = False
    """Be open even on an address that others reach."""
    allowed_origins: tuple[str, ...] = ()
    """Web pages of other origins that may use the server; its own always may."""
    token_seconds: float = Field(default=600.0, gt=0)
    """How long a token opens sessions."""
    ice_servers: tuple[IceServer, ...] = ()
    turn_secret: SecretStr | None = None
    """What coturn calls `static-auth-secret`."""
    turn_seconds: int = Field(default=3600, gt=0)
    """How long TURN credentials are good for."""

    max_session_seconds: float = Field(default=3600.0, gt=0)
    idle_seconds: float = Field(default=300.0, gt=0)
    """A session that nobody asks anything of is ended."""
    warning_seconds: float = Field(default=30.0, ge=0)
    """So long before an end the client is told of it."""
    resume_seconds: float = Field(default=30.0, ge=0)
    """How long a session waits for a client that lost its socket."""
    sessions_per_subject: int = Field(default=2, ge=1)
    requests_per_minute: int = Field(default=120, ge=1)
    """Requests and events of one subject."""
    max_upload: int = Field(default=8 * 1024 * 1024, gt=0)
    """Bytes of an uploaded portrait."""
    max_pixels: int = Field(default=24_000_000, gt=0)
    """Pixels of an uploaded portrait."""
    badge: bool = True
    """Mark pictures as made by a machine."""
