"""Ways to place threads that were solved nonlinearly, and which of them is recommended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from threadlift.evidence import value as register
from threadlift.planning.refine_step import Ground
from threadlift.planning.refined import Refinement, refined
from threadlift.planning.result import Alternative
from threadlift.planning.robust import in_scenarios, pulled
from threadlift.planning.safety import SafetyCase
from threadlift.planning.scenarios import Scenarios
from threadlift.planning.variants import Variant
from threadlift.planning.verify import Verified

# An option worth less than the best by this, in the nominal tissue, is not tried in others.
_HOPELESS = 0.15


@dataclass(frozen=True)
class Option:
    """A variant with its verified threads and the objective that they reach nonlinearly."""

    variant: Variant
    verified: Verified
    value: float

    def alternative(self) -> Alternative:
        """The same as one of the plan's alternatives."""
        v = self.variant
        return Alternative(v.name, v.title, v.note, self.verified.threads, self.verified.to_json())


def sound(options: Sequence[Option], case: SafetyCase) -> list[int]:
    """Options that the safety kernel has nothing against.

    The search knows the kernel's limits only nearly: what was settled is asked again.
    """
    return [i for i, o in enumerate(options) if not case.check(o.verified.threads).violations]


def best_option(
    ground: Ground,
    options: Sequence[Option],
    pilot: Scenarios | None,
    progress: Callable[[float], None],
) -> tuple[int, Refinement]:
    """Which option is recommended, and how it is refined.

    The nonlinear model has the last word, in the pilot's scenarios where they are asked: what is
    best for the nominal tissue may have to be pulled so much less than another plan until limits
    hold in most tissues and hands that it brings less. A refinement that does not hold up in them
    is not made.
    """
    clear = sound(options, ground.case) or list(range(len(options)))
    top = max(options[i].value for i in clear)
    clear = [i for i in clear if options[i].value > top - _HOPELESS]
    if pilot is not None:
        pilot = pilot.part(slice(0, int(register("planning.scenarios.contenders"))))
    steps = len(clear) + 2

    def worth(plan: Verified, nominal: float) -> tuple[float, float]:
        if pilot is None:
            return nominal, 1.0
        return in_scenarios(ground.rows, ground.grids, plan, pilot)

    value, pull = {}, {}
    for step, i in enumerate(clear):
        progress(step / steps)
        value[i], pull[i] = worth(options[i].verified, options[i].value)
    best = max(clear, key=lambda i: (round(value[i], 4), round(options[i].value, 4), -i))
    progress(len(clear) / steps)
    found, share = refined(ground, options[best].verified), pull[best]
    if found.rounds:
        after, held = worth(found.verified, found.after)
        if after >= value[best]:
            share = held
        else:
            found = Refinement.none(options[best].verified, found.before)
    if share < 1.0:
        plan = pulled(ground.tissue, ground.rows, found.verified, share)
        found = replace(found, verified=plan)
    return best, found
