"""Cogs in tissue that gives way: where they slip and what they hold."""

from dataclasses import replace

import numpy as np
import pytest

from threadlift.evidence import value
from threadlift.face import Face
from threadlift.threads import Thread, product, tension_profile
from threadlift.tissue import LigamentLine, Tissue, TissueParameters
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.cables import CableSet

BOND, EA, HOLDING = 0.25, 96.5, 0.35
RESIDUAL, SLIP = value("threads.bond.residual"), value("threads.bond.slip")


def _thread(side: str = "left", tension: float = 1.0, name: str = "t", **changes) -> Thread:
    """A straight thread in the SMAS from the upper outer part of a block to its lower middle."""
    sign = 1.0 if side == "left" else -1.0
    path = np.linspace([sign * 30.0, 40.0, -6.0], [sign * 12.0, -35.0, -6.0], 32)
    thread = Thread(
        id=name, side=side, product="pdo-2-0-molded", technique="anchored", entry_mm=path[0],
        path_mm=path, depth_mm=np.full(32, 6.0), layer=("smas",) * 32, tension_n=tension,
    )  # fmt: skip
    return replace(thread, **changes)


@pytest.fixture(scope="module")
def block() -> Tissue:
    return Tissue(box_mesh(10, 10, size_mm=(90.0, 110.0)))


def _stiffer(factor: float) -> TissueParameters:
    p = TissueParameters()
    return replace(
        p,
        **{f"{layer}_mu_kpa": factor * getattr(p, f"{layer}_mu_kpa") for layer in
           ("skin", "fat", "smas", "deep")},
    )  # fmt: skip


def test_the_stiffer_the_tissue_the_nearer_to_the_rigid_profile(block):
    thread = _thread(tension=1.2)
    rigid = tension_profile(thread, product(thread.product), bed=block.bed(thread)).cogs.transfer_n
    apart = []
    for factor in (1.0, 30.0, 1000.0):
        tissue = block.varied(_stiffer(factor))
        (state,) = tissue.equilibrium([thread]).threads
        assert state.cogs is not None
        apart.append(np.abs(state.cogs.transfer_n - rigid).max() / rigid.max())
    assert apart[0] > 2.0 * apart[1] > 4.0 * apart[2]
    assert apart[2] < 0.01


def test_cogs_where_the_tissue_is_held_carry_more_and_those_in_loose_tissue_less():
    """A ligament across the far end of the thread holds the tissue there."""
    mesh = box_mesh(10, 10, size_mm=(90.0, 110.0))
    thread = _thread(tension=1.2)
    line = LigamentLine("row", np.array([[20.0, -30.0, 0.0], [6.0, -30.0, 0.0]]), 8.0, 1.5)
    loads, arcs = [], np.zeros(0)
    for ligaments in ((), (line,)):
        (state,) = Tissue(mesh, ligaments=ligaments).equilibrium([thread]).threads
        assert state.cogs is not None
        loads.append(state.cogs.transfer_n)
        arcs = state.cogs.arc_mm
    far = arcs > arcs[-1] - 15.0
    assert loads[1][far].sum() > 1.05 * loads[0][far].sum()
    assert loads[1].sum() == pytest.approx(loads[0].sum())


def test_mirror_images_slip_alike(block):
    pair = [_thread(side, 5.0, side) for side in ("left", "right")]
    result = block.equilibrium(pair, tolerance=1e-9)
    left, right = result.threads
    assert left.cogs is not None
    assert right.cogs is not None
    assert left.cogs.transfer_n == pytest.approx(right.cogs.transfer_n, abs=1e-6)
    assert left.cogs.slip_mm == pytest.approx(right.cogs.slip_mm, abs=1e-5)
    mirrored = result.surface[block.mesh.mirror] * [-1.0, 1.0, 1.0]
    assert mirrored == pytest.approx(result.surface, abs=1e-5)


def test_take_up_read_from_a_tension_gives_that_tension_back(block):
    thread = _thread(tension=1.5)
    by_tension = block.equilibrium([thread], tolerance=1e-9)
    takeup = by_tension.threads[0].takeup_mm
    by_takeup = block.equilibrium([block.bonded(thread, shortening_mm=takeup)], tolerance=1e-9)
    assert by_takeup.threads[0].tension_n == pytest.approx(1.5, rel=1e-6)
    assert by_takeup.surface == pytest.approx(by_tension.surface, abs=1e-5)


@pytest.mark.parametrize("pull", [{"tension": 1.5}, {"tension": 10.0}, {"shortening_mm": 6.0}])
def test_floating_thread_is_in_balance_by_itself(block, pull):
    thread = _thread(tension=pull.get("tension", 0.0), technique="floating")
    cable = block.bonded(thread, shortening_mm=pull.get("shortening_mm"))
    result = block.equilibrium([cable])
    cables = CableSet([cable], block.solid.nodes)
    force = cables.force(cables.state(result.displacement))
    assert np.abs(force.sum(axis=0)).max() < 1e-12
    (state,) = result.threads
    assert state.cogs is not None
    assert state.cogs.transfer_n.sum() == pytest.approx(0.0, abs=1e-9)
    assert (state.cogs.transfer_n[: cable.forward] < 0.0).all()
    assert state.tension_n > 0.0


