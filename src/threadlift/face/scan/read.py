"""Read a face scan (OBJ, PLY, GLB/glTF, STL) as one clean triangle mesh in millimetres."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from threadlift.errors import InputError
from threadlift.face.scan.clean import compact, drop_specks, merge_duplicates

Array = NDArray[np.float64]

FORMATS = (".obj", ".ply", ".glb", ".gltf", ".stl")
#: Millimetres in one unit of length.
UNIT_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
#: Resource limits: a phone scan has 50–500 thousand triangles, a studio scan up to a few million.
MIN_VERTICES = 500
MAX_TRIANGLES = 5_000_000
MAX_BYTES = 1_000_000_000
#: Diagonal of the bounding box [mm] that a face, a head or a bust can have. The range spans less
#: than a factor of ten on either side of the typical size, so that mm, cm and m cannot be mixed up.
DIAGONAL_MM = (120.0, 1300.0)
TYPICAL_DIAGONAL_MM = 380.0


@dataclass(frozen=True)
class Scan:
    """A scan as triangles.

    Attributes
    ----------
    vertices: (n, 3) [mm] in the scanner's own axes, all finite, no duplicates.
    triangles: (m, 3) none degenerate; winding as in the file.
    colors: (n, 3) uint8 sRGB, or None where the file has none.
    units: 'mm', 'cm' or 'm', the unit the file was read in.
    unit_evidence: one sentence that says why.
    units_given: whether the caller named the unit.
    source: file name, for messages and records.
    """

    vertices: Array
    triangles: NDArray[np.int64]
    colors: NDArray[np.uint8] | None
    units: str
    unit_evidence: str
    units_given: bool
    source: str

    @property
    def diagonal_mm(self) -> float:
        """Diagonal of the bounding box [mm]."""
        return float(np.linalg.norm(np.ptp(self.vertices, axis=0)))

    def in_units(self, units: str, evidence: str) -> Scan:
        """The same file read in another unit."""
        factor = UNIT_MM[units] / UNIT_MM[self.units]
        return replace(self, vertices=self.vertices * factor, units=units, unit_evidence=evidence)


def _length(mm: float) -> str:
    """A length in words that a person can check by eye."""
    return f"{mm:.3g} mm" if mm < 1000.0 else f"{mm / 1000.0:.3g} m"


def _as_rgb(visual: Any, n: int) -> NDArray[np.uint8] | None:
    """Per-vertex colours (n, 3) of a trimesh visual, textures sampled at the vertices."""
    if visual is None or not getattr(visual, "defined", False):
        return None
    try:
        if visual.kind == "texture":
            visual = visual.to_color()
        colours = np.asarray(visual.vertex_colors)
    except Exception:  # a broken texture must not stop a scan whose geometry is sound
        return None
    if colours.shape[0] != n or colours.ndim != 2 or colours.shape[1] < 3:
        return None
    if np.ptp(colours[:, :3].astype(int), axis=0).max() < 4:
        return None  # one flat colour is a material, not a picture of the skin
    return colours[:, :3].astype(np.uint8)


def _load(path: Path) -> list[trimesh.Trimesh]:
    """All triangle meshes of a file, placed by the scene's transforms."""
    level = logging.getLogger("trimesh").level
    logging.getLogger("trimesh").setLevel(logging.CRITICAL)
    try:
        scene = trimesh.load_scene(str(path), process=False, maintain_order=True)
        dumped: list[Any] = list(scene.dump(concatenate=False)) if scene.geometry else []
    except Exception as error:
        raise InputError(
            f"{path.name}: this {path.suffix[1:].upper()} file cannot be read"
            f" (it is broken, cut short or not what its name says: {type(error).__name__}).",
            "Export the scan again as binary PLY, OBJ or GLB.",
        ) from error
    finally:
        logging.getLogger("trimesh").setLevel(level)
    return [g for g in dumped if isinstance(g, trimesh.Trimesh) and len(g.faces)]


