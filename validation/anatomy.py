"""The atlas on random faces against published measurements: `python -m validation.anatomy`.

Every structure is placed on many faces (sides in turn), moved by its own scatter (two independent
normal shifts in its plane of view, as large as the register's ``sd_lateral_mm``), and measured as
the publications did. The rows are ``atlas.check`` of the register. Writes the table into
``docs/anatomy.md`` between its markers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.placement import BORDER, HalfFace, chain
from threadlift.evidence import value
from threadlift.evidence.register import source_keys
from threadlift.face import Capture, Face, template

Array = NDArray[np.float64]
FACES = 200
_STEP_MM = 2.0
_IDENTITY = 0.8
#: Structures seen from the front; the others are measured in the side view.
_FRONTAL = ("infraorbital", "mental", "supraorbital")


@dataclass(frozen=True)
class Result:
    """One published measurement and what the placed structures gave (mm, or a share)."""

    name: str
    row: Mapping[str, Any]
    mean: float
    sd: float
    count: int

    @property
    def verdict(self) -> str:
        """What disagrees ("mean", "spread", both, "share"), or "yes"."""
        row, found = self.row, []
        tolerance = value("atlas.rule.mean_mm")
        if "share" in row:
            return "yes" if abs(self.mean - row["share"]) <= value("atlas.rule.share") else "share"
        if row["take"] == "border_share":
            tolerance = 0.0
        if "mean" in row:
            if abs(self.mean - row["mean"]) > max(tolerance, 0.5 * row.get("sd", 0.0)):
                found.append("mean")
        elif not row["low"] - tolerance <= self.mean <= row["high"] + tolerance:
            found.append("mean")
        if "sd" in row:
            ratio = value("atlas.rule.spread_ratio")
            if not row["sd"] / ratio <= self.sd <= row["sd"] * ratio:
                found.append("spread")
        return " and ".join(found) or "yes"


def random_face(seed: int) -> Face:
    """A person made of the template's identity modes."""
    t = template()
    z = _IDENTITY * np.random.default_rng([seed, 61]).standard_normal(len(t.modes))
    shift = t.subdivision @ np.tensordot(z, np.asarray(t.modes, float), axes=1)
    return Face.in_frame(
        t.vertices + shift, sd_mm=0.0, kind="synthetic", expressions={}, capture=Capture("random")
    )


def measured(faces: Iterable[Any], seed: int = 0) -> list[Result]:
    """Every ``atlas.check`` on the faces, left and right side in turn."""
    checks: dict[str, Any] = evidence.table("atlas")["check"]
    rows = evidence.table("hazards")["structure"]
    wanted = {c["structure"] for c in checks.values()}
    rng = np.random.default_rng([seed, 62])
    found: dict[str, list[float]] = {name: [] for name in checks}
    skin = template().skin_triangles
    for i, face in enumerate(faces):
        side = ("left", "right")[i % 2]
        across = face.vertices[skin, 0].mean(axis=1) * (1.0 if side == "left" else -1.0)
        half = HalfFace(face, skin[across > -10.0], side)
        curves = {name: _moved(half, name, rows[name], rng) for name in rows if name in wanted}
        for name, check in checks.items():
            found[name].append(measure(half, curves[check["structure"]], check))
    return [
        Result(name, checks[name], float(np.nanmean(x)), float(np.nanstd(x, ddof=1)),
               int(np.isfinite(x).sum()))
        for name, x in found.items()
    ]  # fmt: skip


def _moved(half: HalfFace, name: str, row: Mapping[str, Any], rng: np.random.Generator) -> Array:
    """The curve (k, 3) of one person: the atlas curve moved by its scatter (reflected frame)."""
    curve = half.curve(chain(half, row["points"]), _STEP_MM, row["kind"] == "gland")[0].points
    plane = (0, 1) if name in _FRONTAL else (1, 2)
    shift = np.zeros(3)
    shift[list(plane)] = row["sd_lateral_mm"] * rng.standard_normal(2)
    return curve + shift


def measure(half: HalfFace, curve: Array, check: Mapping[str, Any]) -> float:
    """What a row of ``atlas.check`` measures on a curve (k, 3); NaN where it never comes there."""
    at, take = check["at"], check["take"]
    if take == "length":
        return float(np.linalg.norm(np.diff(curve, axis=0), axis=1).sum())
    if take == "share":
        return float(_near_middle_half(half, curve, at))
    point = _pick(half, curve, at)
    if point is None:
        return float("nan")
    if take == "over_border":
        return float(_over_border(half, point[None])[0])
    if take == "border_share":
        gonion, menton = half.landmark("gonion"), half.landmark("menton")
        along = menton - gonion
        return float((point - gonion) @ along / (along @ along))
    if take == "over_line":
        a, b = (half.target_of(x) for x in check["line"])
        return float(_over_line(point[None], a, b)[0][0])
    d = point - half.target_of(check["from"])
    return float(
        {
            "lateral": d[0],
            "medial": -d[0],
            "up": d[1],
            "down": -d[1],
            "forward": d[2],
            "horizontal": np.hypot(d[0], d[2]),
            "distance": np.linalg.norm(d),
            "side_distance": np.hypot(d[1], d[2]),
        }[take]
    )


