"""Three photos of one person as a clinic would hand them in."""

import pytest

from threadlift.face.photo.fit_photos import fit_photos
from threadlift.face.synthetic.people import photo_set


@pytest.mark.slow
def test_a_head_far_from_the_first_guess_is_fitted_nevertheless(tmp_path):
    """Whole Gauss-Newton steps threw this person's camera through the head."""
    shots = photo_set(47)
    files = {role: tmp_path / f"{role}.jpg" for role in ("front", "left", "right")}
    for role, path in files.items():
        path.write_bytes(getattr(shots, role).jpeg)
    face = fit_photos(**files)
    assert face.capture.numbers["reprojection_percent_ipd"] < 4.0
    assert face.capture.numbers["camera_distance_mm"] > 300.0
