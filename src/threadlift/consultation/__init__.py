"""The consultation: what was asked, measured and wished before anything is planned."""

from threadlift.consultation.findings import Finding, Missing, completeness, contraindications
from threadlift.consultation.load import load, parse
from threadlift.consultation.marked import MarkedPoint, MarkedStructure
from threadlift.consultation.measurements import Elasticity, Measurements
from threadlift.consultation.models import (
    Consultation,
    Contraindications,
    Excursion,
    Goals,
    History,
    Movement,
    Patient,
    Sag,
)
from threadlift.consultation.record import Measured
from threadlift.consultation.zones import (
    BILATERAL,
    MIDLINE,
    ZONES,
    base_name,
    expand,
    mirrored_zone,
    side_of,
)

__all__ = [
    "BILATERAL",
    "MIDLINE",
    "ZONES",
    "Consultation",
    "Contraindications",
    "Elasticity",
    "Excursion",
    "Finding",
    "Goals",
    "History",
    "MarkedPoint",
    "MarkedStructure",
    "Measured",
    "Measurements",
    "Missing",
    "Movement",
    "Patient",
    "Sag",
    "base_name",
    "completeness",
    "contraindications",
    "expand",
    "load",
    "mirrored_zone",
    "parse",
    "side_of",
]
