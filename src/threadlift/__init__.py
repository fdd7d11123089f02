"""threadlift: plan a thread lift on a patient-specific layered face before anybody lifts a needle.

The public names are loaded when they are first used, so that ``threadlift --version`` and
``--help`` answer at once::

    import threadlift as tl

    face = tl.Face.from_scan("head.obj")
    consultation = tl.Consultation.load("consultation.yaml")
    tissue = tl.Tissue.of(face, consultation)
    assessment = tl.assess(face, tissue, consultation)
    plan = tl.plan(tissue, assessment)
    outcome = tl.predict(tissue, plan.recommended, assessment)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from threadlift.assessment import Assessment, assess
    from threadlift.consultation import Consultation
    from threadlift.errors import InputError, SolverError, ThreadliftError
    from threadlift.face import Face
    from threadlift.outcome import Outcome, predict
    from threadlift.pipeline import report
    from threadlift.planning import Plan, plan
    from threadlift.quantities import Estimate
    from threadlift.threads import Thread
    from threadlift.tissue import Tissue

_HOMES = {
    "Assessment": "assessment",
    "Consultation": "consultation",
    "Estimate": "quantities",
    "Face": "face",
    "InputError": "errors",
    "Outcome": "outcome",
    "Plan": "planning",
    "SolverError": "errors",
    "Thread": "threads",
    "ThreadliftError": "errors",
    "Tissue": "tissue",
    "assess": "assessment",
    "plan": "planning",
    "predict": "outcome",
    "report": "pipeline",
}

__all__ = [
    "Assessment",
    "Consultation",
    "Estimate",
    "Face",
    "InputError",
    "Outcome",
    "Plan",
    "SolverError",
    "Thread",
    "ThreadliftError",
    "Tissue",
    "__version__",
    "assess",
    "plan",
    "predict",
    "report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'threadlift' has no attribute {name!r}")
    value = getattr(import_module(f"threadlift.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
