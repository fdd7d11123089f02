"""Write docs/images/*.png from the folder of a `threadlift demo --case jowl` run.

    python tools/make_pictures.py jowl-output

Pictures in the documentation come from the synthetic head only.
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from threadlift.anatomy.structures import structures
from threadlift.reporting import figures, load_run
from threadlift.reporting.html import face_of

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


def picture(data_uri: str) -> np.ndarray:
    """The pixels of a data URI."""
    raw = base64.b64decode(data_uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(raw)))


def main() -> None:
    """Thread map and displacement side by side."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run = load_run(sys.argv[1])
    depths = [t["depth_mm"] for t in run.threads]
    maps = figures.thread_maps(run.model, run.paths_mm, depths, structures(face_of(run)))
    moved, top = figures.displacement_maps(run.model)
    row = np.concatenate([picture(maps[1]), picture(maps[2]), picture(moved[2])], axis=1)
    IMAGES.mkdir(parents=True, exist_ok=True)
    Image.fromarray(row).save(IMAGES / "overview.png", optimize=True)
    print(f"docs/images/overview.png (displacement scale 0 to {top:.1f} mm)")


if __name__ == "__main__":
    main()
