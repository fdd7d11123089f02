"""A captured scan carries the evidence for its face: views, an error map, findings."""

import numpy as np
import pytest

from threadlift.face import Face
from threadlift.face.scan.captured import capture_scan
from threadlift.face.scan.read import make_scan
from threadlift.face.synthetic.scan import synthetic_scan


@pytest.mark.slow
def test_a_captured_scan_shows_where_it_was_seen_and_how_well():
    person = Face.synthetic(5, age_years=55)
    captured = capture_scan(make_scan(*synthetic_scan(person), source="five", units="mm"))
    face, error = captured.face, captured.error_mm
    assert error is not None
    known = np.isfinite(error)
    cheeks = (face.zones["malar_left"] + face.zones["malar_right"]) > 0.5
    assert known[cheeks].mean() > 0.9
    assert not known[~face.skin].any()
    assert error[known].mean() == pytest.approx(
        face.capture.numbers["surface_error_mean_mm"], abs=0.15
    )
    # The vertices that nothing was captured of are the ones that are least sure.
    assert face.sd_mm[face.skin & ~known].mean() > 2.0 * face.sd_mm[known].mean()
    assert [v.title for v in captured.views][1] == "scan, front"
    for view in captured.views:
        pixels, _ = view.camera.project(view.vertices[face.template.landmarks["pronasale"]])
        assert (pixels > 0).all()
        assert (pixels < np.array(view.rgb.shape[1::-1])).all()
    verdicts = {f.name: f.verdict for f in captured.findings}
    assert verdicts["surface_error"] == "good"
    assert "unusable" not in verdicts.values()
