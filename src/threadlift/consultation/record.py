"""What all parts of the consultation record share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Base of all parts: frozen, unknown keys refused, no silent conversion of types."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Measured(Record):
    """A measured length with its standard deviation, both in mm."""

    value: float
    sd: float = Field(gt=0.0)