def read_scan(path: str | Path, units: str | None = None) -> Scan:
    """Read a scan file; the unit is given or concluded from the size of what is in it.

    A unit concluded here is provisional: `fit_scan` confirms it by the distance of the pupils.

    Raises
    ------
    InputError: missing, unreadable, truncated or empty file; no triangles; too small or too large;
        NaN or infinite coordinates; a size that no head can have.
    """
    file = Path(path)
    if units is not None and units not in UNIT_MM:
        raise InputError(f"units = '{units}' is not known.", "Use 'mm', 'cm' or 'm'.")
    if not file.is_file():
        raise InputError(f"{file}: there is no such file.", "Check the path of the scan.")
    if file.suffix.lower() not in FORMATS:
        raise InputError(
            f"{file.name}: '{file.suffix}' is not a scan format that can be read.",
            "Export the scan as OBJ, PLY, GLB or STL.",
        )
    size = file.stat().st_size
    if size == 0:
        raise InputError(f"{file.name}: the file is empty.", "Export the scan again.")
    if size > MAX_BYTES:
        raise InputError(
            f"{file.name}: the file has {size / 1e9:.1f} GB.",
            "Reduce the scan to at most 5 million triangles.",
        )
    meshes = _load(file)
    if not meshes:
        raise InputError(
            f"{file.name}: there are no triangles in it"
            " (a point cloud, or triangle strips, which cannot be read).",
            "Export a triangle mesh (plain faces, not strips).",
        )
    count = sum(len(m.faces) for m in meshes)
    if count > MAX_TRIANGLES:
        raise InputError(
            f"{file.name}: it has {count / 1e6:.1f} million triangles.",
            "Reduce the scan to at most 5 million triangles.",
        )
    colours = [_as_rgb(m.visual, len(m.vertices)) for m in meshes]
    offsets = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    triangles = np.concatenate(
        [np.asarray(m.faces, dtype=np.int64) + o for m, o in zip(meshes, offsets, strict=False)]
    )
    vertices = np.concatenate([np.asarray(m.vertices, dtype=float) for m in meshes])
    rgb = None
    if any(c is not None for c in colours):
        # Pieces without colour (a bare eyeball, say) get a mid grey rather than none for all.
        rgb = np.concatenate(
            [
                c if c is not None else np.full((len(m.vertices), 3), 160, np.uint8)
                for c, m in zip(colours, meshes, strict=True)
            ]
        )
    return make_scan(vertices, triangles, rgb, units=units, source=file.name)


def make_scan(
    vertices: ArrayLike,
    triangles: ArrayLike,
    colors: ArrayLike | None = None,
    *,
    units: str | None = None,
    source: str = "mesh",
) -> Scan:
    """A `Scan` from arrays: vertices (n, 3) in any unit, triangles (m, 3), colours (n, 3) uint8.

    Cleans up (duplicates, degenerate triangles, specks) and decides the unit as `read_scan` does;
    raises the same errors.
    """
    v = np.asarray(vertices, dtype=float)
    t = np.asarray(triangles, dtype=np.int64)
    rgb = None if colors is None else np.asarray(colors, dtype=np.uint8)
    if v.ndim != 2 or v.shape[1:] != (3,) or t.ndim != 2 or t.shape[1:] != (3,) or not len(t):
        raise InputError(f"{source}: there are no triangles in it.", "Export a triangle mesh.")
    if t.min() < 0 or t.max() >= len(v):
        raise InputError(
            f"{source}: triangles refer to vertices that are not there.", "Export the scan again."
        )
    if len(t) > MAX_TRIANGLES:
        raise InputError(
            f"{source}: it has {len(t) / 1e6:.1f} million triangles.",
            "Reduce the scan to at most 5 million triangles.",
        )
    used = np.unique(t)
    bad = int((~np.isfinite(v[used]).all(axis=1)).sum())
    if bad:
        raise InputError(
            f"{source}: {bad} of {len(used)} vertices are not numbers (NaN or infinite).",
            "Repair the mesh or export it again.",
        )
    v, t, rgb = merge_duplicates(v, t, rgb)
    v, t, rgb = drop_specks(*compact(v, t, rgb))
    if not len(t) or not float(np.ptp(v, axis=0).max()) > 0.0:
        raise InputError(
            f"{source}: the surface has no area (all triangles are degenerate).",
            "Export the scan again.",
        )
    if len(v) < MIN_VERTICES:
        raise InputError(
            f"{source}: it has only {len(v)} vertices.",
            f"A face needs at least {MIN_VERTICES}; export the scan in full detail.",
        )
    units_given = units is not None
    chosen, evidence = _decide_units(v, units, source)
    return Scan(v * UNIT_MM[chosen], t, rgb, chosen, evidence, units_given, source)


def _decide_units(vertices: Array, units: str | None, source: str) -> tuple[str, str]:
    """The unit and why; raises InputError if no unit (or not the given one) makes it a head."""
    raw = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    low, high = DIAGONAL_MM
    fitting = [u for u, f in UNIT_MM.items() if low <= raw * f <= high]
    best = min(
        fitting, key=lambda u: abs(math.log(raw * UNIT_MM[u] / TYPICAL_DIAGONAL_MM)), default=None
    )
    if units is not None:
        size = raw * UNIT_MM[units]
        if low <= size <= high:
            return units, f"given; the scan measures {_length(size)} across its bounding box"
        hint = (
            f"pass units='{best}', with which it measures {_length(raw * UNIT_MM[best])}"
            if best
            else "crop the scan to the head, or scale it to millimetres"
        )
        raise InputError(
            f"{source}: read in {units} the scan measures {_length(size)} across,"
            f" which no head does.",
            f"If that unit is wrong, {hint}.",
        )
    if best is None:
        sizes = ", ".join(f"{_length(raw * f)} in {u}" for u, f in UNIT_MM.items())
        raise InputError(
            f"{source}: the scan measures {raw:.4g} units across; no unit makes that a head"
            f" ({sizes}).",
            "Crop it to the head, or scale it to true size and pass units='mm', 'cm' or 'm'.",
        )
    return best, f"concluded from the bounding box ({_length(raw * UNIT_MM[best])} across)"
