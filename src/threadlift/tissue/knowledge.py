"""How much is known about one person's tissue: the joint spread of its coordinates.

Coordinates are standard normals before anything is measured: one for every sampled parameter
(`parameters.SAMPLED`) and one for every region (`regions.REGIONS`). What was measured makes their
joint spread smaller and ties them together; what the measurement says about their middle is in
the tissue itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.consultation import Consultation
from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.tissue.parameters import SAMPLED
from threadlift.tissue.regions import REGIONS, mirrored_regions

Array = NDArray[np.float64]

#: Names of the coordinates, in their order.
COORDINATES: tuple[str, ...] = (*SAMPLED, *(f"region_{name}" for name in REGIONS))


def elasticity_share() -> Array:
    """Share (28,) of each coordinate's spread that stays when the skin's elasticity is measured."""
    skin = np.array([name.startswith("skin_") for name in COORDINATES])
    return np.where(skin, value("risks.spread.measured_share"), 1.0)


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Spread about a tissue's own parameters.

    root (28,28): a draw of the coordinates is root @ (independent standard normals); its product
    with its transpose is their covariance. basis: what was measured, by name.
    """

    root: Array
    basis: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(COORDINATES)
        if self.root.shape != (n, n) or not np.isfinite(self.root).all():
            raise InputError(
                f"The spread of tissue coordinates has shape {self.root.shape} or holds NaN.",
                "Use Knowledge.of or the result of an identification.",
            )

    @classmethod
    def of(cls, consultation: Consultation | None) -> Knowledge:
        """What a consultation record leaves open: all of it, or a part of the skin's stiffness."""
        measured = consultation is not None and consultation.measurements.elasticity is not None
        share = elasticity_share() if measured else np.ones(len(COORDINATES))
        return cls(np.diag(share), ("elasticity",) if measured else ())

    @property
    def covariance(self) -> Array:
        """(28,28) of the coordinates."""
        return self.root @ self.root.T

    @property
    def sd(self) -> Array:
        """(28,) standard deviations; 1 where nothing is known."""
        return np.linalg.norm(self.root, axis=1)

    @property
    def symmetric(self) -> bool:
        """Whether a face and its mirror image are known equally well."""
        n = len(SAMPLED)
        order = np.r_[
            np.arange(n), n + mirrored_regions(np.arange(float(len(REGIONS)))).astype(int)
        ]
        c = self.covariance
        return bool(np.allclose(c, c[np.ix_(order, order)], atol=1e-9))

    def drawn(self, normals: Array) -> tuple[Array, Array]:
        """Coordinates (20,) of parameters and (8,) of regions from standard normals (28,)."""
        x = self.root @ np.asarray(normals, float)
        return x[: len(SAMPLED)], x[len(SAMPLED) :]
