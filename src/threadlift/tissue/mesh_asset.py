"""The triangulation that every face shares, read from the package's data (tools/build_mesh.py).

Each surface vertex is bound to the template by three template vertices and their weights (a few
more after local refinement); so its place on any face, and any map on the template, follow by one
small weighted sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from io import BytesIO
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from threadlift.errors import InputError

Level = Literal["coarse", "default", "reference"]
"""Nested resolutions: for ensembles, for everything, for judging the other two."""
RIM_CODES = {"mouth": 1, "eye": 2, "nostril": 3, "outer": 4}


@dataclass(frozen=True)
class MeshAsset:
    """One level of the shared triangulation (V vertices, T triangles, n template vertices).

    Attributes
    ----------
    corners, bary: (V,k) template vertices and weights (>= 0, sum 1) of every vertex; k = 3, or
        more where refinement put vertices between others.
    triangles: (T,3), counter-clockwise from outside.
    mirror: (V,) left-right permutation; None when the two sides were refined differently.
    rims: masks (V,) 'mouth', 'eye', 'nostril', 'outer'.
    display: (n, V) displacement of the template vertices from that of the mesh vertices.
    code_corner: (V,) the template vertex whose codes a mesh vertex takes (the nearest corner).
    threads: mask (V,) of the vertices under which threads run (between all usual entries and
        targets).
    """

    level: str
    corners: NDArray
    bary: NDArray
    triangles: NDArray
    mirror: NDArray | None
    rims: dict[str, NDArray]
    display: sparse.csr_array
    code_corner: NDArray
    threads: NDArray

    @property
    def columns(self) -> int:
        """Number of surface vertices V."""
        return len(self.corners)

    def sample(self, values: NDArray) -> NDArray:
        """Values (n, ...) on template vertices, interpolated to the mesh vertices (V, ...)."""
        return np.einsum("vk,vk...->v...", self.bary, np.asarray(values, float)[self.corners])

    def sample_code(self, codes: NDArray) -> NDArray:
        """Codes (n,) on template vertices (strings or integers) of the nearest corner: (V,)."""
        return np.asarray(codes)[self.code_corner]

    @cached_property
    def fans(self) -> tuple[NDArray, NDArray]:
        """Incident triangles of every vertex as (pointer (V + 1,), triangles)."""
        order = np.argsort(self.triangles.ravel(), kind="stable")
        count = np.bincount(self.triangles.ravel(), minlength=self.columns)
        return np.concatenate([[0], np.cumsum(count)]).astype(np.int64), order // 3

    @cached_property
    def rings(self) -> tuple[NDArray, NDArray]:
        """Neighbours of every vertex as (pointer (V + 1,), vertices)."""
        t = self.triangles.astype(np.int64)
        pairs = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]])
        pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
        count = np.bincount(pairs[:, 0], minlength=self.columns)
        return np.concatenate([[0], np.cumsum(count)]).astype(np.int64), pairs[:, 1].copy()

    @cached_property
    def laplacian(self) -> sparse.csr_array:
        """Graph Laplacian (V, V): number of neighbours on the diagonal, -1 per edge."""
        ptr, ring = self.rings
        shape = (self.columns, self.columns)
        edges = sparse.csr_array((np.ones(len(ring)), ring, ptr), shape=shape)
        return (sparse.diags_array(np.diff(ptr).astype(float)) - edges).tocsr()


@cache
def mesh_asset(level: Level = "default") -> MeshAsset:
    """The shared triangulation of a level; InputError for a level that does not exist."""
    if level not in get_args(Level):
        raise InputError(
            f"There is no mesh level '{level}'.", f"Use one of: {', '.join(get_args(Level))}."
        )
    raw = files("threadlift.tissue").joinpath("data", f"mesh_{level}.npz").read_bytes()
    with np.load(BytesIO(raw)) as z:
        count = len(z["corners"])
        display = sparse.csr_array(
            (z["display_data"].astype(float), z["display_indices"], z["display_indptr"]),
            shape=(len(z["display_indptr"]) - 1, count),
        )
        corners, bary = z["corners"].astype(np.int64), z["bary"].astype(float)
        bary /= bary.sum(axis=1, keepdims=True)
        return MeshAsset(
            level=level,
            corners=corners,
            bary=bary,
            triangles=z["triangles"],
            mirror=z["mirror"].astype(np.int64),
            rims={name: z["rim"] == code for name, code in RIM_CODES.items()},
            display=display,
            code_corner=corners[np.arange(count), bary.argmax(axis=1)],
            threads=z["threads"],
        )
