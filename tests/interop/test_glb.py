"""`face.glb` is a valid binary glTF and comes back unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from threadlift.errors import InputError
from threadlift.interop import read_face_glb, write_face_glb


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, trimesh.Trimesh, np.ndarray]:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=90.0)
    shift = np.random.default_rng(0).normal(size=ball.vertices.shape)
    path = tmp_path / "face.glb"
    line = np.linspace([0.0, 0.0, 80.0], [30.0, 40.0, 60.0], 12)
    write_face_glb(
        path,
        vertices=np.asarray(ball.vertices),
        triangles=np.asarray(ball.faces),
        normals=np.asarray(ball.vertex_normals),
        colors=np.full((len(ball.vertices), 3), 200, np.uint8),
        displacement=shift,
        threads_mm=[line],
        extras={"kind": "synthetic"},
    )
    return path, ball, shift


def test_round_trip_keeps_millimetres(written) -> None:
    path, ball, shift = written
    model = read_face_glb(path)
    np.testing.assert_allclose(model.vertices, ball.vertices, atol=1e-4)
    np.testing.assert_allclose(model.displacement, shift, atol=1e-4)
    np.testing.assert_array_equal(model.triangles, ball.faces)
    assert model.colors is not None
    assert (model.colors == 200).all()
    assert model.extras == {"kind": "synthetic"}


def test_another_reader_opens_it_in_metres(written) -> None:
    path, ball, _ = written
    scene = trimesh.load(path, force="scene")
    assert set(scene.geometry) == {"face", "threads"}
    np.testing.assert_allclose(scene.geometry["face"].extents, ball.extents / 1000.0, rtol=1e-5)


def test_threads_lie_where_they_were_put(written) -> None:
    path, _, _ = written
    tubes = trimesh.load(path, force="scene").geometry["threads"]
    centre = tubes.vertices.mean(axis=0) * 1000.0
    np.testing.assert_allclose(centre, [15.0, 20.0, 70.0], atol=0.5)


@pytest.mark.parametrize("content", [b"", b"solid nothing", b"glTF" + b"\0" * 40])
def test_a_foreign_file_is_named_with_its_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "face.glb"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"face\.glb"):
        read_face_glb(path)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_face_glb(tmp_path / "absent.glb")
