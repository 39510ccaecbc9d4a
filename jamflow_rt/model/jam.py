"""JAM-Flow: Audio-DiT and Motion-DiT with joint attention in the first half of the blocks.

arXiv 2506.23552. Each stream keeps its own AdaLN, projections and MLP; in the first N/2 blocks
the attention runs over the concatenated tokens [motion, audio] under two local masks, in the last
N/2 each stream attends to itself only.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from jamflow_rt.beats import MEL_PER_MOTION
from jamflow_rt.config import ModelConfig
from jamflow_rt.model.audio_dit import AudioDiT
from jamflow_rt.model.layers import Attention, attend
from jamflow_rt.model.masks import joint_masks, motion_self_mask
from jamflow_rt.model.motion_dit import MotionDiT
from jamflow_rt.model.packing import PackedLinear
from jamflow_rt.model.rope import audio_positions, motion_positions, rotation_table

_SHAPES = 32
"""So many window shapes are kept; the masks of a long one are tens of megabytes."""


class Condition(NamedTuple):
    """What is known while the rest is generated. T_a mel frames, T_m motion frames."""

    text: Tensor
    """(B, T_a, text width) features from `JamFlow.embed_text`."""
    mel: Tensor
    """(B, T_a, 100) known mel, zero where masked."""
    mel_masked: Tensor
    """(B, T_a) True where sound is generated."""
    motion: Tensor
    """(B, T_m, D) known motion, zero where masked."""
    motion_masked: Tensor
    """(B, T_m, G) True where that group of motion is generated."""
    given: Tensor | None = None
    """(B, T_m, R) motion that is never generated (the paper's e_rest)."""
    voice: Tensor | None = None
    """(B,) rows of the table of voices; 0 is nobody known: the prefix tells who it is."""
    step: Tensor | None = None
    """(B,) lengths of the steps whose mean velocity is asked for; 0 asks for the velocity at t."""
    text_withheld: Tensor | None = None
    """Like `text`, of the same text withheld: what guidance leads away from. None is zeros."""


class Geometry(NamedTuple):
    """Everything that depends on the shape of a window only."""

    audio_table: Tensor
    motion_table: Tensor
    motion_rows: Tensor
    """(T_m, T_m + T_a) additive mask, 0 or −inf."""
    audio_rows: Tensor
    """(T_a, T_m + T_a) additive mask."""
    motion_self: Tensor
    """(T_m, T_m) additive mask."""


def _additive(mask: Tensor) -> Tensor:
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, float("-inf"))


