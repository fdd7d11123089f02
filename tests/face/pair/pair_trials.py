"""Pairs whose registrations are known: the person's own vertices, a little off along the skin."""

from dataclasses import dataclass, replace

import numpy as np

from threadlift.face.closest import SurfaceIndex
from threadlift.face.face import Face
from threadlift.face.pair.alignment import align
from threadlift.face.pair.displacement import Displacement
from threadlift.face.pair.estimate import estimate
from threadlift.face.pair.matched import Followed, Matched
from threadlift.face.pair.posture import displacement
from threadlift.face.pair.tracking import no_tracks
from threadlift.face.scan.clean import boundary_vertices, smooth_normals
from threadlift.face.scan.landmarks import ScanLandmarks
from threadlift.face.scan.model import EXPRESSIONS, scan_model, scan_trust
from threadlift.face.scan.read import make_scan
from threadlift.face.scan.register import Registration
from threadlift.face.scan.registration import ModelFit, Target
from threadlift.face.scan.stable import stable_weight
from threadlift.face.synthetic.scan import synthetic_scan
from threadlift.face.synthetic.slide import displaced, slide_field
from threadlift.face.template import template
from threadlift.frames import Similarity, fit_similarity

NOISE_MM, SLIDE_MM = 0.4, 4.0
NOTHING = Followed(no_tracks(), no_tracks())


def registered(face, scan, seed):
    """A registration as good as they get: on the scan, but sliding by about half a millimetre."""
    t = template()
    rng = np.random.default_rng([seed, 8])
    waves = rng.normal(0.0, 1.0 / 25.0, (40, 3))
    slip = np.cos(face.vertices @ waves.T + rng.uniform(0, 2 * np.pi, 40)) @ rng.normal(
        0.0, 0.5 * np.sqrt(2.0 / 40.0), (40, 3)
    )
    along = np.einsum("kd,kd->k", slip, face.normals)
    vertices = face.vertices + slip - along[:, None] * face.normals
    normals = smooth_normals(scan.vertices, scan.triangles, rounds=3)
    facing = normals[scan.triangles].sum(axis=1)
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-12)
    target = Target(
        SurfaceIndex(scan.vertices, scan.triangles, facing=facing),
        normals,
        boundary_vertices(scan.vertices, scan.triangles, 8.0),
    )
    hit = target.index.closest(vertices, reach_mm=5.0)
    matched = hit.found & (scan_trust(t) > 0.0)
    vertices[matched] += (
        np.einsum("kd,kd->k", hit.point - vertices, face.normals)[:, None] * face.normals
    )[matched]
    still = Similarity(np.eye(3), np.zeros(3))
    fit = ModelFit(
        np.eye(3), np.zeros(3), np.zeros(len(scan_model().identity)), np.zeros(len(EXPRESSIONS))
    )
    unknown = ScanLandmarks(np.full((478, 3), np.nan), np.full(478, np.nan), {}, np.empty(0))
    return Registration(
        vertices, matched, still, scan.vertices, scan.triangles, None, target, fit, unknown, scan,
        62.0,
    )  # fmt: skip


def scan_of(face, seed):
    return make_scan(
        *synthetic_scan(face, NOISE_MM, seed, 2.0, posed=False), units="mm", source=f"scan {seed}"
    )


def paired(first, second):
    return Matched(first, second, align(first, second))


def solved(pair, followed=NOTHING):
    found = estimate(pair.first, pair.alignment.target, followed.all, template())
    return displacement(pair, found, followed)


def turned(found, move):
    """The same registration in another rigid pose."""
    old = found.target.index
    target = replace(
        found.target,
        index=SurfaceIndex(
            move.apply(old.vertices), old.triangles, facing=move.apply_vectors(old.facing)
        ),
        normals=move.apply_vectors(found.target.normals),
    )
    return replace(
        found,
        vertices=move.apply(found.vertices),
        scan_vertices=move.apply(found.scan_vertices),
        target=target,
        to_canonical=found.to_canonical.then(move),
    )


@dataclass(frozen=True)
class Trial:
    """A person before and after, the pair, and what was made of its surfaces alone."""

    before: Face
    after: Face
    pair: Matched
    bare: Displacement

    def errors(self, out):
        """True movement (n, 3) and the errors along normal (n,) and skin (n, 3) [mm]."""
        back = fit_similarity(self.after.vertices, self.before.vertices, stable_weight())
        move = back.apply(self.after.vertices) - self.before.vertices
        scan = self.pair.first
        home = scan.to_canonical.inverse().apply(scan.vertices)
        to_person = fit_similarity(out.vertices, home)
        hit = SurfaceIndex(self.before.vertices, self.before.triangles).closest(home)
        at = np.einsum("kc,kcd->kd", hit.bary, move[self.before.triangles[hit.triangle]])
        true = at @ to_person.rotation
        normal = np.einsum("kd,kd->k", out.mean_mm - true, out.normals)
        return true, normal, out.mean_mm - true - normal[:, None] * out.normals


def person(slide_mm):
    before = Face.synthetic(21, age_years=58.0)
    return before, displaced(before, slide_field(slide_mm, 21))


def jowl_trial():
    """Jowls and cheeks drop by up to SLIDE_MM."""
    before, after = person(SLIDE_MM)
    pair = paired(
        registered(before, scan_of(before, 3), 3), registered(after, scan_of(after, 4), 4)
    )
    return Trial(before, after, pair, solved(pair))
