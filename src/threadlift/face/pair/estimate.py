"""The displacement field of a pair: surfaces and tracks, linearised again where they moved."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from threadlift.errors import InputError
from threadlift.evidence import parameter
from threadlift.face.face import vertex_normals
from threadlift.face.pair.field import Posterior, Rows, Sites, log_evidence
from threadlift.face.pair.prior import spread
from threadlift.face.pair.surfaces import Gaps, Patches, gaps, patches
from threadlift.face.pair.tracking import Tracks
from threadlift.face.scan.model import scan_trust
from threadlift.face.scan.register import Registration
from threadlift.face.scan.registration import Target
from threadlift.face.scan.stable import anchor_weight, stable_weight
from threadlift.face.template import Array, BoolArray, Template

#: Trust in a scan from which a place on the template takes part (skin of face and upper neck).
TRUSTED = 0.45
#: Rounds of finding feet and solving after the first.
_ROUNDS = 3
#: Fewest patches that both captures must show, in all and in the stable region.
FEWEST_PATCHES, FEWEST_STABLE = 100, 20
#: Patches moved by more than so many prior standard deviations are hair, collars or shadows.
_ABSURD = 4.0
#: Candidates for the smooth noise, as factors of the register's value.
_NOISE_FACTORS = np.geomspace(0.25, 4.0, 15)
#: Share of the stable region's prior spread that is left while the noise is estimated.
_STILL = 0.2


@dataclass(frozen=True)
class Estimated:
    """The field and what it rests on.

    posterior: of the field. cut, gaps: patches of the first surface and how far the second lies
    from them. smooth_sd_mm, white_sd_mm: the two parts of the noise of a patch's gap.
    stable_residual_mm, shape_residual_mm: root-mean-square gap over the stable region and over
    the whole upper face, after alignment.
    """

    posterior: Posterior
    cut: Patches
    gaps: Gaps
    smooth_sd_mm: float
    white_sd_mm: float
    stable_residual_mm: float
    shape_residual_mm: float


def sites_of(vertices: Array, t: Template) -> Sites:
    """Every template vertex as a site, on the first registered surface (n, 3)."""
    s = spread()
    return Sites(vertices, vertex_normals(vertices, t.triangles), s.normal, s.tangential)


def tangents(normals: Array) -> tuple[Array, Array]:
    """Two unit vectors (k, 3) across each normal (k, 3)."""
    least = np.eye(3)[np.argmin(np.abs(normals), axis=1)]
    across = np.cross(normals, least)
    one = np.asarray(across / np.linalg.norm(across, axis=1, keepdims=True), dtype=float)
    return one, np.asarray(np.cross(normals, one), dtype=float)


def track_rows(tracks: Tracks, everywhere: Sites) -> Rows | None:
    """Observations along the skin: two per track."""
    if not len(tracks):
        return None
    _, near = KDTree(everywhere.points).query(tracks.start)
    sites = replace(everywhere.at(np.asarray(near)), points=tracks.start)
    one, two = tangents(sites.normals)
    amount = [np.einsum("kd,kd->k", x, tracks.move) for x in (one, two)]
    return Rows(
        sites.joined(sites),
        np.concatenate([one, two]),
        np.concatenate(amount),
        np.concatenate([tracks.sd, tracks.sd]),
        np.zeros(2 * len(tracks), dtype=bool),
    )


def _surface_rows(cut: Patches, found: Gaps, use: BoolArray, everywhere: Sites) -> Rows:
    return Rows(
        everywhere.at(cut.nodes[use]),
        found.direction[use],
        found.amount[use],
        found.sd[use],
        np.ones(int(use.sum()), dtype=bool),
    )


def _both(a: Rows, b: Rows | None) -> Rows:
    if b is None:
        return a
    return Rows(
        a.sites.joined(b.sites),
        np.concatenate([a.direction, b.direction]),
        np.concatenate([a.amount, b.amount]),
        np.concatenate([a.sd, b.sd]),
        np.concatenate([a.surface, b.surface]),
    )


def _rows_at(rows: Rows, use: BoolArray) -> Rows:
    return Rows(
        rows.sites.at(use), rows.direction[use], rows.amount[use], rows.sd[use], rows.surface[use]
    )


def _smooth_noise(rows: Rows, stable: BoolArray, points_sd: float, centre: Array) -> float:
    """Smooth noise [mm] given what forehead and nose show, the register and the points' scatter.

    Few independent patches fit on a forehead, so the answer is the root of the mean variance, not
    the most probable one; and what moves there counts as noise, which errs on the safe side.
    """
    known = parameter("pair.noise.smooth")
    # Scanners whose points scatter more also err more over a centimetre.
    typical, width = max(known.value, points_sd), known.log_sd or 1.0
    part = _rows_at(rows, stable)
    still = replace(
        part,
        sites=replace(
            part.sites,
            normal_sd=_STILL * part.sites.normal_sd,
            tangential_sd=_STILL * part.sites.tangential_sd,
        ),
    )
    candidates = typical * _NOISE_FACTORS
    score = np.array(
        [
            log_evidence(still, sd, centre) - 0.5 * (np.log(sd / typical) / width) ** 2
            for sd in candidates
        ]
    )
    chance = np.exp(score - score.max())
    return float(np.sqrt(np.sum(chance * candidates**2) / chance.sum()))


def _usable(use: BoolArray, stable: BoolArray) -> BoolArray:
    """`use` (p,), unless too few patches are left."""
    if use.sum() < FEWEST_PATCHES or (use & stable).sum() < FEWEST_STABLE:
        raise InputError(
            "The two captures hardly show the same part of the face.",
            "Scan the whole face from ear to ear in both.",
        )
    return use


def estimate(first: Registration, second: Target, tracks: Tracks, t: Template) -> Estimated:
    """The field that carries the first registered surface onto `second` (same frame).

    Raises InputError when the captures hardly overlap.
    """
    everywhere = sites_of(first.vertices, t)
    cut = patches(first, t, scan_trust(t) > TRUSTED)
    nodes = everywhere.at(cut.nodes)
    stable = stable_weight()[cut.nodes] > 0.6
    centre = np.asarray(nodes.points[stable].mean(axis=0), dtype=float)
    along_skin = track_rows(tracks, everywhere)

    found = gaps(cut, second, np.zeros((len(cut.nodes), 3)))
    use = _usable(found.seen, stable)
    surface = _surface_rows(cut, found, use, everywhere)
    points_sd = float(np.median(found.point_sd[use]))
    smooth = _smooth_noise(surface, stable[use], points_sd, centre)
    posterior = Posterior(_both(surface, along_skin), smooth, centre)
    for _ in range(_ROUNDS):
        mean = posterior.mean(nodes)
        contour = np.abs(np.einsum("kd,kd->k", mean, nodes.normals))
        plausible = contour < _ABSURD * nodes.normal_sd + 1.0
        found = gaps(cut, second, mean + posterior.alignment_error(nodes.points))
        use = _usable(found.seen & plausible, stable)
        surface = _surface_rows(cut, found, use, everywhere)
        posterior = Posterior(_both(surface, along_skin), smooth, centre)
    rigid = posterior.alignment_error(first.vertices[cut.nodes])
    left = found.amount - np.einsum("kd,kd->k", found.direction, rigid)
    upper = (anchor_weight() > 0.0)[cut.nodes]
    return Estimated(
        posterior,
        cut,
        replace(found, seen=use),
        smooth,
        float(np.median(found.sd[use])),
        float(np.sqrt(np.mean(left[use & stable] ** 2))),
        float(np.sqrt(np.mean(left[found.seen & upper] ** 2))),
    )
