"""The bundled examples: a public-domain portrait, and a synthetic aged head as a scan."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import numpy as np
import trimesh
from PIL import Image
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from threadlift.capturing import FaceSource, Progress
from threadlift.face.synthetic.person import synthetic_face, synthetic_scan
from threadlift.job import Job
from threadlift.pipeline import Run, plan_to_folder

Case = Literal["portrait", "jowl"]

#: Who the synthetic example is; her findings are in examples/consultation-jowl.yaml.
JOWL_AGE_YEARS = 63.0
JOWL_MM = 6.0
SCAN_NOISE_MM = 0.4


def portrait_file(folder: Path) -> Path:
    """The public-domain NASA portrait that ships with scikit-image, as a PNG in `folder`."""
    from skimage.data import astronaut

    path = folder / "portrait.png"
    Image.fromarray(np.asarray(astronaut())).save(path)
    return path


def jowl_scan_file(folder: Path, seed: int = 0) -> Path:
    """A noisy coloured scan of a synthetic aged head with jowls: PLY, mm, in no particular pose."""
    face = synthetic_face(seed=seed, age_years=JOWL_AGE_YEARS, sex="female", jowl_mm=JOWL_MM)
    points, triangles = synthetic_scan(face, noise_mm=SCAN_NOISE_MM, seed=seed, posed=False)
    nearest = KDTree(face.vertices).query(points)[1]
    pose = Rotation.from_euler("yxz", [25.0, -12.0, 8.0], degrees=True)
    scan = trimesh.Trimesh(
        pose.apply(points) + np.array([120.0, -40.0, 300.0]),
        triangles,
        process=False,
        vertex_colors=face.display_colors[nearest],
    )
    path = folder / "scan.ply"
    scan.export(str(path))
    return path


def run_demo(
    case: Case, folder: Path, *, work: Path, seed: int = 0, language: str = "en", progress: Progress
) -> Run:
    """Plan for a bundled example; `work` is a scratch folder for the input file."""
    name = "consultation.yaml" if case == "portrait" else "consultation-jowl.yaml"
    if case == "portrait":
        source = FaceSource(photo=portrait_file(work))
    else:
        source = FaceSource(scan=jowl_scan_file(work, seed))
    with as_file(files("threadlift") / "examples" / name) as consultation:
        job = Job(source, consultation, seed, language=language, progress=progress)
        return plan_to_folder(job, folder)
