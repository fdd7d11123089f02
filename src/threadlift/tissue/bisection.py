"""Conforming refinement of a triangulation: chosen edges are halved, no node hangs.

Whenever a triangle has an edge to halve, its longest edge is halved too, and so on through its
neighbours (Rivara, "Algorithms for refining triangular grids suitable for adaptive and multigrid
techniques", 1984). Triangles with all edges halved become four similar ones; the others are cut
through the middle of the longest edge first. So no angle falls below half of the smallest angle of
the triangle it came from, however often one refines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Lengths that differ by less than this share are equal: rounding must not choose between an edge
# and its mirror image.
_SAME = 1e-9


@dataclass(frozen=True)
class Edges:
    """Edges of a triangulation.

    Attributes
    ----------
    ends: (E,2) vertices, the lower number first. of: (T,3) the edge from corner k to corner k + 1.
    """

    ends: NDArray
    of: NDArray

    @classmethod
    def from_triangles(cls, triangles: NDArray) -> Edges:
        """Edges of triangles (T,3)."""
        t = np.asarray(triangles, dtype=np.int64)
        pairs = np.sort(np.stack([t, np.roll(t, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
        ends, of = np.unique(pairs, axis=0, return_inverse=True)
        return cls(ends, of.reshape(-1, 3))

    def lengths(self, surface: NDArray) -> NDArray:
        """Lengths (E,) [mm] on vertices (V,3)."""
        return np.linalg.norm(surface[self.ends[:, 0]] - surface[self.ends[:, 1]], axis=1)


@dataclass(frozen=True)
class Bisected:
    """A refined triangulation; new vertex V + k is the middle of the old edge ``ends[k]``.

    Attributes
    ----------
    triangles: (T',3), turned as the old ones. parent: (T',) the old triangle of each.
    bary: (T',3,3) of each new corner with respect to the old triangle's corners.
    ends: (K,2) old vertices.
    rank: (V + K,) numbers that break ties, equal for mirror images when the old ones were.
    """

    triangles: NDArray
    parent: NDArray
    bary: NDArray
    ends: NDArray
    rank: NDArray


def longest_edges(edges: Edges, length: NDArray, rank: NDArray) -> NDArray:
    """Local number (T,) of the longest edge of every triangle; rank (V,) decides between equals."""
    order = np.sort(rank[edges.ends], axis=1)
    steps = np.round(np.log(np.maximum(length, 1e-300)) / _SAME)
    place = np.empty(len(length), dtype=np.int64)
    place[np.lexsort((order[:, 1], order[:, 0], steps))] = np.arange(len(length))
    return place[edges.of].argmax(axis=1)


def bisected(
    triangles: NDArray, edges: Edges, marked: NDArray, length: NDArray, rank: NDArray
) -> Bisected:
    """Halve the marked (E,) edges and those that conformity asks for.

    length (E,) [mm] decides which edge of a triangle is its longest, rank (V,) between equals.
    """
    triangles = np.asarray(triangles, dtype=np.int64)
    longest = longest_edges(edges, length, rank)
    row = np.arange(len(triangles))
    main = edges.of[row, longest]
    marked = marked.copy()
    while True:
        lacking = marked[edges.of].any(axis=1) & ~marked[main]
        if not lacking.any():
            break
        marked[main[lacking]] = True

    ends = edges.ends[marked]
    count = len(rank)
    middle = np.full(len(edges.ends), -1)
    middle[marked] = count + np.arange(len(ends))
    pairs = np.sort(rank[ends], axis=1)
    _, place = np.unique(pairs, axis=0, return_inverse=True)
    new_rank = np.concatenate([rank, rank.max(initial=0) + 1 + place.ravel()])

    # Corners a, b, c from the longest edge ab on, and the middles of ab, bc, ca.
    turn = (longest[:, None] + np.arange(3)) % 3
    six = np.concatenate(
        [np.take_along_axis(triangles, turn, 1), middle[np.take_along_axis(edges.of, turn, 1)]],
        axis=1,
    )
    identity = np.eye(3)
    corner_bary = identity[turn]
    middle_bary = 0.5 * (corner_bary + np.roll(corner_bary, -1, axis=1))
    six_bary = np.concatenate([corner_bary, middle_bary], axis=1)
    halved = six[:, 3:] >= 0
    made: list[tuple[NDArray, NDArray]] = []
    for pattern, children in _CHILDREN.items():
        rows = np.flatnonzero((halved == np.array(pattern)).all(axis=1))
        made += [(rows, np.array(child)) for child in children]
    parent = np.concatenate([rows for rows, _ in made])
    new = np.concatenate([six[rows][:, child] for rows, child in made])
    bary = np.concatenate([six_bary[rows][:, child] for rows, child in made])
    order = np.argsort(parent, kind="stable")
    return Bisected(new[order], parent[order], bary[order], ends, new_rank)


# Corners 0 1 2, middles 3 (of the longest edge 0-1), 4 (of 1-2), 5 (of 2-0).
_CHILDREN: dict[tuple[bool, bool, bool], tuple[tuple[int, int, int], ...]] = {
    (False, False, False): ((0, 1, 2),),
    (True, False, False): ((0, 3, 2), (3, 1, 2)),
    (True, True, False): ((0, 3, 2), (3, 1, 4), (3, 4, 2)),
    (True, False, True): ((3, 1, 2), (0, 3, 5), (5, 3, 2)),
    (True, True, True): ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
}
