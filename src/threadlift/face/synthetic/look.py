"""Everything about a photo that is not shape, camera or expression."""

from __future__ import annotations

from dataclasses import dataclass, field

from threadlift.face.synthetic.hair import HairLook
from threadlift.face.synthetic.lens import Lens
from threadlift.face.synthetic.lighting import Lighting
from threadlift.face.synthetic.skin import SkinLook


@dataclass(frozen=True)
class Look:
    """Appearance of a person and a picture.

    iris_mm: visible diameter of the iris; marker_mm: edge of the marker's black square on the
    forehead, None for none; shirt_rgb, wall_rgb: sRGB. light is fixed to the room; the head turns
    in it.
    """

    skin: SkinLook = field(default_factory=SkinLook)
    hair: HairLook = field(default_factory=HairLook)
    light: Lighting = field(default_factory=Lighting)
    lens: Lens = field(default_factory=Lens)
    iris_mm: float = 11.7
    glasses: bool = False
    marker_mm: float | None = None
    shirt_rgb: tuple[int, int, int] = (70, 82, 98)
    wall_rgb: tuple[int, int, int] = (196, 194, 188)