class JamFlow(nn.Module):
    """The joint network; predicts the velocities of both streams.

    Without a Motion-DiT (`config.motion` is None) there is no `motion`, and motion does not move.
    """

    motion: MotionDiT

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.audio = AudioDiT(config)
        if config.motion is not None:
            self.motion = MotionDiT(config, config.motion)
        self._geometry: dict[tuple[int, int, torch.device], Geometry] = {}

    def fuse(self, *, packed: bool = False) -> None:
        """Merge products that share an input, to sample faster with the same result.

        Undone by `train()`, `eval()` and moves to a device; call it last.

        Args:
            packed: a CPU is going to compute in fp32: lay large weights out for it as well. That
                doubles the memory they take, and changes velocities by their last digits.
        """
        for module in self.modules():
            if isinstance(module, Attention):
                module.fuse()
            if packed and isinstance(module, Attention | PackedLinear):
                module.pack()

    def embed_text(self, ids: Tensor, dropped: Tensor | None = None) -> Tensor:
        """Text features (B, T_a, text width), to be computed once a window, not once a step."""
        return self.audio.text_embed(ids, dropped)  # type: ignore[no-any-return]

    def geometry(self, audio_frames: int, motion_frames: int, device: torch.device) -> Geometry:
        """Positions and masks of a window shape; kept, since windows come in few shapes."""
        key = (audio_frames, motion_frames, device)
        if key not in self._geometry:
            seconds = self.config.window_seconds
            spacing = MEL_PER_MOTION if self.config.aligned_rope else 1.0
            rows = joint_masks(audio_frames, motion_frames, seconds, device)
            if len(self._geometry) == _SHAPES:
                self._geometry.pop(next(iter(self._geometry)))
            self._geometry[key] = Geometry(
                self._rotations(audio_positions(audio_frames, device)),
                self._rotations(motion_positions(motion_frames, device, spacing)),
                _additive(rows[0]),
                _additive(rows[1]),
                _additive(motion_self_mask(motion_frames, seconds, device)),
            )
        return self._geometry[key]

    def _rotations(self, positions: Tensor) -> Tensor:
        c = self.config
        return rotation_table(positions, c.head_size, c.heads, c.rotated_heads)

    def audio_velocity(self, mel: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The velocity of the sound as if there were no face: F5-TTS's network.

        Args:
            mel: (B, T_a, 100) noisy mel at flow time t.
            t: (B,) flow times.
            condition: what is known; its motion is not looked at.

        Returns:
            (B, T_a, 100)
        """
        c = condition
        table = self._rotations(audio_positions(mel.shape[1], mel.device))
        x = self.audio.embed(mel, c.mel, c.mel_masked, c.text)
        voice = self.audio.embed_voice(c.voice, t.shape[0])
        time, shared = self.audio.embed_time(t, c.step, voice)
        for index in range(self.config.depth):
            block = self.audio.block(index)
            modulation = block.modulate(time, shared)
            q, k, v = block.before(x, modulation, table)
            x = block.after(x, modulation, attend(q, k, v, None))
        return self.audio.velocity(x, time)

    def forward(
        self, mel: Tensor, motion: Tensor, t: Tensor, condition: Condition
    ) -> tuple[Tensor, Tensor]:
        """Velocities of both streams.

        Args:
            mel: (B, T_a, 100) noisy mel at flow time t.
            motion: (B, T_m, D) noisy motion at flow time t.
            t: (B,) flow times, 0 is noise and 1 is data; every sample has its own.
            condition: what is known.

        Returns:
            (B, T_a, 100) and (B, T_m, D).
        """
        if self.config.motion is None:
            return self.audio_velocity(mel, t, condition), torch.zeros_like(motion)
        c = condition
        geometry = self.geometry(mel.shape[1], motion.shape[1], mel.device)
        a = self.audio.embed(mel, c.mel, c.mel_masked, c.text)
        e = self.motion.embed(motion, c.motion, c.motion_masked, c.given)
        voice = self.audio.embed_voice(c.voice, t.shape[0])
        audio_time, audio_shared = self.audio.embed_time(t, c.step, voice)
        motion_time, motion_shared = self.motion.embed_time(t, c.step)
        for index in range(self.config.depth):
            audio_block, motion_block = self.audio.block(index), self.motion.block(index)
            a_mod = audio_block.modulate(audio_time, audio_shared)
            e_mod = motion_block.modulate(motion_time, motion_shared)
            aq, ak, av = audio_block.before(a, a_mod, geometry.audio_table)
            eq, ek, ev = motion_block.before(e, e_mod, geometry.motion_table)
            if index < self.config.joint_depth:
                k, v = torch.cat([ek, ak], dim=2), torch.cat([ev, av], dim=2)
                e_attended = attend(eq, k, v, geometry.motion_rows)
                if self.config.audio_reads_motion:
                    a_attended = attend(aq, k, v, geometry.audio_rows)
                else:
                    a_attended = attend(aq, ak, av, None)
            else:
                e_attended = attend(eq, ek, ev, geometry.motion_self)
                a_attended = attend(aq, ak, av, None)
            e = motion_block.after(e, e_mod, e_attended)
            a = audio_block.after(a, a_mod, a_attended)
        return self.audio.velocity(a, audio_time), self.motion.velocity(e, motion_time)
