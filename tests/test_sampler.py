import dataclasses

import numpy as np
import pytest
import torch

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.config import ModelConfig, SamplingConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.noise import window_noise
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.flow.window import Window
from jamflow_rt.model.jam import Condition, JamFlow
from tests.toy import toy_model

MODEL = toy_model()
SIZE = MODEL.config.motion_size


def window(beats: int = 3, prefix: int = 1, seed: int = 0) -> Window:
    random = np.random.default_rng(seed)
    mel_noise, motion_noise = window_noise(seed, 0, beats, SIZE)
    mel = random.standard_normal((beats * BEAT_MEL, 100)).astype(np.float32)
    motion = random.standard_normal((beats * BEAT_MOTION, SIZE)).astype(np.float32)
    masked = np.arange(beats) >= prefix
    return Window(
        text=random.integers(1, 100, beats * BEAT_MEL).astype(np.int32),
        mel=mel,
        mel_masked=masked.repeat(BEAT_MEL),
        motion=motion,
        motion_masked=np.tile(masked.repeat(BEAT_MOTION)[:, None], (1, len(MODEL.config.groups))),
        mel_noise=mel_noise,
        motion_noise=motion_noise,
    )


def test_a_clean_prefix_is_untouched() -> None:
    given = window()
    result = Sampler(MODEL, SamplingConfig(evaluations=3)).sample(given)
    assert np.array_equal(result.mel[:BEAT_MEL], given.mel[:BEAT_MEL])
    assert np.array_equal(result.motion[:BEAT_MOTION], given.motion[:BEAT_MOTION])
    assert not np.isclose(result.mel[BEAT_MEL:], given.mel[BEAT_MEL:]).all()
    assert result.finite


def test_what_lies_under_the_mask_cannot_matter() -> None:
    given = window()
    sampler = Sampler(MODEL, SamplingConfig(evaluations=3))
    hidden = given.mel.copy()
    hidden[given.mel_masked] = 9.0
    a, b = sampler.sample(given), sampler.sample(dataclasses.replace(given, mel=hidden))
    assert np.array_equal(a.mel, b.mel) and np.array_equal(a.motion, b.motion)


def test_a_cold_mouth_does_not_depend_on_its_noise() -> None:
    given = window()
    other = dataclasses.replace(given, motion_noise=given.motion_noise.copy())
    other.motion_noise[:, 0] += 1.0  # a number of the mouth
    cold, warm = (
        Sampler(MODEL, SamplingConfig(evaluations=2, mouth_temperature=t)) for t in (0.0, 1.0)
    )
    assert np.array_equal(cold.sample(given).motion, cold.sample(other).motion)
    assert not np.array_equal(warm.sample(given).motion, warm.sample(other).motion)
    other.motion_noise[:, -1] += 1.0  # one of the head
    assert not np.array_equal(cold.sample(given).motion, cold.sample(other).motion)


