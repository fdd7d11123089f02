"""`make planning-page`: the planner on a hundred faces; writes docs/planning.md and its pictures.

Usage: ``python -m validation.planning --results FOLDER [--people N] [--mirrored M]
[--processes P] [--only-page | --no-write]``. A finished face is stored in FOLDER (outside the
repository) and only read the next time, so that an interrupted run goes on where it stopped; the
page says over how many faces it is. Results of other code are refused, not mixed.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import click

from validation.planning.result import FaceResult
from validation.planning.trial import code, read, run_and_store, stored

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PEOPLE = 100
#: One of each pattern.
MIRRORED = 3
#: Linear algebra and compiled loops of a process stay on one processor.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def of_this_code(folder: Path) -> None:
    """Raise SystemExit when the folder holds results of other code."""
    others = {r.code for r in read(folder)} - {code()}
    if others:
        raise SystemExit(
            f"{folder} holds results of other code ({', '.join(sorted(others))}; this is {code()})."
            " Give another folder, or write the page of these results with --only-page."
        )


def measure(folder: Path, people: int, mirrored: int, processes: int) -> None:
    """Run everybody who is not stored yet."""
    missing = [n for n in range(1, people + 1) if not stored(folder, n).exists()]
    click.echo(f"{people} people, {people - len(missing)} stored")
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    clock = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(run_and_store, folder, n, n <= mirrored): n for n in missing}
        for i, done in enumerate(as_completed(waiting), start=1):
            minutes = (time.perf_counter() - clock) / 60.0
            click.echo(f"  [{i}/{len(missing)}] {_line(done.result())}  ({minutes:.1f} min)")


def _line(r: FaceResult) -> str:
    head = f"person {r.number} ({r.pattern}{', ' + r.lower + ' lower' if r.lower else ''})"
    if r.plan is None:
        why = r.refusal["kind"] if r.refusal else "no threads"
        return f"{head}: {why}, {r.seconds:.0f} s"
    count = " + ".join(str(r.plan.threads[s]) for s in ("left", "right"))
    gap = "" if math.isnan(r.gap) else f", gap {r.gap:.3f}"
    return f"{head}: {count} threads, {100 * r.plan.goal_attained:.0f} %{gap}, {r.seconds:.0f} s"


def write(results: list[FaceResult]) -> None:
    """The page and its pictures."""
    from validation.planning.page import page
    from validation.planning.pictures import chosen, write_pictures

    shown = chosen(results)
    write_pictures(shown, DOCS / "images")
    (DOCS / "planning.md").write_text(page(results, shown), encoding="utf-8")
    click.echo("wrote docs/planning.md")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="The planner against published techniques on synthetic people."
    )
    default = Path(tempfile.gettempdir()) / "threadlift-planning"
    parser.add_argument("--results", type=Path, default=default, metavar="FOLDER")
    parser.add_argument("--people", type=int, default=PEOPLE, metavar="N")
    parser.add_argument("--mirrored", type=int, default=MIRRORED, metavar="M",
                        help="plan the mirror images of the first M people, too")  # fmt: skip
    parser.add_argument("--processes", type=int, default=2, metavar="P")
    parser.add_argument("--only-page", action="store_true", help="from what is stored")
    parser.add_argument("--no-write", action="store_true", help="no page")
    given = parser.parse_args()
    folder: Path = given.results.resolve()
    if folder.is_relative_to(ROOT):
        parser.error("the results folder lies in the repository; give one outside")
    folder.mkdir(parents=True, exist_ok=True)
    if not given.only_page:
        of_this_code(folder)
        measure(folder, given.people, given.mirrored, given.processes)
    results = read(folder)
    if len({r.code for r in results}) > 1:
        parser.error("the folder mixes results of different code")
    if not given.no_write:
        write(results)
