"""Who beats whom: pure functions of stored results.

Three counts, so that no choice of measure decides the answer: by the goal attained whatever the
risks, by the objective within limits and rules, and at equal pull. A tie is no win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from validation.planning.result import NOTHING, FaceResult, Shown, Trial

#: Whether the plan beats a technique on a face; None = the two cannot be compared.
Verdict = bool | None
#: Refusals of what was asked for, in contrast to refusals of a face that needs or bears nothing.
UNREACHABLE = "not-reachable-safely"


def plan_of(face: FaceResult) -> Shown | None:
    """What the plan shows: no threads where none was safe enough; None where none was wanted."""
    if face.plan is not None:
        return face.plan
    if face.refusal is not None and face.refusal["kind"] == UNREACHABLE:
        return NOTHING
    return None


def raw(plan: Shown, trial: Trial) -> Verdict:
    """(a) Goal attained at the recipe's own pull, whatever the risks."""
    return None if trial.full is None else plan.goal_attained > trial.full.goal_attained


def kept(plan: Shown, trial: Trial) -> Verdict:
    """(b1) Objective with the technique lowered until limits hold; broken paths are forgiven."""
    if not plan.within:
        return False
    return True if trial.kept is None else plan.objective > trial.kept.objective


def allowed(plan: Shown, trial: Trial) -> Verdict:
    """(b) As (b1), and a technique whose path breaks a safety rule is not allowed."""
    if plan.violations or not plan.within:
        return False
    return True if trial.path else kept(plan, trial)


def equal(plan: Shown, trial: Trial) -> Verdict:
    """(c) Goal attained at equal pull per side; a plan without threads does not win."""
    if sum(plan.threads.values()) == 0:
        return False
    if trial.equal is None or trial.plan_equal is None:
        return None
    return trial.plan_equal.goal_attained > trial.equal.goal_attained


COUNTS: Mapping[str, Callable[[Shown, Trial], Verdict]] = {
    "raw": raw,
    "allowed": allowed,
    "kept": kept,
    "equal": equal,
}


@dataclass(frozen=True)
class Score:
    """Faces on which the plan wins, of those that can be compared."""

    won: int
    faces: int

    @property
    def share(self) -> float:
        """Won share (0..1); nan without a face."""
        return self.won / self.faces if self.faces else float("nan")

    def __str__(self) -> str:
        return f"{self.won}/{self.faces}"


def compared(faces: Iterable[FaceResult]) -> list[tuple[FaceResult, Shown]]:
    """Faces on which a plan was called for, with what it shows."""
    return [(f, p) for f in faces if (p := plan_of(f)) is not None and f.techniques]


def score(faces: Sequence[FaceResult], technique: str, count: str) -> Score:
    """Wins of the plan over one technique by one count."""
    verdicts = [
        COUNTS[count](plan, trial)
        for face, plan in compared(faces)
        for trial in face.techniques
        if trial.name == technique and not trial.unplaced
    ]
    known = [v for v in verdicts if v is not None]
    return Score(sum(known), len(known))


def score_all(faces: Sequence[FaceResult], count: str) -> Score:
    """Faces on which the plan beats every technique that has a place on them, all at once."""
    won = total = 0
    for face, plan in compared(faces):
        verdicts = [COUNTS[count](plan, t) for t in face.techniques if not t.unplaced]
        total += 1
        won += all(v is True for v in verdicts)
    return Score(won, total)


@dataclass(frozen=True)
class Means:
    """Means over faces; shares of faces for `broken` (a safety rule) and `beyond` (a limit)."""

    faces: int
    goal_attained: float
    objective: float
    risks: Mapping[str, float]
    p_touch: float
    threads_side: float
    pull_side_n: float
    broken: float
    beyond: float


def means(shown: Sequence[Shown]) -> Means | None:
    """Means of what was shown on several faces; None without any."""
    if not shown:
        return None

    def mean(values: Iterable[float]) -> float:
        return float(np.mean(list(values)))

    return Means(
        len(shown),
        mean(s.goal_attained for s in shown),
        mean(s.objective for s in shown),
        {name: mean(s.risks[name] for s in shown) for name in shown[0].risks},
        mean(s.p_touch for s in shown),
        mean(sum(s.threads.values()) / 2.0 for s in shown),
        mean(sum(s.pull_n.values()) / 2.0 for s in shown),
        mean(bool(s.violations) for s in shown),
        mean(not s.within for s in shown),
    )


def rule_shares(trials: Sequence[Trial]) -> dict[str, float]:
    """Share of faces on which a technique's path breaks each rule, most often broken first."""
    rules = sorted({rule for t in trials for rule, _ in t.path})
    share = {r: float(np.mean([any(p[0] == r for p in t.path) for t in trials])) for r in rules}
    return dict(sorted(share.items(), key=lambda item: (-item[1], item[0])))


def median_face(faces: Sequence[FaceResult]) -> FaceResult:
    """The planned face in the middle by goal attained (the lower one of two)."""
    planned = [(f.plan.goal_attained, f.number, f) for f in faces if f.plan is not None]
    return sorted(planned, key=lambda x: x[:2])[(len(planned) - 1) // 2][2]
