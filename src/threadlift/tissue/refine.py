"""Finer meshes of the same body: everywhere, around chosen triangles or along planned threads.

Every new column is the mean of the two columns at the ends of its edge. The wedge map is linear
across a triangle, so the refined mesh fills the old one exactly: volumes add up, and a displacement
of the old mesh is carried over without error by the prolongation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import KDTree

from threadlift.errors import InputError
from threadlift.tissue.bisection import Edges, bisected
from threadlift.tissue.mesh import LayeredMesh, boundary_vertices
from threadlift.tissue.refined_asset import refined_asset, shape

# Halving an edge this often divides it by a million: no request in millimetres needs more.
_MOST_PASSES = 20


@dataclass(frozen=True)
class Refinement:
    """How a finer mesh lies in the mesh it came from (V columns of nl nodes, T triangles).

    Attributes
    ----------
    columns: (V', V) weights of the old columns in the new ones; old columns keep their numbers.
    depth: (nl', nl) weights of the old layer-nodes in the new ones.
    triangles: (T',3) new surface triangles. sublayers: layer ids of the nl' - 1 new sublayers.
    parent: (T',) old triangle of each new one.
    bary: (T',3,3) of each new corner with respect to the old triangle's corners.
    """

    columns: sparse.csr_array
    depth: sparse.csr_array
    triangles: NDArray
    sublayers: tuple[int, ...]
    parent: NDArray
    bary: NDArray

    @cached_property
    def prolongation(self) -> sparse.csr_array:
        """(V' nl', V nl): values at the new nodes from those at the old ones, exact for fields
        that the old wedges can represent.
        """
        return sparse.csr_array(sparse.kron(self.columns, self.depth, format="csr"))

    def carried(self, field: NDArray) -> NDArray:
        """Displacement (V' nl', 3) at the new nodes of a field (V nl, 3) of the old mesh."""
        return self.prolongation @ np.asarray(field, dtype=float)

    def places(self, tri: NDArray, bary: NDArray) -> tuple[NDArray, NDArray]:
        """The same surface places, old triangles (k,) and barycentrics (k,3), on the new mesh."""
        tri = np.asarray(tri, dtype=np.int64)
        order = np.argsort(self.parent, kind="stable")
        count = np.bincount(self.parent, minlength=int(self.parent.max()) + 1)
        first = np.concatenate([[0], np.cumsum(count)])
        inverse = np.linalg.inv(self.bary)
        best = np.full(len(tri), -np.inf)
        found = np.zeros(len(tri), dtype=np.int64)
        weights = np.zeros((len(tri), 3))
        for k in range(int(count[tri].max(initial=0))):
            rows = np.flatnonzero((count[tri] > k) & (best < -1e-12))
            child = order[first[tri[rows]] + k]
            local = np.einsum("ki,kij->kj", np.asarray(bary, float)[rows], inverse[child])
            inside = local.min(axis=1)
            better = inside > best[rows]
            at = rows[better]
            best[at], found[at], weights[at] = inside[better], child[better], local[better]
        weights = np.clip(weights, 0.0, None)
        return found, weights / weights.sum(axis=1, keepdims=True)

    def of(self, mesh: LayeredMesh) -> LayeredMesh:
        """The refined mesh; any mesh with the old topology may be given (ensemble members).

        InputError when the mesh has another topology.
        """
        (count, old), (_, nl) = shape(self.columns), shape(self.depth)
        if (mesh.columns, mesh.nl) != (old, nl):
            raise InputError(
                f"The refinement is for {old} columns of {nl} nodes; the mesh has {mesh.columns} "
                f"of {mesh.nl}.",
                "Give a mesh of the level that was refined.",
            )
        border = boundary_vertices(self.triangles, count)
        rims = {
            name: border & (self.columns @ mask.astype(float) > 1.0 - 1e-9)
            for name, mask in mesh.rims.items()
        }
        mirror = _mirror(self, mesh.mirror)
        past = mesh.refinement
        return replace(
            mesh,
            points=self.carried(mesh.points),
            surface_triangles=self.triangles,
            sublayers=self.sublayers,
            mirror=mirror,
            rims=rims,
            zone_weights={k: self.columns @ w for k, w in mesh.zone_weights.items()},
            asset=None if mesh.asset is None else refined_asset(self, mesh.asset, mirror, rims),
            room=None if mesh.room is None else self.columns @ mesh.room,
            shift_mm=None if mesh.shift_mm is None else self.columns @ mesh.shift_mm,
            refinement=self if past is None else _after(self, past),
        )


def refined(mesh: LayeredMesh, triangles: NDArray) -> LayeredMesh:
    """Each chosen surface triangle into four, the neighbours as conformity asks.

    ``triangles``: a mask (T,) or numbers (k,). The result's ``refinement`` tells how it lies in
    the mesh given (or, after several refinements, in the first). InputError for bad numbers.
    """
    count = len(mesh.surface_triangles)
    chosen = np.asarray(triangles)
    if chosen.dtype == bool and chosen.shape == (count,):
        mask = chosen
    elif chosen.size == 0 or (
        np.issubdtype(chosen.dtype, np.integer) and chosen.min() >= 0 and chosen.max() < count
    ):
        mask = np.zeros(count, dtype=bool)
        mask[chosen.astype(np.int64).ravel()] = True
    else:
        raise InputError(
            "The triangles to refine are neither a mask nor triangle numbers of this mesh.",
            f"Give a mask of shape ({count},) or numbers from 0 to {count - 1}.",
        )

    def wish(step: int, surface: NDArray, tri: NDArray, edges: Edges, length: NDArray) -> NDArray:
        marked = np.zeros(len(edges.ends), dtype=bool)
        if step == 0:
            marked[edges.of[mask].ravel()] = True
        return marked

    return _refinement(mesh, wish).of(mesh)


def uniformly_refined(mesh: LayeredMesh) -> LayeredMesh:
    """Every surface triangle into four similar ones; sublayers stay."""
    return refined(mesh, np.ones(len(mesh.surface_triangles), dtype=bool))


def refined_along(
    mesh: LayeredMesh,
    paths_mm: Sequence[NDArray],
    edge_mm: float = 1.0,
    reach_mm: float = 4.0,
) -> LayeredMesh:
    """Skin edges of at most edge_mm wherever the skin over a path is within reach_mm.

    paths_mm: thread paths (k,3) [mm], in the tissue or on the skin; what counts is the distance
    along the skin (as the crow flies) from the places above the path. InputError for sizes that
    are not positive or paths that are not points.
    """
    if not (edge_mm > 0.0 and reach_mm >= 0.0):
        raise InputError(
            f"Edges of {edge_mm} mm within {reach_mm} mm cannot be made.",
            "Give edge_mm > 0 and reach_mm >= 0.",
        )
    spacing = 0.5 * edge_mm
    lines = [_sampled(path, spacing) for path in paths_mm]
    if not lines:
        return mesh
    wedge, weights = mesh.locate(np.concatenate(lines))
    # Straight up through the column: the outer and the inner weights fall on the skin corners.
    above = mesh.surface_triangles[mesh.element_triangle[wedge]][:, [0, 2, 1]]
    skin = np.einsum("kn,knc->kc", weights[:, :3] + weights[:, 3:], mesh.surface[above])
    tree = KDTree(skin)

    def wish(step: int, surface: NDArray, tri: NDArray, edges: Edges, length: NDArray) -> NDArray:
        corner = surface[tri]
        middle = corner.mean(axis=1)
        radius = np.linalg.norm(corner - middle[:, None], axis=2).max(axis=1)
        near = tree.query(middle)[0] <= reach_mm + radius + spacing
        marked = np.zeros(len(edges.ends), dtype=bool)
        marked[edges.of[near].ravel()] = True
        return marked & (length > edge_mm)

    return _refinement(mesh, wish).of(mesh)


def split_layers(mesh: LayeredMesh, k: int) -> LayeredMesh:
    """Every sublayer of every column into k equal ones (convergence through the thickness)."""
    if k < 1:
        raise InputError(f"A sublayer cannot be split into {k}.", "Give k >= 1.")
    nl = mesh.nl
    at = np.arange(k * (nl - 1) + 1)
    low = np.minimum(at // k, nl - 2)
    share = at / k - low
    depth = sparse.csr_array(
        (
            np.concatenate([1.0 - share, share]),
            (np.concatenate([at, at]), np.concatenate([low, low + 1])),
        ),
        shape=(len(at), nl),
    )
    depth.eliminate_zeros()
    same = _identity(mesh)
    return replace(
        same, depth=depth, sublayers=tuple(s for s in mesh.sublayers for _ in range(k))
    ).of(mesh)


Wish = Callable[[int, NDArray, NDArray, Edges, NDArray], NDArray]
"""Edges (E,) to halve in one pass: number of the pass, vertices, triangles, edges, lengths."""


def _sampled(path: NDArray, spacing_mm: float) -> NDArray:
    """Points (k,3) along a polyline at most spacing_mm apart."""
    path = np.asarray(path, dtype=float)
    if path.ndim != 2 or path.shape[1] != 3 or len(path) == 0 or not np.isfinite(path).all():
        raise InputError(
            f"A path of shape {path.shape} is not a line of points.", "Give (k,3) numbers [mm]."
        )
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.linspace(0.0, arc[-1], int(np.ceil(arc[-1] / spacing_mm)) + 1)
    return np.stack([np.interp(at, arc, path[:, c]) for c in range(3)], axis=1)


def _identity(mesh: LayeredMesh) -> Refinement:
    triangles = np.asarray(mesh.surface_triangles, dtype=np.int64)
    return Refinement(
        columns=sparse.csr_array(sparse.eye_array(mesh.columns, format="csr")),
        depth=sparse.csr_array(sparse.eye_array(mesh.nl, format="csr")),
        triangles=triangles,
        sublayers=tuple(mesh.sublayers),
        parent=np.arange(len(triangles)),
        bary=np.tile(np.eye(3), (len(triangles), 1, 1)),
    )


def _refinement(mesh: LayeredMesh, wish: Wish) -> Refinement:
    """Halve the wished edges, pass by pass, until none is wished."""
    now = _identity(mesh)
    surface = mesh.surface
    numbers = np.arange(mesh.columns)
    rank = numbers if mesh.mirror is None else np.minimum(numbers, mesh.mirror)
    for step in range(_MOST_PASSES):
        edges = Edges.from_triangles(now.triangles)
        length = edges.lengths(surface)
        marked = wish(step, surface, now.triangles, edges, length)
        if not marked.any():
            break
        new = bisected(now.triangles, edges, marked, length, rank)
        count, added = len(surface), len(new.ends)
        middle = sparse.csr_array(
            (
                np.full(2 * added, 0.5),
                (np.repeat(np.arange(added), 2), new.ends.ravel()),
            ),
            shape=(added, count),
        )
        now = replace(
            now,
            columns=sparse.csr_array(
                sparse.vstack([now.columns, middle @ now.columns], format="csr")
            ),
            triangles=new.triangles,
            parent=now.parent[new.parent],
            bary=new.bary @ now.bary[new.parent],
        )
        surface = np.concatenate([surface, surface[new.ends].mean(axis=1)])
        rank = new.rank
    return now


def _after(second: Refinement, first: Refinement) -> Refinement:
    """Both refinements in one."""
    return replace(
        second,
        columns=sparse.csr_array(second.columns @ first.columns),
        depth=sparse.csr_array(second.depth @ first.depth),
        parent=first.parent[second.parent],
        bary=second.bary @ first.bary[second.parent],
    )


def _mirror(refinement: Refinement, mirror: NDArray | None) -> NDArray | None:
    """Left-right permutation of the new columns, or None when the two sides differ."""
    if mirror is None:
        return None
    # Columns are told apart by the value of one generic field at them and at their images.
    field = np.random.default_rng(0).random(len(mirror))
    own = refinement.columns @ field
    image = refinement.columns @ field[mirror]
    a, b = np.argsort(own), np.argsort(image)
    if np.abs(own[a] - image[b]).max() > 1e-12:
        return None
    out = np.empty(len(own), dtype=np.int64)
    out[a] = b
    turned = out[refinement.triangles]
    same = np.array_equal(_sorted_rows(turned), _sorted_rows(refinement.triangles))
    return out if same and np.array_equal(out[out], np.arange(len(out))) else None


def _sorted_rows(triangles: NDArray) -> NDArray:
    rows = np.sort(triangles, axis=1)
    return rows[np.lexsort(rows.T[::-1])]
