"""Upright and supine, or head forward: where the skin goes when gravity turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from threadlift.evidence import value
from threadlift.face.face import frame_of
from threadlift.face.pair.displacement import DIRECTIONS, Displacement, ZoneChange, zone_change
from threadlift.face.pair.estimate import TRUSTED, Estimated, estimate, sites_of, tangents
from threadlift.face.pair.field import Sites
from threadlift.face.pair.marks import Marks
from threadlift.face.pair.matched import Followed, Matched, follow, matched
from threadlift.face.pair.surfaces import PATCH_MM
from threadlift.face.scan.model import scan_trust
from threadlift.face.scan.read import Scan
from threadlift.face.scan.register import Progress, silent
from threadlift.face.template import Array, BoolArray, Template, template
from threadlift.face.zones import BILATERAL, SIDES
from threadlift.frames import Similarity


def posture_change(
    first: Path | str | Scan,
    second: Path | str | Scan,
    *,
    marks: Path | str | Marks | None = None,
    mark_sd_mm: float | None = None,
    units: str | None = None,
    progress: Progress | None = None,
) -> Displacement:
    """Displacement of the skin from one posture to another (upright → supine, head forward).

    Parameters
    ----------
    first, second: scan files or `Scan`s of one person, in any pose. Where both carry a picture of
        the skin it is followed.
    marks: points named alike on both scans (see `read_marks`); mark_sd_mm: their standard
        deviation per direction, default the register's.
    units: of both files, where it is not to be concluded from the size.
    progress: called with a share of the work and what comes next.

    Raises InputError: not scans, unreadable, no face, no overlap, marks off the skin.
    """
    tell = progress or silent
    pair = matched(first, second, units=units, progress=tell)
    followed = follow(pair, marks, mark_sd_mm, tell)
    tell(0.85, "Solving for the displacement")
    found = estimate(pair.first, pair.alignment.target, followed.all, template())
    out = displacement(pair, found, followed)
    tell(1.0, "Done")
    return out


def displacement(pair: Matched, found: Estimated, followed: Followed) -> Displacement:
    """The field at every template vertex, in the first capture's patient frame."""
    t = template()
    first = pair.first
    everywhere = sites_of(first.vertices, t)
    trusted = (scan_trust(t) > TRUSTED) & t.skin
    sd_normal, sd_tangential = _spreads(found, everywhere, trusted, t)
    surface = found.posterior.rows.sites.points[found.posterior.rows.surface]
    seen = trusted & _near(first.vertices, surface, PATCH_MM)
    tracked = trusted & _near(first.vertices, followed.all.start, value("pair.tracked_reach"))
    tracked &= sd_tangential <= value("pair.tracked_sd")
    to_patient = frame_of(first.vertices)
    numbers = {
        "scale_ratio": pair.alignment.scale,
        "stable_residual_mm": found.stable_residual_mm,
        "shape_residual_mm": found.shape_residual_mm,
        "noise_smooth_mm": found.smooth_sd_mm,
        "noise_patch_mm": found.white_sd_mm,
        "patches": float(len(surface)),
        "texture_tracks": float(len(followed.texture)),
        "marks": float(len(followed.marks)),
        "sd_normal_median_mm": float(np.median(sd_normal[seen])),
    }
    return Displacement(
        to_patient.apply(first.vertices),
        to_patient.apply_vectors(found.posterior.mean(everywhere)),
        sd_normal,
        sd_tangential,
        tracked,
        seen,
        _zones(found, everywhere, to_patient, t),
        numbers,
        _notes(tracked, len(followed.all) > 0, t),
        first.scan.source,
        pair.second.scan.source,
    )


def _near(points: Array, marks: Array, reach_mm: float) -> BoolArray:
    if not len(marks):
        return np.zeros(len(points), dtype=bool)
    return KDTree(marks).query(points, distance_upper_bound=reach_mm)[0] < reach_mm


def _spreads(
    found: Estimated, everywhere: Sites, trusted: BoolArray, t: Template
) -> tuple[Array, Array]:
    """Standard deviations (n,) along normal and skin; the prior's off the trusted skin."""
    rows = np.nonzero(trusted[: t.n_coarse])[0]
    some = everywhere.at(rows)
    out = []
    for prior, directions in (
        (everywhere.normal_sd, (some.normals,)),
        (everywhere.tangential_sd, tangents(some.normals)),
    ):
        variance = np.mean([found.posterior.variance(some, d) for d in directions], axis=0)
        ratio = np.ones(t.n_coarse)
        ratio[rows] = np.sqrt(variance) / prior[rows]
        # Between the coarse vertices the share of the prior that is left is interpolated.
        fine = np.clip(t.subdivision @ ratio, 0.0, 1.0)
        out.append(np.where(trusted, fine, 1.0) * prior)
    return out[0], out[1]


def _zones(
    found: Estimated, everywhere: Sites, to_patient: Similarity, t: Template
) -> dict[str, dict[str, ZoneChange]]:
    """Mean change of every zone in every direction; its spread holds noise, coverage and the
    error of the alignment together.
    """
    right, up, forward = to_patient.rotation  # the patient's axes in the common frame
    largest = value("pair.tracked_sd")
    out: dict[str, dict[str, ZoneChange]] = {}
    for zone, weight in t.zones.items():
        rows = np.nonzero(weight[: t.n_coarse] > 0.05)[0]
        share = weight[rows] / weight[rows].sum()
        sites = everywhere.at(rows)
        away = -right if zone.endswith("_right") else right
        axes = dict(zip(DIRECTIONS, (sites.normals, up, away, forward), strict=True))
        out[zone] = {
            name: zone_change(
                *found.posterior.functional(
                    sites,
                    np.broadcast_to(along, sites.normals.shape),
                    share,
                ),
                largest_sd=largest,
            )
            for name, along in axes.items()
        }
    return out


def _notes(tracked: BoolArray, anything: bool, t: Template) -> tuple[str, ...]:
    if not anything:
        return (
            "Neither texture nor marks: sliding along the skin was not observed. Contour and"
            " volume were. Scan with colour, or set marks densely on cheek and jowl.",
        )
    blind = [
        zone
        for zone in BILATERAL
        for side in SIDES
        if np.average(tracked, weights=t.zones[f"{zone}_{side}"]) < 0.5
    ]
    names = ", ".join(dict.fromkeys(blind))
    return (
        (f"Sliding along the skin was not, or not fully, observed at: {names}.",) if blind else ()
    )
