"""YAML files that people write by hand, read strictly, with errors that they can act on.

Neither duplicate keys (YAML would keep the last in silence) nor aliases (which let a small file
unfold to a huge one), nothing executable, a size limit, and the first mistake as one sentence.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from threadlift.errors import InputError

#: A hand-written file is a few kB; anything much larger is the wrong file.
MAX_BYTES = 256 * 1024
#: A misspelling shares at least this much with the word that was meant.
_LIKE = 0.6


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML without duplicate keys and aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.constructor.ConstructorError(
                None, None, "aliases ('*name') are not used here", event.start_mark
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


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is spelt most like `word`, or None when none is near."""
    found = difflib.get_close_matches(word.lower(), list(candidates), n=1, cutoff=_LIKE)
    return found[0] if found else None


def read_text(path: Path, what: str, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file. `what` is its kind for messages ("consultation record").

    Raises InputError when it cannot be read, is too large or is no UTF-8 text.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise InputError(
            f"The {what} '{path.name}' cannot be read ({reason.lower()}).", "Check the path."
        ) from error
    if len(raw) > max_bytes:
        raise InputError(
            f"The {what} '{path.name}' is larger than {max_bytes // 1024} KiB.",
            "Give the YAML file, not an image or scan.",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {what} '{path.name}' is not text in UTF-8.", "Save it as a UTF-8 YAML file."
        ) from error


def parse_mapping(text: str, what: str, name: str, example: str) -> dict[str, Any]:
    """The named sections of YAML `text`; `example` is the file to start from.

    Raises InputError when it is no valid YAML, empty, or not a mapping.
    """
    data = _parse(text, what, name, example)
    if data is None:
        raise InputError(f"The {what} '{name}' is empty.", f"Start from {example}.")
    if not isinstance(data, dict):
        raise InputError(
            f"The {what} '{name}' is not a list of named sections.",
            f"Write named sections as in {example}.",
        )
    return data


def _parse(text: str, what: str, name: str, example: str) -> Any:
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}" if mark is not None else ""
        problem = (error.problem or "it cannot be parsed").replace("\n", " ")
        raise InputError(
            f"The {what} '{name}' is not valid YAML:{where}: {problem}.",
            "Correct that line (two spaces of indentation, 'key: value').",
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(
            f"The {what} '{name}' is not valid YAML.", f"Start from {example}."
        ) from error


def explain(error: ValidationError, what: str, name: str, model: type[BaseModel]) -> InputError:
    """The first validation error of `model` as one sentence with a remedy."""
    # A misspelt key also makes the right key "missing": the misspelling is the cause.
    errors = error.errors(include_url=False, include_input=False)
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    loc = [str(part) for part in first["loc"]]
    field = ".".join(loc) or "the file"
    if first["type"] == "extra_forbidden":
        allowed = _fields_at(model, loc[:-1])
        near = nearest(loc[-1], allowed)
        where = f"section '{'.'.join(loc[:-1])}'" if len(loc) > 1 else "top level"
        return InputError(
            f"The {what} '{name}' has the unknown key '{loc[-1]}' at its {where}.",
            f"Did you mean '{near}'?" if near else f"Known keys: {', '.join(allowed)}.",
        )
    if first["type"] == "missing":
        return InputError(f"The {what} '{name}' lacks {field}.", "Add it or leave its section out.")
    message = first["msg"][0].lower() + first["msg"][1:]
    remedies = {
        "float_type": "Write a plain number without a unit.",
        "bool_type": "Write true or false.",
        "model_type": "Write named values below it.",
        "dict_type": "Write 'zone: value' lines below it.",
        "string_type": "Write words.",
    }
    remedy = remedies.get(first["type"], "Correct it or leave it out if it was not measured.")
    return InputError(f"In the {what} '{name}', {field}: {message}.", remedy)


def _fields_at(model: type[BaseModel], loc: list[str]) -> list[str]:
    """Names that are allowed in the part of the file that `loc` leads to."""
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
