"""The tissue of a whole (synthetic, coarse) face: gravity, threads, symmetry, variation."""

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue
from threadlift.tissue.box_mesh import box_mesh


@pytest.fixture(scope="module")
def tissue() -> Tissue:
    return Tissue.of(Face.synthetic(seed=1), level="coarse")


def _mean(tissue: Tissue, surface: np.ndarray, zone: str) -> np.ndarray:
    weight = tissue.mesh.zone_weights[zone]
    return weight @ surface / weight.sum()


def _centre(tissue: Tissue, zone: str) -> np.ndarray:
    return _mean(tissue, tissue.mesh.surface, zone)


def _threads(tissue: Tissue, tension: float) -> list[Thread]:
    """From the temples to jowl and nasolabial fold, at the level of the SMAS."""
    out = []
    for side in ("left", "right"):
        for i, target in enumerate(("jowl", "nasolabial")):
            start, end = _centre(tissue, f"temple_{side}"), _centre(tissue, f"{target}_{side}")
            chord = np.linspace(start, end, 41)
            tri, bary, _ = tissue.mesh.locator.columns(chord)
            path, _, _ = tissue.mesh.point_at(tri, bary, np.full(41, 3.5))
            depth = np.linalg.norm(path - chord, axis=1)
            out.append(
                Thread(
                    id=f"{side}{i}",
                    side=side,
                    product="plla-3-0-cone",
                    technique="anchored",
                    entry_mm=path[0],
                    path_mm=path,
                    depth_mm=depth,
                    layer=("smas",) * 41,
                    tension_n=tension,
                )
            )
    return out


def test_lying_down_moves_the_cheek_up_and_back_by_less_than_two_millimetres(tissue):
    supine = tissue.equilibrium([], posture="supine")
    for side in ("left", "right"):
        cheek = _mean(tissue, supine.surface, f"buccal_{side}")
        assert 0.2 < cheek[1] < 2.0
        assert cheek[2] < 0.0
    temple = _mean(tissue, supine.surface, "temple_left")
    assert np.linalg.norm(temple) < np.linalg.norm(cheek)
    # The largest published shift is 7.6 mm.
    assert supine.max_displacement_mm < 7.6


def test_threads_lift_jowl_and_midface_on_both_sides_alike(tissue):
    result = tissue.equilibrium(_threads(tissue, 1.5))
    assert result.residual <= 1e-6
    assert result.min_jacobian > 0.0
    lift = {z: _mean(tissue, result.surface, z)[1] for z in ("jowl_left", "jowl_right")}
    assert 0.3 < lift["jowl_left"] < 6.0
    assert lift["jowl_left"] == pytest.approx(lift["jowl_right"], rel=0.1)
    assert _mean(tissue, result.surface, "chin")[1] < 0.5 * lift["jowl_left"]


def test_members_of_an_ensemble_share_the_topology_but_not_the_answer(tissue):
    member = tissue.varied(tissue.parameters.with_laxity(0.6))
    assert member.solid.pattern is tissue.solid.pattern
    assert member.mesh is tissue.mesh
    thread = _threads(tissue, 1.0)[:1]
    softer, nominal = (
        t.equilibrium(thread, tolerance=1e-3).max_displacement_mm for t in (member, tissue)
    )
    assert softer > nominal
    assert tissue.stack is not None
    thick = tissue.varied(stack=tissue.stack.scaled({"deep": 1.3}))
    assert thick.mesh is not tissue.mesh
    assert np.median(thick.mesh.sublayer_mm[:, 5] / tissue.mesh.sublayer_mm[:, 5]) > 1.1


def test_a_bare_mesh_has_no_layers_to_vary(tissue):
    bare = Tissue(box_mesh(2, 2))
    with pytest.raises(InputError, match="no face"):
        bare.varied(stack=tissue.stack)
