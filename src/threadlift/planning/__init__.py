"""Planning: candidates, safety kernel, responses, optimiser, verified plan."""

from threadlift.planning.plan import plan
from threadlift.planning.result import Alternative, Optimality, Plan
from threadlift.planning.safety import SafetyReport, Violation, check, violations

__all__ = [
    "Alternative",
    "Optimality",
    "Plan",
    "SafetyReport",
    "Violation",
    "check",
    "plan",
    "violations",
]
