"""What a turn of the head tells about one person's tissue: stiffness by region, with its doubt."""

from threadlift.identification.observed import Observations
from threadlift.identification.posterior import Identified, identify
from threadlift.identification.zone_stiffness import ZoneStiffness, zone_stiffness

__all__ = ["Identified", "Observations", "ZoneStiffness", "identify", "zone_stiffness"]
