"""The quality gate: is this capture good enough, and if not, what mends it."""

from threadlift.face.quality.finding import Finding, Verdict
from threadlift.face.quality.gate import refuse_unusable

__all__ = ["Finding", "Verdict", "refuse_unusable"]
