"""An expression that was asked for is there, or the capture is refused with what to do."""

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.expression.composites import COMPOSITES
from threadlift.face.expression.plausible import refuse_other_expression, shown


@pytest.fixture(scope="module")
def face() -> Face:
    return Face.synthetic(1)


@pytest.mark.parametrize("asked", COMPOSITES)
def test_an_expression_is_told_from_rest_and_from_every_other(face, asked):
    for name, field in face.expressions.items():
        if name == asked:
            assert refuse_other_expression(face, asked, field, "a.jpg") > 0.0
        else:
            with pytest.raises(InputError, match=r"a\.jpg does not show .* patient"):
                refuse_other_expression(face, asked, field, "a.jpg")
    with pytest.raises(InputError, match="does not show"):
        refuse_other_expression(face, asked, np.zeros_like(face.vertices), "a.jpg")


@pytest.mark.parametrize("asked", COMPOSITES)
def test_what_no_face_can_do_is_refused(face, asked):
    with pytest.raises(InputError, match="same person"):
        refuse_other_expression(face, asked, 5.0 * face.expressions[asked], "a.jpg")


@pytest.mark.parametrize("asked", ["smile", "pucker", "eyes_closed"])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_weak_side_is_no_reason_to_refuse(face, asked, side):
    one_sided = face.expressions[asked] * (side * face.vertices[:, :1] > 0.0)
    whole = shown(face, asked, face.expressions[asked])
    assert refuse_other_expression(face, asked, one_sided, "a.jpg") == pytest.approx(whole, rel=0.1)
