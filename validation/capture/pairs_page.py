"""The page on pairs: a table of the trials, and a picture of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from threadlift.face.pair.displacement import Displacement
from threadlift.face.pair.surfaces import spread_out
from threadlift.face.template import Array, template
from threadlift.graphics.camera import portrait_camera
from threadlift.graphics.colormap import DIVERGING, map_colors
from threadlift.graphics.draw import draw_dots, draw_polyline
from threadlift.graphics.raster import render

START, END = "<!-- trials -->", "<!-- /trials -->"
#: Arrows start this far apart on the face [mm], and are drawn at this multiple of their length.
ARROW_GAP_MM, ARROW_SCALE = 8.0, 2.0
#: Colours of the contour's change span this much to either side [mm].
SPAN_MM = 2.0
SIZE_PX = 560


def _mean(rows: list[dict], key: str) -> float:
    values = [r[key] for r in rows if key in r]
    return float(np.mean(values)) if values else float("nan")


def _cell(number: float, digits: int = 2) -> str:
    return "–" if not np.isfinite(number) else f"{number:.{digits}f}"


def table(rows: list[dict]) -> str:
    """The trials as two tables in Markdown."""
    out = [
        "| slide | noise | skin | people | true mean | normal, mean (RMS) | vector where tracked,"
        " mean (95 %) | tracked | covered: normal / slip | smallest detectable, jowl: out / up |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    keys = sorted({(r["slide"], -r["noise"], r["skin"]) for r in rows if r["slide"] > 0.0})
    for slide, noise, skin in keys:
        some = [r for r in rows if (r["slide"], -r["noise"], r["skin"]) == (slide, noise, skin)]
        out.append(
            f"| {slide:g} mm | {-noise:g} mm | {skin} | {len(some)}"
            f" | {_cell(_mean(some, 'sliding_true'))}"
            f" | {_cell(_mean(some, 'sliding_normal_mean'))}"
            f" ({_cell(_mean(some, 'sliding_normal_rms'))})"
            f" | {_cell(_mean(some, 'sliding_vector_tracked'))}"
            f" ({_cell(_mean(some, 'sliding_vector_tracked_p95'))})"
            f" | {100 * _mean(some, 'sliding_tracked'):.0f} %"
            f" | {100 * _mean(some, 'sliding_normal_covered'):.0f} %"
            f" / {100 * _mean(some, 'sliding_slip_covered'):.0f} %"
            f" | {_cell(_mean(some, 'jowl_sdc_outward'))} / {_cell(_mean(some, 'jowl_sdc_up'))} |"
        )
    out += [
        "",
        "No change at all (two scans of the same posture):",
        "",
        "| noise | skin | people | normal, mean | zones and directions reported as changed |"
        " truth in the zones' intervals |",
        "|---|---|---|---|---|---|",
    ]
    for noise, skin in sorted({(-r["noise"], r["skin"]) for r in rows if r["slide"] == 0.0}):
        some = [r for r in rows if r["slide"] == 0.0 and r["noise"] == -noise and r["skin"] == skin]
        out.append(
            f"| {-noise:g} mm | {skin} | {len(some)} | {_cell(_mean(some, 'seen_normal_mean'))}"
            f" | {100 * _mean(some, 'zones_detected'):.0f} %"
            f" | {100 * _mean(some, 'zones_covered'):.0f} % |"
        )
    return "\n".join(out)


def write_page(page: Path, rows: list[dict]) -> None:
    """Put the tables between the marks of an existing page."""
    text = page.read_text("utf-8")
    head, rest = text.split(START)
    _, tail = rest.split(END)
    page.write_text(f"{head}{START}\n{table(rows)}\n{END}{tail}", encoding="utf-8")


def picture(out: Displacement, true: Array | None = None) -> np.ndarray:
    """Contour change as colour, movement along the skin as arrows where it was tracked.

    true (n, 3): the true movement, drawn in black under the found one (orange). Both start at a
    dot and are drawn at ARROW_SCALE times their length. Grey: contour not observed.
    """
    t = template()
    shade = map_colors(out.normal_mm, -SPAN_MM, SPAN_MM, name=DIVERGING, missing=(150, 150, 150))
    views = []
    starts = _arrow_starts(out)
    for yaw in (-38, 38):
        centre = out.vertices[t.landmarks["subnasale"]] - [0.0, 12.0, 40.0]
        camera = portrait_camera(yaw, -4, centre, 185.0, (SIZE_PX, SIZE_PX))
        shot = render(out.vertices, t.triangles, shade, camera, supersample=2)
        image = shot.rgb
        for field, colour, width in ((true, (20, 20, 20), 3.5), (out.mean_mm, (215, 120, 0), 1.6)):
            if field is None:
                continue
            for i in starts:
                # A little above the skin, or the surface would hide the arrow.
                start = out.vertices[i] + out.normals[i]
                line = np.linspace(start, start + ARROW_SCALE * field[i], 8)
                image = draw_polyline(image, shot.depth, camera, line, colour, width, "hide")
        heads = out.vertices[starts] + out.normals[starts]
        image = draw_dots(image, shot.depth, camera, heads, (40, 40, 40), 1.6, outline=None)
        views.append(image)
    return np.concatenate(views, axis=1)


def _arrow_starts(out: Displacement) -> list[int]:
    rows = np.nonzero(out.tracked & out.seen)[0]
    return rows[spread_out(out.vertices[rows], ARROW_GAP_MM)].tolist()
