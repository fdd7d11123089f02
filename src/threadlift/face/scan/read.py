"""Read a face scan (OBJ, PLY, GLB/glTF, STL) as one clean triangle mesh in millimetres."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from threadlift.errors import InputError
from threadlift.face.scan.clean import compact, drop_specks, merge_duplicates, thinned
from threadlift.face.scan.formats.gltf import read_gltf
from threadlift.face.scan.formats.obj import read_obj
from threadlift.face.scan.formats.ply import read_ply
from threadlift.face.scan.formats.raw import (
    MAX_BYTES,
    MAX_TRIANGLES,
    RawMesh,
    broken,
    check_indices,
    too_many,
)
from threadlift.face.scan.formats.stl import read_stl
from threadlift.face.scan.texture import Texture, unite, vertex_colours

Array = NDArray[np.float64]

FORMATS = (".obj", ".ply", ".glb", ".gltf", ".stl")
#: Millimetres in one unit of length.
UNIT_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_READERS = {
    ".obj": read_obj,
    ".ply": read_ply,
    ".stl": read_stl,
    ".glb": read_gltf,
    ".gltf": read_gltf,
}
MIN_VERTICES = 500
#: Scans with more triangles are thinned on reading: what follows needs no more than about 0.7 mm.
THIN_ABOVE, THIN_TO = 1_500_000, 1_000_000
#: Coordinates beyond this (in the file's unit) are damage, not distance.
FARTHEST = 1e9
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
    texture: picture and the place of every triangle's corners in it, or None. `colors` then are
        the picture's, averaged about each vertex.
    notes: what of the file could not be used, in sentences.
    """

    vertices: Array
    triangles: NDArray[np.int64]
    colors: NDArray[np.uint8] | None
    units: str
    unit_evidence: str
    units_given: bool
    source: str
    texture: Texture | None = None
    notes: tuple[str, ...] = ()

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


def read_scan(path: str | Path, units: str | None = None) -> Scan:
    """Read a scan file; the unit is given or concluded from the size of what is in it.

    A unit concluded here is provisional: `fit_scan` confirms it by the distance of the pupils.
    Scans with more than a million triangles are thinned to about that (well below 1 mm on a head).

    Raises
    ------
    InputError: missing, unreadable, truncated or empty file; no triangles; too small or too large;
        NaN or infinite coordinates; a size that no head can have.
    """
    file = Path(path)
    if units is not None and units not in UNIT_MM:
        raise InputError(f"units = '{units}' is not known.", "Use 'mm', 'cm' or 'm'.")
    _check_file(file)
    try:
        with np.errstate(all="ignore"):  # damaged numbers are refused below, in a sentence
            meshes = [m for m in _READERS[file.suffix.lower()](file) if len(m.triangles)]
    except OSError as error:
        raise broken(file.name, f"the system says '{error.strerror}'") from error
    except MemoryError as error:
        raise InputError(
            f"{file.name}: it does not fit into memory.", "Reduce the scan to fewer triangles."
        ) from error
    if not meshes:
        raise InputError(
            f"{file.name}: there are no triangles in it (a point cloud or lines).",
            "Export a triangle mesh.",
        )
    count = sum(len(m.triangles) for m in meshes)
    if count > MAX_TRIANGLES:
        raise too_many(file.name, count)
    vertices, triangles, colors = _joined(meshes)
    texture = unite([(m.uv, m.image, len(m.triangles)) for m in meshes])
    notes = tuple(dict.fromkeys(n for m in meshes for n in m.notes))
    del meshes
    return make_scan(
        vertices, triangles, colors, units=units, source=file.name, texture=texture, notes=notes
    )


def _check_file(file: Path) -> None:
    """Raise InputError unless there is a file that may hold what its name says."""
    try:
        there = file.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
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
    with file.open("rb") as stream:
        head = stream.read(512)
    kind = _kind_of(head)
    if kind is not None and file.suffix.lower() not in kind:
        raise InputError(
            f"{file.name}: by its content this is {kind[-1]}, not what its name says.",
            "Give the file the ending of its format, or export it again as PLY, OBJ, GLB or STL.",
        )


def _kind_of(head: bytes) -> tuple[str, ...] | None:
    """Endings (and a name) that go with the first bytes of a file; None if they do not tell."""
    for magic, kind in (
        (b"ply\n", (".ply", "a PLY file")),
        (b"ply\r", (".ply", "a PLY file")),
        (b"glTF", (".glb", ".gltf", "a GLB file")),
        (b"PK\x03\x04", ("a ZIP archive",)),
        (b"\x1f\x8b", ("a GZIP archive",)),
        (b"7z\xbc\xaf", ("a 7-Zip archive",)),
        (b"Rar!", ("a RAR archive",)),
        (b"\x89PNG", ("a picture",)),
        (b"\xff\xd8\xff", ("a picture",)),
        (b"%PDF", ("a PDF document",)),
        (b"Kaydara FBX", ("an FBX file",)),
    ):
        if head.startswith(magic):
            return kind
    return None


