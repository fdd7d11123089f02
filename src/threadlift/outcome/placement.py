"""A thread where the hand really put it: deeper or shallower than planned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.threads.thread import Thread
from threadlift.tissue.mesh import LayeredMesh

Array = NDArray[np.float64]

#: The entry is where it was planned; over this length [mm] the shift grows to its full size.
_RAMP_MM = 15.0
#: A thread stays at least this far below the surface and above the base [mm].
_MARGIN_MM = 0.4
_LAYERS = ("skin", "fat", "smas", "deep")


def displaced(thread: Thread, shift_mm: float, mesh: LayeredMesh) -> Thread:
    """The thread `shift_mm` deeper (negative: shallower) along the mesh's columns."""
    if shift_mm == 0.0:
        return thread
    column = KDTree(mesh.surface).query(thread.path_mm)[1]
    grid = mesh.points.reshape(-1, mesh.nl, 3)
    inward = grid[column, -1] - grid[column, 0]
    total = np.linalg.norm(inward, axis=1)
    inward = inward / total[:, None]
    wanted = thread.depth_mm + shift_mm * np.minimum(thread.from_entry_mm / _RAMP_MM, 1.0)
    # What was planned outside the margins (an entry at the surface) stays where it was planned.
    low = np.minimum(thread.depth_mm, _MARGIN_MM)
    high = np.maximum(thread.depth_mm, total - _MARGIN_MM)
    depth = np.clip(wanted, low, high)
    moved = depth - thread.depth_mm
    # Neighbouring points may belong to columns that lean differently: an average keeps it smooth.
    smooth = inward.copy()
    smooth[1:-1] = (inward[:-2] + inward[1:-1] + inward[2:]) / 3.0
    path = thread.path_mm + moved[:, None] * smooth
    boundary = _boundaries(mesh)[column]
    layer = tuple(_LAYERS[i] for i in (depth[:, None] > boundary).sum(axis=1))
    return replace(thread, path_mm=path, depth_mm=depth, layer=layer)


def _boundaries(mesh: LayeredMesh) -> Array:
    """Depths (V, 3) [mm] of the undersides of skin, fat and SMAS."""
    below = np.cumsum(mesh.sublayer_mm, axis=1)
    sublayers = np.asarray(mesh.sublayers)
    last = [int(np.flatnonzero(sublayers == layer)[-1]) for layer in range(3)]
    return below[:, last]
