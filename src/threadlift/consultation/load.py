"""Read a consultation record from YAML, with errors that a clinician can act on."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from threadlift.consultation.models import Consultation
from threadlift.consultation.zones import nearest
from threadlift.errors import InputError

#: A hand-written record is a few kB; anything much larger is the wrong file.
MAX_BYTES = 256 * 1024


class _RecordLoader(yaml.SafeLoader):
    """Safe YAML without duplicate keys (YAML would keep the last in silence) and aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.constructor.ConstructorError(
                None, None, "aliases ('*name') are not used in a record", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is not a word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load(path: Path) -> Consultation:
    """The record in a YAML file. Raises InputError with the file's name and the remedy."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise InputError(
            f"The consultation record '{path.name}' cannot be read ({reason.lower()}).",
            "Check the path.",
        ) from error
    if len(raw) > MAX_BYTES:
        raise InputError(
            f"The consultation record '{path.name}' is larger than {MAX_BYTES // 1024} KiB.",
            "Give the YAML record, not an image or scan.",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The consultation record '{path.name}' is not text in UTF-8.",
            "Save it as a UTF-8 YAML file.",
        ) from error
    return parse(text, path.name)


def parse(text: str, name: str = "consultation") -> Consultation:
    """The record in YAML `text`; `name` is what messages call it. Raises InputError."""
    data = _parse_yaml(text, name)
    if data is None:
        raise InputError(
            f"The consultation record '{name}' is empty.",
            "Start from threadlift/examples/consultation.yaml.",
        )
    if not isinstance(data, dict):
        raise InputError(
            f"The consultation record '{name}' is not a list of named sections.",
            "Write 'patient:', 'sagging:' and so on as in threadlift/examples/consultation.yaml.",
        )
    try:
        return Consultation.model_validate(data)
    except ValidationError as error:
        raise _explain(error, name) from error


def _parse_yaml(text: str, name: str) -> Any:
    try:
        return yaml.load(text, Loader=_RecordLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}" if mark is not None else ""
        problem = (error.problem or "it cannot be parsed").replace("\n", " ")
        raise InputError(
            f"The consultation record '{name}' is not valid YAML:{where}: {problem}.",
            "Correct that line (two spaces of indentation, 'key: value').",
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(
            f"The consultation record '{name}' is not valid YAML.",
            "Start from threadlift/examples/consultation.yaml.",
        ) from error


def _explain(error: ValidationError, name: str) -> InputError:
    """The first validation error as one sentence with a remedy."""
    # A misspelt key also makes the right key "missing": the misspelling is the cause.
    errors = error.errors(include_url=False, include_input=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    loc = [str(part) for part in first["loc"]]
    field = ".".join(loc) or "the record"
    if first["type"] == "extra_forbidden":
        allowed = _fields_at(loc[:-1])
        near = nearest(loc[-1], allowed)
        where = f"section '{'.'.join(loc[:-1])}'" if len(loc) > 1 else "top level"
        return InputError(
            f"The consultation record '{name}' has the unknown key '{loc[-1]}' at its {where}.",
            f"Did you mean '{near}'?" if near else f"Known keys: {', '.join(allowed)}.",
        )
    if first["type"] == "missing":
        return InputError(
            f"The consultation record '{name}' lacks {field}.", "Add it or leave its section out."
        )
    message = first["msg"][0].lower() + first["msg"][1:]
    remedies = {
        "float_type": "Write a plain number without a unit.",
        "bool_type": "Write true or false.",
        "model_type": "Write named values below it.",
        "dict_type": "Write 'zone: value' lines below it.",
        "string_type": "Write words.",
    }
    remedy = remedies.get(first["type"], "Correct it or leave it out if it was not measured.")
    return InputError(f"In the consultation record '{name}', {field}: {message}.", remedy)


def _fields_at(loc: list[str]) -> list[str]:
    """Names that are allowed in the part of the record that `loc` leads to."""
    model: type[BaseModel] = Consultation
    for part in loc:
        if part not in model.model_fields:
            continue  # a zone key inside a mapping
        found = _model_in(model.model_fields[part].annotation)
        if found is None:
            return []
        model = found
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
