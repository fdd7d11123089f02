"""What both pages of pairs show: the field as pictures, the change of each zone as rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from threadlift.face import Face
from threadlift.face.pair import DIRECTIONS, Displacement
from threadlift.reporting import capture_figures as pictures
from threadlift.reporting.figures import gradient

Json = dict[str, Any]

#: The colour scale of a movement ends here at least [mm].
_LEAST_TOP_MM = 1.0


def pair_context(face: Face, change: Displacement) -> Json:
    """Pictures and rows of a displacement; `face` is the first capture in its patient frame.

    The contour change (along the normal) is shown where it was seen, the whole movement with
    arrows only where skin was tracked; nothing is drawn where nothing was observed.
    """
    contour = np.abs(change.normal_mm)
    known = contour[np.isfinite(contour) & face.skin]
    top = max(_LEAST_TOP_MM, float(np.ceil(np.quantile(known, 0.99)))) if len(known) else 1.0
    whole = change.tracked & change.seen
    size = np.linalg.norm(change.mean_mm, axis=1)[whole & face.skin]
    reach = max(_LEAST_TOP_MM, float(np.ceil(np.quantile(size, 0.99)))) if len(size) else 1.0
    seen, tracked = change.fractions
    return {
        "directions": DIRECTIONS,
        "contour": pictures.field_pictures(
            face, change.normal_mm, top, pictures.SIGNED_MAP, low=-top
        ),
        "contour_top": top,
        "contour_gradient": gradient(pictures.SIGNED_MAP),
        "arrows": pictures.arrow_pictures(face, change.mean_mm, whole, reach) if len(size) else [],
        "arrows_top": reach,
        "arrows_gradient": gradient(pictures.FIELD_MAP),
        "seen": 100.0 * seen,
        "tracked": 100.0 * tracked,
        "rows": [
            {"zone": zone, "changes": [changes[d] for d in DIRECTIONS]}
            for zone, changes in change.zones.items()
        ],
        "notes": change.notes,
    }
