"""A scan as a clinic's scanner would deliver it: noise, holes, hair, what no camera saw missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.face.face import Face
from threadlift.face.scan.read import Scan, make_scan
from threadlift.face.synthetic.hair import hair_shell
from threadlift.face.synthetic.look import Look
from threadlift.face.synthetic.noise import noise
from threadlift.face.synthetic.scan import synthetic_scan
from threadlift.graphics.camera import portrait_camera
from threadlift.graphics.raster import visibility

Array = NDArray[np.float64]

#: Yaw and pitch of the scanner's cameras [degrees], and how far behind the nearest surface a point
#: may lie to be seen [mm].
STATIONS = ((0.0, 0.0), (50.0, -10.0), (-50.0, -10.0), (25.0, 25.0), (-25.0, 25.0))
BEHIND_MM = 2.5
#: Scanned hair is a lumpy surface: size and height of the lumps [mm].
LUMP_MM, LUMP_HEIGHT_MM = 6.0, 3.0


def scan_of(face: Face, look: Look, seed: int) -> tuple[Scan, float]:
    """A scan of `face` in an arbitrary pose [mm], and the noise [mm] that was drawn for it.

    Noise 0.2 to 0.5 mm, three to six holes of 3 to 9 mm radius, the person's hair as a lumpy
    surface in front of what it hides; coloured for odd seeds.
    """
    rng = np.random.default_rng([seed, 8])
    noise_mm = float(rng.uniform(0.2, 0.5))
    points, triangles = synthetic_scan(face, noise_mm, seed, 1.5, posed=False)
    on_face = len(points)
    shell = hair_shell(face, face.vertices, look.hair)
    if shell is not None:
        lumps = LUMP_HEIGHT_MM * noise(shell.vertices, LUMP_MM, seed)
        away = shell.vertices / np.linalg.norm(shell.vertices, axis=1, keepdims=True)
        dense = shell.triangles[(shell.edge_mm[shell.triangles] > 0.0).all(axis=1)]
        triangles = np.concatenate([triangles, dense + len(points)])
        points = np.concatenate([points, shell.vertices + lumps[:, None] * away])
    keep = _seen(points, triangles)
    for centre in rng.integers(0, on_face, rng.integers(3, 7)):
        gap = np.linalg.norm(points - points[centre], axis=1)
        keep &= gap > rng.uniform(3.0, 9.0)
    triangles = triangles[keep[triangles].all(axis=1)]
    used, renumbered = np.unique(triangles, return_inverse=True)
    colors = _colors(face, points[used], used < on_face, look) if seed % 2 else None
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    turn *= np.linalg.det(turn)
    return (
        make_scan(
            points[used] @ turn.T + rng.uniform(-300.0, 300.0, 3),
            renumbered.reshape(-1, 3),
            colors,
            source=f"scan {seed}",
            units="mm",
        ),
        noise_mm,
    )


def _seen(points: Array, triangles: NDArray) -> NDArray[np.bool_]:
    """Which points (n,) any of the stations sees."""
    seen = np.zeros(len(points), dtype=bool)
    for yaw, pitch in STATIONS:
        camera = portrait_camera(yaw, pitch, [0.0, -10.0, 30.0], 360.0, (360, 360), distance_mm=800)
        depth, _, _ = visibility(points, triangles, camera)
        px, d = camera.project(points)
        column, row = np.clip(px.astype(int), 0, 359).T
        seen |= d < depth[row, column] + BEHIND_MM
    return seen


def _colors(face: Face, points: Array, skin: NDArray[np.bool_], look: Look) -> NDArray[np.uint8]:
    """The template's painted colours (n, 3) on the face, the hair's on the hair."""
    _, nearest = KDTree(face.vertices).query(points)
    out = face.template.albedo[nearest].copy()
    out[~skin] = look.skin.hair_rgb
    return out
