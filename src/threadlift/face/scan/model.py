"""The template as scan registration wants it: modes, expressions, landmarks, and where to trust."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from threadlift.face.scan.registration import Model
from threadlift.face.template import Template, template

Array = NDArray[np.float64]

#: Expressions that a "resting" scan shows all the same; without eyeBlink one lid closes when the
#: eyes of the scan are shut. Everything else is left to the free refinement.
EXPRESSIONS = (
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "jawOpen",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthPucker",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthShrugLower",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
)
#: Of these the network's own scores are good enough to start from (trials: within 0.1 for an open
#: mouth and a smile, two thirds of the closure of the lids).
START_EXPRESSIONS = (
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "jawOpen",
    "mouthSmileLeft",
    "mouthSmileRight",
)
#: Reliability of a landmark's place on the template from which it is fully used.
MODEST_WEIGHT = 5.0
#: Trust in a scan outside the face: hair hides the scalp, ears are full of shadows, clothes touch
#: the neck.
_SCALP, _EAR, _NECK = 0.15, 0.20, 0.45


def _step(x: Array, low: float, high: float) -> Array:
    """Smooth 0 → 1 between `low` and `high`."""
    u = np.clip((x - low) / (high - low), 0.0, 1.0)
    return u * u * (3.0 - 2.0 * u)


def scan_trust(t: Template) -> Array:
    """How far (n,) 0..1 a scan is believed at each template vertex; 0 off the outer skin."""
    v, mark = t.vertices, {k: t.vertices[i] for k, i in t.landmarks.items()}
    ear = np.max(
        [
            1.0
            - _step(
                np.linalg.norm(v - (mark[f"tragus_{s}"] + [0.0, 2.0, -10.0]), axis=1), 24.0, 36.0
            )
            for s in "LR"
        ],
        axis=0,
    )
    # The hairline runs from the trichion over the temples down to the ears.
    hairline = mark["trichion"]
    above = _step(v[:, 1] - (hairline[1] - 0.5 * np.maximum(hairline[2] - v[:, 2], 0.0)), 4.0, 16.0)
    behind = 1.0 - _step(v[:, 2], mark["tragion_L"][2] - 14.0, mark["tragion_L"][2] + 2.0)
    neck = _step(mark["cervical_point"][1] - v[:, 1], 4.0, 22.0)
    trust = np.ones(len(v))
    for share, where in ((_NECK, neck), (_SCALP, np.maximum(above, behind)), (_EAR, ear)):
        trust = np.minimum(trust, 1.0 - (1.0 - share) * where)
    return np.where(t.skin, trust, 0.0)


def face_region(t: Template) -> NDArray[np.bool_]:
    """Template vertices (n,) of the visible face: fully trusted skin above the neck."""
    return np.asarray(scan_trust(t) > 0.9)


@cache
def scan_model() -> Model:
    """Registration model on the coarse vertices, at their places on the subdivided surface."""
    t = template()
    smooth = csr_matrix(t.subdivision[: t.n_coarse])

    def on_surface(fields: Array) -> Array:
        flat = smooth @ fields.transpose(1, 0, 2).reshape(t.n_coarse, -1)
        return np.ascontiguousarray(flat.reshape(t.n_coarse, len(fields), 3).transpose(1, 0, 2))

    expressions = np.stack([t.expressions[n] for n in EXPRESSIONS])
    return Model(
        mean=t.vertices[: t.n_coarse],
        triangles=t.coarse_triangles,
        identity=on_surface(t.modes),
        expressions=on_surface(expressions),
        expression_names=EXPRESSIONS,
        trust=scan_trust(t)[: t.n_coarse],
        landmark_corners=t.mediapipe.corners,
        landmark_bary=t.mediapipe.bary,
        landmark_weight=np.minimum(t.mediapipe.weights / MODEST_WEIGHT, 1.0),
    )
