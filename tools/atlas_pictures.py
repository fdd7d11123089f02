"""Write docs/images/atlas.jpg: every structure of the atlas on a synthetic face.

    python tools/atlas_pictures.py

One small picture per structure of the left side: its course, a band of one published standard
deviation to either side, and the other structures faint. The depth under the skin is written below.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from threadlift.anatomy import structures
from threadlift.anatomy.structures import Structure
from threadlift.face import Face, template
from threadlift.graphics import Render, draw_polyline, portrait_camera, render
from threadlift.graphics.draw import Occlusion, draw_text
from threadlift.reporting.figures import HAZARD_COLORS

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "atlas.jpg"
CELL = (230, 250)
EXTENT_MM = 190.0
COLUMNS = 7
#: Yaw [degrees] of structures seen from the front; the others are seen from the side.
FRONTAL = {"infraorbital": 25.0, "mental": 25.0, "supraorbital": 25.0, "facial_artery": 40.0,
           "facial_vein": 40.0}  # fmt: skip
SIDE = 70.0
SKIN = (226, 214, 204)


def curve(
    image: NDArray, shot: Render, s: Structure, width: float, share: float, hidden: Occlusion
) -> NDArray:
    """The picture with a structure's course over it, blended in by `share`."""
    drawn = draw_polyline(image, shot.depth, shot.camera, s.curve_mm, HAZARD_COLORS[s.kind], width,
                          hidden, tolerance_mm=6.0)  # fmt: skip
    return np.round((1.0 - share) * image + share * drawn).astype(np.uint8)


def cell(shot: Render, shown: Structure, others: list[Structure]) -> NDArray:
    """One small picture (h, w, 3)."""
    image = shot.rgb
    for other in others:
        image = curve(image, shot, other, 1.5, 0.3, "hide")
    band = 2.0 * shown.sd_lateral_mm * min(CELL) / EXTENT_MM
    image = curve(image, shot, shown, band, 0.35, "show")
    image = curve(image, shot, shown, 2.5, 1.0, "show")
    low, high = shown.depth_mm.min(), shown.depth_mm.max()
    depth = f"{low:.1f} to {high:.1f} mm" if high - low > 0.05 else f"{low:.1f} mm"
    image = draw_text(image, (6, 4), shown.name.replace("_", " "), size=12)
    return draw_text(image, (6, CELL[1] - 18), f"{shown.layer}, {depth} deep", size=11)


def main() -> None:
    """Draw the contact sheet."""
    face = Face.synthetic(seed=3, age_years=58, jowl_mm=4.0)
    left = [s for s in structures(face) if s.side == "left"]
    yaws = {s.name: FRONTAL.get(s.name, SIDE) for s in left}
    shots = {
        yaw: render(
            face.vertices,
            template().skin_triangles,
            SKIN,
            portrait_camera(yaw, 0.0, (30.0, -18.0, 30.0), EXTENT_MM, CELL),
            supersample=2,
        )
        for yaw in set(yaws.values())
    }
    cells = [cell(shots[yaws[s.name]], s, [o for o in left if o is not s]) for s in left]
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % COLUMNS)
    rows = [np.concatenate(cells[i : i + COLUMNS], axis=1) for i in range(0, len(cells), COLUMNS)]
    sheet = Image.fromarray(np.concatenate(rows))
    sheet.save(OUT, quality=88, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()
