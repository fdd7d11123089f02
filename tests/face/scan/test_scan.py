"""A scan with a known truth: accuracy, invariance, honesty about what was not seen."""

from dataclasses import dataclass

import numpy as np
import pytest
import trimesh

from threadlift.errors import InputError
from threadlift.face.closest import SurfaceIndex
from threadlift.face.expression.composites import COMPOSITES
from threadlift.face.face import Face
from threadlift.face.scan.clean import intrinsic_frame
from threadlift.face.scan.fit_scan import fit_scan
from threadlift.face.scan.model import face_region, scan_trust
from threadlift.face.scan.read import make_scan
from threadlift.face.synthetic.scan import synthetic_scan
from threadlift.face.template import template
from threadlift.frames import MIRROR, fit_similarity, patient_frame

NOISE_MM = 0.4


@dataclass(frozen=True)
class Trial:
    truth: Face
    vertices: np.ndarray  # noisy scan in the truth's patient frame
    triangles: np.ndarray
    fitted: Face
    told: list  # what the progress callback heard


def turn(seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


@pytest.fixture(scope="module")
def trial():
    truth = Face.synthetic(1, age_years=52, asymmetry=0.5)
    vertices, triangles = synthetic_scan(truth, noise_mm=NOISE_MM, seed=1, posed=False)
    told = []
    fitted = fit_scan(
        make_scan(0.1 * (vertices @ turn(7).T + [90.0, -30.0, 400.0]), triangles),
        progress=lambda share, what: told.append((share, what)),
    )
    return Trial(truth, vertices, triangles, fitted, told)


def region():
    return face_region(template())


def test_surface_is_followed_within_half_a_millimetre(trial):
    numbers = trial.fitted.capture.numbers
    assert numbers["surface_error_mean_mm"] <= 0.5
    assert numbers["surface_error_p95_mm"] <= 1.5
    assert numbers["matched_fraction"] > 0.75
    assert numbers["identity_deviation_sd"] < 1.2
    assert trial.fitted.kind == "scan"


def test_registered_surface_is_nearer_to_the_true_face_than_the_noise(trial):
    face = region()
    # Only the frame of the result is unknown here; tracking it by the scan is exact.
    back = fit_similarity(trial.fitted.vertices[face], trial.truth.vertices[face])
    seen = face & (trial.fitted.sd_mm < 0.6)
    surface = SurfaceIndex(trial.truth.vertices, trial.truth.triangles)
    error = surface.closest(back.apply(trial.fitted.vertices)[seen]).distance
    assert error.mean() < 0.75 * NOISE_MM
    assert np.percentile(error, 95) < 1.0


def test_frame_and_landmarks_are_those_of_the_person(trial):
    fitted, truth = trial.fitted, trial.truth
    frame = patient_frame(
        *(fitted.landmark(k) for k in ("tragion_L", "tragion_R", "orbitale_L", "orbitale_R"))
    )
    assert np.allclose(frame.rotation, np.eye(3), atol=1e-9)
    assert np.allclose(frame.translation, 0.0, atol=1e-9)
    for name in (
        "exocanthion_L",
        "exocanthion_R",
        "cheilion_L",
        "cheilion_R",
        "pronasale",
        "menton",
    ):
        assert np.linalg.norm(fitted.landmark(name) - truth.landmark(name)) < 4.0, name
    for zone in ("malar_left", "jowl_right", "nasolabial_left", "chin"):
        weight = template().zones[zone]
        miss = np.linalg.norm(fitted.vertices - truth.vertices, axis=1)
        assert np.average(miss, weights=weight) < 3.0, zone
    assert fitted.ipd_mm == pytest.approx(truth.ipd_mm, abs=2.5)


def test_progress_is_told_from_nothing_to_everything(trial):
    shares = [share for share, _ in trial.told]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert all(what for _, what in trial.told)


def test_units_are_found_and_told(trial):
    assert "cm" in trial.fitted.capture.scale
    assert trial.fitted.capture.numbers["ipd_mm"] == pytest.approx(trial.truth.ipd_mm, abs=4.0)


def test_spread_grows_where_the_scan_ends(trial):
    sd, face = trial.fitted.sd_mm, region()
    back_of_head = trial.truth.vertices[:, 2] < -70.0
    assert np.median(sd[face]) < NOISE_MM
    assert np.median(sd[back_of_head]) > 5.0 * np.median(sd[face])


def test_expressions_come_along(trial):
    assert set(trial.fitted.expressions) == set(COMPOSITES)
    assert trial.fitted.colors is None


def difference(one, other):
    """(mean, p95) distance [mm] of two faces over the visible face, same vertex to same vertex."""
    gap = np.linalg.norm(one.vertices - other.vertices, axis=1)[region() & (one.sd_mm < 0.6)]
    return gap.mean(), np.percentile(gap, 95)


@pytest.mark.slow
def test_same_scan_same_bits(trial):
    again = fit_scan(
        make_scan(0.1 * (trial.vertices @ turn(7).T + [90.0, -30.0, 400.0]), trial.triangles)
    )
    assert np.array_equal(again.vertices, trial.fitted.vertices)
    assert again.capture == trial.fitted.capture


@pytest.mark.slow
@pytest.mark.parametrize(("units", "factor", "seed"), [("mm", 1.0, 3), ("m", 0.001, 4)])
def test_pose_and_unit_of_the_file_do_not_matter(trial, tmp_path, units, factor, seed):
    path = tmp_path / "scan.ply"
    trimesh.Trimesh(
        factor * (trial.vertices @ turn(seed).T - [10.0, 700.0, 5.0]),
        trial.triangles,
        process=False,
    ).export(path)
    other = Face.from_scan(path, units=units if units == "m" else None)
    mean, p95 = difference(trial.fitted, other)
    # The file holds single precision: a few pixels of what the landmark network sees differ.
    assert mean < 0.1
    assert p95 < 0.3


def test_the_frame_of_a_scan_turns_with_it(trial):
    """Centroid and principal axes: the same coordinates whatever the pose."""
    here = intrinsic_frame(trial.vertices).apply(trial.vertices)
    turned = trial.vertices @ turn(11).T + [100.0, -900.0, 33.0]
    there = intrinsic_frame(turned).apply(turned)
    assert np.allclose(here, there, atol=1e-9)


@pytest.mark.slow
def test_an_open_mouth_is_followed(trial):
    """The lower jaw 0.4 open: skin points of lip and chin stay with their skin."""
    t = template()
    unit = t.fine(t.expressions["jawOpen"])
    truth = Face.in_frame(
        trial.truth.vertices + 0.4 * unit,
        sd_mm=0.0,
        kind="synthetic",
        capture=trial.truth.capture,
        expressions={},
    )
    fitted = fit_scan(make_scan(*synthetic_scan(truth, noise_mm=0.3, seed=2)))
    assert any("mouth seems to be open" in note for note in fitted.capture.notes)
    back = fit_similarity(fitted.vertices[region()], truth.vertices[region()])
    miss = np.linalg.norm(back.apply(fitted.vertices) - truth.vertices, axis=1)
    assert np.average(miss, weights=t.zones["chin"]) < 2.0


@pytest.mark.slow
def test_five_thousand_triangles_are_enough(trial):
    vertices, triangles = synthetic_scan(trial.truth, noise_mm=0.2, seed=3, spacing_mm=4.9)
    assert 4000 < len(triangles) < 8000
    fitted = fit_scan(make_scan(vertices, triangles))
    assert fitted.capture.numbers["surface_error_mean_mm"] < 0.5
    back = fit_similarity(fitted.vertices[region()], trial.truth.vertices[region()])
    surface = SurfaceIndex(trial.truth.vertices, trial.truth.triangles)
    assert surface.closest(back.apply(fitted.vertices)[region()]).distance.mean() < 0.6


def test_spread_holds_across_and_along_the_skin(trial):
    """About nine in ten skin points lie within their 90 % interval, in both directions."""
    face, truth, fitted = region(), trial.truth, trial.fitted
    back = fit_similarity(fitted.vertices[face], truth.vertices[face])
    miss = (back.apply(fitted.vertices) - truth.vertices)[face]
    hit = SurfaceIndex(truth.vertices, truth.triangles).closest(back.apply(fitted.vertices)[face])
    across = np.mean(hit.distance < 1.645 * fitted.sd_mm[face])
    normal = truth.normals[face]
    along = np.linalg.norm(miss - np.sum(miss * normal, axis=1)[:, None] * normal, axis=1)
    # 2.146: 90 % of a two-dimensional Gaussian lie within so many standard deviations.
    covered = np.mean(along < 2.146 * fitted.sd_tangential_mm[face])
    assert 0.8 < across < 0.99
    assert 0.8 < covered < 0.995
    assert (fitted.sd_tangential_mm >= fitted.sd_mm).all()


@pytest.mark.slow
def test_mirrored_scan_gives_the_mirrored_face(trial):
    other = fit_scan(make_scan(trial.vertices * MIRROR, trial.triangles[:, ::-1]))
    mean, p95 = difference(trial.fitted, other.mirrored())
    assert mean < 0.25
    assert p95 < 0.6


@pytest.mark.slow
def test_inside_out_and_partly_flipped_scans_are_mended(trial):
    triangles = trial.triangles.copy()
    chosen = np.random.default_rng(0).random(len(triangles)) < 0.3
    triangles[chosen] = triangles[chosen][:, ::-1]
    for wound in (trial.triangles[:, ::-1], triangles):
        mean, _ = difference(trial.fitted, fit_scan(make_scan(trial.vertices, wound)))
        assert mean < 0.3


@pytest.mark.slow
def test_colours_are_taken_from_the_scan(trial):
    shade = np.where(trial.vertices[:, :1] > 0.0, [[200, 120, 100]], [[215, 165, 140]])
    fitted = fit_scan(make_scan(trial.vertices, trial.triangles, shade.astype(np.uint8)))
    assert fitted.colors is not None
    cheek = fitted.template.zones["malar_left"] > 0.9, fitted.template.zones["malar_right"] > 0.9
    assert np.allclose(np.median(fitted.colors[cheek[0]], axis=0), [200, 120, 100], atol=2)
    assert np.allclose(np.median(fitted.colors[cheek[1]], axis=0), [215, 165, 140], atol=2)


def test_a_scan_without_a_face_is_refused():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=100.0)
    with pytest.raises(InputError, match="no face was found"):
        fit_scan(make_scan(ball.vertices, ball.faces))


@pytest.mark.slow
def test_a_flattened_head_is_refused_as_no_person(trial):
    """What the network takes for a face need not be one."""
    flat = trial.vertices * [1.0, 1.0, 0.35]
    with pytest.raises(InputError, match="proportions that no person has") as caught:
        fit_scan(make_scan(flat, trial.triangles))
    assert "undistorted" in caught.value.remedy


def test_a_giant_is_refused_with_the_size_found(trial):
    with pytest.raises(InputError, match=r"pupils would be about 1\d\d mm apart") as caught:
        fit_scan(make_scan(2.0 * trial.vertices, trial.triangles, units="mm"))
    assert "units=" in caught.value.remedy


def test_trust_is_for_skin_of_the_face():
    t = template()
    trust = scan_trust(t)
    assert ((trust >= 0) & (trust <= 1)).all()
    assert (trust[~t.skin] == 0).all()
    assert np.allclose(trust, trust[t.mirror], atol=1e-6)
    for zone in ("malar_left", "jowl_left", "chin", "nasolabial_right"):
        assert np.average(trust, weights=t.zones[zone]) > 0.9, zone
    assert trust[t.landmarks["tragus_L"]] < 0.3
    assert trust[int(np.argmin(t.vertices[:, 2]))] < 0.3
