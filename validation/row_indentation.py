"""Indentation of soft tissue over bone, read as a modulus (WEI21, STM24)."""

from __future__ import annotations

import numpy as np

from threadlift import evidence
from threadlift.tissue.assembly import Solid
from threadlift.tissue.mesh import LayeredMesh
from validation.blocks import cheek, graded, homogeneous, quarter_disc, stack
from validation.held import Held
from validation.row import Experiment, Row, protocol
from validation.suction import symmetric_hold


def force(
    solid: Solid, mesh: LayeredMesh, radius_mm: float, depth_mm: float, *, linear: bool = False
) -> float:
    """Force [N] on a flat frictionless punch, over the whole disc (four quarters)."""
    hold = symmetric_hold(mesh)
    r = np.hypot(mesh.surface[:, 0], mesh.surface[:, 1])
    punch = np.flatnonzero(r <= radius_mm * (1.0 + 1e-6)) * mesh.nl
    hold[punch, 2] = True
    prescribed = np.zeros_like(mesh.points)
    prescribed[punch, 2] = -depth_mm
    held = Held(solid, hold)
    state = (held.linear if linear else held.solve)(prescribed=prescribed)
    return -4.0 * float(state.reaction[punch, 2].sum())


def modulus(radius: float) -> float:
    """Modulus [kPa] of the homogeneous layer of equal thickness that takes the same force."""
    depth = protocol("indentation.depth")
    radii = np.unique(
        np.concatenate(
            [
                radius - graded(0.0, radius, 0.4, 1.3)[:-1],
                graded(radius, protocol("cup.domain"), 0.4, 1.3),
            ]
        )
    )
    cells = {"skin": [1, 1, 1], "fat": [1, 1, 1, 1], "smas": [1], "deep": [1, 1.2, 1.2]}
    mesh = quarter_disc(radii, 6, *stack(cells))
    unit = force(homogeneous(mesh, 1.0), mesh, radius, depth, linear=True)
    return force(cheek(mesh), mesh, radius, depth) / unit


def run() -> Experiment:
    """The modulus at the assumed radius against both studies."""
    assumed = evidence.parameter("validation.protocol.indentation.radius")
    assert assumed.low is not None
    assert assumed.high is not None
    value, small, large = (modulus(r) for r in (assumed.value, assumed.low, assumed.high))
    note = (
        f"flat punch of {assumed.value:g} mm radius, 1 mm deep, 14.5 mm of tissue; radii of "
        f"{assumed.low:g} and {assumed.high:g} mm would give {small:.0f} and {large:.0f} kPa"
    )
    return Experiment(
        "row_indentation",
        "Indentation over bone",
        (
            Row(
                "indentation modulus, bilayer study",
                "indentation.modulus",
                value,
                "predicted",
                False,
                note,
                "The other study of the same cheek found four to five times as much, and that one "
                "is met; with skin that carries its measured pre-stress no indenter tried comes "
                "near this one, and its size, depth and assumed thickness are not known",
            ),
            Row(
                "indentation modulus of the cheek, ultrasound-gauged study",
                "indentation.modulus_stm",
                value,
                "predicted",
                False,
                note,
            ),
        ),
        "The two studies contradict each other by a factor of four to five, so no model can meet "
        "both. Certain: sites, number of people, moduli. Not found for either: shape and radius of "
        "the indenter, depth, and the contact model; for the first also the thickness that it "
        "assumed. Nothing was calibrated to it.",
    )
