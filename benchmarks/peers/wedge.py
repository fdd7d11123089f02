"""The quadrature of the project's wedge on the unit prism: three triangle points, two levels."""

from __future__ import annotations

import numpy as np

_TRIANGLE = np.array([[1 / 6, 1 / 6], [2 / 3, 1 / 6], [1 / 6, 2 / 3]])
_GAUSS = 0.5 / np.sqrt(3.0)

#: Points (6,3) in [0, 1] and weights (6,), which sum to the prism's volume of 1/2.
POINTS = np.array([[*t, 0.5 + s * _GAUSS] for s in (-1.0, 1.0) for t in _TRIANGLE])
WEIGHTS = np.full(6, 1.0 / 12.0)
ELEMENT = "6-node wedge, mean dilatation"
