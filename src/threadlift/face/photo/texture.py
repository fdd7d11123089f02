"""Colours of a face from its photos: seen skin from the picture, the rest by mirror and diffusion.

For looking at, not for measuring: the photo's light stays in the colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu
from scipy.spatial.distance import cdist
from skimage.color import lab2rgb, rgb2lab

from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.fit import facing, smoothstep
from threadlift.graphics.raster import visibility

Array = NDArray[np.float64]
Bool = NDArray[np.bool_]

SAMPLE_PX_PER_MM = 1.5  # vertices are 2–4 mm apart: finer samples would only carry noise
DEPTH_PX_PER_MM = 1.5
HIDDEN_MM = 2.5  # a vertex this far behind the nearest surface is hidden
GRAZING, OPEN = 0.3, 0.65  # cosine to the view between which a sample counts from 0 to fully
NOT_SKIN = (1.6, 2.4)  # distance from the skin's tone [its own spread] that fades a sample out
TONE_FLOOR = np.array([9.0, 3.5, 3.5])  # least spread of the tone in L, a, b: light varies so much
MOUTH_MARGIN_MM = 1.2
MIRROR_TRUST = 0.5
STIFFNESS, DECAY = 1.0, 2e-3  # diffusion reaches √(1 / 0.002) ≈ 22 edges

# Inner border of the lips in the landmark model, once around.
INNER_LIPS = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178,
              88, 95]  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """One photo with its fitted camera.

    rgb (h, w, 3) uint8; vertices (n, 3) [mm] and normals (n, 3) of the head as it was when the
    photo was taken (with its expression); pixels (l, 2) landmarks seen, misfit_px (l, 2) model
    minus landmark, trust (l,) of the landmarks 0..1; mouth_open: teeth may show.
    """

    rgb: NDArray[np.uint8]
    camera: PhotoCamera
    vertices: Array
    normals: Array
    pixels: Array
    misfit_px: Array
    trust: Array
    mouth_open: bool


def laplacian(triangles: NDArray[np.integer], n: int) -> csr_matrix:
    """Graph Laplacian (n, n) of the mesh edges, unit weights."""
    i = triangles[:, [0, 1, 2]].ravel()
    j = triangles[:, [1, 2, 0]].ravel()
    edges = coo_matrix((np.ones(len(i)), (i, j)), shape=(n, n)).tocsr()
    edges = edges + edges.T
    edges.data[:] = 1.0
    return csr_matrix(diags(np.asarray(edges.sum(axis=1)).ravel()) - edges)


def _visible(shot: Shot, triangles: NDArray[np.integer]) -> Array:
    """0..1 per vertex (n,): seen by the camera, not hidden, not at a grazing angle."""
    local = shot.camera.local(shot.vertices)
    scale = DEPTH_PX_PER_MM * float(np.median(local[:, 2])) / shot.camera.focal
    flat = shot.camera.focal * scale * local[:, :2] / local[:, 2:]
    low, high = flat.min(axis=0) - 2.0, flat.max(axis=0) + 2.0
    width, height = (int(v) for v in np.ceil(high - low))
    small = PhotoCamera(
        shot.camera.rotation, shot.camera.translation, shot.camera.focal * scale, -low
    )
    depth, _, _ = visibility(shot.vertices, triangles, small.for_picture((width, height)))
    column, row = (flat - low).astype(int).T
    near = depth[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    shown = local[:, 2] < near + HIDDEN_MM
    return shown * smoothstep(facing(shot.normals, shot.vertices, shot.camera), GRAZING, OPEN)


def _warp(shot: Shot, pixels: Array, px_per_mm: float) -> Array:
    """Move model pixels (n, 2) onto the picture by the smoothed misfit of nearby landmarks.

    Colour borders (lips, brows) then sit on the vertices that mean them although the shape model
    leaves a pixel or two of misfit. Gaussian average over 8 mm, fading to none far from landmarks.
    """
    used = shot.trust > 0.2
    at, by = shot.pixels[used] + shot.misfit_px[used], shot.misfit_px[used]
    reach = 2.0 * (8.0 * px_per_mm) ** 2
    w = np.exp(-cdist(pixels, at, "sqeuclidean") / reach) * shot.trust[used]
    # The constant makes the mean fall to zero where no landmark is near.
    return pixels - (w @ by) / (w.sum(axis=1, keepdims=True) + 0.3)


def _bilinear(picture: Array, pixels: Array) -> tuple[Array, Bool]:
    """Colours (n, 3) at continuous pixels (n, 2), and which of them lie inside the picture."""
    height, width = picture.shape[:2]
    x, y = pixels[:, 0] - 0.5, pixels[:, 1] - 0.5
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    i, j = x.astype(int), y.astype(int)
    u, v = (x - i)[:, None], (y - j)[:, None]
    out = (
        (1 - u) * (1 - v) * picture[j, i]
        + u * (1 - v) * picture[j, i + 1]
        + (1 - u) * v * picture[j + 1, i]
        + u * v * picture[j + 1, i + 1]
    )
    return out, inside


def _mouth(shot: Shot, size: tuple[int, int], px_per_mm: float) -> NDArray[np.uint8]:
    """Mask (h, w) of the open mouth (teeth, tongue) with a margin; empty when it is closed."""
    mask = Image.new("L", size, 0)
    if shot.mouth_open:
        line = [(float(x), float(y)) for x, y in shot.pixels[INNER_LIPS]]
        pen = ImageDraw.Draw(mask)
        pen.polygon(line, fill=255)
        pen.line([*line, line[0]], fill=255, width=max(1, round(2 * MOUTH_MARGIN_MM * px_per_mm)))
    return np.asarray(mask)


def sample(shot: Shot, triangles: NDArray[np.integer]) -> tuple[Array, Array]:
    """Colours (n, 3) 0..255 that a photo gives the vertices, and their weights (n,) 0..1."""
    local = shot.camera.local(shot.vertices)
    px_per_mm = shot.camera.focal / float(np.median(local[:, 2]))
    weight = _visible(shot, triangles)
    pixels = shot.camera.project(shot.vertices)
    shown = weight > 0.0
    pixels[shown] = _warp(shot, pixels[shown], px_per_mm)
    h, w = shot.rgb.shape[:2]
    mouth = _mouth(shot, (w, h), px_per_mm)
    column = np.clip(pixels[:, 0].astype(int), 0, w - 1)
    row = np.clip(pixels[:, 1].astype(int), 0, h - 1)
    weight = weight * (mouth[row, column] == 0)
    factor = max(1, int(px_per_mm / SAMPLE_PX_PER_MM))
    picture = np.asarray(Image.fromarray(shot.rgb).reduce(factor), dtype=float)
    colours, inside = _bilinear(picture, pixels / factor)
    return colours, weight * inside


def _skin_tone(lab: Array, weight: Array, cheeks: Bool) -> tuple[Array, Array] | None:
    """Median and robust spread (3,) of the seen cheek skin; None when too little is seen."""
    sure = cheeks & (weight > 0.5)
    if sure.sum() < 50:
        return None
    middle = np.median(lab[sure], axis=0)
    spread = 1.4826 * np.median(np.abs(lab[sure] - middle), axis=0)
    return middle, np.maximum(spread, TONE_FLOOR)


def _only_skin(lab: Array, tone: tuple[Array, Array], exempt: Bool) -> Array:
    """0..1 per vertex: how far its colour may be skin. Hair, collars and background fade out."""
    distance = np.linalg.norm((lab - tone[0]) / (tone[1] * np.array([1.5, 1.0, 1.0])), axis=1)
    return np.where(exempt, 1.0, 1.0 - smoothstep(distance, *NOT_SKIN))


@dataclass(frozen=True)
class Canvas:
    """What the colours are painted on.

    triangles (m, 3); albedo (n, 3) uint8, shown where nothing is seen; mirror (n,). Masks (n,):
    paint, vertices that take colour from a photo; skin, those shifted to the skin's tone where
    hair (n,) in 0..1 is not painted on them; core, eyes, nose and mouth, which are taken as seen,
    whereas elsewhere only skin-toned samples count; cheeks, where the tone is read.
    """

    triangles: NDArray[np.integer]
    albedo: NDArray[np.uint8]
    mirror: NDArray[np.integer]
    paint: Bool
    skin: Bool
    hair: Array
    core: Bool
    cheeks: Bool


def _toned(canvas: Canvas, tone: Array, hair: Array | None) -> Array:
    """The albedo (n, 3) 0..255 shifted to the skin's tone and, where seen, the hair's."""
    lab = rgb2lab(canvas.albedo[None] / 255.0)[0]
    to_skin = tone - np.median(lab[canvas.cheeks], axis=0)
    to_hair = np.zeros(3) if hair is None else hair - np.median(lab[canvas.hair > 0.9], axis=0)
    share = canvas.hair[:, None]
    lab += np.where(canvas.skin[:, None], (1.0 - share) * to_skin + share * to_hair, 0.0)
    return np.clip(lab2rgb(lab[None])[0], 0.0, 1.0) * 255.0


def colours(shots: list[Shot], canvas: Canvas) -> NDArray[np.uint8]:
    """Vertex colours (n, 3) uint8 from all photos; the albedo where they show no skin at all."""
    n = len(canvas.albedo)
    graph = laplacian(canvas.triangles, n)
    degree = np.maximum(graph.diagonal(), 1.0)
    total, amount = np.zeros((n, 3)), np.zeros(n)
    tones, hairs = [], []
    for shot in shots:
        rgb, weight = sample(shot, canvas.triangles)
        lab = rgb2lab(rgb[None] / 255.0)[0]
        tone = _skin_tone(lab, weight, canvas.cheeks)
        if tone is None:
            continue
        tones.append(tone[0])
        hair = (canvas.hair > 0.9) & (weight > 0.5)
        if hair.sum() > 50:
            hairs.append(np.median(lab[hair], axis=0))
        weight = weight * canvas.paint * _only_skin(lab, tone, canvas.core)
        # Lower of a vertex and its neighbours' mean, twice: no seam where samples stop counting.
        for _ in range(2):
            weight = np.minimum(weight, weight - (graph @ weight) / degree)
        total += weight[:, None] ** 2 * rgb
        amount += weight**2
    if not tones:
        return canvas.albedo.copy()
    base = _toned(canvas, np.mean(tones, axis=0), np.mean(hairs, axis=0) if hairs else None)
    own = np.divide(total, amount[:, None], out=base.copy(), where=amount[:, None] > 1e-9)
    weight = np.sqrt(np.clip(amount, 0.0, 1.0))
    # Where this side is not seen but the other is, half of the other side's deviation counts.
    borrowed = MIRROR_TRUST * np.clip(weight[canvas.mirror] - weight, 0.0, 1.0)
    data = weight[:, None] * (own - base) + borrowed[:, None] * (own - base)[canvas.mirror]
    system = diags(weight + borrowed + DECAY) + STIFFNESS * graph
    spread = splu(system.tocsc()).solve(data)
    out = weight[:, None] * own + (1.0 - weight[:, None]) * (
        base + spread * (canvas.skin * (1.0 - canvas.hair))[:, None]
    )
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)
