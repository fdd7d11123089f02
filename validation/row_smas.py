"""A strip of SMAS under the load of a facelift: stretch and creep (BARTON11)."""

from __future__ import annotations

from typing import cast

from scipy.optimize import brentq

from threadlift.tissue.relaxation import share
from validation.row import Experiment, Row, protocol
from validation.uniform import Sample, nominal_stress_kpa

_KPA_PER_MPA = 1e3
#: No tissue is looked for beyond this stretch.
_LARGEST = 40.0
# The fibres of the sample run along x.
_ALONG = 0


def stretch_under(sample: Sample, stress_kpa: float) -> float:
    """Stretch of a strip cut along the fibres under a nominal stress [kPa]."""

    def excess(stretch: float) -> float:
        return nominal_stress_kpa(sample, _ALONG, stretch) - stress_kpa

    return cast("float", brentq(excess, 1.0, _LARGEST))


def run() -> Experiment:
    """Stretch at once and after the relaxation of the register."""
    area = protocol("smas.width") * protocol("layers.smas")
    stress = _KPA_PER_MPA * protocol("smas.load") / area
    smas = Sample.of("smas")
    at_once = stretch_under(smas, stress)
    # Relaxation scales the stiffness, i.e. divides the load.
    later = stretch_under(smas, stress / float(share("smas", protocol("smas.watched"))))
    width, thickness = protocol("smas.width"), protocol("layers.smas")
    load = f"{protocol('smas.load'):g} N on {width:g} x {thickness:g} mm"
    rows = (
        Row(
            "stretch of SMAS under the load of a facelift",
            "smas.stretch",
            at_once,
            "predicted",
            False,
            f"{load}; along the fibres; moduli are those for the small strains of threads, "
            "stiffening an assumption",
        ),
        Row(
            "creep of SMAS under the load of a facelift",
            "smas.creep",
            100.0 * (later / at_once - 1.0),
            "calibrated",
            False,
            "gain of length over the loaded length; the relaxation of SMAS was set from this "
            "number as if the law were linear, and fibres that stiffen are not",
        ),
    )
    return Experiment(
        "row_smas",
        "SMAS load and creep",
        rows,
        "Certain: intra-operative tension, burst load (55.7 N, by pressure), creep of 14 % "
        "outside the body. Guessed: the width of strip that carries the load, its thickness, that "
        "it is cut along the fibres, how long the creep was watched, and that creep is meant "
        "relative to the loaded length.",
    )
