"""From the files of a capture to a face, and to a folder that shows how good the capture is."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.captured import Captured
from threadlift.face.expression.with_expression import with_expression
from threadlift.face.pair import Displacement, FollowUp, follow_up, posture_change
from threadlift.face.photo.captured import capture_photos
from threadlift.face.scan.captured import capture_scan
from threadlift.interop import write_face_glb
from threadlift.interop.file_models import checked
from threadlift.planning import Violation
from threadlift.reporting.capture_page import write_capture_page
from threadlift.reporting.follow_up_page import write_follow_up_page
from threadlift.reporting.run_data import GLB
from threadlift.threads.thread import Thread

Array = NDArray[np.float64]

#: Called with the share of the whole run that is done (0 to 1) and what is being done.
Progress = Callable[[float, str], None]

CAPTURE, CAPTURE_PAGE = "capture.json", "capture.html"
FOLLOW_UP, FOLLOW_UP_PAGE = "follow_up.json", "follow_up.html"


def silent(fraction: float, message: str) -> None:
    """Progress for nobody."""


def within(progress: Progress, start: float, end: float) -> Progress:
    """Progress of a stage as a part of the whole run."""
    return lambda fraction, message: progress(start + fraction * (end - start), message)


@dataclass(frozen=True)
class FaceSource:
    """Where the face comes from: photographs or one scan (exactly one of the two).

    expressions: further captures (photo or scan) of the same person by expression name. supine:
    a scan of the same person lying down or with the head forward. marker_mm: side of a printed
    marker that is held beside the face in the photographs [mm].
    """

    photo: Path | None = None
    left: Path | None = None
    right: Path | None = None
    scan: Path | None = None
    units: str | None = None
    expressions: Mapping[str, Path] = field(default_factory=dict)
    supine: Path | None = None
    marker_mm: float | None = None

    def __post_init__(self) -> None:
        if (self.photo is None) == (self.scan is None):
            raise InputError(
                "A face comes either from --photo or from --scan; "
                + ("both were given." if self.photo else "neither was given."),
                "Give one of them.",
            )
        if self.scan is not None and (self.left or self.right):
            raise InputError(
                "--left and --right belong to --photo, not to --scan.", "Leave them out."
            )
        if self.scan is not None and self.marker_mm is not None:
            raise InputError("--marker belongs to --photo, not to --scan.", "Leave it out.")
        if self.photo is not None and self.units is not None:
            raise InputError("--units belongs to --scan, not to --photo.", "Leave it out.")
        if self.photo is not None and self.supine is not None:
            raise InputError(
                "--supine needs two scans: between photographs a movement of millimetres cannot "
                "be told from the error of the fit.",
                "Scan the patient upright and lying, or leave --supine out.",
            )

    @property
    def files(self) -> list[Path]:
        """The files that this face is made of."""
        own = (self.photo, self.left, self.right, self.scan, self.supine)
        further = [self.expressions[name] for name in sorted(self.expressions)]
        return [p for p in own if p is not None] + further

    @property
    def options(self) -> dict[str, Any]:
        """What besides the content of the files decides the face, as plain data."""
        return {
            "roles": [
                name
                for name in ("photo", "left", "right", "scan", "supine")
                if getattr(self, name) is not None
            ],
            "expressions": sorted(self.expressions),
            "units": self.units,
            "marker_mm": self.marker_mm,
        }

    def _check_files(self) -> None:
        for path in self.files:
            if not path.is_file():
                raise InputError(f"{path} does not exist or is not a file.", "Check the path.")

    def capture(self, ipd_mm: float | None, progress: Progress = silent) -> Captured:
        """The face with the evidence for it. Raises InputError that names file and remedy."""
        self._check_files()
        share = 1.0 / (1.0 + len(self.expressions) + (self.supine is not None))
        first = within(progress, 0.0, share)
        if self.photo is not None:
            captured = capture_photos(
                self.photo,
                self.left,
                self.right,
                ipd_mm=ipd_mm,
                marker_mm=self.marker_mm,
                progress=first,
            )
        else:
            assert self.scan is not None
            captured = capture_scan(self.scan, units=self.units, progress=first)
        face = captured.face
        for k, (name, path) in enumerate(sorted(self.expressions.items()), start=1):
            progress(k * share, f"Expression: {name}")
            face = with_expression(face, name, path, rest=self.photo, units=self.units)
        return replace(captured, face=face)

    def load(self, ipd_mm: float | None, progress: Progress = silent) -> Face:
        """The face alone. Raises InputError that names file and remedy."""
        return self.capture(ipd_mm, progress).face

    def posture(self, progress: Progress = silent) -> Displacement | None:
        """Where the skin went between the scan and the supine one; None without one."""
        if self.supine is None or self.scan is None:
            return None
        return posture_change(self.scan, self.supine, units=self.units, progress=progress)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A staging folder beside `folder` that takes its place only when the block succeeds.

    A run that fails, is interrupted or is killed leaves `folder` as it was.
    """
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} exists and is not a folder.", "Choose another -o DIR.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}).", "Choose another -o DIR."
        ) from error
    try:
        yield staging
        staging.chmod(0o755)
        if folder.exists():
            for item in sorted(staging.iterdir()):
                item.replace(folder / item.name)
        else:
            staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write JSON that a person can read and a tool can compare."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def write_glb(
    face: Face,
    path: Path,
    displacement: Array | None,
    threads: Sequence[Thread] = (),
    violations: Sequence[Violation] = (),
) -> None:
    """Write `face.glb`: the face, its displacement (n, 3) [mm] as a morph target, the threads.

    Threads that violations name are drawn apart, in red.
    """
    named = {v.thread for v in violations}
    write_face_glb(
        path,
        vertices=face.vertices,
        triangles=face.triangles,
        normals=face.normals,
        colors=face.colors,
        displacement=displacement,
        threads_mm=[t.path_mm for t in threads if t.id not in named],
        unsafe_mm=[t.path_mm for t in threads if t.id in named],
        extras={
            "kind": face.kind,
            "unit": "m",
            "frame": "patient: x left, y up, z forward",
        },
    )


