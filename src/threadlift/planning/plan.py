"""From an assessed face to a plan: candidates, responses, search, nonlinear verification."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from threadlift.assessment import Assessment
from threadlift.consultation import Consultation, contraindications
from threadlift.errors import InputError
from threadlift.evidence import table, value
from threadlift.members import Workers
from threadlift.planning import refusal
from threadlift.planning.candidates import CandidateSet, candidates
from threadlift.planning.chance import Chance, allowed_breaks
from threadlift.planning.contenders import Option, best_option, sound
from threadlift.planning.coupled import Coupled, choose
from threadlift.planning.explain import Explained, explain
from threadlift.planning.linear import LinearModel
from threadlift.planning.marked_reasons import followed, palpated
from threadlift.planning.optimise import SideGrid
from threadlift.planning.reasons import Ground
from threadlift.planning.refine_step import Ground as Refining
from threadlift.planning.refined import Refinement
from threadlift.planning.refusal import Refusal
from threadlift.planning.result import Alternative, Optimality, Plan
from threadlift.planning.robust import Hardened, face_spread, hardened
from threadlift.planning.rows import Rows, build_rows
from threadlift.planning.safety import SafetyCase, SafetyReport
from threadlift.planning.scenarios import Scenarios
from threadlift.planning.search import Choice
from threadlift.planning.sentences import Sentence, sentence
from threadlift.planning.variants import OPTIMUM, variants
from threadlift.planning.verify import Verified, settle, value_of
from threadlift.repeatable import one_blas_thread
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue import Tissue

#: Called with the share of the planning that is done (0 to 1) and what is being done.
Progress = Callable[[float, str], None]

_NO_SAFETY = SafetyReport((), None, "", 0.0)
# Alternatives need no proof: their search may stop early.
_VARIANT_WORK = 30_000_000
_NO_OPTIMUM = Optimality(0.0, 0.0, 0.0, {})


def _silent(fraction: float, message: str) -> None:
    """Progress for nobody."""


@one_blas_thread
def plan(
    tissue: Tissue,
    assessment: Assessment,
    *,
    max_threads: int = 4,
    seed: int = 0,
    scenarios: int | None = None,
    explained: bool = True,
    progress: Progress | None = None,
) -> Plan:
    """The plan for a face.

    tissue: of the face, at the level on which the recommended threads are verified; assessment:
    its goal; max_threads: per side, 1 to the register's most; seed: of scenarios and sensitivity;
    scenarios: under which limits have to hold (even; by default the register's number; 0: the plan
    is nominal, and says so); explained: with the reasons of every thread and what decides on this
    face, which take a good part of the time and change no thread. The same inputs give the same
    plan, bit for bit.
    """
    most = int(value("planning.safety.threads_side"))
    if not 1 <= max_threads <= most:
        raise InputError(
            f"{max_threads} threads per side is not possible.", f"Ask for 1 to {most}."
        )
    if tissue.face is None:
        raise InputError("A plan needs the tissue of a face.", "Use Tissue.of(face, consultation).")
    tell = progress or _silent
    wanted = int(value("planning.scenarios.verification")) if scenarios is None else scenarios
    if wanted and (wanted % 2 or allowed_breaks(wanted) < 0):
        raise InputError(
            f"{wanted} scenarios cannot show that limits hold.",
            "Ask for an even number of at least 10, or for none (0).",
        )
    with Workers() as workers:
        made = _Maker(tissue, assessment, seed, wanted, explained, workers)
        stop = made.before_planning()
        return stop if stop is not None else made.search(max_threads, tell)


@dataclass
class _Maker:
    """One planning run."""

    tissue: Tissue
    assessment: Assessment
    seed: int
    scenarios: int
    explained: bool
    workers: Workers

    # -- whether to plan at all --------------------------------------------------------------

    def before_planning(self) -> Plan | None:
        """A plan without threads when the record already decides, else None."""
        stop = refusal.before_planning(
            self.tissue.face, self.tissue.consultation or Consultation(), self.assessment
        )
        return None if stop is None else self.without(stop)

    def without(
        self,
        why: Refusal,
        alternatives: Sequence[Alternative] = (),
        optimality: Optimality = _NO_OPTIMUM,
        case: SafetyCase | None = None,
    ) -> Plan:
        """A plan that recommends no threads; `alternatives` besides none at all.

        case: what alternatives are judged against when they leave.
        """
        return replace(
            self.result(
                why.recommendation,
                why.reasons,
                None,
                alternatives or (no_treatment(),),
                optimality,
                _NO_SAFETY,
                case=case,
            ),
            refusal=why,
        )

    def result(
        self,
        recommendation: str,
        reasons: Sequence[Sentence],
        found: Hardened | None,
        alternatives: Sequence[Alternative],
        optimality: Optimality,
        safety: SafetyReport,
        why: Explained | None = None,
        case: SafetyCase | None = None,
    ) -> Plan:
        """Assemble a plan with its provenance and what it is judged against when it leaves."""
        from threadlift import __version__

        verified = None if found is None else found.verified

        return Plan(
            recommendation=recommendation,  # pyright: ignore[reportArgumentType]
            reasons=tuple(reasons),
            recommended=() if verified is None else verified.threads,
            alternatives=tuple(alternatives),
            optimality=optimality,
            safety=safety,
            verification={} if found is None else found.to_json(),
            version=__version__,
            seed=self.seed,
            inputs_sha256=_inputs_sha256(self.tissue),
            thread_reasons=None if why is None else why.thread_reasons,
            sensitivity=None if why is None else why.sensitivity,
            pareto=None if why is None else why.pareto,
            displacement=None if verified is None else verified.displacement,
            case=case,
        )

    # -- the search --------------------------------------------------------------------------

    def search(self, max_threads: int, tell: Progress) -> Plan:
        """Candidates, responses, optimum, alternatives, verification."""
        face = self.tissue.face
        assert face is not None and self.tissue.stack is not None  # noqa: PT018
        tell(0.0, "Placing candidate threads")
        coarse = self.tissue.at_level("coarse")
        case = SafetyCase.of(face, self.tissue.stack, self.tissue.consultation)
        found = candidates(coarse.mesh, case.skin, case.marks, case.hazards)
        rows = build_rows(coarse.mesh, self.assessment.goal)
        if not found.candidates or not rows.goals:
            return self.without(refusal.no_safe_thread(found.refused, found.generated))
        tell(0.1, f"Responses of {len(found.candidates)} candidate threads")
        model = LinearModel.of(
            coarse, rows, found.candidates, lambda f: tell(0.1 + 0.15 * f, "Tissue responses")
        )
        pilot, unseen = self._scenarios(coarse)
        if pilot is not None:
            tell(0.3, "Trying a first plan on tissues and hands as they may be")
            spread = face_spread(coarse, model, pilot, lambda f: tell(0.3 + 0.1 * f, "Trying"))
            model = model if spread is None else model.under(spread)
        rows, grids = model.rows, model.grids()
        tell(0.4, "Choosing threads")
        coupled = choose(grids, max_threads)
        choice = coupled.choice
        optimality = _optimality(grids, coupled, found)
        if not any(choice[s].items for s in SIDES):
            return self.without(refusal.not_worth_placing())
        tell(0.5, "Solving the chosen threads")
        options = self._options(coarse, rows, grids, choice, tell)
        best, off_grid = best_option(
            Refining(coarse, rows, grids, case), options, pilot,
            lambda f: tell(0.64 + 0.06 * f, "Moving threads off the grid"),
        )  # fmt: skip
        tell(0.7, "Verifying on the fine mesh and on unseen tissues and hands")
        read_by = rows
        if self.tissue.mesh.level != coarse.mesh.level:
            read_by = build_rows(self.tissue.mesh, self.assessment.goal, rows.limit_mm)
        hard = hardened(
            coarse, rows, self.tissue, read_by, off_grid.verified, unseen,
            lambda f: tell(0.7 + 0.2 * f, "Trying the plan on unseen tissues and hands"),
        )  # fmt: skip
        others = [options[i].alternative() for i in sound(options, case) if i != best]
        why = Explained(None, None)
        if self.explained:
            why = explain(
                Ground(coarse, hard.rows, case), self.tissue, hard.read_by, hard.verified,
                off_grid.verified.displacement, model, max_threads, self.seed,
                lambda f, message: tell(0.9 + 0.1 * f, message),
            )  # fmt: skip
        return self._conclude(hard, off_grid, [*others, no_treatment()], optimality, why, case)

    def _scenarios(self, coarse: Tissue) -> tuple[Scenarios | None, Scenarios | None]:
        """Those on which the face's spread is learnt, and unseen ones for the chosen plan."""
        if not self.scenarios:
            return None, None
        first = min(int(value("planning.scenarios.pilot")), self.scenarios)
        every = Scenarios.of(coarse, first + self.scenarios, self.seed, self.workers)
        return every.part(slice(0, first)), every.part(slice(first, None))

    # -- alternatives ------------------------------------------------------------------------

    def _options(
        self,
        coarse: Tissue,
        rows: Rows,
        grids: Mapping[Side, SideGrid | None],
        choice: Mapping[Side, Choice],
        tell: Progress,
    ) -> list[Option]:
        """The optimum of the grid and other ways to place threads, each solved nonlinearly."""
        items: dict[Side, Sequence[int]] = {s: choice[s].items for s in SIDES}
        first = settle(coarse, rows, grids, items)
        count = max(len(choice[s].items) for s in SIDES)
        out = [Option(OPTIMUM, first, value_of(grids, first))]
        seen = {_key(first)}
        for step, variant in enumerate(variants(grids, choice, count)):
            tell(0.55 + 0.03 * step, f"Alternative: {variant.title.english.lower()}")
            part: dict[Side, SideGrid | None] = {}
            for side in SIDES:
                grid = grids[side]
                part[side] = None if grid is None else grid.restricted(variant.keep[side])
            other = choose(part, variant.most, _VARIANT_WORK).choice
            if not any(other[s].items for s in SIDES):
                continue
            verified = settle(coarse, rows, part, {s: other[s].items for s in SIDES})
            if verified.threads and _key(verified) not in seen:
                seen.add(_key(verified))
                out.append(Option(variant, verified, value_of(part, verified)))
        return out

    # -- conclusion --------------------------------------------------------------------------

    def _conclude(
        self,
        found: Hardened,
        off_grid: Refinement,
        alternatives: Sequence[Alternative],
        optimality: Optimality,
        why: Explained,
        case: SafetyCase,
    ) -> Plan:
        verified = found.verified
        safety = case.check(verified.threads)
        if not verified.threads or not found.holds:
            return self.without(refusal.breaks_limits())
        if safety.violations:
            first = safety.violations[0]
            return self.without(refusal.breaks_rule(first.rule, first.structure))
        best_zone = max(verified.lift_mm, key=lambda z: verified.lift_mm[z])
        lift = verified.lift_mm[best_zone]
        if lift < value("planning.limits.useful_lift"):
            return self.without(refusal.too_little(lift), alternatives, optimality, case)
        relative = [
            Sentence(f"finding.{f.name}.weigh", {}, f"Weigh: {f.reason}")
            for f in contraindications(self.tissue.consultation or Consultation())
            if f.severity == "relative"
        ]
        per_side = {s: sum(t.side == s for t in verified.threads) for s in SIDES}
        cost = value("planning.objective.thread_cost")
        reasons = [
            sentence("main-issue", issue=self.assessment.main_issue),
            sentence(
                "attained",
                **per_side,
                goal=round(100 * verified.goal_attained),
                lift_mm=round(lift, 1),
                zone=best_zone,
            ),
            _chance_reason(found.chance),
            *_refined_reason(off_grid),
            sentence("further-thread", points=round(100 * cost))
            if optimality.gap < cost
            else sentence("search-ended"),
            *palpated(case.markings),
            *followed(case.markings),
            *relative,
        ]
        made = self.result("threads", reasons, found, alternatives, optimality, safety, why, case)
        return replace(made, verification=made.verification | {"refinement": off_grid.to_json()})


