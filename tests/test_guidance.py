import torch

from jamflow_rt.flow.guidance import guided_velocity
from jamflow_rt.flow.objective import condition_of
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
