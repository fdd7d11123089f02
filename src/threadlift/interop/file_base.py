"""What the models of all files share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FileModel(BaseModel):
    """Base: unknown fields are kept, numbers are finite."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class EstimateModel(FileModel):
    """A quantity with its interval (two-sided coverage `level`), unit and basis."""

    value: float
    low: float
    high: float
    level: float
    unit: str
    basis: list[str]
