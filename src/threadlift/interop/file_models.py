"""The JSON files that leave, as models: what every reader may rely on.

`plan.json`, `outcome.json` and `assessment.json` are validated against these models before they are
written, and a proposed plan when it is read; the JSON Schemas in `docs/schema/` are generated from
them. Fields may be added later (readers must ignore what they do not know); none of these is
renamed or removed without a new schema number.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from threadlift.errors import ThreadliftError
from threadlift.interop.check_models import JudgementModel, RefusalModel, SentenceModel
from threadlift.interop.file_base import EstimateModel, FileModel
from threadlift.interop.why_models import ParetoPointModel, ReasonsModel, SensitivityModel
from threadlift.planning.request import PlanRequest

Point = Annotated[list[float], Field(min_length=3, max_length=3)]
Layer = Literal["skin", "fat", "smas", "deep"]


class ThreadModel(FileModel):
    """One thread; patient frame, mm, N. `path_mm`, `depth_mm` and `layer` have equal length.

    `technique`: anchored (held where the path begins), U or V (one thread, two limbs that hang on
    an anchor between them), floating (not anchored, the halves hold each other). `turn` numbers
    the path point that lies under the entry.
    """

    id: str
    side: Literal["left", "right"]
    product: str
    technique: Literal["anchored", "floating", "U", "V"]
    entry_mm: Point
    path_mm: list[Point]
    depth_mm: list[float]
    layer: list[Layer]
    tension_n: float
    turn: int = 0


class OptimalityModel(FileModel):
    """Objective of the best combination, its proven upper bound on the grid, and their gap."""

    objective: float
    bound: float
    gap: float


class OnPatientModel(FileModel):
    """How the clinician found a structure there; `weight` 1 at a mark, near 0 far from it."""

    method: str
    weight: float


class ContactModel(FileModel):
    """How near a thread comes to a structure, and where contact is likeliest.

    `p_contact` is an upper bound; `arc_mm` counts from the entry in the skin. `marked`: the
    clearance was measured where the clinician's marks place the structure; absent where the atlas
    alone does.
    """

    thread: str
    structure: str
    kind: str
    side: str
    min_clearance_mm: float
    p_contact: float
    arc_mm: float
    place_mm: Point
    depth_mm: float
    marked: OnPatientModel | None = None


class MarkModel(FileModel):
    """One point that the clinician marked, as it was stated and where it lies on the skin [mm].

    `off_atlas_mm`: how far that is from the course of the atlas; `unusual`: further, or at another
    depth, than is known to happen.
    """

    at_mm: Point
    depth_mm: float | None
    sd_lateral_mm: float
    sd_depth_mm: float | None
    method: str
    stated: str
    off_atlas_mm: float
    unusual: bool


class MarkingModel(FileModel):
    """A structure or ligament that the clinician marked, and that lies there in this plan."""

    structure: str
    side: Literal["left", "right"]
    methods: list[str]
    off_atlas_mm: float
    unusual: bool
    points: list[MarkModel]
    basis: list[str]


class SafetyModel(FileModel):
    """Smallest clearance [mm], probability of touching any structure, violated rules.

    `structures`: every thread's meetings with what it comes near. `marked`: what the consultation
    marked on this face; absent where nothing was.
    """

    min_clearance_mm: float | None
    p_hit: float
    violations: list[Any]
    structures: list[ContactModel] = Field(default_factory=list)
    marked: list[MarkingModel] = Field(default_factory=list)


class ProvenanceModel(FileModel):
    """What reproduces the plan, and its hash over canonical JSON without this block."""

    version: str
    seed: int
    inputs_sha256: str
    plan_sha256: str


class SharesModel(FileModel):
    """Mean, 5th and 95th percentile over the scenarios that have an equilibrium."""

    mean: float
    low: float
    high: float


class ChanceModel(FileModel):
    """The plan under scenarios (tissues and hands as they may be) that the search has not seen.

    `limits_hold`: share in which every limit holds, `wanted` the least that is asked for;
    `limits_used`: share of each 'high' threshold in use in the worst scenario that is allowed.
    """

    scenarios: int
    unsolved: int
    wanted: float
    limits_hold: float
    limits_hold_by_kind: dict[str, float]
    limits_used: dict[str, float]
    goal_attained: SharesModel


class RefinementModel(FileModel):
    """What moving threads off the search's grid brought.

    `gain` in shares of the full goal (the search's objective); `moved_mm`: the largest way of a
    thread's end along the skin.
    """

    gain: float
    moved_mm: float
    rounds: int


class VerificationModel(FileModel):
    """What the nonlinear model says of the threads; empty where none are recommended.

    `limits_used`: share of the nominal limits; `nominal_limits_mm`: those limits on this face.
    """

    mesh: str | None = None
    goal_attained: float | None = None
    lift_mm: dict[str, float] = Field(default_factory=dict)
    limits_used: dict[str, float] = Field(default_factory=dict)
    nominal_limits_mm: dict[str, float] = Field(default_factory=dict)
    chance: ChanceModel | None = None
    refinement: RefinementModel | None = None


class AlternativeModel(FileModel):
    """Another way to proceed; without threads it is to leave the face as it is."""

    name: str
    title: str
    note: str
    title_key: SentenceModel | None = None
    note_key: SentenceModel | None = None
    goal_attained: float
    threads: list[ThreadModel]
    verification: VerificationModel


class PlanModel(FileModel):
    """`plan.json`. The explaining parts are absent where no threads are recommended.

    `origin` "proposed": the threads are somebody else's and `judgement` says what is to be thought
    of them; absent where the plan is threadlift's own.
    """

    schema_: Literal["threadlift.plan/1"] = Field(alias="schema")
    recommendation: Literal["threads", "no-thread-lift", "more-information"]
    reasons: list[str]
    reasons_keys: list[SentenceModel] | None = None
    threads: list[ThreadModel]
    alternatives: list[AlternativeModel]
    optimality: OptimalityModel
    safety: SafetyModel
    verification: VerificationModel = Field(default_factory=VerificationModel)
    thread_reasons: ReasonsModel | None = None
    sensitivity: SensitivityModel | None = None
    pareto: list[ParetoPointModel] | None = None
    refusal: RefusalModel | None = None
    origin: Literal["planner", "proposed"] = "planner"
    judgement: JudgementModel | None = None
    provenance: ProvenanceModel


class RemedyModel(FileModel):
    """A change of one thread that would lower a risk: by how much, and at what cost of the lift."""

    thread: str
    change: Literal["less_pull", "more_pull", "deeper", "shallower"]
    amount: float
    risk: float | None
    lift_share: float


class RiskModel(EstimateModel):
    """A named risk: estimate and verdict."""

    verdict: Literal["low", "moderate", "high"]
    remedy: RemedyModel | None = None


class RisksModel(FileModel):
    """The five named risks, asymmetry, and whether a thread shows or can be felt."""

    cheekbone_prominence: RiskModel
    indentation: RiskModel
    overpull: RiskModel
    asymmetry: RiskModel
    short_duration: RiskModel
    insufficient_effect: RiskModel
    thread_visibility: RiskModel


class DurabilityModel(FileModel):
    """Share of the first lift that is left after `month` months."""

    month: float
    fraction: EstimateModel


class ComplicationModel(FileModel):
    """A complication as people per 100 treated."""

    name: str
    per_100: EstimateModel
    basis: list[str]


class SolverModel(FileModel):
    """Size and state of the nonlinear solve of the plan."""

    elements: int
    dof: int
    iterations: int
    residual: float
    seconds: float


class ThreadDoubtModel(FileModel):
    """A thread's share of what the hand's scatter does, by quantity, and its error that counts."""

    id: str
    share: dict[str, float]
    error: Literal["tension", "depth", "aside"]


class UncertaintyModel(FileModel):
    """Where the spread comes from. Quantities: lift, cheekbone_prominence, indentation, overpull.

    `explained`: share of the solved members' variance that the linear answer explains; `narrowed`:
    factor on the interval if a measurement were made; `hand`: careful, usual, loose.
    """

    solved: int
    explained: dict[str, float]
    sources: dict[str, dict[str, float]]
    narrowed: dict[str, dict[str, float]]
    hand: dict[str, dict[str, EstimateModel]]
    threads: list[ThreadDoubtModel]


class CourseModel(FileModel):
    """Lift over time: rows over `months` by zone; swelling apart; how long it can be seen, and how
    long each thread's polymer bears its pull. `relaxed`: the first day was solved.
    """

    months: list[float]
    lift_mm: dict[str, list[EstimateModel]]
    swelling_mm: list[EstimateModel]
    visible_months: dict[str, EstimateModel]
    bears_months: dict[str, EstimateModel]
    relaxed: bool


class OutcomeModel(FileModel):
    """`outcome.json`. `safety`: the kernel's report on threads that `simulate` was given."""

    schema_: Literal["threadlift.outcome/1"] = Field(alias="schema")
    lift_mm: dict[str, EstimateModel]
    risks: RisksModel
    expressions: dict[str, dict[str, Any]]
    durability: list[DurabilityModel]
    complications: list[ComplicationModel]
    solver: SolverModel
    mesh: dict[str, float]
    course: CourseModel | None = None
    uncertainty: UncertaintyModel | None = None
    safety: SafetyModel | None = None


class SagModel(FileModel):
    """Degree (grade 0 to 4) and direction (unit vector, patient frame) of sagging in a zone."""

    degree: EstimateModel
    direction: Point


class SeenModel(FileModel):
    """One change between two postures [mm]: as measured, by the tissue before and after the fit."""

    zone: str
    direction: str
    measured_mm: float
    sd_mm: float
    expected_mm: float
    explained_mm: float


class StiffnessModel(FileModel):
    """Force that lifts a zone by a millimetre [N/mm], before and after the fit."""

    before: EstimateModel
    after: EstimateModel


class IdentifiedModel(FileModel):
    """What a posture pair said about the tissue. `learnt`: in coordinates' worth; `widened`:
    factor on the spread where no tissue explains the pair.
    """

    observations: list[SeenModel]
    misfit: float
    widened: float
    learnt: float
    stiffness_n_mm: dict[str, StiffnessModel]
    notes: list[str]


class AssessmentModel(FileModel):
    """`assessment.json`. `identified` is null without a posture pair."""

    schema_: Literal["threadlift.assessment/1"] = Field(alias="schema")
    main_issue: Literal["midface", "jawline", "both", "neither"]
    shares: dict[str, EstimateModel]
    sag: dict[str, SagModel]
    proportions: dict[str, Any]
    symmetry_mm: dict[str, Any]
    movement_mm: dict[str, Any]
    goal: dict[str, float]
    missing: list[Any]
    identified: IdentifiedModel | None = None


class FindingModel(FileModel):
    """One criterion of a quality gate; `value` is null where it could not be judged."""

    name: str
    picture: str
    value: float | None
    limit: float
    unit: str
    verdict: Literal["good", "poor", "unusable", "unjudged"]
    remedy: str
    basis: list[str]
    statement: str


class LandmarkModel(FileModel):
    """Position [mm, patient frame] and standard deviation [mm] of a landmark."""

    at_mm: Point
    sd_mm: float


class SpreadModel(FileModel):
    """Standard deviation across the skin [mm]."""

    sd_mm: float


class CaptureModel(FileModel):
    """`capture.json`. `posture` is what was observed between two postures, null without two."""

    schema_: Literal["threadlift.capture/1"] = Field(alias="schema")
    kind: Literal["photo", "scan", "synthetic"]
    capture: dict[str, Any]
    findings: list[FindingModel]
    landmarks: dict[str, LandmarkModel]
    zones: dict[str, SpreadModel]
    posture: dict[str, Any] | None


class FollowUpModel(FileModel):
    """`follow_up.json`: conditions of the comparison and the change of each zone."""

    schema_: Literal["threadlift.follow-up/1"] = Field(alias="schema")
    days: float
    criteria: list[FindingModel]
    zones: dict[str, Any]


MODELS: dict[str, type[BaseModel]] = {
    "plan": PlanModel,
    "outcome": OutcomeModel,
    "assessment": AssessmentModel,
    "capture": CaptureModel,
    "follow_up": FollowUpModel,
    "plan_request": PlanRequest,
}


def checked(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """`data` as it is, if it keeps the contract of file `name`; a defect of ours otherwise."""
    try:
        MODELS[name].model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(x) for x in first["loc"])
        raise ThreadliftError(
            f"{name}.json would break its own schema at {where}: {first['msg']}.",
            "This is a defect in threadlift; please report it with the command that you ran.",
        ) from error
    return data


def json_schema(name: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of a file."""
    schema = MODELS[name].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
