"""The safety kernel: what it judges, what it returns, and the gate that plans leave through."""

from threadlift.planning.safety.gate import SafetyCase, UnsafePlanError
from threadlift.planning.safety.kernel import Examined, check, examine, violations
from threadlift.planning.safety.marks import Marks
from threadlift.planning.safety.report import Contact, SafetyReport, Violation

__all__ = [
    "Contact",
    "Examined",
    "Marks",
    "SafetyCase",
    "SafetyReport",
    "UnsafePlanError",
    "Violation",
    "check",
    "examine",
    "violations",
]