def capture_json(captured: Captured, posture: Displacement | None = None) -> dict[str, Any]:
    """`capture.json`: landmarks and zones with their spread, findings, the posture if any."""
    face = captured.face
    return {
        "schema": "threadlift.capture/1",
        "kind": face.kind,
        "capture": face.capture.to_json(),
        "findings": [f.to_json() for f in captured.findings],
        "landmarks": {
            name: {"at_mm": [round(float(x), 3) for x in at], "sd_mm": face.landmark_sd_mm[name]}
            for name, at in face.landmarks.items()
        },
        "zones": {
            zone: {"sd_mm": float(weight @ face.sd_mm / weight.sum())}
            for zone, weight in face.zones.items()
        },
        "posture": None if posture is None else posture.to_json(),
    }


def capture_to_folder(
    source: FaceSource,
    ipd_mm: float | None,
    folder: Path,
    *,
    language: str = "en",
    progress: Progress = silent,
) -> tuple[Captured, Displacement | None]:
    """`threadlift capture`: face.glb, face.npz, capture.json and capture.html."""
    with staged(folder) as staging:
        progress(0.0, "Reading the capture")
        end = 0.9 if source.supine is None else 0.5
        captured = source.capture(ipd_mm, within(progress, 0.0, end))
        posture = source.posture(within(progress, end, 0.9))
        progress(0.92, "Writing the page")
        face = captured.face
        write_glb(face, staging / GLB, None if posture is None else posture.mean_mm)
        face.save(staging / "face.npz")
        write_json(staging / CAPTURE, checked("capture", capture_json(captured, posture)))
        write_capture_page(captured, staging / CAPTURE_PAGE, language, posture)
    progress(1.0, "Done")
    return captured, posture


def follow_up_to_folder(
    before: Path,
    after: Path,
    folder: Path,
    *,
    days: float,
    marks: Path | None = None,
    units: str | None = None,
    same_axes: bool = True,
    language: str = "en",
    progress: Progress = silent,
) -> FollowUp:
    """`threadlift follow-up`: what changed between two scans, as follow_up.json and a page."""
    for path in (before, after, *([] if marks is None else [marks])):
        if not path.is_file():
            raise InputError(f"{path} does not exist or is not a file.", "Check the path.")
    with staged(folder) as staging:
        found = follow_up(
            before,
            after,
            days=days,
            marks=marks,
            units=units,
            same_axes=same_axes,
            progress=within(progress, 0.0, 0.95),
        )
        write_json(
            staging / FOLLOW_UP,
            checked("follow_up", {"schema": "threadlift.follow-up/1", **found.to_json()}),
        )
        write_follow_up_page(found, staging / FOLLOW_UP_PAGE, language)
    progress(1.0, "Done")
    return found
