"""The page's last table: one line per face."""

from __future__ import annotations

from collections.abc import Sequence

from validation.planning.result import FaceResult, Shown
from validation.planning.scoring import COUNTS

#: Risks that the page shows: heading, unit, decimals.
RISKS = {
    "cheekbone_prominence": ("cheekbone", "mm", 2),
    "indentation": ("dip", "mm", 2),
    "overshoot": ("overshoot", "", 2),
    "asymmetry": ("asymmetry", "mm", 2),
}


def every_face(faces: Sequence[FaceResult]) -> str:
    """A section of the page: one line per face."""
    lines = [
        "## Every face\n",
        "Plan: threads left + right, goal attained, risks as above. *ahead*: techniques that the "
        "plan is ahead of by (a), (b), (c), of those that can be compared.\n",
        "| face | pattern | lower side | age, sex | threads | N left + right | goal [%] "
        "| objective | cheekbone | dip | overshoot | asymmetry | touch [%] | violations "
        "| ahead (a) (b) (c) | s | gap | gap [%] |",
        "|" + "---|" * 18,
    ]
    lines += [_face_row(f) for f in faces]
    return "\n".join(lines) + "\n"


def _face_row(f: FaceResult) -> str:
    who = f"| {f.number} | {f.pattern} | {f.lower or '–'} | {f.age_years:.0f} {f.sex[0]} "
    last = f"| {f.seconds:.0f} | {f.gap:.3f} | {100 * f.gap_relative:.1f} |"
    if f.plan is None:
        kind = f.refusal["kind"] if f.refusal else "none"
        return who + f"| refused: {kind} " + "| – " * 8 + f"| {f.violations} | – " + last
    p = f.plan
    ahead = " ".join(_ahead(f, p, c) for c in ("raw", "allowed", "equal"))
    risks = " ".join(f"| {p.risks[key]:.{digits}f}" for key, (_, _, digits) in RISKS.items())
    return (
        who
        + f"| {p.threads['left']} + {p.threads['right']} "
        + f"| {p.pull_n['left']:.1f} + {p.pull_n['right']:.1f} "
        + f"| {100 * p.goal_attained:.0f} | {p.objective:.3f} {risks} | {100 * p.p_touch:.0f} "
        + f"| {f.violations} | {ahead} {last}"
    )


def _ahead(f: FaceResult, plan: Shown, count: str) -> str:
    verdicts = [COUNTS[count](plan, t) for t in f.techniques if not t.unplaced]
    known = [v for v in verdicts if v is not None]
    return f"{sum(known)}/{len(known)}"
