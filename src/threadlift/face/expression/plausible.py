"""Is the expression that was asked for in the capture, and could a face do it?"""

from __future__ import annotations

import numpy as np

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.face import Face
from threadlift.face.template import Array

#: What is seen when the expression is there, and what to ask of the patient.
_WORDS = {
    "smile": ("the corners of the mouth rise", "Ask the patient to smile broadly"),
    "pucker": ("the corners of the mouth draw in", "Ask the patient to purse the lips"),
    "frown": ("brows and corners of the mouth sink", "Ask the patient to frown"),
    "jaw_open": ("the chin sinks", "Ask the patient to open the mouth wide"),
    "eyes_closed": ("the lids close", "Ask the patient to close the eyes gently"),
}
#: Directions of travel on the left side: outwards and up, inwards and forwards.
_SMILE = np.array([0.5, 0.87, 0.0])
_PUCKER = np.array([-0.6, 0.0, 0.8])


def shown(face: Face, name: str, field: Array) -> float:
    """How far the expression `name` is there in a displacement (n, 3) [mm] of the face.

    Millimetres of the place that shows it, on the side that moves more (one side of a face may be
    weak); for closed eyes the share of the lid fissure that closes.
    """
    index = face.template.landmarks

    def most(place: str, direction: Array) -> float:
        flip = np.array([-1.0, 1.0, 1.0])
        return max(
            float(field[index[f"{place}_L"]] @ direction),
            float(field[index[f"{place}_R"]] @ (direction * flip)),
        )

    down = np.array([0.0, -1.0, 0.0])
    if name == "smile":
        return most("cheilion", _SMILE)
    if name == "pucker":
        return most("cheilion", _PUCKER)
    if name == "frown":
        # A jaw that opens takes the corners of the mouth along.
        jaw = max(float(field[index["menton"]] @ down), 0.0)
        return max(most("brow_medial", down), most("cheilion", down) - jaw)
    if name == "jaw_open":
        return float(field[index["menton"]] @ down)
    closed = []
    for side in "LR":
        upper, lower = index[f"palpebrale_superius_{side}"], index[f"palpebrale_inferius_{side}"]
        fissure = face.vertices[upper] - face.vertices[lower]
        closed.append(float((field[lower] - field[upper]) @ fissure / (fissure @ fissure)))
    return max(closed)


def refuse_other_expression(face: Face, name: str, field: Array, source: str) -> float:
    """`shown`. Raises InputError when the expression is not there, or no face could do it."""
    seen = shown(face, name, field)
    least, most = value(f"expression.least.{name}"), value(f"expression.most.{name}")
    what, ask = _WORDS[name]
    unit = "of the way" if name == "eyes_closed" else "mm"
    words = name.replace("_", " ")
    if seen < least:
        raise InputError(
            f"{source} does not show '{words}': {what} by {max(seen, 0.0):.1f} {unit},"
            f" at least {least:g} are needed.",
            f"{ask}, or leave this capture out.",
        )
    if seen > most:
        raise InputError(
            f"{source} cannot be '{words}' of this face: {what} by {seen:.1f} {unit}.",
            "Check that both captures show the same person and nothing covers the face.",
        )
    return seen