def _refined_reason(found: Refinement) -> list[Sentence]:
    """What moving threads off the grid brought, where that can be told."""
    gain = round(100 * (found.after - found.before))
    if gain < 2:
        return []
    return [sentence("refined", gain=gain, moved_mm=round(found.moved_mm, 1))]


def _chance_reason(chance: Chance | None) -> Sentence:
    """What scenarios say, or that nobody asked them."""
    if chance is None:
        return sentence("nominal-only")
    return sentence(
        "chance",
        hold=round(100 * chance.hold),
        scenarios=chance.scenarios,
        mean=round(100 * chance.goal_mean),
    )


def no_treatment() -> Alternative:
    """Leaving the face as it is, which is always among the alternatives."""
    return Alternative(
        "no-treatment",
        sentence("nothing"),
        sentence("nothing-note"),
        (),
        {},
    )


def _key(verified: Verified) -> tuple[tuple[int, str, float], ...]:
    return tuple(sorted((c.index, c.side, t) for c, t in verified.chosen))


def _optimality(
    grids: Mapping[Side, SideGrid | None], coupled: Coupled, found: CandidateSet
) -> Optimality:
    """What was proven, as means of the sides that have a goal."""
    n = max(sum(grids[s] is not None for s in SIDES), 1)
    objective, bound = coupled.objective / n, coupled.bound / n
    grid = {
        "proven_on": "grid of candidates and tension levels, linear model",
        "generated": found.generated,
        "safe": {s: sum(c.side == s for c in found.candidates) for s in SIDES},
        "refused_by_rule": found.refused,
        "items": {s: 0 if (g := grids[s]) is None else len(g.problem.attain) for s in SIDES},
        "levels_n": list(table("planning")["candidates"]["levels_n"]),
        "nodes": {s: coupled.results[s].nodes for s in SIDES},
        "work": coupled.work,
        "complete": all(coupled.results[s].complete for s in SIDES),
        "gap_relative": round((bound - objective) / bound, 4) if bound > 0.0 else 0.0,
        "balanced": coupled.balanced,
        "uneven_mm": round(coupled.uneven_mm, 2) + 0.0,
        "balance_rounds": coupled.rounds,
    }
    return Optimality(objective, bound, bound - objective, grid)


def _inputs_sha256(tissue: Tissue) -> str:
    """SHA-256 over the face's geometry (to a micrometre) and the consultation."""
    digest = hashlib.sha256()
    if tissue.face is not None:
        digest.update(np.round(tissue.face.vertices, 3).tobytes())
    if tissue.consultation is not None:
        digest.update(tissue.consultation.model_dump_json().encode())
    return digest.hexdigest()
