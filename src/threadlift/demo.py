"""The bundled examples: a public-domain portrait, and a synthetic aged head as a scan."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from threadlift.face.synthetic import synthetic_face, synthetic_scan, write_scan
from threadlift.pipeline import FaceSource, Progress, Run, plan_to_folder

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
    """A noisy scan of a synthetic aged head with jowls, as a PLY in mm, in no particular pose."""
    face = synthetic_face(seed=seed, age_years=JOWL_AGE_YEARS, sex="female", jowl_mm=JOWL_MM)
    return write_scan(synthetic_scan(face, noise_mm=SCAN_NOISE_MM, seed=seed), folder / "scan.ply")


def run_demo(case: Case, folder: Path, *, work: Path, seed: int = 0, language: str = "en",
             progress: Progress) -> Run:
    """Plan for a bundled example; `work` is a scratch folder for the input file."""
    name = "consultation.yaml" if case == "portrait" else "consultation-jowl.yaml"
    if case == "portrait":
        source = FaceSource(photo=portrait_file(work))
    else:
        source = FaceSource(scan=jowl_scan_file(work, seed))
    with as_file(files("threadlift") / "examples" / name) as consultation:
        return plan_to_folder(source, consultation, folder, seed=seed, language=language,
                              progress=progress)
