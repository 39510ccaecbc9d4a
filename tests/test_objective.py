import numpy as np
import torch

from jamflow_rt.flow.masking import TASKS, draw_pattern
from jamflow_rt.flow.objective import Batch, flow_matching_loss
from tests.toy import toy_model

BEATS = 4
GROUPS = len(toy_model().config.groups)


def batch_of(tasks: list[str], seed: int = 0) -> Batch:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    patterns = [draw_pattern(random, task, BEATS, GROUPS) for task in tasks]
    count, size = len(tasks), toy_model().config.motion_size
    return Batch(
        ids=torch.randint(0, 100, (count, 15 * BEATS)),
        mel=torch.randn(count, 15 * BEATS, 100),
        motion=torch.randn(count, 4 * BEATS, size),
        mel_masked=torch.from_numpy(np.stack([p.mel for p in patterns])),
        motion_masked=torch.from_numpy(np.stack([p.motion for p in patterns])),
        text_dropped=torch.tensor([p.text_dropped for p in patterns]),
        voice=torch.zeros(count, dtype=torch.long),
    )


def losses(
    batch: Batch, mel_noise: torch.Tensor, motion_noise: torch.Tensor
) -> tuple[float, float]:
    model = toy_model()
    t = torch.full((len(batch.ids),), 0.4)
    loss = flow_matching_loss(model, batch, t, mel_noise, motion_noise)
    return loss.audio.item(), loss.motion.item()


def test_the_loss_is_the_velocity_error_at_masked_places_only() -> None:
    model = toy_model()
    # A network that answers zero everywhere: the loss is then the mean square of the target.
    for stream in (model.audio, model.motion):
        stream.proj_out.weight.data.zero_()
        stream.proj_out.bias.data.zero_()
    batch = batch_of(["continue", "infill"])
    mel_noise, motion_noise = torch.randn_like(batch.mel), torch.randn_like(batch.motion)
    loss = flow_matching_loss(model, batch, torch.tensor([0.2, 0.7]), mel_noise, motion_noise)
    expected = (batch.mel - mel_noise)[batch.mel_masked].square().mean()
    torch.testing.assert_close(loss.audio, expected)
    sizes = torch.tensor([g.size for g in model.config.groups])
    free = batch.motion_masked.repeat_interleave(sizes, dim=2)
    torch.testing.assert_close(loss.motion, (batch.motion - motion_noise)[free].square().mean())


def test_nothing_masked_means_no_loss_and_no_gradient() -> None:
    model = toy_model()
    batch = batch_of(["listen", "listen"])
    loss = flow_matching_loss(
        model,
        batch,
        torch.tensor([0.2, 0.7]),
        torch.randn_like(batch.mel),
        torch.randn_like(batch.motion),
    )
    assert loss.audio.item() == 0.0
    loss.audio.backward()
    assert model.audio.proj_out.weight.grad is not None
    assert not model.audio.proj_out.weight.grad.any()


def test_masked_values_are_hidden_from_the_condition() -> None:
    """At t = 0 the noisy input is pure noise, so masked data can only leak by the condition."""
    model = toy_model()
    batch = batch_of(["continue"])
    sizes = torch.tensor([g.size for g in model.config.groups])
    free = batch.motion_masked.repeat_interleave(sizes, dim=2)
    noise = torch.randn_like(batch.mel), torch.randn_like(batch.motion)
    seen = []
    model.register_forward_pre_hook(lambda module, arguments: seen.append(arguments))
    other = batch._replace(
        mel=torch.where(batch.mel_masked[..., None], batch.mel + 5, batch.mel),
        motion=torch.where(free, batch.motion + 5, batch.motion),
    )
    for data in (batch, other):
        flow_matching_loss(model, data, torch.zeros(1), *noise)
    (mel_a, motion_a, _, a), (mel_b, motion_b, _, b) = seen
    torch.testing.assert_close(mel_a, mel_b)
    torch.testing.assert_close(motion_a, motion_b)
    torch.testing.assert_close(a.mel, b.mel)
    torch.testing.assert_close(a.motion, b.motion)


def test_one_model_takes_every_task_in_one_batch() -> None:
    batch = batch_of(sorted(TASKS) * 2)
    audio, motion = losses(batch, torch.randn_like(batch.mel), torch.randn_like(batch.motion))
    assert np.isfinite([audio, motion]).all() and audio > 0 and motion > 0


def test_a_toy_model_overfits_one_batch() -> None:
    model = toy_model().train()
    batch = batch_of(["continue", "listen"])
    noise = torch.randn_like(batch.mel), torch.randn_like(batch.motion)
    t = torch.tensor([0.3, 0.6])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    history = []
    for _ in range(150):
        loss = sum(flow_matching_loss(model, batch, t, *noise))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    assert history[-1] < 0.35 * history[0]
