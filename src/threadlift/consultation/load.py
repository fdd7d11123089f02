"""Read a consultation record from YAML, with errors that a clinician can act on."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from threadlift import strict_yaml
from threadlift.consultation.models import Consultation

_WHAT = "consultation record"
_EXAMPLE = "threadlift/examples/consultation.yaml"


def load(path: Path) -> Consultation:
    """The record in a YAML file. Raises InputError with the file's name and the remedy."""
    return parse(strict_yaml.read_text(path, _WHAT), path.name)


def parse(text: str, name: str = "consultation") -> Consultation:
    """The record in YAML `text`; `name` is what messages call it. Raises InputError."""
    data = strict_yaml.parse_mapping(text, _WHAT, name, _EXAMPLE)
    try:
        return Consultation.model_validate(data)
    except ValidationError as error:
        raise strict_yaml.explain(error, _WHAT, name, Consultation) from error