@pytest.mark.parametrize("product_name", ["pdo-2-0-molded", "pdo-3-0-cut", "plla-3-0-cone"])
def test_up_to_ten_newton_converge_and_what_does_not_hold_is_reported(block, product_name):
    for tension in (3.0, 6.0, 10.0):
        thread = _thread(tension=tension, product=product_name)
        result = block.equilibrium([thread])
        (state,) = result.threads
        assert state.cogs is not None
        assert result.residual <= 1e-6
        assert state.tension_n + state.slip_n == pytest.approx(tension)
        assert state.tension_n <= state.cogs.capacity_n.sum() * (1 + 1e-9)
        assert (state.slip_n > 0.0) == (tension > state.tension_n + 1e-6)
        if state.slip_n > 0.0:
            assert {"slip", "cut-through"} <= set(state.warnings)
            assert state.cogs.slipped.all()


def test_cogs_that_hold_less_hand_less_to_the_tissue(block):
    thread = _thread(tension=1.5)
    results = [block.equilibrium([block.bonded(thread, holding_scale=s)]) for s in (0.05, 0.1, 1.0)]
    tension = [r.threads[0].tension_n for r in results]
    lift = [r.surface[:, 1].max() for r in results]
    assert tension == pytest.approx([0.05 * RESIDUAL * 5.775, 0.1 * RESIDUAL * 5.775, 1.5])
    assert lift == sorted(lift)


def test_the_answer_does_not_hang_on_how_finely_the_path_is_drawn():
    tissue = Tissue(box_mesh(12, 12, size_mm=(90.0, 110.0)))
    lifts, takeups = [], []
    for k in (16, 31, 61, 121):
        path = np.linspace(_thread().path_mm[0], _thread().path_mm[-1], k)
        thread = _thread(
            tension=1.5, path_mm=path, depth_mm=np.full(k, 6.0), layer=("smas",) * k
        )  # fmt: skip
        result = tissue.equilibrium([thread])
        lifts.append(result.surface[:, 1].max())
        takeups.append(result.threads[0].takeup_mm)
    assert lifts[:-1] == pytest.approx([lifts[-1]] * 3, rel=2e-3)
    assert takeups[:-1] == pytest.approx([takeups[-1]] * 3, rel=5e-3)


def test_tissue_that_is_drawn_as_far_as_the_anchor_stops_there():
    """The first node of the path comes up to the anchor: a kink without the blunted length."""
    tissue = Tissue(box_mesh(12, 12, size_mm=(90.0, 110.0)))
    result = tissue.equilibrium([replace(tissue.cable(_thread()), tension_n=15.0)])
    path = result.threads[0].path_mm
    first = np.linalg.norm(path[1] - path[0])
    assert first < 0.25 * np.linalg.norm(_thread().path_mm[1] - _thread().path_mm[0])
    assert result.residual <= 1e-6


@pytest.mark.slow
def test_twelve_threads_in_a_face_converge():
    tissue = Tissue.of(Face.synthetic(seed=1), level="coarse")
    mesh = tissue.mesh

    def centre(zone: str) -> np.ndarray:
        weight = mesh.zone_weights[zone]
        return weight @ mesh.surface / weight.sum()

    threads = []
    for side in ("left", "right"):
        for i in range(6):
            start = centre(f"temple_{side}") + 2.0 * i * np.array([0.0, 0.0, 1.0])
            end = (1 - i / 5) * centre(f"jowl_{side}") + i / 5 * centre(f"nasolabial_{side}")
            tri, bary, _ = mesh.locator.columns(np.linspace(start, end, 41))
            path, _, _ = mesh.point_at(tri, bary, np.full(41, 3.3))
            threads.append(
                Thread(
                    id=f"{side}{i}", side=side, product="pdo-2-0-molded", technique="anchored",
                    entry_mm=path[0], path_mm=path, depth_mm=np.full(41, 6.0),
                    layer=("smas",) * 41, tension_n=1.5,
                )
            )  # fmt: skip
    result = tissue.equilibrium(threads)
    assert result.residual <= 1e-6
    assert result.min_jacobian > 0.0
    assert len(result.threads) == 12


@pytest.mark.parametrize("technique", ["anchored", "floating"])
@pytest.mark.parametrize("tension", [0.3, 1.5, 2.0])
def test_in_tissue_that_does_not_move_it_is_the_tension_profile(technique, tension):
    block = Tissue(box_mesh(4, 4, size_mm=(90.0, 110.0)))
    thread = replace(_thread(tension=tension), technique=technique)
    profile = tension_profile(thread, product(thread.product), bed=block.bed(thread))
    cables = CableSet([block.bonded(thread)], block.solid.nodes)
    state = cables.state(np.zeros_like(block.solid.points))
    assert state.tension == pytest.approx(profile.segment_tension_n, abs=1e-9)
    # A fixed profile sees the same forces on the tissue, and the same energy to first order.
    fixed = CableSet([block.cable(thread, profile)], block.solid.nodes)
    force = fixed.force(fixed.state(np.zeros_like(block.solid.points)))
    assert cables.force(state) == pytest.approx(force, abs=1e-9)
