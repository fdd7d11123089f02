"""Published techniques placed on a face by their recipe, the same for everybody.

They are what an individual plan is compared with. A recipe names entries and ends in landmark
terms (:mod:`threadlift.anatomy.places`), the plane, the product and the way of holding; what it
leaves open (tension) is the register's default. Nothing is adapted to the face, and nothing is
checked: whether such a plan is safe here is for the kernel to say.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.places import Places, Spot, Terms
from threadlift.errors import InputError
from threadlift.evidence import table, value
from threadlift.evidence.register import source_keys
from threadlift.face import Face
from threadlift.planning.candidates import DIGITS, depth_profile
from threadlift.planning.paths import SkinLine, skin_lines
from threadlift.planning.safety import Marks
from threadlift.planning.skin import Skin
from threadlift.threads import Thread, holding_n, product
from threadlift.threads.thread import SIDES, Side, Technique
from threadlift.tissue.bed import bed_along
from threadlift.tissue.mesh import LayeredMesh


@dataclass(frozen=True)
class StandardPlan:
    """A published technique on one face: register name, title, own words, sources, threads."""

    name: str
    title: str
    words: str
    source: tuple[str, ...]
    threads: tuple[Thread, ...]


def techniques() -> Mapping[str, Mapping[str, Any]]:
    """The register's rows of published techniques by name."""
    return table("techniques")["technique"]


def standard_plans(
    face: Face,
    mesh: LayeredMesh,
    skin: Skin,
    marks: Marks,
    names: Collection[str] | None = None,
) -> list[StandardPlan]:
    """Published techniques on both sides of a face, in the register's order.

    mesh, skin, marks: of the same face; names: of the techniques, by default all. Tensions are the
    register's placement default, or what the cogs hold where that is less. Raises InputError where
    a recipe leads off the face.
    """
    ground = _Ground(Places(face), mesh, skin, marks)
    return [
        StandardPlan(
            name,
            row["title"],
            row["words"],
            source_keys(dict(row)),
            tuple(
                ground.thread(row, part, side, f"{side[0].upper()}{i + 1}")
                for side in SIDES
                for i, part in enumerate(row["threads"])
            ),
        )
        for name, row in techniques().items()
        if names is None or name in names
    ]


@dataclass(frozen=True)
class _Ground:
    """What a recipe is placed on."""

    places: Places
    mesh: LayeredMesh
    skin: Skin
    marks: Marks

    def thread(
        self, row: Mapping[str, Any], part: Mapping[str, Any], side: Side, name: str
    ) -> Thread:
        """One thread of a recipe on one side."""
        technique: Technique = row["technique"]
        entry = self.places.at(Terms.of(part), side)
        ends = self.places.spots([Terms.of(end) for end in part["to"]], side)
        group = None if technique == "floating" else part.get("group", row["group"])
        limbs = [self._limb(entry, end, side, row["plane"], group) for end in ends]
        if len(limbs) == 2:  # from one end to the anchor and on to the other end
            path = np.vstack([limbs[0][::-1], limbs[1][1:]])
            turn = len(limbs[0]) - 1
        else:
            path = limbs[0]
            turn = len(path) // 2 if technique == "floating" else 0
        place = self.skin.place(path)
        entry_mm = place.foot_mm[turn] if group is None else entry.point_mm
        thread = Thread(
            id=name,
            side=side,
            product=row["product"],
            technique=technique,
            entry_mm=np.round(entry_mm.astype(np.float64), DIGITS),
            path_mm=np.round(path.astype(np.float64), DIGITS),
            depth_mm=np.round(np.maximum(place.depth_mm, 0.0).astype(np.float64), DIGITS),
            layer=place.layers(),
            tension_n=0.0,
            turn=turn,
        )
        return thread.with_tension(self._tension_n(thread))

    def _limb(self, start: Spot, end: Spot, side: Side, plane: str, group: str | None) -> NDArray:
        """Path points (k,3) under the line between two places on the skin."""
        rules = table("planning")["candidates"]
        line = self._line(start, end, rules["step_mm"])
        feet = self.mesh.point_at(line.tri, line.bary, np.zeros(len(line.tri)))[0]
        row = next(r for r in rules["depths"] if r["name"] == plane)
        zeta = depth_profile(
            line.length_mm,
            feet[:, 2] - self.marks.tragus[side][2],
            feet[:, 1] - self.marks.arch[side][1],
            row,
            group,
        )
        return self.mesh.point_at(line.tri, line.bary, zeta)[0]

    def _line(self, start: Spot, end: Spot, step_mm: float) -> SkinLine:
        ends = [(start.point_mm, start.normal, end.point_mm, end.normal)]
        (line,) = skin_lines(self.mesh.surface, self.mesh.surface_triangles, ends, step_mm)
        if line is None:
            raise InputError(
                "A standard technique leads off this face.",
                "Check that the capture shows both cheeks up to the ears.",
            )
        return line

    def _tension_n(self, thread: Thread) -> float:
        """The placement default [N], or what the cogs hold; rounded down to what is stated."""
        kind = product(thread.product)
        bed = bed_along(self.mesh, thread.path_mm)
        most = min(holding_n(thread, kind, b) for b in (None, bed))
        tension = min(value("threads.tension.initial"), kind.max_tension_n, most)
        return math.floor(tension * 10**DIGITS) / 10**DIGITS
