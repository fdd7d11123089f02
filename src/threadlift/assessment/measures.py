"""Proportions, symmetry and movement measured on a face (all from landmarks and zones)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.assessment.model import Symmetry
from threadlift.consultation import BILATERAL, Consultation
from threadlift.face.expression.excursions import travel
from threadlift.frames import MIRROR, fit_similarity
from threadlift.quantities import Z90, Estimate

Array = NDArray[np.float64]

#: Distances by name: two landmarks, and whether only their height counts.
_DISTANCES: dict[str, tuple[str, str, bool]] = {
    "tr_g": ("trichion", "glabella", True),
    "g_sn": ("glabella", "subnasale", True),
    "sn_me": ("subnasale", "menton", True),
    "sn_sto": ("subnasale", "stomion", True),
    "en_en": ("endocanthion_L", "endocanthion_R", False),
    "eye_left": ("endocanthion_L", "exocanthion_L", False),
    "eye_right": ("endocanthion_R", "exocanthion_R", False),
    "al_al": ("alare_L", "alare_R", False),
    "zy_zy": ("zygion_L", "zygion_R", False),
    "go_go": ("gonion_L", "gonion_R", False),
    "ch_ch": ("cheilion_L", "cheilion_R", False),
}
_THIRDS = ("tr_g", "g_sn", "sn_me")
#: Ratios by name: numerator and denominators (summed).
_RATIOS: dict[str, tuple[str, tuple[str, ...]]] = {
    "third_upper": ("tr_g", _THIRDS),
    "third_middle": ("g_sn", _THIRDS),
    "third_lower": ("sn_me", _THIRDS),
    "upper_lip_of_lower_face": ("sn_sto", ("sn_me",)),
    "fifth_intercanthal": ("en_en", ("zy_zy",)),
    "fifth_eye_left": ("eye_left", ("zy_zy",)),
    "fifth_eye_right": ("eye_right", ("zy_zy",)),
    "fifth_nose": ("al_al", ("zy_zy",)),
    "gonial_of_bizygomatic": ("go_go", ("zy_zy",)),
    "mouth_of_bizygomatic": ("ch_ch", ("zy_zy",)),
}
#: Where the movement of an expression is read; None reads the largest travel on each side.
_EXPRESSION_LANDMARK: dict[str, str | None] = {
    "smile": "cheilion", "pucker": "cheilion", "jaw_open": "cheilion",
    "frown": None, "eyes_closed": None,
}  # fmt: skip


def landmark_sd(face: Any, name: str) -> float:
    """Standard deviation [mm] of a landmark's place: the capture and the marking."""
    capture = float(face.sd_mm[face.template.landmarks[name]])
    key = "trichion_sd_mm" if name == "trichion" else "sd_mm"
    return float(np.hypot(capture, evidence.value(f"assessment.landmark.{key}")))


def proportions(face: Any) -> tuple[dict[str, Estimate], dict[str, float]]:
    """Thirds, fifths and widths as ratios with intervals, and the canon for each."""
    length, sd = {}, {}
    for name, (a, b, height) in _DISTANCES.items():
        gap = face.landmark(a) - face.landmark(b)
        length[name] = float(abs(gap[1]) if height else np.linalg.norm(gap))
        sd[name] = float(np.hypot(landmark_sd(face, a), landmark_sd(face, b)))
    ratios = {}
    for name, (top, bottom) in _RATIOS.items():
        total = sum(length[b] for b in bottom)
        ratio = length[top] / total
        # First-order propagation; the numerator is part of the thirds' denominator.
        own = (1.0 - ratio if top in bottom else 1.0) * sd[top]
        rest = ratio * np.sqrt(sum(sd[b] ** 2 for b in bottom if b != top))
        spread = float(np.hypot(own, rest)) / total
        ratios[name] = Estimate.from_sd(ratio, spread, "1", ("face", "assessment.landmark.sd_mm"))
    return ratios, {name: evidence.value(f"assessment.canon.{name}") for name in ratios}


