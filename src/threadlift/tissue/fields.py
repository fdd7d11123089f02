"""What varies over a face under its columns: directions of fibres, and what the layers are made of.

Directions are kept as tensors (line times itself), because lines have no sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.deep_spaces import deep_space, glide
from threadlift.anatomy.mobility import mobility
from threadlift.anatomy.smas_fibres import smas_fibres, upper_smas
from threadlift.anatomy.tension_lines import tension_lines
from threadlift.tissue.mesh import LayeredMesh

if TYPE_CHECKING:
    from threadlift.face import Face

Array = NDArray[np.float64]

#: Zones that make up the mobile cheek, over which the deep layer keeps its calibrated compliance.
CHEEK = ("infraorbital", "malar", "nasolabial", "buccal", "marionette", "jowl")


@dataclass(frozen=True)
class Fields:
    """Maps over the V columns of a mesh; None: the same everywhere.

    Attributes
    ----------
    fixed: (V,) 0..1, how far the SMAS is fixed to what lies below (None: nowhere).
    skin_lines, smas_lines: (V,3,3) tension lines of the skin and fibres of the SMAS as tensors
    (None: no direction is preferred).
    smas_upper: (V,) 0..1, share of the stiffer upper SMAS (None: the mean of both).
    glide, muscle: (V,) 0..1, glide space under the SMAS, mimetic muscle below (None: neither).
    cheek: (V,) 0..1, where the mean compliance of the deep layer is kept (None: everywhere).
    """

    fixed: Array | None = None
    skin_lines: Array | None = None
    smas_lines: Array | None = None
    smas_upper: Array | None = None
    glide: Array | None = None
    muscle: Array | None = None
    cheek: Array | None = None

    @classmethod
    def of(cls, mesh: LayeredMesh, face: Face, age_years: float | None = None) -> Fields:
        """The fields of a face under the columns of its mesh; the cheek's lines turn with age."""
        zones = [
            mesh.zone_weights[key]
            for name in CHEEK
            for key in (f"{name}_left", f"{name}_right")
            if key in mesh.zone_weights
        ]
        return cls(
            fixed=1.0 - np.clip(mesh.sample(mobility(face)), 0.0, 1.0),
            skin_lines=_tensors(mesh, tension_lines(face, age_years)),
            smas_lines=_tensors(mesh, smas_fibres(face)),
            smas_upper=np.clip(mesh.sample(upper_smas(face)), 0.0, 1.0),
            glide=np.clip(mesh.sample(glide(face)), 0.0, 1.0),
            muscle=np.clip(mesh.sample(deep_space("mimetic", face)), 0.0, 1.0),
            cheek=np.max(zones, axis=0) if zones else None,
        )


def _tensors(mesh: LayeredMesh, lines: Array) -> Array:
    return mesh.sample(lines[:, :, None] * lines[:, None, :])
