"""`with_expression`: a face whose expression was captured instead of modelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.expression.composites import COMPOSITES
from threadlift.face.expression.fitted import Fitted
from threadlift.face.expression.from_photo import fit_photo_expression
from threadlift.face.expression.from_scan import fit_scan_expression
from threadlift.face.expression.plausible import refuse_other_expression
from threadlift.face.face import Face
from threadlift.face.scan.read import FORMATS, Scan

Progress = Callable[[float, str], None]


def with_expression(
    face: Face,
    name: str,
    source: str | Path | Scan,
    *,
    rest: str | Path | None = None,
    units: str | None = None,
    progress: Progress | None = None,
) -> Face:
    """`face` with the expression `name` as a second capture shows it.

    name: smile, pucker, frown, jaw_open or eyes_closed. source: a scan (file or `Scan`) for a
    face from a scan; a frontal photo for any face. rest: frontal photo of the face at rest, which
    makes the excursion from a photo more certain. units: of a scan file. progress: called with
    the share done (0 to 1) and what is being done.

    Both sides are as captured: an asymmetric movement stays so. `capture.measured_expressions`
    names the expression; `capture.numbers` gains, after the expression's name, `_sd_normal_mm`,
    `_sd_along_mm` (spread of the displacement across and along the skin, per direction),
    `_sd_percent` (of the excursion, which adds to them) and `_misfit_mm` (scan) or
    `_misfit_percent` (photo) of what the expression leaves in place.
    Measured is what the surface and its landmarks show; how far skin slides along itself between
    landmarks is the units' guess.

    Raises InputError when the capture is unusable, does not show the expression, shows more than
    a face can do, or does not fit this person. A scan of another person is noticed when forehead
    and nose differ by more than two captures of one person do. A photo of another person mostly
    is not: the landmarks of strangers fit nearly as well (0.96 to 2.9 % against 1.0 to 1.8 % of
    the pupil distance in trials). Who is in the picture is for the clinic to know.
    """
    if name not in COMPOSITES:
        raise InputError(
            f"'{name}' is no expression that can be captured.",
            f"Use one of {', '.join(COMPOSITES)}.",
        )
    if isinstance(source, Scan):
        from_scan, label = True, source.source
    else:
        from_scan, label = Path(source).suffix.lower() in FORMATS, Path(source).name
    if from_scan:
        if face.kind == "photo":
            raise InputError(
                f"{label} is a scan, but the face at rest was taken from photos.",
                "Give a photo of the expression, or scan the face at rest too.",
            )
        fitted = fit_scan_expression(face, source, units=units, progress=progress or _silent)
        kind, unit = "scan", "mm"
    else:
        assert not isinstance(source, Scan)
        fitted = fit_photo_expression(face, source, rest=rest)
        kind, unit = "photo", "percent"
    limit = value(f"expression.{kind}.other_person")
    if fitted.misfit > limit:
        raise InputError(
            f"{label} does not fit this face: what '{name.replace('_', ' ')}' cannot move is off"
            f" by {fitted.misfit:.1f} {'mm' if from_scan else '% of the pupil distance'},"
            f" at most {limit:g} is usual.",
            "Check that both captures show the same person, with the face uncovered.",
        )
    refuse_other_expression(face, name, fitted.field, label)
    return _replaced(face, name, fitted, label, f"{name}_misfit_{unit}")


def _replaced(face: Face, name: str, fitted: Fitted, label: str, misfit: str) -> Face:
    if not np.isfinite(fitted.field).all():
        raise InputError(f"{label} could not be followed.", "Repeat the capture.")
    numbers = {k: v for k, v in face.capture.numbers.items() if not k.startswith(f"{name}_misfit")}
    numbers |= {
        f"{name}_sd_normal_mm": fitted.sd_normal_mm,
        f"{name}_sd_along_mm": fitted.sd_along_mm,
        f"{name}_sd_percent": 100.0 * fitted.sd_share,
        misfit: fitted.misfit,
    }
    measured = (*(n for n in face.capture.measured_expressions if n != name), name)
    note = f"the movement of '{name.replace('_', ' ')}' was captured ({label})"
    notes = (*(n for n in face.capture.notes if n != note), note)
    capture = replace(face.capture, numbers=numbers, notes=notes, measured_expressions=measured)
    return replace(face, capture=capture, expressions={**face.expressions, name: fitted.field})


def _silent(share: float, what: str) -> None:
    """Progress that nobody asked for."""