def symmetry(face: Any) -> Symmetry:
    """Asymmetry after the rigid motion that best carries the mirrored landmarks onto the face."""
    pairs = sorted(n[:-2] for n in face.template.landmarks if n.endswith("_L"))
    pairs = [p for p in pairs if f"{p}_R" in face.template.landmarks]
    left = np.array([face.landmark(f"{p}_L") for p in pairs])
    right = np.array([face.landmark(f"{p}_R") for p in pairs])
    both = np.concatenate([left, right])
    image = np.concatenate([right, left]) * MIRROR
    move = fit_similarity(image, both)
    gap = np.linalg.norm(both - move.apply(image), axis=1)
    gap = 0.5 * (gap[: len(pairs)] + gap[len(pairs) :])
    basis = ("face", "assessment.landmark.sd_mm")
    named = {}
    for i, p in enumerate(pairs):
        sd = float(np.hypot(landmark_sd(face, f"{p}_L"), landmark_sd(face, f"{p}_R")))
        half = Z90 * sd
        named[p] = Estimate(gap[i], max(0.0, gap[i] - half), gap[i] + half, "mm", basis)
    rms = float(np.sqrt(np.mean(gap**2)))
    noise = float(np.sqrt(np.mean([(e.high - e.value) ** 2 for e in named.values()])))
    overall = Estimate(rms, max(0.0, rms - noise), rms + noise, "mm", basis)
    return Symmetry(overall, named, _zone_heights(face, move))


def _zone_heights(face: Any, move: Any) -> dict[str, Estimate]:
    """How much lower the left zone's centre is than the mirrored right one's [mm]."""
    lower = {}
    for name in BILATERAL:
        wl, wr = face.zones.get(f"{name}_left"), face.zones.get(f"{name}_right")
        if wl is None or wr is None or wl.sum() <= 0.0 or wr.sum() <= 0.0:
            continue
        left = (wl / wl.sum()) @ face.vertices
        right = (wr / wr.sum()) @ face.vertices
        a = move.apply(right * MIRROR)[1] - left[1]
        b = right[1] - move.apply(left * MIRROR)[1]
        # A centre averages many points, but the capture's error is smooth over a zone.
        sd = float(np.hypot((wl / wl.sum()) @ face.sd_mm, (wr / wr.sum()) @ face.sd_mm))
        lower[name] = Estimate.from_sd(0.5 * float(a + b), sd, "mm", ("face",))
    return lower


def movement(face: Any, consultation: Consultation) -> dict[str, dict[str, Estimate]]:
    """Excursion [mm] per expression and side.

    What was measured by hand comes first, then what was captured, then the face model.
    """
    measured_sd = evidence.value("assessment.movement.measured_sd_mm")
    found: dict[str, dict[str, Estimate]] = {}
    for name, place in _EXPRESSION_LANDMARK.items():
        record = getattr(consultation.movement, name, None)
        sides = {}
        for side, letter, sign in (("left", "L", 1.0), ("right", "R", -1.0)):
            known = None if record is None else getattr(record, f"{side}_mm")
            if known is not None:
                sides[side] = Estimate(
                    known,
                    max(0.0, known - Z90 * measured_sd),
                    known + Z90 * measured_sd,
                    "mm",
                    (f"consultation.movement.{name}",),
                )
            elif name in face.expressions:
                sides[side] = travel(face, name, _place(face, name, place, letter, sign))
        if sides:
            found[name] = sides
    return found


def _place(face: Any, name: str, place: str | None, letter: str, sign: float) -> int:
    """Vertex of one side at which an expression is read."""
    if place is not None:
        return int(face.template.landmarks[f"{place}_{letter}"])
    length = np.linalg.norm(face.expressions[name], axis=1)
    return int(np.argmax(np.where(sign * face.vertices[:, 0] > 0.0, length, -1.0)))
