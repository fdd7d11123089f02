"""One synthetic, slightly asymmetric head with jowls, and what planning makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from threadlift.anatomy import structures
from threadlift.assessment import Assessment, assess
from threadlift.consultation import Consultation
from threadlift.consultation.models import Contraindications
from threadlift.face import Face
from threadlift.planning.bounds import SideProblem
from threadlift.planning.candidates import CandidateSet, candidates
from threadlift.planning.hazards import HazardField
from threadlift.planning.optimise import SideGrid
from threadlift.planning.responses import Body
from threadlift.planning.rows import Rows, build_rows
from threadlift.planning.safety import Marks
from threadlift.planning.skin import Skin
from threadlift.tissue import Tissue


def record(**changes: object) -> Consultation:
    """A complete enough record of a 58-year-old with a jowl."""
    data: dict[str, object] = {
        "patient": {"age_years": 58, "sex": "female"},
        "contraindications": dict.fromkeys(Contraindications.model_fields, False),
        "sagging": {"jowl": 3, "marionette": 2, "jawline": 2, "malar": 1, "nasolabial": 1},
    }
    return Consultation.model_validate(data | changes)


def thinned(found: CandidateSet, every: int = 9) -> CandidateSet:
    """A few of the candidates of each side, the same on both: planning in seconds."""
    left = {c.index for c in found.of_side("left")}
    both = sorted(left & {c.index for c in found.of_side("right")})
    keep = set(both[::every])
    return replace(found, candidates=tuple(c for c in found.candidates if c.index in keep))


@dataclass(frozen=True)
class Numbered:
    """As much of a candidate as a grid of made-up numbers needs."""

    index: int


def made_up_problem(
    rng: np.random.Generator,
    shape: NDArray,
    side: NDArray,
    scale: NDArray,
    crowding: float,
    tension_cap_n: float,
) -> SideProblem:
    """A side's problem from made-up numbers; the rest is drawn.

    shape: (candidates, zones) share of each goal, side: (candidates, rows) of each limit, both at
    full pull; scale: (levels,) of the pull; crowding: share of the pairs that conflict.
    """
    candidates, levels = len(shape), len(scale)
    conflict = np.triu(rng.random((candidates, candidates)) < crowding, 1)
    weights = rng.random(shape.shape[1]) + 0.2
    return SideProblem(
        attain=(scale[None, :, None] * shape[:, None]).reshape(candidates * levels, -1),
        limits=(scale[None, :, None] * side[:, None]).reshape(candidates * levels, -1),
        candidate=np.repeat(np.arange(candidates), levels),
        tension_n=np.tile(2.0 * scale, candidates),
        cost=np.tile(0.02 + 0.004 * scale, candidates),
        conflict=conflict | conflict.T,
        weights=weights / weights.sum(),
        theta=0.3,
        overshoot=1.15,
        tension_cap_n=tension_cap_n,
    )


def made_up_side(
    side: str, attain: NDArray, limits: NDArray, levels: NDArray, goals_mm: NDArray
) -> SideGrid:
    """A side's grid from made-up numbers, linear in the tension.

    attain: (candidates, 3) share of each zone's goal per newton; limits: (candidates, rows) share
    of each limit per newton; levels: tensions [N]; goals_mm: (3,).
    """
    candidates, zones = attain.shape
    rows = limits.shape[1]
    tension = np.tile(levels, candidates)
    each = np.repeat(np.arange(candidates), len(levels))
    response = tension[:, None] * np.hstack([attain, limits])[each]
    problem = SideProblem(
        attain=response[:, :zones],
        limits=response[:, zones:],
        candidate=each,
        tension_n=tension,
        cost=0.02 + 0.002 * tension,
        conflict=np.zeros((candidates, candidates), dtype=bool),
        weights=np.full(zones, 1.0 / zones),
        theta=0.3,
        overshoot=1.15,
        tension_cap_n=8.0,
    )
    return SideGrid(
        side,  # type: ignore[arg-type]
        tuple(Numbered(i) for i in range(candidates)),  # type: ignore[arg-type]
        problem,
        response,
        np.arange(zones),
        np.arange(zones, zones + rows),
        np.array(["dip"] * rows),
        ("jowl", "malar", "jawline"),
        goals_mm,
        np.zeros((len(tension), rows)),
        np.ones(zones),
    )


@dataclass(frozen=True)
class Case:
    """Everything made from one face."""

    tissue: Tissue
    assessment: Assessment
    skin: Skin
    marks: Marks
    hazards: HazardField
    candidates: CandidateSet


MadeOnce = Callable[[str, Callable[[], Any]], Any]


def make_now(name: str, make: Callable[[], Any]) -> Any:
    return make()


def make_case(face: Face, consultation: Consultation, once: MadeOnce = make_now) -> Case:
    """A case; its candidates are made by `once`."""
    tissue = Tissue.of(face, consultation, "coarse")
    assert tissue.stack is not None
    skin = Skin.of_face(face, tissue.stack)
    marks = Marks.of(face)
    hazards = HazardField.of(structures(face, tissue.stack))
    return Case(
        tissue,
        assess(face, tissue, consultation),
        skin,
        marks,
        hazards,
        once("candidates", lambda: candidates(tissue.mesh, skin, marks, hazards)),
    )


@pytest.fixture(scope="session")
def face() -> Face:
    return Face.synthetic(seed=3, age_years=58, jowl_mm=4.0, asymmetry=0.4)


@pytest.fixture(scope="session")
def case(face: Face, made_once: MadeOnce) -> Case:
    return make_case(face, record(), made_once)


@pytest.fixture(scope="session")
def rows(case: Case) -> Rows:
    return build_rows(case.tissue.mesh, case.assessment.goal)


@pytest.fixture(scope="session")
def few(case: Case) -> CandidateSet:
    return thinned(case.candidates, 40)


@pytest.fixture(scope="session")
def body(case: Case, rows: Rows, few: CandidateSet, made_once: MadeOnce) -> Body:
    return made_once("body", lambda: Body.of(case.tissue.rest, rows, few.candidates))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
