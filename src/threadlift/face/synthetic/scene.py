"""Head, hair, shirt, glasses and marker as meshes, lit, and the radiance of their surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.face import Face
from threadlift.face.synthetic.hair import Shell, coverage, hair_shell
from threadlift.face.synthetic.lighting import Illumination, illuminate
from threadlift.face.synthetic.look import Look
from threadlift.face.synthetic.noise import noise
from threadlift.face.synthetic.props import glasses, marker, marker_modules, shirt
from threadlift.face.synthetic.skin import Surface, eye_surface, skin_surface
from threadlift.face.template import Array, IntArray, template
from threadlift.graphics.camera import Camera
from threadlift.graphics.light import to_linear
from threadlift.graphics.raster import vertex_normals

SHINE, CORNEA = 28.0, 500.0
#: Hair this far inside its border casts a shadow [mm].
DENSE_HAIR_MM = 2.0
#: Numbers of the parts of a scene; eyeballs are told apart from the rest of the head.
HEAD, LEFT_EYE, RIGHT_EYE, SHIRT, GLASSES, MARKER = range(6)


@dataclass(frozen=True)
class Scene:
    """Solid parts as one mesh, the head first, and the hair as a layer over it.

    vertices (n, 3) [mm], triangles (m, 3), normals (n, 3), part (m,) number of each triangle,
    uv (n, 2) on the marker; light at the vertices; hair with its normals' light, or None.
    """

    vertices: Array
    triangles: IntArray
    normals: Array
    part: NDArray[np.int8]
    uv: Array
    light: Illumination
    hair: Shell | None
    hair_light: Illumination | None


def make_scene(face: Face, posed: Array, look: Look, room_to_head: Array) -> Scene:
    """The scene around a face whose vertices are `posed` (n, 3) [mm]."""
    t = template()
    eye_of = np.zeros(len(posed), dtype=np.int8)
    eye_of[t.eyes["left"]], eye_of[t.eyes["right"]] = LEFT_EYE, RIGHT_EYE
    pieces = [(SHIRT, shirt(face))]
    if look.glasses:
        pieces.append((GLASSES, glasses(face)))
    if look.marker_mm:
        pieces.append((MARKER, marker(face, look.marker_mm)))
    vertices, triangles = [posed], [face.triangles]
    normals, part = [vertex_normals(posed, face.triangles)], [eye_of[face.triangles[:, 0]]]
    uv = [np.zeros((len(posed), 2))]
    count = len(posed)
    for number, piece in pieces:
        triangles.append(piece.triangles + count)
        count += len(piece.vertices)
        vertices.append(piece.vertices)
        normals.append(vertex_normals(piece.vertices, piece.triangles))
        part.append(np.full(len(piece.triangles), number, dtype=np.int8))
        uv.append(np.zeros((len(piece.vertices), 2)) if piece.uv is None else piece.uv)
    v, tri, n = np.concatenate(vertices), np.concatenate(triangles), np.concatenate(normals)
    shell = hair_shell(face, posed, look.hair)
    points, faces, all_normals = v, tri, n
    if shell is not None:
        dense = shell.triangles[(shell.edge_mm[shell.triangles] > DENSE_HAIR_MM).all(axis=1)]
        points = np.concatenate([v, shell.vertices])
        faces = np.concatenate([tri, dense + len(v)])
        all_normals = np.concatenate([n, vertex_normals(shell.vertices, shell.triangles)])
    light = illuminate(points, faces, all_normals, look.light, room_to_head)
    return Scene(
        v,
        tri,
        n,
        np.concatenate(part),
        np.concatenate(uv),
        light.rows(slice(0, len(v))),
        shell,
        None if shell is None else light.rows(slice(len(v), None)),
    )


def solid_radiance(
    scene: Scene, look: Look, camera: Camera, ids: NDArray, bary: Array, target: Array
) -> Array:
    """Linear radiance (k, 3) of samples in triangles `ids` (k,) with weights `bary` (k, 3).

    target (3,): what the eyes look at [mm].
    """
    corners, part = scene.triangles[ids], scene.part[ids]
    point = np.einsum("kc,kcd->kd", bary, scene.vertices[corners])
    normal = _unit(np.einsum("kc,kcd->kd", bary, scene.normals[corners]))
    footprint = float(np.median(camera.project(point)[1])) / camera.focal
    albedo, bump = np.zeros((len(ids), 3)), np.zeros((len(ids), 3))
    gloss, shine = np.zeros(len(ids)), np.full(len(ids), SHINE)

    def put(rows: NDArray, surface: Surface) -> None:
        albedo[rows], gloss[rows], bump[rows] = surface.albedo, surface.gloss, surface.bump

    rows = np.flatnonzero(part == HEAD)
    put(rows, skin_surface(look.skin, corners[rows], bary[rows], footprint))
    for number, side in ((LEFT_EYE, "left"), (RIGHT_EYE, "right")):
        rows = np.flatnonzero(part == number)
        ball = scene.vertices[template().eyes[side]]
        centre = ball.mean(axis=0)
        radius = float(np.linalg.norm(ball - centre, axis=1).mean())
        gaze = apparent_gaze(target - centre, radius)
        put(rows, eye_surface(look.skin, point[rows], centre, gaze, 0.5 * look.iris_mm))
        shine[rows], normal[rows] = CORNEA, _unit(point[rows] - centre)
    rows = np.flatnonzero(part == SHIRT)
    weave = 0.10 * noise(point[rows], max(1.2, 1.5 * footprint), look.skin.seed + 110)
    folds = 0.25 * noise(point[rows], (26.0, 60.0, 26.0), look.skin.seed + 111)
    albedo[rows] = to_linear(np.array(look.shirt_rgb)) * np.exp(weave + folds)[:, None]
    rows = np.flatnonzero(part == GLASSES)
    albedo[rows], gloss[rows] = 0.03, 1.5
    rows = np.flatnonzero(part == MARKER)
    where = np.einsum("kc,kcd->kd", bary[rows], scene.uv[corners[rows]])
    modules = marker_modules()
    cell = np.clip((where * len(modules)).astype(int), 0, len(modules) - 1)
    albedo[rows] = np.where(modules[cell[:, 1], cell[:, 0]] > 127, 0.8, 0.03)[:, None]
    return _shaded(scene.light, camera, point, normal, corners, bary, albedo, gloss, bump, shine)


def apparent_gaze(toward: Array, radius_mm: float) -> Array:
    """Where (3,) the iris lies on an eyeball of that radius that looks along `toward` (3,).

    The template's eyeballs are larger than real ones. The iris is put where its distance from
    straight ahead is that of a real pupil (capture.eye.pupil_reach before the centre).
    """
    ahead = np.array([0.0, 0.0, 1.0])
    off = value("capture.eye.pupil_reach") / radius_mm * (_unit(toward) - ahead)
    return _unit(ahead + off)


def _shaded(
    lit: Illumination,
    camera: Camera,
    point: Array,
    normal: Array,
    corners: NDArray,
    bary: Array,
    albedo: Array,
    gloss: Array,
    bump: Array,
    shine: Array,
) -> Array:
    """Diffuse light, changed by bumps to first order, highlight of the lamp, sheen of the walls."""
    irradiance = np.einsum("kc,kcd->kd", bary, lit.irradiance[corners])
    turn = np.einsum("kc,kcd->kd", bary, lit.turn[corners])
    lamp = np.einsum("kc,kc->k", bary, lit.lamp[corners])
    tilted = _unit(normal - bump + np.einsum("kd,kd->k", bump, normal)[:, None] * normal)
    level = irradiance @ np.full(3, 1.0 / 3.0)
    change = np.einsum("kd,kd->k", turn, tilted - normal)
    irradiance *= np.clip(1.0 + change / np.maximum(level, 1e-6), 0.4, 1.8)[:, None]
    toward = _unit(camera.position - point)
    half = _unit(toward + lit.lamp_direction)
    cosine = np.clip(np.einsum("kd,kd->k", tilted, half), 0.0, 1.0)
    facing = np.clip(np.einsum("kd,kd->k", tilted, toward), 0.0, 1.0)
    fresnel = 0.04 + 0.5 * (1.0 - facing) ** 5
    highlight = 0.04 * (shine + 2.0) / 8.0 * cosine**shine * lamp * gloss
    sheen = 0.25 * np.minimum(gloss, 1.0) * fresnel
    return irradiance * (albedo + sheen[:, None]) + highlight[:, None] * lit.lamp_rgb


def hair_radiance(
    scene: Scene, look: Look, camera: Camera, ids: NDArray, bary: Array
) -> tuple[Array, Array]:
    """Coverage (k,) 0..1 and linear radiance (k, 3) of samples of the hair's triangles."""
    shell, lit = scene.hair, scene.hair_light
    if shell is None or lit is None or not len(ids):
        return np.zeros(len(ids)), np.zeros((len(ids), 3))
    corners = shell.triangles[ids]
    point = np.einsum("kc,kcd->kd", bary, shell.vertices[corners])
    footprint = float(np.median(camera.project(point)[1])) / camera.focal
    edge = np.einsum("kc,kc->k", bary, shell.edge_mm[corners])
    strands = np.einsum("kc,kcd->kd", bary, shell.strands[corners])
    flow = _unit(np.einsum("kc,kcd->kd", bary, shell.flow[corners]))
    share, bright = coverage(edge, strands, look.skin.seed + 100, footprint)
    half = _unit(_unit(camera.position - point) + lit.lamp_direction)
    # Kajiya and Kay: a fibre shines where it is square to the half vector.
    sine = np.sqrt(np.clip(1.0 - np.einsum("kd,kd->k", flow, half) ** 2, 0.0, 1.0))
    irradiance = np.einsum("kc,kcd->kd", bary, lit.irradiance[corners])
    lamp = np.einsum("kc,kc->k", bary, lit.lamp[corners])
    hair = to_linear(np.array(look.skin.hair_rgb)) * bright[:, None]
    gloss = (0.05 * sine**30.0 * lamp * bright**2)[:, None] * lit.lamp_rgb
    return share, hair * irradiance + gloss


def _unit(v: Array) -> Array:
    return v / np.sqrt(np.maximum(np.einsum("...d,...d->...", v, v), 1e-18))[..., None]