def _pick(half: HalfFace, curve: Array, at: Mapping[str, Any]) -> Array | None:
    """The point (3,) of a curve that a row's ``at`` names, None where it is not reached."""
    if "start" in at:
        return curve[0]
    if "end" in at:
        return curve[-1]
    if "middle" in at:
        return curve[len(curve) // 2]
    if "nearest" in at:
        goal = half.target_of(at["nearest"])
        return curve[np.linalg.norm(curve - goal, axis=1).argmin()]
    if "lowest_over_border" in at:
        return curve[_over_border(half, curve).argmin()]
    if "level" in at:
        return _zero(curve, curve[:, 1] - half.target_of(at["level"])[1])
    if "forward_of" in at:
        return _zero(curve, curve[:, 2] - half.target_of(at["forward_of"])[2])
    a, b = (half.target_of(x) for x in at["line"])
    return _zero(curve, _over_line(curve, a, b)[0])


def _zero(curve: Array, height: Array) -> Array | None:
    """First point at which `height` (k,) along the curve is zero."""
    i = np.flatnonzero(height[:-1] * height[1:] <= 0.0)
    if len(i) == 0:
        return None
    k = int(i[0])
    span = height[k] - height[k + 1]
    s = 0.5 if span == 0.0 else height[k] / span
    return curve[k] + s * (curve[k + 1] - curve[k])


def _over_line(points: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Height (k,) [mm] over the line a-b in the side view, and the share (k,) along it."""
    p, q = points[:, 1:] - a[1:], (b - a)[1:]
    size = float(np.linalg.norm(q))
    # (y, z) with z forward: the normal that points up.
    normal = np.array([q[1], -q[0]]) / size
    return p @ normal, p @ q / size**2


def _over_border(half: HalfFace, points: Array) -> Array:
    """Height (k,) [mm] over the mandibular border at the same forward position."""
    border = np.stack([half.landmark(name) for name in BORDER])
    return points[:, 1] - np.interp(points[:, 2], border[:, 2], border[:, 1])


def _near_middle_half(half: HalfFace, curve: Array, at: Mapping[str, Any]) -> bool:
    a, b = (half.target_of(x) for x in at["near_middle_half"])
    height, share = _over_line(curve, a, b)
    # Distance from the segment between a quarter and three quarters.
    beyond = (np.clip(np.abs(share - 0.5) - 0.25, 0.0, None)) * np.linalg.norm((b - a)[1:])
    return bool((np.hypot(height, beyond) <= at["within_mm"]).all())


def table_text(results: Iterable[Result], faces: int) -> str:
    """The table as Markdown."""
    lines = [
        f"| measurement | published | placed on {faces} faces | independent | agrees | source |",
        "|---|---|---|---|---|---|",
    ]
    for r in results:
        row = r.row
        if "share" in row:
            told, got = f"{row['share']:.0%}", f"{r.mean:.0%}"
        else:
            digits = 2 if row["take"] == "border_share" else 1
            told = (
                f"{row['mean']:.1f}" + (f" ± {row['sd']:.1f}" if "sd" in row else "")
                if "mean" in row
                else f"{row['low']:.{digits}f} to {row['high']:.{digits}f}"
            )
            got = f"{r.mean:.{digits}f} ± {r.sd:.{digits}f}"
        agrees = r.verdict if r.verdict == "yes" else f"**no ({r.verdict})**"
        told += f" (n {row['n']})" if "n" in row else ""
        sources = ", ".join(source_keys(dict(row)))
        independent = "no" if row["used"] else "yes"
        title = r.name.replace("_", " ")
        lines.append(f"| {title} | {told} | {got} | {independent} | {agrees} | {sources} |")
    return "\n".join(lines) + "\n"


_BEGIN, _END = "<!-- atlas: begin -->\n", "<!-- atlas: end -->\n"


def main() -> None:
    """Measure on 200 faces and write the table into the page."""
    page = Path(__file__).parents[1] / "docs" / "anatomy.md"
    results = measured(random_face(i) for i in range(FACES))
    text = page.read_text("utf-8")
    head, rest = text.split(_BEGIN)
    tail = rest.split(_END)[1]
    page.write_text(head + _BEGIN + table_text(results, FACES) + _END + tail, "utf-8")
    sys.stdout.write(table_text(results, FACES))


if __name__ == "__main__":
    main()
