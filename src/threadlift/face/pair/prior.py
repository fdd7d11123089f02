"""What is known of a movement before either scan is looked at.

Normal and tangential parts are independent: geometry sees the first and hardly ever the second,
and a prior that ties them together passes an assumption off as an observation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.scan.stable import stable_weight
from threadlift.face.template import Array, template

#: Correlation lengths [mm] of the Matérn-5/2 covariance and their shares of the variance. Contour
#: changes are as narrow as a fold; skin, being stiff in its plane, slides in larger pieces.
NORMAL_SCALES = ((9.0, 0.4), (24.0, 0.6))
TANGENTIAL_SCALES = ((14.0, 0.35), (32.0, 0.65))


@dataclass(frozen=True)
class Spread:
    """Standard deviation [mm] per template vertex: along the normal (n,), and along each of two
    directions in the skin (n,).
    """

    normal: Array
    tangential: Array


@cache
def spread() -> Spread:
    """Prior spread on the template."""
    t = template()
    y = t.vertices[:, 1]
    mark = {name: float(t.vertices[i][1]) for name, i in t.landmarks.items()}
    heights = [mark["sublabiale"], mark["alare_L"], mark["orbitale_L"], mark["brow_mid_L"]]
    levels = [value(f"pair.prior.{k}") for k in ("lower", "middle", "upper", "upper")]
    free = np.interp(y, heights, levels)
    stable, firm = stable_weight(), value("pair.prior.stable")
    normal = np.minimum(value("pair.prior.normal"), free)
    return Spread(firm * stable + normal * (1.0 - stable), firm * stable + free * (1.0 - stable))


def matern(distance: NDArray[Any], scales: tuple[tuple[float, float], ...]) -> Array:
    """Mixture of Matérn-5/2 correlations at distances of any shape [mm]."""
    out = np.zeros(np.shape(distance))
    for length, share in scales:
        r = np.sqrt(5.0) * distance / length
        out += share * (1.0 + r + r * r / 3.0) * np.exp(-r)
    return out
