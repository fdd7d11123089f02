"""Pre-stress of facial skin at rest (FLYNN18)."""

from __future__ import annotations

from threadlift.tissue.parameters import TissueParameters
from validation.row import Experiment, Row


def run() -> Experiment:
    """The in-plane stress of the skin in the captured state."""
    row = Row(
        "in-plane pre-stress of facial skin at rest",
        "prestress.mean",
        TissueParameters().prestress_kpa,
        "calibrated",
        True,
        "the pre-stretch was fitted to this row together with the suction rows",
    )
    return Experiment(
        "row_prestress",
        "Skin pre-stress",
        (row,),
        "Certain: the published range, lip to central cheek. Guessed: that one value stands for "
        "the whole face; the publication's skin model differs from this one, and its pre-stress "
        "is directional while the model's is equal in all directions.",
    )
