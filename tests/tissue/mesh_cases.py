"""What several mesh tests build on."""

from dataclasses import dataclass

import numpy as np

from threadlift.face.template import template

MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Stack:
    """Thicknesses with a left-right symmetric pattern: thick cheeks, thin brow."""

    scale: float = 1.0

    def _map(self, low: float, high: float) -> np.ndarray:
        y = template().vertices[:, 1]
        return self.scale * (low + (high - low) * np.exp(-(((y + 40.0) / 40.0) ** 2)))

    @property
    def skin_mm(self) -> np.ndarray:
        return self._map(1.3, 1.8)

    @property
    def fat_mm(self) -> np.ndarray:
        return self._map(2.0, 6.0)

    @property
    def smas_mm(self) -> np.ndarray:
        return self._map(1.0, 1.5)

    @property
    def deep_mm(self) -> np.ndarray:
        return self._map(3.0, 9.0)
