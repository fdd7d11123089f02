"""A strip of SMAS under the load of a facelift: stretch and creep (BARTON11)."""

from __future__ import annotations

from scipy.optimize import brentq

from threadlift import evidence
from threadlift.tissue.assembly import Solid
from validation.row import Experiment, Row, protocol
from validation.uniform import block_of, nominal_stress_kpa

_KPA_PER_MPA = 1e3
#: No tissue is looked for beyond this stretch.
_LARGEST = 40.0


def stretch_under(solid: Solid, stress_kpa: float) -> float:
    """Stretch of a strip under a nominal stress [kPa], along its stiffer in-plane axis."""
    return min(
        float(brentq(lambda x: nominal_stress_kpa(solid, axis, x) - stress_kpa, 1.0, _LARGEST))  # noqa: B023
        for axis in (0, 1)
    )


def run() -> Experiment:
    """Stretch at once and after the relaxation of the register."""
    area = protocol("smas.width") * protocol("layers.smas")
    stress = _KPA_PER_MPA * protocol("smas.load") / area
    smas = block_of("smas")
    at_once = stretch_under(smas, stress)
    # The register's relaxation scales the stiffness, i.e. divides the load.
    later = stretch_under(smas, stress / evidence.value("tissue.relaxation.g5min"))
    load = f"{protocol('smas.load'):g} N on {protocol('smas.width'):g} x {protocol('layers.smas'):g} mm"
    rows = (
        Row(
            "stretch of SMAS under the load of a facelift",
            "smas.stretch",
            at_once,
            "predicted",
            False,
            f"{load}; the register's modulus holds for the small strains of threads",
        ),
        Row(
            "creep of SMAS under the load of a facelift",
            "smas.creep",
            100.0 * (later / at_once - 1.0),
            "predicted",
            False,
            "gain of length over the loaded length",
        ),
    )
    return Experiment(
        "row_smas",
        "SMAS load and creep",
        rows,
        "Certain: intra-operative tension, burst load (55.7 N, by pressure), creep of 14 % outside "
        "the body. Guessed: the width of strip that carries the load, its thickness, how long the "
        "creep was watched, and that creep is meant relative to the loaded length.",
    )
