"""The JSON Schemas that are published are those of the models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from threadlift.interop.file_models import MODELS, json_schema

SCHEMAS = Path(__file__).parents[1] / "docs" / "schema"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_published_schema_is_the_model(name: str) -> None:
    published = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    assert published == json_schema(name), "run `make schema`"
