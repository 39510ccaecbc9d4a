import pytest
import torch

from jamflow_rt.config import ModelConfig, SamplingConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.distillation import distillation_loss
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.model.jam import JamFlow
from tests.test_objective import batch_of
from tests.test_sampler import window
from tests.toy import toy_model


def student_of(teacher: JamFlow, *, awake: bool = False) -> JamFlow:
    """The teacher with step embeddings that are still silent, or not."""
    student = JamFlow(teacher.config)
    student.load_state_dict(teacher.state_dict())
    for stream in (student.audio, student.motion):
        assert stream.step_embed is not None
        if not awake:
            stream.step_embed.silence()
    return student


def between(start: list[float], end: list[float], substeps: int) -> torch.Tensor:
    share = torch.linspace(0, 1, substeps + 1)
    return torch.tensor(start)[:, None].lerp(torch.tensor(end)[:, None], share)


def loss_of(
    student: JamFlow,
    substeps: int,
    guidance: float = 0.0,
    *,
    teacher: JamFlow | None = None,
    leaps: bool = False,
) -> tuple[float, float]:
    torch.manual_seed(3)
    batch = batch_of(["continue", "infill", "listen"])
    noise = torch.randn_like(batch.mel), torch.randn_like(batch.motion)
    losses = distillation_loss(
        student,
        teacher or toy_model(),
        batch,
        between([0.0, 0.1, 0.6], [0.1, 0.3, 1.0], substeps),
        *noise,
        guidance=guidance,
        leaps=leaps,
    )
    return losses.audio.item(), losses.motion.item()


def test_a_fresh_student_is_its_teacher() -> None:
    assert max(loss_of(student_of(toy_model()), substeps=1)) < 1e-10


def test_small_guided_steps_are_what_the_student_lacks() -> None:
    student = student_of(toy_model())
    assert min(loss_of(student, substeps=4)) > 1e-6
    assert min(loss_of(student, substeps=1, guidance=1.0)) > 1e-6


def test_a_student_that_teaches_is_asked_for_what_it_learned() -> None:
    awake = student_of(toy_model(), awake=True)
    assert max(loss_of(awake, substeps=1, teacher=awake, leaps=True)) < 1e-10
    assert min(loss_of(awake, substeps=1, teacher=awake)) > 1e-6


def test_the_teacher_learns_nothing_and_the_student_does() -> None:
    torch.manual_seed(0)
    teacher, student = toy_model(), student_of(toy_model())
    batch = batch_of(["continue"])
    noise = torch.randn_like(batch.mel), torch.randn_like(batch.motion)
    times = between([0.1], [0.4], 2)
    optimiser = torch.optim.Adam(student.parameters(), 1e-3)
    seen = []
    for _ in range(12):
        losses = distillation_loss(student, teacher, batch, times, *noise, guidance=1.0)
        optimiser.zero_grad()
        (losses.audio + losses.motion).backward()
        optimiser.step()
        seen.append(losses.audio.item() + losses.motion.item())
    assert seen[-1] < 0.5 * seen[0]
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_sampler_asks_for_mean_velocities_only_when_told() -> None:
    student = student_of(toy_model(), awake=True)
    given = window()
    plain = Sampler(student, SamplingConfig(evaluations=2)).sample(given)
    same = Sampler(toy_model(), SamplingConfig(evaluations=2)).sample(given)
    leaps = Sampler(student, SamplingConfig(evaluations=2, distilled=True)).sample(given)
    assert (plain.mel == same.mel).all() and (plain.motion == same.motion).all()
    assert abs(leaps.mel - plain.mel).max() > 1e-3
    assert abs(leaps.motion - plain.motion).max() > 1e-3


def test_distilled_sampling_wants_a_distilled_model() -> None:
    config = ModelConfig(**{**toy_model().config.model_dump(), "mean_velocity": False})
    with pytest.raises(InvalidInput, match="distil"):
        Sampler(JamFlow(config), SamplingConfig(distilled=True))


def test_guidance_and_distilled_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="guidance"):
        SamplingConfig(distilled=True, guidance=1.0)
