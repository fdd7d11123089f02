"""How large the fitted face truly is: every cue for its size, whether they agree, and their mean.

A photo fixes shape only up to size. Cues are a pupil distance measured on the patient, a marker
of known side in the picture, the iris (nearly the same in all adults) and population averages.
Each gives a factor from the fitted face to millimetres with a relative standard deviation;
measured cues (the first two) are used alone where there are any, and they must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.evidence import parameter, value
from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.gaze import IRISES
from threadlift.face.photo.marker import Marker, distance_in_sides
from threadlift.graphics.raster import visibility

Array = NDArray[np.float64]

#: Cues that differ by more than this many of their joint standard deviations contradict.
CONTRADICTION_SD = 3.0


@dataclass(frozen=True)
class Cue:
    """One statement about size: factor from the fitted face to millimetres, its relative sd, what
    it rests on, and whether it was measured on this patient.
    """

    factor: float
    sd: float
    what: str
    measured: bool


@dataclass(frozen=True)
class Scale:
    """Factor to true size, its relative standard deviation, the statement for the reader, notes,
    and the factor of each cue by name relative to the one used.
    """

    factor: float
    sd: float
    statement: str
    notes: tuple[str, ...]
    numbers: dict[str, float]


def ipd_cue(ipd_mm: float, fitted_ipd: float, fitted_sd: float) -> Cue:
    """The pupil distance measured on the patient [mm] against that of the fitted face.

    fitted_sd: relative spread of the fitted distance against the size of the fitted face.
    """
    return Cue(
        ipd_mm / fitted_ipd,
        float(np.hypot(value("capture.ipd.measured") / ipd_mm, fitted_sd)),
        f"the measured interpupillary distance {ipd_mm:g} mm",
        True,
    )


def marker_cue(
    marker: Marker,
    side_mm: float,
    camera: PhotoCamera,
    shape: Array,
    triangles: NDArray,
    face_points: Array,
) -> Cue:
    """A marker of known side [mm]: on the skin, or held beside the face in its plane.

    shape (n, 3) the head as photographed, in the fit's own unit; face_points (k, 3) points that
    define the plane of the face. The distance of the marker in millimetres is known from its
    side, that of the skin under it (or of the face's plane) in the fit's unit from the camera:
    their ratio is the factor, in which an error of the focal length cancels.
    """
    depth, error = distance_in_sides(marker, camera)
    w, h = (int(v) for v in 2.0 * camera.principal)
    column, row = np.clip(marker.centre.astype(int), 0, [w - 1, h - 1])
    # Only a small window round the marker's middle is drawn.
    local = PhotoCamera(
        camera.rotation, camera.translation, camera.focal, camera.principal - [column - 2, row - 2]
    )
    behind = visibility(shape, triangles, local.for_picture((5, 5)))[0][2, 2]
    on_skin = bool(np.isfinite(behind))
    plane = float(np.median(camera.local(face_points)[:, 2]))
    at = float(behind) if on_skin else plane
    off = value("capture.marker.off_skin" if on_skin else "capture.marker.off_plane")
    sd = float(np.hypot(error, off / at))
    sd = float(np.hypot(sd, value("capture.marker.side_error")))
    where = "on the skin" if on_skin else "beside the face"
    return Cue(depth * side_mm / at, sd, f"a marker of {side_mm:g} mm {where}", True)


def iris_cue(pixels: Array, camera: PhotoCamera, eyes: Sequence[Array]) -> Cue | None:
    """The irises of a front photo, or None where they are too small to measure.

    pixels (478, 2) landmarks; eyes: centres (3,) of the right and the left eye in the fit's unit.
    The horizontal diameter counts, since lids cover the iris above and below.
    """
    widths, logs = [], []
    for rim, eye in zip(IRISES, eyes, strict=True):
        wide = float(np.linalg.norm(pixels[rim[1]] - pixels[rim[3]]))
        widths.append(wide)
        unit = float(camera.local(eye)[2]) / camera.focal  # fit's unit per px at the eye
        logs.append(np.log(value("capture.iris.adult") / (wide * unit)))
    width = float(np.mean(widths))
    if width < value("capture.iris.min_px"):
        return None
    size = parameter("capture.iris.adult")
    sd = np.hypot((size.sd or 0.0) / size.value, value("capture.iris.edge_px") / width)
    return Cue(float(np.exp(np.mean(logs))), float(sd), "the width of the irises", False)


def population_cues(fitted_ipd: float, fitted_breadth: float) -> list[Cue]:
    """Two breadths of the fitted face against those of adults."""
    pupils, breadth = parameter("capture.ipd.adult"), parameter("capture.bizygomatic.adult")
    wide = np.hypot((breadth.sd or 0.0) / breadth.value, value("capture.photo.bizygomatic_fit"))
    return [
        Cue(
            pupils.value / fitted_ipd,
            (pupils.sd or 0.0) / pupils.value,
            "population averages of pupil distance",
            False,
        ),
        Cue(breadth.value / fitted_breadth, float(wide), "and face breadth", False),
    ]


def combined(cues: Sequence[Cue]) -> tuple[float, float]:
    """Factor and relative sd of independent cues: their mean weighted by precision, in logs."""
    precision = np.array([1.0 / c.sd**2 for c in cues])
    logs = np.log([c.factor for c in cues])
    return float(np.exp(precision @ logs / precision.sum())), float(precision.sum() ** -0.5)


def apart(a: Cue, b: Cue) -> float:
    """How far two cues differ, in joint standard deviations (>= 0)."""
    return float(abs(np.log(a.factor / b.factor)) / np.hypot(a.sd, b.sd))


def scale_of(measured: Sequence[Cue], others: Sequence[Cue]) -> Scale:
    """The size that the cues agree on.

    Raises InputError when two measured cues contradict. A measured cue against the iris or the
    population is said in a note: people differ.
    """
    for i, a in enumerate(measured):
        for b in measured[:i]:
            if apart(a, b) > CONTRADICTION_SD:
                raise InputError(
                    f"The size of the face from {a.what} and from {b.what} differ by "
                    f"{100 * np.expm1(abs(np.log(a.factor / b.factor))):.0f} %.",
                    "Check the stated length in millimetres, and that the marker lies in the "
                    "plane of the face.",
                )
    used = list(measured) or list(others)
    factor, sd = combined(used)
    names = " and ".join(c.what for c in measured) or ", ".join(c.what for c in others)
    statement = f"scale from {names} (± {100 * sd:.{1 if measured else 0}f} %)"
    if not measured:
        statement += "; give a measured interpupillary distance or a marker for true size"
    notes = []
    whole = Cue(factor, sd, names, bool(measured))
    for cue in others if measured else ():
        if apart(whole, cue) > CONTRADICTION_SD:
            notes.append(
                f"the stated size makes the face {100 * (factor / cue.factor - 1):+.0f} % "
                f"against {cue.what.removeprefix('and ')}: check it"
            )
    numbers = {}
    for cue in (*measured, *others):
        key = next(k for k in ("marker", "interpupillary", "iris", "pupil", "breadth")
                   if k in cue.what)  # fmt: skip
        numbers[f"scale_{key}_percent"] = 100.0 * (cue.factor / factor - 1.0)
    return Scale(factor, sd, statement, tuple(notes), numbers)


def check_marker(marker_mm: float | None) -> None:
    """Raises InputError for a marker's side [mm] that cannot be meant."""
    if marker_mm is None:
        return
    side = parameter("capture.marker.side")
    low, high = side.low or 0.0, side.high or np.inf
    if not low <= marker_mm <= high:
        raise InputError(
            f"A marker with sides of {marker_mm:g} mm is outside {low:g} to {high:g} mm.",
            "Give the length of the black square's side in millimetres.",
        )
