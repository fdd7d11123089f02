"""Quality of the layered mesh on random faces, at rest and with expressions.

    python benchmarks/mesh_quality.py [faces]

Draws people over age, sex, weight, identity (the template's modes span all ancestries of its
source model) and asymmetry; each is meshed at rest, with one composite expression and with one
single expression unit at full weight. Counts are exact; times are processor times of one process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Literal

import numpy as np

from threadlift.anatomy import layer_stack
from threadlift.face import Face
from threadlift.face.expression.composites import COMPOSITES
from threadlift.face.template import template
from threadlift.tissue.columns import layered_mesh
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.overlap import body_overlaps, sheet_overlaps

LEVELS: tuple[Literal["coarse", "default"], ...] = ("coarse", "default")
COLUMNS = (
    "inverted", "min SJ", "p1 SJ", "crossings", "inner", "worst shift", "median s", "max s"
)  # fmt: skip


def person(seed: int) -> Face:
    """A random person of random age, sex, weight, identity and asymmetry."""
    rng = np.random.default_rng(seed)
    return Face.synthetic(
        seed=seed,
        age_years=float(rng.uniform(18.0, 95.0)),
        sex=("female", "male")[seed % 2],
        weight=float(rng.uniform(-1.0, 1.0)),
        asymmetry=float(rng.uniform(0.0, 1.0)),
        identity=float(rng.uniform(0.6, 1.2)),
    )


def moved(face: Face, field: np.ndarray) -> Face:
    """The same person with the vertices displaced by a field (n,3) [mm]."""
    return Face.in_frame(
        face.vertices + field, sd_mm=0.0, kind="synthetic", capture=face.capture, expressions={}
    )


def cases(seed: int) -> Iterator[tuple[str, Face, Face]]:
    """(kind of case, face to mesh, the person at rest): rest, a composite, a single unit."""
    face = person(seed)
    yield "at rest", face, face
    name = list(COMPOSITES)[seed % len(COMPOSITES)]
    yield name, moved(face, face.expressions[name]), face
    t = template()
    units = sorted(u for u in t.expressions if not u.startswith("eyeLook"))
    unit = units[seed % len(units)]
    field = t.expressions[unit]
    if unit == "mouthClose":  # closes the lips of an open jaw and means nothing without it
        field = field + t.expressions["jawOpen"]
    size = t.ipd_of(face.vertices) / t.ipd_of(t.vertices)
    yield "single unit", moved(face, size * t.fine(field)), face


def row(mesh: LayeredMesh, seconds: float) -> tuple[float, ...]:
    """The table's numbers of one mesh."""
    quality = mesh.quality()
    crossing = sum(len(pairs) for pairs in body_overlaps(mesh).values())
    inner = sum(len(sheet_overlaps(mesh, level)) for level in range(1, mesh.nl))
    return (
        quality["inverted"],
        quality["min_scaled_jacobian"],
        quality["p1_scaled_jacobian"],
        crossing,
        inner,
        quality["shift_max_mm"],
        seconds,
    )


def main() -> None:
    """Mesh, count, and print one line per kind of case and level."""
    faces = int(sys.argv[1]) if len(sys.argv) > 1 else 210
    layered_mesh(person(0), layer_stack(person(0), None), "coarse")
    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for seed in range(faces):
        for kind, face, rest in cases(seed):
            stack = layer_stack(rest, None)
            for level in LEVELS:
                start = time.process_time()
                mesh = layered_mesh(face, stack, level)
                seconds = time.process_time() - start
                numbers = row(mesh, seconds)
                rows.setdefault((level, kind), []).append(numbers)
                if numbers[0] or numbers[1] < 0.05 or numbers[3] or numbers[4]:
                    print(f"seed {seed} {kind} {level}: {numbers}", flush=True)
    print(f"{faces} faces\n{'':22}{'meshes':>8}" + "".join(f"{c:>12}" for c in COLUMNS))
    for (level, kind), values in sorted(rows.items()):
        a = np.array(values)
        print(
            f"{level + ' ' + kind:22}{len(a):8d}{a[:, 0].sum():12.0f}{a[:, 1].min():12.3f}"
            f"{a[:, 2].min():12.3f}{a[:, 3].sum():12.0f}{a[:, 4].sum():12.0f}{a[:, 5].max():12.2f}"
            f"{np.median(a[:, 6]):12.3f}{a[:, 6].max():12.3f}"
        )


if __name__ == "__main__":
    main()
