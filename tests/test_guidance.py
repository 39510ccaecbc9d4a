import torch

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.flow.guidance import guided_velocity
from jamflow_rt.flow.objective import condition_of
from jamflow_rt.flow.window import Span
from tests.test_objective import batch_of
from tests.toy import toy_model


def test_guidance_leads_away_from_knowing_nothing() -> None:
    model = toy_model()
    batch = batch_of(["continue", "infill"])
    condition, t = condition_of(model, batch), torch.tensor([0.2, 0.6])
    blank = condition._replace(
        text=torch.zeros_like(condition.text),
        mel=torch.zeros_like(batch.mel),
        mel_masked=torch.ones_like(batch.mel_masked),
        motion=torch.zeros_like(batch.motion),
        motion_masked=torch.ones_like(batch.motion_masked),
    )
    with torch.no_grad():
        told = guided_velocity(model, batch.mel, batch.motion, t, condition, 0.0)
        untold = guided_velocity(model, batch.mel, batch.motion, t, blank, 0.0)
        guided = guided_velocity(model, batch.mel, batch.motion, t, condition, 1.5)
    for a, b, c in zip(told, untold, guided, strict=True):
        torch.testing.assert_close(c, a + 1.5 * (a - b), rtol=1e-4, atol=1e-4)


def test_guidance_of_some_beats_knows_of_no_others() -> None:
    model = toy_model()
    batch = batch_of(["continue", "infill"])
    condition, t = condition_of(model, batch), torch.tensor([0.2, 0.6])
    span = Span(1, batch.mel.shape[1] // BEAT_MEL)
    alone = condition._replace(
        text=torch.zeros_like(condition.text[:, span.mel]),
        mel=torch.zeros_like(batch.mel[:, span.mel]),
        mel_masked=torch.ones_like(batch.mel_masked[:, span.mel]),
        motion=torch.zeros_like(batch.motion[:, span.motion]),
        motion_masked=torch.ones_like(batch.motion_masked[:, span.motion]),
    )
    with torch.no_grad():
        told = guided_velocity(model, batch.mel, batch.motion, t, condition, 0.0)
        untold = guided_velocity(
            model, batch.mel[:, span.mel], batch.motion[:, span.motion], t, alone, 0.0
        )
        guided = guided_velocity(model, batch.mel, batch.motion, t, condition, 1.5, span)
    for a, b, c, part in zip(told, untold, guided, (span.mel, span.motion), strict=True):
        assert torch.equal(c[:, : part.start], a[:, : part.start])
        expected = a[:, part] + 1.5 * (a[:, part] - b)
        torch.testing.assert_close(c[:, part], expected, rtol=1e-4, atol=1e-4)
