"""The parts of plan.json that say no, and that judge a proposed plan."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from threadlift.interop.file_base import EstimateModel, FileModel
from threadlift.planning.refusal import Kind


class SentenceModel(FileModel):
    """Which sentence stands in the English text, and what fills it, for other languages."""

    key: str
    values: dict[str, Any]


class RefusalModel(FileModel):
    """Why no threads are recommended; `would_change` says what would change the answer."""

    kind: Kind
    because: list[str]
    would_change: list[str]
    because_keys: list[SentenceModel] = Field(default_factory=list)
    would_change_keys: list[SentenceModel] = Field(default_factory=list)


class AssumptionModel(FileModel):
    """Something that the proposed plan does not state, with what was taken instead."""

    thread: str
    field: str
    assumed: str
    low: str
    high: str


class CriterionModel(FileModel):
    """One criterion of the judgement; `facts` are the numbers behind it."""

    name: str
    verdict: Literal["pass", "attention", "fail", "unknown"]
    estimate: EstimateModel | None
    facts: dict[str, Any]


class QuestionModel(FileModel):
    """A question to ask whoever proposed the plan; `values` fill its wording in each language."""

    kind: str
    values: dict[str, Any]
    text: str


class JudgementModel(FileModel):
    """What is to be thought of a proposed plan."""

    overall: Literal["sound", "reservations", "unclear", "unacceptable"]
    criteria: list[CriterionModel]
    assumptions: list[AssumptionModel]
    questions: list[QuestionModel]
    same_size: dict[str, Any] | None
