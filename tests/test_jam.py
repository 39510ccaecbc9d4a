import pytest
import torch
from pydantic import ValidationError

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, MEL_PER_MOTION, MEL_RATE
from jamflow_rt.config import ModelConfig, MotionGroup
from jamflow_rt.model.jam import Condition, JamFlow
from tests.toy import toy_config, toy_model

BEATS = 8
AUDIO, MOTION = BEATS * BEAT_MEL, BEATS * BEAT_MOTION


def inputs(model: JamFlow, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor, Condition]:
    torch.manual_seed(1)
    size = model.config.motion_size
    groups = len(model.config.groups)
    condition = Condition(
        text=model.embed_text(torch.randint(1, 100, (batch, AUDIO))),
        mel=torch.randn(batch, AUDIO, 100),
        mel_masked=torch.ones(batch, AUDIO, dtype=torch.bool),
        motion=torch.randn(batch, MOTION, size),
        motion_masked=torch.ones(batch, MOTION, groups, dtype=torch.bool),
    )
    return torch.randn(batch, AUDIO, 100), torch.randn(batch, MOTION, size), condition


def changed(before: torch.Tensor, after: torch.Tensor) -> set[int]:
    return set(torch.nonzero((before != after).any(-1)[0]).flatten().tolist())


def one_block_model(joint: bool) -> JamFlow:
    """One attention of each kind alone, without convolutions, so that reach can be read off."""
    model = toy_model()
    for stream in (model.audio, model.motion):
        for layer in (0, 2):
            torch.nn.init.zeros_(stream.input_embed.conv_pos_embed.conv1d[layer].weight)
        # A block whose gates are shut passes its input on.
        for index in range(model.config.depth):
            if index != (0 if joint else model.config.depth - 1):
                width = stream.block(index).offset.shape[0] // 6
                stream.modulation.linear.weight.data.zero_()
                stream.modulation.linear.bias.data.zero_()
                offset = stream.block(index).offset.data.zero_()
                offset[2 * width : 3 * width] = 0.0
    return model


@torch.inference_mode()
def test_a_joint_block_sees_exactly_what_the_masks_say() -> None:
    model = one_block_model(joint=True)
    mel, motion, condition = inputs(model)
    t = torch.tensor([0.3])
    mel_v, motion_v = model(mel, motion, t, condition)
    reach = model.config.window_seconds * MEL_RATE

    frame = 16
    other = motion.clone()
    other[0, frame] += 1.0
    mel_w, motion_w = model(mel, other, t, condition)
    at = frame * MEL_PER_MOTION
    assert changed(mel_v, mel_w) == {i for i in range(AUDIO) if abs(i - at) <= reach}
    assert changed(motion_v, motion_w) == {
        i for i in range(MOTION) if abs(i - frame) * MEL_PER_MOTION <= reach
    }

    frame = 45
    other = mel.clone()
    other[0, frame] += 1.0
    mel_w, motion_w = model(other, motion, t, condition)
    assert changed(mel_v, mel_w) == set(range(AUDIO))
    assert changed(motion_v, motion_w) == {
        i for i in range(MOTION) if abs(i * MEL_PER_MOTION - frame) <= reach
    }


@torch.inference_mode()
def test_a_late_block_keeps_the_streams_apart() -> None:
    model = one_block_model(joint=False)
    mel, motion, condition = inputs(model)
    t = torch.tensor([0.3])
    mel_v, motion_v = model(mel, motion, t, condition)
    other = motion.clone()
    other[0, 16] += 1.0
    mel_w, motion_w = model(mel, other, t, condition)
    assert changed(mel_v, mel_w) == set()
    reach = model.config.window_seconds * MEL_RATE
    assert changed(motion_v, motion_w) == {
        i for i in range(MOTION) if abs(i - 16) * MEL_PER_MOTION <= reach
    }
    other = mel.clone()
    other[0, 45] += 1.0
    mel_w, motion_w = model(other, motion, t, condition)
    assert changed(mel_v, mel_w) == set(range(AUDIO))
    assert changed(motion_v, motion_w) == set()


