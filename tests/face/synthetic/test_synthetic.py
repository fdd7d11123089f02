"""Synthetic people and scans: believable geometry with a known truth."""

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from threadlift.errors import InputError
from threadlift.face.face import vertex_normals
from threadlift.face.synthetic.person import synthetic_face, synthetic_scan, write_scan
from threadlift.face.template import template


def unfolded(face):
    """Share of skin triangles whose normal stays within a right angle of the template's."""
    t = template()

    def normal(v):
        p = v[t.skin_triangles]
        n = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
        return n / np.linalg.norm(n, axis=1, keepdims=True)

    return np.mean(np.einsum("ij,ij->i", normal(face.vertices), normal(t.vertices)) > 0.0)


@pytest.mark.parametrize("seed", range(6))
def test_random_people_are_whole(seed):
    face = synthetic_face(
        seed, age_years=25.0 + 10.0 * seed, weight=(-1) ** seed * 0.5, asymmetry=0.5
    )
    assert np.isfinite(face.vertices).all()
    assert unfolded(face) > 0.999
    assert 50.0 < face.ipd_mm < 75.0
    height = face.landmark("nasion")[1] - face.landmark("menton")[1]
    assert 95.0 < height < 145.0


def test_same_seed_same_bits_other_seed_other_person():
    a, b, c = synthetic_face(3), synthetic_face(3), synthetic_face(4)
    assert np.array_equal(a.vertices, b.vertices)
    assert np.abs(a.vertices - c.vertices).max() > 2.0


def test_without_asymmetry_the_face_is_symmetric():
    face = synthetic_face(8, age_years=66.0, asymmetry=0.0)
    np.testing.assert_allclose(face.mirrored().vertices, face.vertices, atol=1e-9)
    lopsided = synthetic_face(8, age_years=66.0, asymmetry=1.0)
    assert np.abs(lopsided.mirrored().vertices - lopsided.vertices)[template().skin].max() > 1.0


def test_the_jowl_drops_as_far_as_asked_and_hangs_over_the_border():
    smooth, heavy = (
        synthetic_face(1, age_years=60.0, asymmetry=0.0, jowl_mm=mm) for mm in (0.0, 6.0)
    )
    move = heavy.vertices - smooth.vertices
    weight = template().zones["jowl_left"] > 0.5
    assert 5.0 < np.linalg.norm(move[weight], axis=1).max() < 10.0
    assert move[weight, 1].mean() < -2.0
    sulcus = template().landmarks["prejowl_sulcus_L"]
    jowl = move[weight] @ heavy.normals[template().landmarks["jowl_point_L"]]
    assert move[sulcus] @ heavy.normals[sulcus] < jowl.max() - 1.5
    still = [template().landmarks[k] for k in ("nasion", "tragion_L", "trichion")]
    assert np.linalg.norm(move[still], axis=1).max() < 0.5


def test_jowls_grow_with_age_and_default_to_it():
    drops = [synthetic_face(1, age_years=a).capture.numbers["jowl_mm"] for a in (35, 55, 75)]
    assert drops[0] == 0.0
    assert drops[0] < drops[1] < drops[2]


def test_weight_fills_the_cheek():
    lean, heavy = (synthetic_face(2, weight=w) for w in (-1.0, 1.0))
    breadth = [f.landmark("midcheek_L")[0] - f.landmark("midcheek_R")[0] for f in (lean, heavy)]
    assert breadth[1] > breadth[0] + 2.0


@pytest.mark.parametrize(
    "bad",
    [
        {"age_years": 5},
        {"weight": 2},
        {"asymmetry": -0.1},
        {"jowl_mm": 40},
        {"sex": "f"},
        {"age_years": float("nan")},
    ],
)
def test_rejects_what_no_person_is(bad):
    with pytest.raises(InputError):
        synthetic_face(0, **bad)


@pytest.fixture(scope="module")
def person():
    return synthetic_face(3, age_years=62.0, jowl_mm=5.0)


def test_a_scan_without_noise_lies_on_the_face(person):
    points, triangles = synthetic_scan(person, noise_mm=0.0, seed=1, spacing_mm=3.0, posed=False)
    p = person.vertices[person.triangles]
    samples = np.concatenate([p.reshape(-1, 3), p.mean(axis=1)])
    assert cKDTree(samples).query(points)[0].max() < 6.0
    mesh = trimesh.Trimesh(person.vertices, person.triangles, process=False)
    some = points[:: max(len(points) // 40, 1)]
    distance = trimesh.proximity.closest_point_naive(mesh, some)[1]
    assert distance.max() < 1e-6
    assert triangles.min() == 0
    assert triangles.max() == len(points) - 1


def test_scan_noise_is_as_large_as_asked(person):
    clean, _ = synthetic_scan(person, 0.0, 2, 3.0, posed=False)
    noisy, _ = synthetic_scan(person, 0.5, 2, 3.0, posed=False)
    error = np.linalg.norm(noisy - clean, axis=1)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(0.5, rel=0.15)


def test_scan_has_its_own_topology_and_pose_and_is_reproducible(person):
    points, triangles = synthetic_scan(person, 0.4, 5, 3.0)
    again, _ = synthetic_scan(person, 0.4, 5, 3.0)
    other, _ = synthetic_scan(person, 0.4, 6, 3.0)
    assert np.array_equal(points, again)
    assert len(other) != len(points)
    assert np.isfinite(points).all()
    edges = np.linalg.norm(points[triangles[:, 0]] - points[triangles[:, 1]], axis=1)
    assert 2.0 < np.median(edges) < 4.5
    # Normals face outwards: the scan's own centre lies behind nearly all of them.
    normals = vertex_normals(points, triangles)
    centre = points.mean(axis=0)
    assert np.mean(np.einsum("ij,ij->i", normals, points - centre) > 0) > 0.75


@pytest.mark.parametrize("ending", ["ply", "obj", "stl"])
def test_scan_files_can_be_read_back(person, tmp_path, ending):
    scan = synthetic_scan(person, 0.4, 5, 4.0)
    mesh = trimesh.load(write_scan(scan, tmp_path / f"scan.{ending}"), process=False)
    assert len(mesh.faces) == len(scan[1])
    np.testing.assert_allclose(
        np.sort(mesh.bounds), np.sort([scan[0].min(0), scan[0].max(0)]), atol=1e-3
    )


def test_scan_parameters_are_checked(person):
    for bad in ({"noise_mm": -1.0}, {"spacing_mm": 0.1}):
        with pytest.raises(InputError):
            synthetic_scan(person, **bad)
