"""A proposed plan as somebody wrote it down: in landmark terms, in millimetres, or as plan.json.

`threadlift.plan-request/1`. A line of threads is a sentence, or its parts as fields, or a measured
path. What a line does not state stays None here and becomes a named assumption when it is placed on
a face (:mod:`threadlift.planning.proposed`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from threadlift import strict_yaml
from threadlift.anatomy.place_terms import parse_place
from threadlift.consultation.record import Record
from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.planning.landmark_terms import layer_zeta, parse_sentence
from threadlift.planning.result import SCHEMA as PLAN_SCHEMA
from threadlift.threads import SIDES, TECHNIQUES, Side, Technique, Thread, product

FORMAT = "threadlift.plan-request/1"
_WHAT = "proposed plan"
_EXAMPLE = "threadlift/examples/proposed-plan.yaml"
#: A plan.json with reasons and sensitivity is larger than anything that is written by hand.
_MAX_BYTES = 16 * 1024 * 1024
Point = Annotated[list[float], Field(min_length=3, max_length=3)]


class _Line(Record):
    """What both forms of a line may state."""

    product: str | None = None
    technique: Technique | None = None
    tension_n: float | None = Field(default=None, gt=0.0)

    @field_validator("technique", mode="before")
    @classmethod
    def _known_technique(cls, name: Any) -> Any:
        if name is not None and name not in TECHNIQUES:
            raise InputError(
                f"'{name}' is not a technique that is known here.",
                f"Use one of: {', '.join(TECHNIQUES)}.",
            )
        return name

    @model_validator(mode="after")
    def _product_carries_tension(self) -> _Line:
        if self.product is not None:
            most = product(self.product).max_tension_n
            if self.tension_n is not None and self.tension_n > most:
                raise InputError(
                    f"tension_n is {self.tension_n:g} N, but {self.product} is not made for more "
                    f"than {most:.3g} N.",
                    "Correct the tension (newtons per thread) or name another product.",
                )
        most = value("planning.safety.tension_thread")
        if self.tension_n is not None and self.product is None and self.tension_n > most:
            raise InputError(
                f"tension_n is {self.tension_n:g} N, more than the {most:g} N that one thread of "
                "any product may carry.",
                "Correct the tension (newtons per thread).",
            )
        return self


class CourseRequest(_Line):
    """Threads in landmark terms; places are phrases (see planning.landmark_terms)."""

    from_: str = Field(alias="from")
    to: str
    fan_to: str | None = None
    layer: str | None = None
    depth_mm: float | None = Field(default=None, gt=0.0, le=60.0)
    threads_per_side: int | None = None
    side: Literal["left", "right", "both"] | None = None

    @field_validator("from_", "to", "fan_to")
    @classmethod
    def _understood(cls, phrase: str | None) -> str | None:
        if phrase is not None:
            parse_place(phrase)
        return phrase

    @field_validator("layer")
    @classmethod
    def _known_layer(cls, name: str | None) -> str | None:
        if name is not None:
            layer_zeta(name)
        return name

    @model_validator(mode="after")
    def _consistent(self) -> CourseRequest:
        most = int(value("check.request.most_threads_side"))
        if self.threads_per_side is not None and not 1 <= self.threads_per_side <= most:
            raise InputError(
                f"threads_per_side is {self.threads_per_side}, outside 1 to {most}.",
                "Give the number of threads on one side.",
            )
        if self.layer is not None and self.depth_mm is not None:
            raise InputError(
                f"A line states both the layer '{self.layer}' and depth_mm {self.depth_mm:g}.",
                "Leave one of them out: the other follows from this face.",
            )
        if self.fan_to is not None and self.threads_per_side == 1:
            raise InputError("One thread cannot be fanned out.", "Leave fan_to out.")
        return self

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that this line is for."""
        return SIDES if self.side in (None, "both") else (self.side,)


class PathRequest(_Line):
    """One thread by its points in the patient frame [mm]; depths are measured in the face."""

    side: Side
    entry_mm: Point
    path_mm: list[Point] = Field(min_length=2, max_length=400)


def _or_a_sentence(schema: dict[str, Any]) -> None:
    """In the published schema a line may also be a text."""
    sentence = {"type": "string", "description": "A sentence (see planning.landmark_terms)."}
    schema["items"]["anyOf"].append(sentence)


class PlanRequest(Record):
    """A proposed plan. A line that is plain text is read as a sentence."""

    format: Literal["threadlift.plan-request/1"] = FORMAT
    threads: list[CourseRequest | PathRequest] = Field(
        min_length=1, max_length=24, json_schema_extra=_or_a_sentence
    )

    @field_validator("threads", mode="before")
    @classmethod
    def _lines(cls, data: Any) -> Any:
        if not isinstance(data, list):
            raise InputError(
                "threads is not a list of lines.", "Begin each line of threads with '- '."
            )
        return [_line(item, i) for i, item in enumerate(data, 1)]


def _line(item: Any, number: int) -> CourseRequest | PathRequest:
    if isinstance(item, CourseRequest | PathRequest):
        return item
    if isinstance(item, str):
        item = parse_sentence(item)
    if not isinstance(item, dict):
        raise InputError(
            f"Line {number} of threads is neither a sentence nor named fields.",
            f"Write 'from', 'to' and so on as in {_EXAMPLE}.",
        )
    model = PathRequest if "path_mm" in item else CourseRequest
    try:
        return model.model_validate(item)
    except ValidationError as error:
        raise strict_yaml.explain(error, _WHAT, f"line {number}", model) from error


def load_proposal(path: Path) -> PlanRequest | tuple[Thread, ...]:
    """A proposed plan from a file: a request in YAML, or the threads of a plan.json as they are.

    Raises InputError that names the file, the first mistake and the remedy.
    """
    text = strict_yaml.read_text(path, _WHAT, _MAX_BYTES)
    if text.lstrip().startswith("{"):
        return _plan_json(text, path.name)
    if len(text) > strict_yaml.MAX_BYTES:
        raise InputError(f"The {_WHAT} '{path.name}' is too large.", f"Start from {_EXAMPLE}.")
    return parse_request(text, path.name)


def parse_request(text: str, name: str = "plan") -> PlanRequest:
    """A request in YAML `text`; `name` is what messages call it. Raises InputError."""
    data = strict_yaml.parse_mapping(text, _WHAT, name, _EXAMPLE)
    try:
        return PlanRequest.model_validate(data)
    except ValidationError as error:
        raise strict_yaml.explain(error, _WHAT, name, PlanRequest) from error


def _plan_json(text: str, name: str) -> tuple[Thread, ...]:
    remedy = f"Pass the plan.json of a threadlift run ({PLAN_SCHEMA}) or a YAML plan."
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InputError(f"The {_WHAT} '{name}' is not valid JSON ({error}).", remedy) from error
    found = data.get("threads")
    if data.get("schema") != PLAN_SCHEMA or not isinstance(found, list):
        raise InputError(f"The {_WHAT} '{name}' is not a plan.json.", remedy)
    if not found:
        raise InputError(f"The {_WHAT} '{name}' holds no threads to judge.", remedy)
    threads = tuple(Thread.from_json(t) for t in found)
    for thread in threads:
        product(thread.product)
    return threads
