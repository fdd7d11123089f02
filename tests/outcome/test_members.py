"""Members of an ensemble: fast solves that say what exact ones say, the same bits everywhere."""

from dataclasses import replace

import numpy as np
import pytest
from block_case import block_thread

from threadlift.errors import ThreadliftError
from threadlift.members import Task, Workers, design, nominal_member, solve_member
from threadlift.members.ensemble import member_cables
from threadlift.members.shared import sharing, strip_of
from threadlift.outcome.predict import _probe
from threadlift.tissue import Tissue
from threadlift.tissue.cables import CableSet
from threadlift.tissue.string_blocks import StringBlocks

THREADS = (block_thread("left"), block_thread("right"))


@pytest.fixture(scope="module")
def drawn(block):
    return design(block, len(THREADS), 6, 3)


@pytest.fixture(scope="module")
def task(block, assessment):
    start = solve_member(block, THREADS, nominal_member(block, 2), tolerance=1e-6).displacement
    return Task(block, _probe(block, assessment, THREADS), THREADS, start)


@pytest.fixture(scope="module")
def results(task, drawn):
    return Workers(0).run(task, drawn)


def test_a_member_says_what_a_tight_solve_says(task, drawn, results) -> None:
    for member, result in zip(drawn, results, strict=True):
        exact = task.probe.read(solve_member(task.tissue, THREADS, member, tolerance=1e-7).surface)
        assert result.reading is not None
        assert result.share == 1.0
        largest = max(exact.lift_mm.values())
        for zone, mm in exact.lift_mm.items():
            assert result.reading.lift_mm[zone] == pytest.approx(mm, abs=0.01 * largest)
        for name, x in exact.values.items():
            if name != "asymmetry":  # a difference of two lifts
                assert result.reading.values[name] == pytest.approx(x, rel=0.02, abs=1e-3)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bits_do_not_depend_on_the_number_of_processes(task, drawn, results, workers) -> None:
    assert Workers(workers).run(task, drawn) == results


def test_processes_stay_for_further_tasks_and_end_with_the_block(task, drawn, results) -> None:
    halved = replace(task, threads=tuple(replace(t, tension_n=0.5 * t.tension_n) for t in THREADS))
    with Workers(1) as workers:
        assert workers.run(task, drawn[:2]) == results[:2]
        (process,) = workers._processes
        weaker = workers.run(halved, drawn[:1])
        assert workers._processes == [process]
        assert weaker == Workers(0).run(halved, drawn[:1]) != results[:1]
    assert process.poll() is not None


def test_a_worker_that_dies_is_named_and_replaced(task, drawn, results) -> None:
    with Workers(1) as workers:
        workers.run(task, drawn[:1])
        workers._processes[0].kill()
        with pytest.raises(ThreadliftError, match="worker process of the ensemble ended early"):
            workers.run(task, drawn)
        assert workers.run(task, drawn[:1]) == results[:1]


def test_the_bits_do_not_depend_on_what_was_solved_before(task, drawn, results) -> None:
    assert Workers(0).run(task, drawn[::-1]) == results[::-1]
    assert Workers(0).run(task, drawn[2:3]) == results[2:3]


def slipped(tissue: Tissue, deeper: float, aside: float) -> CableSet:
    hand = replace(nominal_member(tissue, 2), depth_mm=(deeper,) * 2, aside_mm=(aside,) * 2)
    return CableSet(member_cables(tissue, THREADS, hand), tissue.solid.nodes)


def both(tissue: Tissue, cables: CableSet):
    """Stiffness with strings on their own pattern and on the strip's; whether any is lumped."""
    u = np.zeros_like(tissue.solid.points)
    body, state = tissue.solid.tangent(u, safe=True), cables.state(u)
    strings = strip_of(tissue, THREADS).strings(cables)
    assert strings is not None
    own = StringBlocks.of(tissue.solid.pattern, cables)
    return own.matrix(body, state), strings.matrix(body, state), strings.lumped.any()


def test_a_strip_holds_the_plan_with_every_coupling(block) -> None:
    own, wide, lumped = both(block, slipped(block, 0.0, 0.0))
    assert not lumped
    assert abs(own - wide).max() <= 1e-12 * abs(own).max()


def test_couplings_outside_the_strip_only_make_it_stiffer(block, monkeypatch) -> None:
    monkeypatch.setattr("threadlift.tissue.string_blocks._MOST_OUTSIDE", 1.0)
    own, wide, lumped = both(block, slipped(block, 0.0, 14.0))
    assert lumped
    more = (wide - own).tocsr()
    touched = np.flatnonzero(np.diff(more.indptr))
    stiffer = np.linalg.eigvalsh(more[touched][:, touched].toarray())
    assert stiffer.max() > 1e-4
    assert stiffer.min() > -1e-9 * stiffer.max()


def test_threads_far_from_the_strip_get_an_ordering_of_their_own(block) -> None:
    assert strip_of(block, THREADS).strings(slipped(block, 0.0, 14.0)) is None
    far = replace(nominal_member(block, 2), aside_mm=(14.0, 14.0))
    shared = sharing(block, THREADS)
    here = solve_member(
        shared, THREADS, far, tolerance=1e-6, start=np.zeros_like(block.mesh.points)
    )
    there = solve_member(block, THREADS, far, tolerance=1e-6)
    np.testing.assert_allclose(here.surface, there.surface, atol=1e-4)


def test_a_loose_solve_lets_the_same_cogs_go(block) -> None:
    pulled = [replace(t, tension_n=1.92) for t in THREADS]
    cables = member_cables(block, pulled, replace(nominal_member(block, 2), holding=0.35))
    loose, tight = (block.equilibrium(cables, tolerance=x) for x in (5e-2, 1e-6))
    capacity = [
        np.concatenate([c.capacity_n / c.peak_n for c in e.problem.cables.cables])
        for e in (loose, tight)
    ]
    assert (capacity[1] < 1.0).any()
    np.testing.assert_array_equal(capacity[0], capacity[1])
