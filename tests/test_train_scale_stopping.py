import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch

from jamflow_rt.errors import Failed
from jamflow_rt.train.scale.data import Pass
from jamflow_rt.train.scale.stopping import asked_to_stop
from jamflow_rt.train.scale.trainer import Trainer
from tests.toy_recipe import last_weights, toy_recipe, trained
from tests.toy_shards import write_toy_shards


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    """Behind a shell's `&`, Ctrl-C is ignored; these tests send it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_that_is_asked_to_stop_leaves_a_checkpoint(
    tmp_path: Path, number: signal.Signals
) -> None:
    write_toy_shards(tmp_path / "shards", clips=8)
    recipe = toy_recipe(save_every=100, batches={"workers": 1})
    stopped = Trainer(recipe, tmp_path / "shards", tmp_path / "run")
    learn = stopped._learn

    def learn_and_ask(passes: list[Pass]) -> object:
        if stopped.step == 2:
            # Launchers tell a whole group: those that read clips are not in it.
            groups = {os.getpgid(child.pid or 0) for child in active_children()}
            assert groups and os.getpgid(0) not in groups
            os.kill(os.getpid(), number)
        return learn(passes)

    stopped._learn = learn_and_ask  # type: ignore[method-assign,assignment]
    with pytest.raises(Failed, match="Stopped at step 4 of 6"):
        stopped.run()
    trained(recipe, tmp_path / "shards", tmp_path / "straight")
    resumed = Trainer(recipe, tmp_path / "shards", tmp_path / "run")
    assert resumed.step == 4
    resumed.run()
    straight, gone_on = (last_weights(tmp_path / run) for run in ("straight", "run"))
    assert all(torch.equal(straight[name], gone_on[name]) for name in straight)


def test_the_second_time_ends_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with asked_to_stop() as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asked_to_stop() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        assert not asked()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_is_never_asked() -> None:
    def ask() -> None:
        with asked_to_stop() as asked:
            answers.append(asked())

    answers: list[bool] = []
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [False]