@torch.inference_mode()
@pytest.mark.parametrize("index", range(4))
def test_joint_blocks_are_the_first_half(index: int) -> None:
    """Only a joint block's keys from the other stream can carry a change across."""
    model = toy_model()
    mel, motion, condition = inputs(model)
    t = torch.tensor([0.3])
    for i in range(model.config.depth):
        for stream in (model.audio, model.motion):
            if i != index:  # attention of every other block is silenced
                stream.block(i).attn.to_out[0].weight.data.zero_()
    mel_v, _ = model(mel, motion, t, condition)
    mel_w, _ = model(mel, motion + 1.0, t, condition)
    assert bool((mel_v != mel_w).any()) == (index < model.config.depth // 2)


@torch.inference_mode()
def test_each_sample_of_a_batch_has_its_own_time() -> None:
    model = toy_model()
    mel, motion, condition = inputs(model, batch=2)
    both = model(mel, motion, torch.tensor([0.1, 0.9]), condition)
    for row, time in enumerate((0.1, 0.9)):
        alone = model(
            mel[row : row + 1],
            motion[row : row + 1],
            torch.tensor([time]),
            Condition(*(part[row : row + 1] for part in condition[:5])),
        )
        for together, single in zip(both, alone, strict=True):
            torch.testing.assert_close(together[row : row + 1], single, rtol=1e-4, atol=1e-4)


def test_the_paper_configuration_has_f5s_parameters() -> None:
    with torch.device("meta"):
        model = JamFlow(ModelConfig.paper())
    count = sum(p.numel() for p in model.audio.parameters())
    assert round(count / 1e6, 2) == 337.10
    assert model.motion.input_embed.proj.in_features == 75
    names = {name: tuple(p.shape) for name, p in model.audio.named_parameters()}
    # Names and shapes of F5TTS_v1_Base, without its prefix.
    assert names["time_embed.time_mlp.0.weight"] == (1024, 256)
    assert names["text_embed.text_embed.weight"] == (2546, 512)
    assert names["text_embed.text_blocks.3.grn.gamma"] == (1, 1, 1024)
    assert names["input_embed.proj.weight"] == (1024, 712)
    assert names["input_embed.conv_pos_embed.conv1d.2.weight"] == (1024, 64, 31)
    assert names["transformer_blocks.21.attn_norm.linear.weight"] == (6144, 1024)
    assert names["transformer_blocks.0.attn.to_out.0.bias"] == (1024,)
    assert names["transformer_blocks.0.ff.ff.0.0.weight"] == (2048, 1024)
    assert names["transformer_blocks.0.ff.ff.2.weight"] == (1024, 2048)
    assert names["norm_out.linear.weight"] == (2048, 1024)
    assert names["proj_out.weight"] == (100, 1024)


@torch.inference_mode()
def test_the_papers_form_runs_at_toy_size_with_given_motion() -> None:
    paper = ModelConfig.paper().model_dump()
    toy = toy_config().model_dump()
    text = {**paper["text"], "vocab": 30, "width": 16, "layers": 2}
    sizes = {name: toy[name] for name in ("depth", "heads", "head_size", "audio", "motion")}
    model = JamFlow(ModelConfig(**{**paper, **sizes, "text": text})).eval()
    ids = torch.zeros(1, AUDIO, dtype=torch.long)
    ids[0, :20] = torch.randint(1, 31, (20,))
    condition = Condition(
        model.embed_text(ids),
        torch.zeros(1, AUDIO, 100),
        torch.ones(1, AUDIO, dtype=torch.bool),
        torch.zeros(1, MOTION, 12),
        torch.ones(1, MOTION, 1, dtype=torch.bool),
        torch.randn(1, MOTION, 51),
    )
    mel_v, motion_v = model(
        torch.randn(1, AUDIO, 100), torch.randn(1, MOTION, 12), torch.tensor([0.5]), condition
    )
    assert mel_v.shape == (1, AUDIO, 100)
    assert motion_v.shape == (1, MOTION, 12)


def toy_speech(mask_filler: bool = True) -> JamFlow:
    """F5-TTS at toy size, with random weights everywhere."""
    torch.manual_seed(0)
    toy = toy_config()
    update = {"vocab": 30, "width": 16, "layers": 2, "mask_filler": mask_filler}
    f5 = ModelConfig.f5("v1_base")
    model = JamFlow(
        f5.model_copy(
            update={
                "depth": 3,
                "heads": 2,
                "head_size": 8,
                "audio": toy.audio,
                "text": f5.text.model_copy(update=update),
            }
        )
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def characters(*rows: list[int]) -> torch.Tensor:
    ids = torch.zeros(len(rows), 40, dtype=torch.long)
    for row, found in enumerate(rows):
        ids[row, : len(found)] = torch.tensor(found)
    return ids


@torch.inference_mode()
def test_characters_are_moved_to_the_front_in_their_order() -> None:
    model = toy_speech()
    scattered = characters([0, 0, 7, 0, 3, 3, 0, 0, 12], [4])
    gathered = characters([7, 3, 3, 12], [4])
    assert torch.equal(model.embed_text(scattered), model.embed_text(gathered))
    other = model.embed_text(characters([3, 7, 3, 12], [4]))
    assert not torch.equal(model.embed_text(gathered)[0], other[0])


@torch.inference_mode()
def test_filler_is_silent_where_it_is_masked_and_dropped_text_shows_its_length_only() -> None:
    model = toy_speech()
    ids = characters([3] * 10, [5] * 10, [5] * 9)
    text = model.embed_text(ids)
    assert text[0, :10].all(-1).all() and not text[0, 10:].any()
    dropped = model.embed_text(ids, torch.tensor([True, True, True]))
    assert torch.equal(dropped[0], dropped[1])
    assert dropped[0, :10].all(-1).all() and not dropped[0, 10:].any()
    assert not torch.equal(dropped[1], dropped[2])
    assert not torch.equal(dropped[0], text[0])


@torch.inference_mode()
def test_the_first_versions_filler_is_a_character_like_others() -> None:
    model = toy_speech(mask_filler=False)
    ids = characters([3] * 10, [5] * 9)
    assert model.embed_text(ids).all()
    dropped = model.embed_text(ids, torch.tensor([True, True]))
    assert torch.equal(dropped[0], dropped[1])


@torch.inference_mode()
def test_without_a_motion_stream_the_sound_is_the_audio_streams_own() -> None:
    speech = toy_speech()
    torch.manual_seed(2)
    mel, t = torch.randn(2, AUDIO, 100), torch.tensor([0.2, 0.7])
    motion = torch.randn(2, MOTION, 12)
    condition = Condition(
        speech.embed_text(torch.randint(0, 31, (2, AUDIO))),
        torch.randn(2, AUDIO, 100),
        torch.ones(2, AUDIO, dtype=torch.bool),
        torch.zeros(2, MOTION, 12),
        torch.ones(2, MOTION, 1, dtype=torch.bool),
    )
    mel_v, motion_v = speech(mel, motion, t, condition)
    assert not motion_v.any() and not hasattr(speech, "motion")
    assert torch.equal(mel_v, speech.audio_velocity(mel, t, condition))

    # The same Audio-DiT beside a face that it does not look at.
    both = JamFlow(
        speech.config.model_copy(
            update={"motion": toy_config().motion, "given": 0, "audio_reads_motion": False}
        )
    ).eval()
    both.audio.load_state_dict(speech.audio.state_dict())
    torch.testing.assert_close(both(mel, motion, t, condition)[0], mel_v, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(both.audio_velocity(mel, t, condition), mel_v)


@torch.inference_mode()
def test_only_so_many_heads_are_rotated() -> None:
    model = toy_speech()
    plain = JamFlow(model.config.model_copy(update={"rotated_heads": 1})).eval()
    attention, other = model.audio.block(0).attn, plain.audio.block(0).attn
    other.load_state_dict(attention.state_dict())
    x = torch.randn(1, AUDIO, 32)
    device = torch.device("cpu")
    tables = [m.geometry(AUDIO, MOTION, device).audio_table for m in (model, plain)]
    for _ in range(2):
        q, k, v = attention.project(x, tables[0])
        one_q, one_k, one_v = other.project(x, tables[1])
        for all_turned, one_turned in ((q, one_q), (k, one_k)):
            torch.testing.assert_close(one_turned[:, 0], all_turned[:, 0])
            assert not torch.allclose(one_turned[:, 1, 1:], all_turned[:, 1, 1:])
        torch.testing.assert_close(one_q[0, 1], other.to_q(x)[0, :, 8:])
        torch.testing.assert_close(v, one_v)
        attention.fuse()
        other.fuse()


def test_an_odd_depth_is_refused() -> None:
    with pytest.raises(ValidationError, match="depth must be even"):
        ModelConfig(**{**toy_config().model_dump(), "depth": 3})


def test_more_rotated_heads_than_there_are_are_refused() -> None:
    with pytest.raises(ValidationError, match="rotated_heads must be 0 to 2, not 3"):
        ModelConfig(**{**toy_config().model_dump(), "rotated_heads": 3})


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="wheels"):
        MotionGroup.model_validate({"name": "mouth", "size": 3, "wheels": 4})


def test_fused_projections_change_nothing_and_end_with_the_weights() -> None:
    model = toy_model()
    mel, motion, condition = inputs(model, batch=2)
    t = torch.tensor([0.1, 0.9])
    with torch.no_grad():
        plain = model(mel, motion, t, condition)
        model.fuse()
        for one, other in zip(model(mel, motion, t, condition), plain, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    # The gradients are those of the parameters themselves.
    model(mel, motion, t, condition)[0].sum().backward()
    query = model.audio.block(0).attn.to_q.weight
    assert query.grad is not None and query.grad.any()
    with torch.no_grad():
        query.add_(1.0)
    model.eval()
    with torch.no_grad():
        changed_weights = model(mel, motion, t, condition)
    assert not torch.allclose(changed_weights[0], plain[0], atol=1e-3)


@torch.inference_mode()
def test_projections_without_norms_can_be_fused_too() -> None:
    model = JamFlow(toy_config().model_copy(update={"qk_norm": False})).eval()
    attention = model.audio.block(0).attn
    table = model.geometry(AUDIO, MOTION, torch.device("cpu")).audio_table
    x = torch.randn(2, AUDIO, 32)
    plain = attention.project(x, table)
    model.fuse()
    for one, other in zip(attention.project(x, table), plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_convolving_tokens_is_convolving() -> None:
    embedding = toy_model().audio.input_embed.conv_pos_embed
    x = torch.randn(2, 20, 32)
    expected = embedding.conv1d(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(embedding(x), expected, rtol=1e-5, atol=1e-5)
