"""What a capture of an expression gives, from a scan or a photograph."""

from __future__ import annotations

from dataclasses import dataclass

from threadlift.face.template import Array, Template


@dataclass(frozen=True)
class Fitted:
    """An expression as fitted to a capture.

    field (n, 3) [mm] from rest, patient frame; weights: of the units; sd_normal_mm,
    sd_along_mm: standard deviation of the field across the skin and along it (per direction), to
    which sd_share of the excursion adds (large movements are known less well); misfit: how badly
    what an expression cannot move fits (root mean square, in mm for a scan, in % of the pupils'
    distance for a photo).
    """

    field: Array
    weights: dict[str, float]
    sd_normal_mm: float
    sd_along_mm: float
    sd_share: float
    misfit: float


def unit_names(t: Template) -> tuple[str, ...]:
    """Units that shape the skin: the gaze turns the eyes, the tongue stays in the mouth."""
    return tuple(n for n in sorted(t.expressions) if not n.startswith(("eyeLook", "tongue")))
