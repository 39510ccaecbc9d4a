import numpy as np

from jamflow_rt.train.brows import BROWS, UNIT, raised_brows
from jamflow_rt.train.motion_space import LIPS
from tests.toy import toy_space


def test_brows_go_up_together_and_lids_and_lips_stay() -> None:
    average = toy_space().average
    shape = raised_brows(average)
    assert shape.shape == (1, 478, 3)
    up = -shape[0, :, 1]
    for brow in BROWS:
        np.testing.assert_allclose(up[brow], UNIT, rtol=1e-5)
    lids = [159, 145, 386, 374]
    assert up[lids].max() < 0.35 * UNIT
    assert up[LIPS].max() < 1e-3
    assert not shape[..., [0, 2]].any()
    assert (up >= 0).all()
