"""The quality gate: is this capture good enough, and if not, what mends it."""

from threadlift.face.quality.finding import Finding, Verdict

__all__ = ["Finding", "Verdict"]