def test_the_table_of_voices_changes_the_sound() -> None:
    torch.manual_seed(0)
    config = ModelConfig(**{**MODEL.config.model_dump(), "voices": 2})
    model = JamFlow(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    sampler = Sampler(model, SamplingConfig(evaluations=1, guidance=1.0))
    alone = [sampler.sample(dataclasses.replace(window(), voice=n)).mel for n in range(3)]
    assert not np.array_equal(alone[0], alone[1])
    assert not np.array_equal(alone[1], alone[2])
    runs = [sampler.start(dataclasses.replace(window(), voice=n)) for n in range(3)]
    sampler.advance(runs)
    for run, mel in zip(runs, alone, strict=True):
        np.testing.assert_allclose(run.result().mel, mel, atol=1e-4)
    with pytest.raises(InvalidInput, match="voice 3; the model's table has 2"):
        sampler.start(dataclasses.replace(window(), voice=3))


def test_where_nothing_is_missing_there_is_nothing_to_do() -> None:
    given = window()
    silent = dataclasses.replace(given, mel_masked=np.zeros_like(given.mel_masked))
    assert not Sampler(MODEL, SamplingConfig(evaluations=2)).start(silent).done
    still = JamFlow(ModelConfig(**{**MODEL.config.model_dump(), "motion": None})).eval()
    sampler = Sampler(still, SamplingConfig(evaluations=2))
    assert not sampler.start(given).done
    run = sampler.start(silent)
    assert run.done
    np.testing.assert_array_equal(run.result().mel, given.mel)
    np.testing.assert_array_equal(run.result().motion, given.motion)


def test_a_given_group_stays_while_the_others_are_made() -> None:
    given = window()
    masked = given.motion_masked.copy()
    masked[:, 1:] = False  # the paper's split: the mouth generated, the rest given
    result = Sampler(MODEL, SamplingConfig(evaluations=2)).sample(
        dataclasses.replace(given, motion_masked=masked)
    )
    mouth = MODEL.config.groups[0].size
    assert np.array_equal(result.motion[:, mouth:], given.motion[:, mouth:])
    assert not np.array_equal(result.motion[:, :mouth], given.motion[:, :mouth])


def test_windows_at_different_steps_share_a_pass_and_agree_with_being_alone() -> None:
    sampler = Sampler(MODEL, SamplingConfig(evaluations=4))
    first, second = window(seed=1), window(seed=2)
    alone = [sampler.sample(w) for w in (first, second)]
    early = sampler.start(first)
    sampler.advance([early])
    late = sampler.start(second)
    for _ in range(3):
        sampler.advance([early, late])
    sampler.advance([late])
    assert early.done and late.done
    for run, single in zip((early, late), alone, strict=True):
        np.testing.assert_allclose(run.result().mel, single.mel, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(run.result().motion, single.motion, rtol=1e-4, atol=1e-4)


def test_guidance_extrapolates_from_the_unconditioned_velocity() -> None:
    given = window()
    plain = Sampler(MODEL, SamplingConfig(evaluations=1)).sample(given)
    guided = Sampler(MODEL, SamplingConfig(evaluations=1, guidance=2.0)).sample(given)
    doubled = Sampler(MODEL, SamplingConfig(evaluations=1, guidance=4.0)).sample(given)
    # One Euler step is linear in the velocity, so the guidance can be read off.
    np.testing.assert_allclose(
        doubled.mel - plain.mel, 2 * (guided.mel - plain.mel), rtol=1e-3, atol=1e-3
    )
    assert np.array_equal(guided.mel[:BEAT_MEL], given.mel[:BEAT_MEL])


def local(evaluations: int = 2) -> SamplingConfig:
    return SamplingConfig(
        evaluations=evaluations, guidance=2.0, guided="generated", precision="full"
    )


def test_guidance_of_the_generated_part_asks_less_of_the_network() -> None:
    given = window(beats=5, prefix=3)
    model = toy_model()
    forward, tokens = model.forward, []

    def spy(mel: torch.Tensor, *rest: object) -> object:
        tokens.append(tuple(mel.shape[:2]))
        return forward(mel, *rest)  # type: ignore[arg-type]

    model.forward = spy  # type: ignore[method-assign,assignment]
    result = Sampler(model, local(1)).sample(given)
    assert tokens == [(1, 5 * BEAT_MEL), (1, 2 * BEAT_MEL)]
    assert np.array_equal(result.mel[: 3 * BEAT_MEL], given.mel[: 3 * BEAT_MEL])
    assert result.finite
    tokens.clear()
    Sampler(model, local(1)).sample(window(beats=5, prefix=0))  # it is all generated
    assert tokens == [(2, 5 * BEAT_MEL)]


def test_guidance_of_the_generated_part_does_not_depend_on_who_shares_the_pass() -> None:
    windows = [window(beats=5, prefix=prefix, seed=prefix) for prefix in (3, 1, 3)]
    sampler = Sampler(MODEL, local())
    alone = [sampler.sample(w) for w in windows]
    runs = [sampler.start(w) for w in windows]
    while not runs[0].done:
        sampler.advance(runs)
    for run, single in zip(runs, alone, strict=True):
        assert run.done
        np.testing.assert_allclose(run.result().mel, single.mel, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(run.result().motion, single.motion, rtol=1e-4, atol=1e-4)


def test_guidance_of_the_generated_part_wants_known_places_pinned() -> None:
    with pytest.raises(ValueError, match="pinned"):
        SamplingConfig(guidance=2.0, guided="generated", pinned=False)


def test_the_solver_is_exact_on_a_straight_field() -> None:
    given = window()
    model = toy_model()

    def straight(mel: torch.Tensor, motion: torch.Tensor, t: torch.Tensor, _: object) -> tuple:
        return torch.ones_like(mel), torch.full_like(motion, -2.0)

    model.forward = straight  # type: ignore[method-assign,assignment]
    result = Sampler(model, SamplingConfig(evaluations=5)).sample(given)
    np.testing.assert_allclose(
        result.mel[BEAT_MEL:], given.mel_noise[BEAT_MEL:] + 1.0, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        result.motion[BEAT_MOTION:], given.motion_noise[BEAT_MOTION:] - 2.0, rtol=1e-5, atol=1e-5
    )


def test_motion_of_another_width_is_refused() -> None:
    given = window()
    narrow = dataclasses.replace(
        given, motion=given.motion[:, :5], motion_noise=given.motion[:, :5]
    )
    with pytest.raises(InvalidInput, match="5 wide"):
        Sampler(MODEL, SamplingConfig()).start(narrow)


def test_a_window_of_wrong_shape_is_refused() -> None:
    given = window()
    with pytest.raises(InvalidInput, match=r"Window\.mel_noise"):
        dataclasses.replace(given, mel_noise=given.mel_noise[:-1])


def test_given_sound_is_followed_by_velocities_and_not_by_what_was_distilled() -> None:
    model = toy_model()
    asked: list[torch.Tensor] = []
    forward = model.forward

    def spy(mel: torch.Tensor, motion: torch.Tensor, t: torch.Tensor, c: Condition) -> object:
        assert c.step is not None
        asked.append(c.step)
        return forward(mel, motion, t, c)

    model.forward = spy
    sampler = Sampler(model, SamplingConfig(evaluations=2, distilled=True))
    speaks = window()
    hears = dataclasses.replace(window(), mel_masked=np.zeros_like(speaks.mel_masked))
    sampler.advance([sampler.start(speaks), sampler.start(hears)])
    (steps,) = asked
    assert steps[0] == pytest.approx(sampler.times[1] - sampler.times[0])
    assert steps[1] == 0


def toy_paper(**settings: object) -> JamFlow:
    """The toy network, told numbers beside the motion, or working on another scale of mels."""
    torch.manual_seed(0)
    config = ModelConfig(**{**MODEL.config.model_dump(), **settings})
    model = JamFlow(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    return model.eval()


def test_what_is_given_beside_the_motion_reaches_the_network() -> None:
    sampler = Sampler(toy_paper(given=3), SamplingConfig(evaluations=2, guidance=1.0))
    first, other = (
        dataclasses.replace(window(), given=np.full((3 * BEAT_MOTION, 3), value, np.float32))
        for value in (0.0, 1.0)
    )
    a, b = sampler.sample(first), sampler.sample(other)
    assert not np.allclose(a.motion, b.motion)
    # In one pass each keeps its own.
    runs = [sampler.start(first), sampler.start(other)]
    while not runs[0].done:
        sampler.advance(runs)
    np.testing.assert_allclose(runs[0].result().motion, a.motion, atol=1e-4)
    np.testing.assert_allclose(runs[1].result().motion, b.motion, atol=1e-4)


def test_numbers_that_the_model_is_not_told_are_refused() -> None:
    beside = dataclasses.replace(window(), given=np.zeros((3 * BEAT_MOTION, 3), np.float32))
    with pytest.raises(InvalidInput, match="gives 3 numbers beside the motion.*told 0"):
        Sampler(MODEL, SamplingConfig()).start(beside)
    with pytest.raises(InvalidInput, match="gives 0 numbers beside the motion.*told 3"):
        Sampler(toy_paper(given=3), SamplingConfig()).start(window())
    with pytest.raises(InvalidInput, match=r"Window.given has shape \(5, 3\)"):
        dataclasses.replace(window(), given=np.zeros((5, 3), np.float32))


def test_a_network_on_another_scale_of_mels_sees_them_on_its_own() -> None:
    scale, shift = 4.3, -3.46
    given = window()
    plain = Sampler(toy_paper(), SamplingConfig(evaluations=2))
    scaled = Sampler(toy_paper(mel_scale=scale, mel_shift=shift), SamplingConfig(evaluations=2))
    theirs = plain.sample(dataclasses.replace(given, mel=given.mel * scale + shift))
    ours = scaled.sample(given)
    made = given.mel_masked
    np.testing.assert_allclose(ours.mel[made] * scale + shift, theirs.mel[made], atol=1e-3)
    np.testing.assert_array_equal(ours.mel[~made], given.mel[~made])
    np.testing.assert_allclose(ours.motion, theirs.motion, atol=1e-4)


def test_a_model_without_a_face_leaves_the_motion_as_it_is_given() -> None:
    given = window()
    sampler = Sampler(toy_paper(motion=None), SamplingConfig(evaluations=2))
    result = sampler.sample(given)
    assert np.array_equal(result.motion, given.motion)  # where it is masked, too
    assert result.finite
    assert not np.isclose(result.mel[given.mel_masked], given.mel[given.mel_masked]).all()
    assert np.array_equal(result.mel[~given.mel_masked], given.mel[~given.mel_masked])


def test_known_places_go_their_own_way_where_they_are_not_pinned() -> None:
    given = window()
    seen = dict.fromkeys((True, False), torch.zeros(()))
    for pinned in seen:
        model = toy_model()
        forward = model.forward

        def spy(
            mel: torch.Tensor,
            motion: torch.Tensor,
            t: torch.Tensor,
            c: Condition,
            forward: object = forward,
            pinned: bool = pinned,
        ) -> object:
            seen[pinned] = mel.clone()
            return forward(mel, motion, t, c)  # type: ignore[operator]

        model.forward = spy
        sampler = Sampler(model, SamplingConfig(evaluations=2, pinned=pinned, precision="full"))
        assert np.array_equal(sampler.sample(given).mel[:BEAT_MEL], given.mel[:BEAT_MEL])
    t = sampler.times[1]
    path = (1 - t) * given.mel_noise[:BEAT_MEL] + t * given.mel[:BEAT_MEL]
    np.testing.assert_allclose(seen[True][0, :BEAT_MEL].numpy(), path, atol=1e-6)
    assert not np.isclose(seen[False][0, :BEAT_MEL].numpy(), path, atol=1e-2).all()


def test_the_pruned_schedule_is_taken_when_it_is_asked_for() -> None:
    sampler = Sampler(MODEL, SamplingConfig(evaluations=7, sway=0.0, epss=True))
    assert sampler.times == [k / 32 for k in (0, 2, 4, 6, 8, 16, 24, 32)]
    assert SamplingConfig.f5(16).epss and not SamplingConfig.f5().pinned


def test_the_generated_part_is_from_the_first_masked_beat_to_the_last() -> None:
    assert window(beats=5, prefix=3).generated == (3, 5)
    assert window(beats=5, prefix=0).generated == (0, 5)
    assert window(beats=5, prefix=5).generated == (0, 5)  # nothing is
    gap = window(beats=6, prefix=6)
    gap.motion_masked[3 * BEAT_MOTION - 1, 0] = True
    gap.mel_masked[4 * BEAT_MEL] = True
    assert gap.generated == (2, 5)