def _joined(meshes: list[RawMesh]) -> tuple[Array, NDArray[np.int64], NDArray[np.uint8] | None]:
    """All pieces as one mesh. Pieces of one file that share their vertices keep sharing them."""
    start: dict[int, int] = {}
    points, shades, triangles, total = [], [], [], 0
    some = any(_coloured(m.colors) for m in meshes)
    for m in meshes:
        if id(m.vertices) not in start:
            start[id(m.vertices)] = total
            points.append(m.vertices)
            # Pieces without colour (a bare eyeball, say) get a mid grey rather than none for all.
            grey = np.full((len(m.vertices), 3), 160, np.uint8)
            shades.append(grey if m.colors is None else m.colors)
            total += len(m.vertices)
        triangles.append(m.triangles + start[id(m.vertices)])
    return (
        np.concatenate(points),
        np.concatenate(triangles),
        np.concatenate(shades) if some else None,
    )


def _coloured(colors: NDArray[np.uint8] | None) -> bool:
    """Whether colours are a picture of the skin; one flat colour is a material."""
    return colors is not None and len(colors) > 0 and bool((np.ptp(colors, axis=0) >= 4).any())


@np.errstate(all="ignore")
def make_scan(
    vertices: ArrayLike,
    triangles: ArrayLike,
    colors: ArrayLike | None = None,
    *,
    units: str | None = None,
    source: str = "mesh",
    texture: Texture | None = None,
    notes: tuple[str, ...] = (),
) -> Scan:
    """A `Scan` from arrays: vertices (n, 3) in any unit, triangles (m, 3), colours (n, 3) uint8.

    `texture` gives colours where it is there. Cleans up (thinning, duplicates, degenerate
    triangles, specks) and decides the unit as `read_scan` does; raises the same errors.
    """
    v = np.asarray(vertices, dtype=float)
    t = np.asarray(triangles, dtype=np.int64)
    rgb = None if colors is None else np.asarray(colors, dtype=np.uint8)
    if v.ndim != 2 or v.shape[1:] != (3,) or t.ndim != 2 or t.shape[1:] != (3,) or not len(t):
        raise InputError(f"{source}: there are no triangles in it.", "Export a triangle mesh.")
    check_indices(t, len(v), source)
    if len(t) > MAX_TRIANGLES:
        raise too_many(source, len(t))
    _check_numbers(v, t, source)
    if texture is not None:
        rgb = vertex_colours(texture, t, len(v), rgb)
    v, t, rgb, rows = _mended(v, t, rgb)
    if texture is not None:
        texture = texture.rows(rows)
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
    v = v * UNIT_MM[chosen]
    return Scan(v, t, rgb, chosen, evidence, units_given, source, texture, notes)


def _check_numbers(vertices: Array, triangles: NDArray[np.int64], source: str) -> None:
    """Raise InputError where a used vertex is not a number or out of all proportion."""
    used = np.zeros(len(vertices), dtype=bool)
    used[triangles] = True
    bad = int((used & ~np.isfinite(vertices).all(axis=1)).sum())
    if bad:
        raise InputError(
            f"{source}: {bad} of {int(used.sum())} vertices are not numbers (NaN or infinite).",
            "Repair the mesh or export it again.",
        )
    far = float(np.abs(vertices[used]).max())
    if far > FARTHEST:
        raise InputError(
            f"{source}: there are coordinates of {far:.1g}, which no scanner measures.",
            "Repair the mesh or export it again.",
        )


def _mended(
    vertices: Array, triangles: NDArray[np.int64], colors: NDArray[np.uint8] | None
) -> tuple[Array, NDArray[np.int64], NDArray[np.uint8] | None, NDArray[np.int64]]:
    """Thinned, merged and without specks: vertices, triangles, colours, and the rows kept."""
    v, t, rgb, rows = vertices, triangles, colors, np.arange(len(triangles))
    if len(t) > THIN_ABOVE:
        used = np.zeros(len(v), dtype=bool)
        used[t] = True
        v = np.where(used[:, None], v, v[t[0, 0]])  # what no triangle uses may be anything
        v, t, group, rows = thinned(v, t, THIN_TO)
        if rgb is not None:
            count = np.bincount(group)[:, None]
            tone = np.stack([np.bincount(group, rgb[:, c]) for c in range(3)], axis=1)
            rgb = np.round(tone / count).astype(np.uint8)
    t, kept = merge_duplicates(v, t)
    rows = rows[kept]
    _, whole, kept = compact(v, t)
    t, rows = t[kept], rows[kept]
    kept = drop_specks(int(whole.max(initial=-1)) + 1, whole)
    used, t = np.unique(t[kept], return_inverse=True)
    return v[used], t.reshape(-1, 3), None if rgb is None else rgb[used], rows[kept]


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
