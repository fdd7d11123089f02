"""Marks: read as given, refused with a reason otherwise."""

import json

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.face.pair import posture_change, read_marks

TABLE = "name, x1, y1, z1, x2, y2, z2\na, 1, 2, 3, 4, 5, 6\nb, 0, 0, 0, 0, -3, 0\n"


def test_csv_and_json_and_mapping_say_the_same(tmp_path):
    as_csv, as_json = tmp_path / "m.csv", tmp_path / "m.json"
    as_csv.write_text(TABLE)
    data = {"a": [[1, 2, 3], [4, 5, 6]], "b": [[0, 0, 0], [0, -3, 0]]}
    as_json.write_text(json.dumps(data))
    for source in (as_csv, as_json, data):
        marks = read_marks(source)
        assert list(marks) == ["a", "b"]
        np.testing.assert_array_equal(marks["b"][1], [0.0, -3.0, 0.0])


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("m.csv", "name,x,y,z\na,1,2,3\n", "has the columns"),
        ("m.csv", TABLE + "a,1,2,3,4,5,6\n", "twice"),
        ("m.csv", "name,x1,y1,z1,x2,y2,z2\na,1,2,3,4,five,6\n", "not two points"),
        ("m.csv", "name,x1,y1,z1,x2,y2,z2\na,1,2,3\n", "not two points"),
        ("m.csv", "", "has the columns none"),
        ("m.json", "[1, 2]", "not a JSON object"),
        ("m.json", "{", "cannot be read"),
        ("m.json", '{"a": [[1,2,3],[4,5,6]], "a": [[1,2,3],[4,5,6]]}', "twice"),
        ("m.json", '{"a": [[1,2],[4,5,6]]}', "not two points"),
        ("m.json", '{"a": [[1,2,NaN],[4,5,6]]}', "not two points"),
    ],
)
def test_bad_marks_are_refused(tmp_path, name, text, reason):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=reason) as caught:
        read_marks(path)
    assert caught.value.remedy


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_marks(tmp_path / "none.csv")


def test_photographs_give_no_millimetres():
    with pytest.raises(InputError, match="photograph") as caught:
        posture_change("upright.jpg", "supine.jpg")
    assert "Scan" in caught.value.remedy
