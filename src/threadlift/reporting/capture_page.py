"""The capture page: what was captured, how well, and how sure each part of it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.face import Face
from threadlift.face.captured import Captured
from threadlift.face.expression.excursions import excursions
from threadlift.face.pair import Displacement
from threadlift.reporting import capture_figures as pictures
from threadlift.reporting.figures import data_uri, gradient
from threadlift.reporting.pages import environment, words
from threadlift.reporting.pair_pictures import pair_context
from threadlift.reporting.texts import Texts, texts

Json = dict[str, Any]
Array = NDArray[np.float64]

#: The colour scale of the uncertainty ends where a tenth of the face is worse, but not below [mm].
_LEAST_TOP_MM = 1.0


def _zone_rows(face: Face, error_mm: Array | None) -> list[Json]:
    """Mean spread and, for scans, mean distance from the scan, by zone."""
    rows = []
    for zone, weight in face.zones.items():
        total = float(weight.sum())
        row: Json = {"zone": zone, "sd": float(weight @ face.sd_mm) / total, "error": None}
        if error_mm is not None:
            known = np.isfinite(error_mm)
            share = float(weight[known].sum())
            # A zone of which less than half was captured has no mean worth printing.
            if share > 0.5 * total:
                row["error"] = float(weight[known] @ error_mm[known]) / share
        rows.append(row)
    return rows


def _landmark_rows(face: Face) -> list[Json]:
    return [
        {"name": words(name), "at": at, "sd": face.landmark_sd_mm[name]}
        for name, at in face.landmarks.items()
    ]


def _excursions(face: Face) -> list[Json]:
    """Movement of the skin in each expression [mm], and whether it was seen or modelled."""
    seen = face.capture.measured_expressions
    return [
        {
            "name": name,
            "largest": float(np.linalg.norm(face.expressions[name][face.skin], axis=1).max()),
            "cheilion": [places["cheilion_R"], places["cheilion_L"]],
            "measured": name in seen,
        }
        for name, places in excursions(face).items()
    ]


def _top(values: Array, skin: NDArray[np.bool_]) -> float:
    known = values[skin & np.isfinite(values)]
    return max(_LEAST_TOP_MM, float(np.ceil(2.0 * np.quantile(known, 0.9)) / 2.0))


def _maps(captured: Captured) -> list[Json]:
    """The fields shown on the face, each with its colour scale."""
    face = captured.face
    top = _top(face.sd_mm, face.skin)
    out = [
        {
            "key": "spread",
            "images": pictures.field_pictures(face, face.sd_mm, top, pictures.SPREAD_MAP),
            "top": top,
            "gradient": gradient(pictures.SPREAD_MAP),
        }
    ]
    if captured.error_mm is not None:
        out.insert(
            0,
            {
                "key": "error",
                "images": pictures.field_pictures(face, captured.error_mm, 1.5, pictures.ERROR_MAP),
                "top": 1.5,
                "gradient": gradient(pictures.ERROR_MAP),
            },
        )
    return out


def render_capture(
    captured: Captured, language: str = "en", posture: Displacement | None = None
) -> str:
    """The page as HTML text; self-contained, without the metadata of any photograph.

    posture: what was observed between this capture and one in another posture.
    """
    t: Texts = texts(language)
    face = captured.face
    tmpl = face.template
    coarse_skin = face.skin
    views = [
        {
            "title": view.title,
            "image": data_uri(pictures.overlay(view, tmpl.coarse_triangles, coarse_skin)),
        }
        for view in captured.views
    ]
    context: Json = {
        "t": t,
        "kind": face.kind,
        "capture": face.capture,
        "findings": sorted(
            captured.findings,
            key=lambda f: ("unusable", "poor", "unjudged", "good").index(f.verdict),
        ),
        "views": views,
        "maps": _maps(captured),
        "zones": _zone_rows(face, captured.error_mm),
        "landmarks": _landmark_rows(face),
        "expressions": _excursions(face),
        "with_error": captured.error_mm is not None,
        "pair": None if posture is None else pair_context(face, posture),
    }
    return environment().get_template("capture.html.j2").render(context)


def write_capture_page(
    captured: Captured,
    path: str | Path,
    language: str = "en",
    posture: Displacement | None = None,
) -> None:
    """Write :func:`render_capture` to `path` (UTF-8)."""
    Path(path).write_text(render_capture(captured, language, posture), "utf-8")
