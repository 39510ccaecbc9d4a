"""One run of the bench: family after family."""

from __future__ import annotations

from collections.abc import Callable

from jamflow_rt.bench.batching import batching_figures
from jamflow_rt.bench.concurrency import concurrency_figures
from jamflow_rt.bench.cost import cost_figures, factor_figures
from jamflow_rt.bench.figures import Figure
from jamflow_rt.bench.first_frame import first_frame_figures
from jamflow_rt.bench.interrupt import interrupt_figures
from jamflow_rt.bench.listening import listening_figures
from jamflow_rt.bench.liveportrait import liveportrait_figures
from jamflow_rt.bench.memory import memory_figures
from jamflow_rt.bench.peak import peak_figures
from jamflow_rt.bench.rendering import rendering_figures
from jamflow_rt.bench.report import Report, this_machine
from jamflow_rt.bench.soak import soak_figures
from jamflow_rt.bench.subject import Subject
from jamflow_rt.errors import InvalidInput

FAMILIES: dict[str, Callable[[Subject], list[Figure]]] = {
    "first_frame": first_frame_figures,
    "real_time_factor": factor_figures,
    "cost": cost_figures,
    "sessions": concurrency_figures,
    "batching": batching_figures,
    "peak": peak_figures,
    "rendering": rendering_figures,
    "liveportrait": liveportrait_figures,
    "interrupt": interrupt_figures,
    "listening": listening_figures,
    "memory": memory_figures,
    "soak": soak_figures,
}
"""Name → measures it. The soak is measured only when the plan gives it minutes, LivePortrait when
it is asked for or the model draws with it."""


def bench(
    subject: Subject,
    *,
    only: str | None = None,
    progress: Callable[[str], None] = lambda family: None,
) -> Report:
    """Measure a model on this machine.

    Args:
        subject: what to measure, and how thoroughly.
        only: the name of one family.
        progress: told each family before it is measured.

    Raises:
        InvalidInput: there is no such family, or it is the soak and has no time.
    """
    names = [name for name in FAMILIES if name != "soak" or subject.plan.soak_minutes]
    if only is None and subject.bundle.networks is None:
        names.remove("liveportrait")
    if only is not None:
        if only not in FAMILIES:
            raise InvalidInput(f"There is no {only!r} to measure: {', '.join(FAMILIES)}.")
        if only not in names:
            raise InvalidInput("The soak needs --soak MINUTES of media time.")
        names = [only]
    machine = this_machine()
    families = {}
    for name in names:
        progress(name)
        families[name] = tuple(FAMILIES[name](subject))
    return Report(
        subject.bundle.settings.name, subject.plan.model_dump(mode="json"), machine, families
    )
