"""Gravity: directions of postures, superposition, the gravity-free rest shape."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.tissue import Tissue
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.gravity import POSTURES, gravity_direction, posture_change
from threadlift.tissue.relaxation import state_share

G = 9.81


@pytest.fixture(scope="module")
def block() -> Tissue:
    return Tissue(box_mesh(8, 8, size_mm=(60.0, 60.0)))


def linear(tissue: Tissue, load: np.ndarray) -> np.ndarray:
    return tissue.rest.solve(load.ravel()).reshape(-1, 3)


@pytest.mark.parametrize("posture", [p for p in POSTURES if p not in ("captured", "weightless")])
def test_gravity_is_a_unit_vector(posture):
    assert np.linalg.norm(gravity_direction(posture)) == pytest.approx(1.0)


@pytest.mark.parametrize("posture", [p for p in POSTURES if p != "captured"])
def test_staying_in_a_posture_changes_nothing(posture):
    assert posture_change(posture, posture) == pytest.approx(np.zeros(3))
    assert posture_change("captured", posture) == pytest.approx(np.zeros(3))


def test_directions_are_those_of_the_patient_frame():
    """With x to the left, y up and z forward, lying on the back turns gravity to the back."""
    assert gravity_direction("upright") == pytest.approx([0.0, -1.0, 0.0])
    assert gravity_direction("supine") == pytest.approx([0.0, 0.0, -1.0])
    assert gravity_direction("left_side") == pytest.approx([1.0, 0.0, 0.0])
    assert gravity_direction("right_side") == pytest.approx(-gravity_direction("left_side"))


@pytest.mark.parametrize(
    ("angle", "like"), [(0.0, "upright"), (90.0, "prone"), (180.0, "inverted")]
)
def test_bending_the_head_forward_passes_from_upright_to_face_down(angle, like):
    assert gravity_direction("head_forward", angle) == pytest.approx(gravity_direction(like))


def test_bent_head_hangs_forward_by_the_registered_angle():
    x, y, z = gravity_direction("head_forward")
    assert x == 0.0
    assert np.degrees(np.arctan2(z, -y)) == pytest.approx(45.0)


def test_weightless_takes_the_captured_gravity_away():
    assert posture_change("weightless") == pytest.approx([0.0, G, 0.0])
    assert posture_change("weightless", "supine") == pytest.approx([0.0, 0.0, G])
    assert posture_change("upright", "weightless") == pytest.approx(-posture_change("weightless"))


def test_postures_add_up():
    """From supine to prone is from supine to weightless and from there to prone."""
    way = posture_change("weightless", "supine") + posture_change("prone", "weightless")
    assert posture_change("prone", "supine") == pytest.approx(way)


def test_loads_are_weight_at_five_minute_stiffness(block):
    weight = np.sum(block.solid.geometry.volume * block.solid.materials.density) * 1e-9 * G
    left = state_share("composite", "posture")
    load = block.posture_load("weightless").sum(axis=0)
    assert load == pytest.approx([0.0, weight / left, 0.0], abs=1e-12)
    bent = block.posture_load("head_forward", forward_deg=90.0)
    assert bent == pytest.approx(block.posture_load("prone"), abs=1e-15)


def test_small_changes_of_posture_superpose(block):
    """The block hangs little enough that the sum of two answers is the answer to both."""
    loads = [1e-3 * block.posture_load(p) for p in ("supine", "left_side")]
    apart = sum(block.equilibrium([], loads=f, tolerance=1e-8).displacement for f in loads)
    together = block.equilibrium([], loads=loads[0] + loads[1], tolerance=1e-8).displacement
    scale = np.abs(together).max()
    assert scale > 0.0
    assert together == pytest.approx(apart, abs=5e-3 * scale)
    assert linear(block, loads[0] + loads[1]) == pytest.approx(together, abs=5e-3 * scale)


def test_gravity_free_shape_is_higher_and_gravity_brings_it_back(block):
    free = block.equilibrium([], posture="weightless")
    assert free.surface[:, 1].mean() > 0.05
    # Put back under the same gravity, the weightless face is the captured one.
    back = block.equilibrium(
        [],
        loads=block.posture_load("weightless") + block.posture_load("upright", "weightless"),
        start=free.displacement,
    )
    assert np.abs(back.displacement).max() < 1e-4


def test_unknown_postures_and_angles_are_refused(block):
    with pytest.raises(InputError, match="Unknown posture 'floating'"):
        posture_change("floating")
    with pytest.raises(InputError, match="Unknown posture"):
        block.posture_load("upright", captured="asleep")
    with pytest.raises(InputError, match="bend of the head"):
        gravity_direction("head_forward", float("nan"))
