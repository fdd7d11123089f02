"""Pictures of the benchmark page: photos with the fit drawn over them, error maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from threadlift.face.face import Face
from threadlift.face.template import template
from threadlift.graphics import draw_text, map_colors, portrait_camera, render
from threadlift.graphics.colormap import legend
from validation.capture.trial import Result, photo_files

Picture = NDArray[np.uint8]

#: Ends of the colour scale of the error maps [mm]: photos and mean head, scans.
TOP_PHOTO_MM, TOP_SCAN_MM = 4.0, 1.0
SIZE = (300, 360)


def write_jpeg(picture: Picture, path: Path) -> None:
    """Save a page's picture small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, "JPEG", quality=85, optimize=True)


def _colour_bar(top: float, height: int) -> Picture:
    bar = np.full((height, 64, 3), 255, dtype=np.uint8)
    bar[30:-30, 8:28] = legend(0.0, top, size=(20, height - 60))
    bar = draw_text(bar, (8.0, 8.0), f"{top:g} mm")
    return draw_text(bar, (8.0, height - 24.0), "0")


def error_map(face_vertices: NDArray, field: NDArray, top: float, title: str) -> Picture:
    """Front and 45 degree views (h, w, 3) of a head coloured by |error| (n,) [mm]; NaN grey."""
    t = template()
    colors = map_colors(np.abs(field), 0.0, top)
    views = []
    for yaw in (0.0, 45.0):
        camera = portrait_camera(yaw, 0.0, [0.0, -8.0, 40.0], 260.0, SIZE, distance_mm=900.0)
        views.append(render(face_vertices, t.triangles, colors, camera, supersample=2).rgb)
    row = np.hstack([*views, _colour_bar(top, SIZE[1])])
    return draw_text(row, (8.0, 6.0), title)


def mean_maps(maps: dict[str, tuple[NDArray, float, str]]) -> Picture:
    """One row per variant: map (n,), end of the scale, title."""
    return np.vstack(
        [error_map(template().vertices, field, top, title) for field, top, title in maps.values()]
    )


def person_maps(
    results: list[Result], truth: Face, titles: dict[str, tuple[float, str]]
) -> Picture:
    """One row per variant of one person, on the true face; what no photo shows is grey."""
    rows = []
    for r in results:
        if r.variant in titles and r.comparison is not None:
            top, title = titles[r.variant]
            field = np.where(r.region, r.comparison.normal_mm, np.nan)
            rows.append(error_map(truth.vertices, field, top, title))
    return np.vstack(rows)


def contact_sheet(persons: list[int], folder: Path, columns: int = 2) -> Picture:
    """Left, front and right photos of some people, by way of files in `folder`."""
    rows = []
    for person in persons:
        front, left, right = photo_files(person, folder)
        small = [Image.open(f).convert("RGB").resize((240, 300)) for f in (left, front, right)]
        rows.append(np.hstack([np.asarray(picture) for picture in small]))
    return np.vstack([np.hstack(rows[i : i + columns]) for i in range(0, len(rows), columns)])
