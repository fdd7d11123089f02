"""Held nodes: they stay exactly where they were captured, and no factor carries them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue
from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.corridor import corridor_nodes
from threadlift.tissue.linear_solver import factorise
from threadlift.tissue.materials import ElementMaterials
from threadlift.tissue.supports import Supports, held_nodes


@pytest.fixture(scope="module")
def block() -> Tissue:
    return Tissue(box_mesh(8, 8, size_mm=(60.0, 60.0)))


def _load(block: Tissue) -> np.ndarray:
    load = np.zeros_like(block.solid.points)
    load[:: block.mesh.nl, 1] = 1e-5 * block.mesh.nodal_area(0)
    return load


def test_bone_holds_the_base_beyond_the_transition_only():
    mesh = box_mesh(20, 20, size_mm=(100.0, 100.0))
    base = np.where(mesh.surface[:, 0] > 0.0, "bone", "buccal")
    held = held_nodes(mesh, base).reshape(-1, mesh.nl)
    assert not held[:, :-1].any()
    x = mesh.surface[:, 0]
    assert held[x > 25.0, -1].all()
    assert not held[x < 3.0, -1].any()
    assert held_nodes(mesh).sum() == mesh.columns


def test_held_nodes_stay_and_what_acts_on_them_moves_nothing(block):
    load, on_bone = _load(block), np.zeros_like(block.solid.points)
    on_bone[block.solid.held] = 3.0
    found = block.equilibrium([], loads=load, tolerance=1e-9)
    assert np.abs(found.displacement[block.solid.held]).max() == 0.0
    more = block.equilibrium([], loads=load + on_bone, tolerance=1e-9)
    assert np.array_equal(found.displacement, more.displacement)
    assert np.abs(block.rest.solve(on_bone.ravel())).max() == 0.0
    dofs = np.arange(block.ndof)
    assert np.abs(block.rest.basis(sp.csc_matrix(on_bone.reshape(-1, 1)), dofs)).max() == 0.0


def _thread_on_bone(block: Tissue, y_mm: float) -> Thread:
    """A thread through the lowest wedges, whose base nodes are held."""
    depth = float(-block.mesh.points[:, 2].min()) - 0.2
    path = np.stack([np.linspace(-20.0, 18.0, 20), np.full(20, y_mm), np.full(20, -depth)], axis=1)
    return Thread(
        id="deep",
        side="left",
        product="plla-3-0-cone",
        technique="anchored",
        entry_mm=path[0],
        path_mm=path,
        depth_mm=np.full(20, depth),
        layer=("deep",) * 20,
        tension_n=1.0,
    )


def test_a_thread_on_bone_and_the_corridor_around_it_reach_no_held_node(block):
    first, moved = _thread_on_bone(block, 1.0), _thread_on_bone(block, -2.0)
    cable, held = block.bonded(first), block.solid.held
    assert held[block.mesh.wedges[block.mesh.locate(first.path_mm)[0]]].any()
    assert not held[cable.embedding.indices // 3].any()
    assert not held[corridor_nodes(block.solid.pattern, [cable])].any()
    before = block.equilibrium([first], tolerance=1e-9)
    again = block.equilibrium([moved], tolerance=1e-9, start=before.displacement, recycle=True)
    fresh = block.equilibrium([moved], tolerance=1e-9)
    assert np.abs(again.displacement).max() > 0.0
    assert np.abs(again.displacement[held]).max() == 0.0
    assert again.displacement == pytest.approx(fresh.displacement, abs=1e-6)


def test_a_factor_of_the_captured_state_made_again_gives_the_same_bits(block):
    load = _load(block).ravel()
    rough, exact = block.rest.precondition(load), block.rest.solve(load)
    assert np.array_equal(block.rest.precondition(load), rough)
    assert np.array_equal(block.rest.solve(load), exact)


def test_held_nodes_are_the_limit_of_very_stiff_springs():
    mesh = box_mesh(6, 6, size_mm=(60.0, 60.0))
    count = len(mesh.points)
    held = held_nodes(mesh)
    materials = ElementMaterials.plain(
        np.full(len(mesh.wedges), 2e-3), bulk=np.full(len(mesh.wedges), 0.2)
    )
    rigid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(count), held=held))
    stiff = Solid(mesh.points, mesh.wedges, materials, Supports(1e6 * held))
    load = np.zeros(3 * count)
    load[1 :: 3 * mesh.nl] = 1e-3
    zero = np.zeros_like(mesh.points)
    a, b = (factorise(s.tangent(zero).csr()).solve(load) for s in (rigid, stiff))
    assert a == pytest.approx(b, abs=1e-6 * np.abs(b).max())


def test_the_factor_leaves_out_unknowns_that_stand_alone(block):
    factor = block.rest.factor
    assert len(factor.coupled) == 3 * int((~block.solid.held).sum())
    matrix = sp.csr_matrix(sp.block_diag([[[4.0]], [[2.0, 1.0], [1.0, 3.0]], [[5.0]]]))
    small = factorise(matrix)
    assert small.coupled.tolist() == [1, 2]
    assert small.solve(matrix @ np.arange(1.0, 5.0)) == pytest.approx(np.arange(1.0, 5.0))
