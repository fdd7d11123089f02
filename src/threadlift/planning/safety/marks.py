"""The landmarks that safety rules refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LIDS = ("exocanthion", "endocanthion", "palpebrale_inferius", "palpebrale_superius")


@dataclass(frozen=True)
class Marks:
    """Landmarks [mm] that rules refer to: tragus and zygion per side, mouth corners, lids."""

    tragus: dict[str, NDArray]
    arch: dict[str, NDArray]
    commissures: NDArray
    canthi: NDArray

    @classmethod
    def of(cls, face: Any) -> Marks:
        """From a face's landmarks."""
        return cls(
            {"left": face.landmark("tragus_L"), "right": face.landmark("tragus_R")},
            {"left": face.landmark("zygion_L"), "right": face.landmark("zygion_R")},
            np.array([face.landmark(f"cheilion_{s}") for s in "LR"]),
            np.array([face.landmark(f"{c}_{s}") for c in _LIDS for s in "LR"]),
        )
