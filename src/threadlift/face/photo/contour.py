"""Occluding contours: where the face ends in a photo, and where the model says that it ends.

The contour of the present head is the set of places where its skin turns away from the camera and
something lies clearly deeper behind it. Across each of them the photo is searched for the edge.
To first order a contour moves with the skin under it, measured along its normal: which point of
the skin makes it does not matter. So a contour point is a point of the model with one residual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.photo.camera import UNKNOWNS
from threadlift.face.photo.fit import robust
from threadlift.face.photo.problem import PointModel, State
from threadlift.face.photo.stereo import WorkView, sampled
from threadlift.graphics.raster import vertex_normals, visibility

Array = NDArray[np.float64]

STEP_MM = 0.4  # of the search across the contour: a pixel of the working resolution
EDGE_MM = 0.8  # distance over which the brightness change of an edge is taken
ALONG_MM = 3.0  # profiles are averaged along the contour (Gaussian)
JUMP_MM = 25.0  # what lies behind must be this much farther from the camera
BESIDE_MM = 2.0  # where, beyond the contour, that is looked up first
ALONE_MM = 10.0  # and up to here: a second contour within the search would be mistaken for it
NEAR_MM = 25.0  # what lies just inside the contour is nearer to the camera by less than this
LEAST_CHANGE = 10.0  # [grey levels] of an edge; blurred, noisy or equal tones give less
CLEAR = 1.5  # times the next best edge within reach
APART_MM = 2.0  # edges nearer than this are one edge


@dataclass(frozen=True)
class Contour:
    """Contour points of one photo that were found in it.

    points: the model there (c of them); normals (c, 2) outward in the picture; offset_px (c,) from
    the model's contour to the photo's edge along them; sd_px (c,); at_px (c, 2) the model's
    contour when it was measured.
    """

    view: int
    points: PointModel
    normals: Array
    offset_px: Array
    sd_px: Array
    at_px: Array


@dataclass(frozen=True)
class Generator:
    """Where skin turns away: c places between two vertices, with their weights and pixels."""

    corners: NDArray[np.intp]  # (c, 2)
    weights: Array  # (c, 2)
    pixels: Array  # (c, 2)
    normals: Array  # (c, 2)
    mm_per_px: float

    def interpolation(self, n: int) -> sp.csr_matrix:
        """Matrix (c, n) from values at n vertices to the places."""
        rows = np.repeat(np.arange(len(self.corners)), 2)
        return sp.csr_matrix(
            (self.weights.ravel(), (rows, self.corners.ravel())), shape=(len(self.corners), n)
        )


def generator(
    view: WorkView, shape: Array, triangles: NDArray, usable: NDArray[np.bool_]
) -> Generator:
    """The occluding contour of a head (n, 3) with triangles (m, 3) before a camera.

    usable (n,): skin whose contour can be seen (no hair, ears or lids).
    """
    camera = view.camera
    normals = vertex_normals(shape, triangles)
    position = -camera.rotation.T @ camera.translation
    facing = np.einsum("nc,nc->n", normals, position - shape)
    edges = np.unique(
        np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])),
        axis=0,
    )
    a, b = facing[edges[:, 0]], facing[edges[:, 1]]
    turning = (a > 0.0) != (b > 0.0)
    turning &= usable[edges].all(axis=1)
    edges, a, b = edges[turning], a[turning], b[turning]
    share = a / (a - b)
    weights = np.column_stack([1.0 - share, share])
    place = np.einsum("ck,ckd->cd", weights, shape[edges])
    normal = np.einsum("ck,ckd->cd", weights, normals[edges])
    pixels = camera.project(place)
    inner, _ = camera.jacobians(place)
    outward = np.einsum("cij,cj->ci", inner, normal)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-12)
    deep = camera.local(place)[:, 2]
    mm = float(np.median(deep)) / camera.focal if len(deep) else 1.0
    depth = visibility(shape, triangles, camera.for_picture(view.size))[0]

    def behind(px: Array) -> Array:
        column = np.floor(px[:, 0]).astype(int)
        row = np.floor(px[:, 1]).astype(int)
        h, w = depth.shape
        inside = (column >= 0) & (row >= 0) & (column < w) & (row < h)
        out = np.full(len(px), -np.inf)
        out[inside] = depth[row[inside], column[inside]]
        return out

    before = behind(pixels - outward * (BESIDE_MM / mm))
    shown = np.abs(before - deep) < NEAR_MM
    for out in np.arange(BESIDE_MM, ALONE_MM, BESIDE_MM):
        shown &= behind(pixels + outward * (out / mm)) > deep + JUMP_MM
    return Generator(edges[shown], weights[shown], pixels[shown], outward[shown], mm)


def found(view: WorkView, where: Generator, reach_mm: float) -> tuple[Array, NDArray[np.bool_]]:
    """Offset (c,) [px] from the contour to the photo's edge along its normal, and whether (c,)
    there is a single clear one within `reach_mm`.
    """
    steps = np.arange(-reach_mm - EDGE_MM, reach_mm + EDGE_MM + 1e-9, STEP_MM)
    px = where.pixels[:, None] + (steps / where.mm_per_px)[None, :, None] * where.normals[:, None]
    c = len(where.pixels)
    if c == 0:
        return np.zeros(0), np.zeros(0, dtype=bool)
    profile = sampled(view.colour, px.reshape(-1, 2)).reshape(c, len(steps), -1)
    near = where.pixels[:, None] - where.pixels[None]
    alike = np.maximum(where.normals @ where.normals.T, 0.0)
    average = alike**4 * np.exp(-0.5 * (near**2).sum(axis=2) * (where.mm_per_px / ALONG_MM) ** 2)
    average /= average.sum(axis=1, keepdims=True)
    smooth = np.einsum("cd,dsk->csk", average, profile)
    half = round(EDGE_MM / STEP_MM)
    change = np.linalg.norm(smooth[:, 2 * half :] - smooth[:, : -2 * half], axis=2)
    at = steps[half:-half]
    likely = change * np.exp(-0.5 * (at / (0.6 * reach_mm)) ** 2)
    best = np.argmax(likely, axis=1)
    rows = np.arange(c)
    rival = np.where(np.abs(at[None] - at[best][:, None]) < APART_MM, 0.0, likely).max(axis=1)
    clear = (
        (change[rows, best] > LEAST_CHANGE)
        & (likely[rows, best] > CLEAR * rival)
        & (best > 0)
        & (best < len(at) - 1)
    )
    left, top, right = (change[rows, np.clip(best + k, 0, len(at) - 1)] for k in (-1, 0, 1))
    bend = left - 2.0 * top + right
    fine = np.where(bend < 0.0, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    offset = at[best] + STEP_MM * np.clip(fine, -0.5, 0.5)
    size = view.size
    ends = px[:, [0, -1]]
    inside = ((ends > 1) & (ends < np.array(size) - 2)).all(axis=(1, 2))
    return offset / where.mm_per_px, clear & inside


def add_contour(
    contour: Contour, state: State, view: WorkView, hessian: Array, gradient: Array
) -> None:
    """Add the contour points of one photo to the normal equations, in place."""
    v, part = contour.view, contour.points
    k, m = len(part.modes), len(part.expressions)
    points = part.points(state.identity, state.expressions[v])
    by_point, by_camera = view.camera.jacobians(points)
    moved = np.einsum("ci,ci->c", view.camera.project(points) - contour.at_px, contour.normals)
    r = (moved - contour.offset_px) / contour.sd_px
    identity, expression = part.rows(by_point)
    along = contour.normals / contour.sd_px[:, None]
    a = np.concatenate(
        [np.einsum("cij,ci->cj", x, along) for x in (identity, by_camera, expression)], axis=1
    )
    weight = robust(r * np.sqrt(value("capture.photo.contour_shared")))
    width = UNKNOWNS + m
    index = np.r_[:k, k + width * v : k + width * (v + 1)]
    hessian[np.ix_(index, index)] += (a * weight[:, None]).T @ a
    gradient[index] += a.T @ (weight * r)
