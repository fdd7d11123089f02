"""`make capture`: the capture benchmark; writes docs/capture.md and its pictures.

Usage: ``python -m validation.capture.run [--people N] [--processes P] [--no-write]``. Results are
kept per person in build/capture under a digest of the code they depend on; an interrupted run goes
on where it stopped, and changed code starts anew.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from threadlift.face.photo.fit_photos import fit_photos
from threadlift.face.synthetic.people import random_person
from validation.capture import overlays, pictures
from validation.capture.page import TITLES, page
from validation.capture.summary import errors, mean_map, scale
from validation.capture.trial import Result, complete, photo_files, run

DOCS = Path(__file__).parents[2] / "docs"
PEOPLE = 50
SHEET = [3, 5, 8, 10, 12, 17]


def measure(people: list[int], processes: int) -> list[Result]:
    """Results of all these people; those that are stored are only read."""
    missing = [p for p in people if not complete(p)]
    click.echo(f"{len(people)} people, {len(people) - len(missing)} stored")
    clock = time.perf_counter()
    # Each process does its linear algebra alone: two people side by side fill two cores.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(run, p): p for p in missing}
        for n, done in enumerate(as_completed(waiting), start=1):
            line = ", ".join(
                f"{r.variant} {np.abs(r.comparison.normal_mm[r.region]).mean():.2f}"
                if r.comparison
                else f"{r.variant} refused"
                for r in done.result()
            )
            seconds = time.perf_counter() - clock
            click.echo(f"  [{n}/{len(missing)}] person {waiting[done]}: {line}  ({seconds:.0f} s)")
    return [r for p in people for r in run(p)]


def write(results: list[Result]) -> None:
    """The page and its pictures."""
    images = DOCS / "images"
    by = {v: [r for r in results if r.variant == v] for v in TITLES}
    tops = {v: pictures.TOP_SCAN_MM if v == "scan" else pictures.TOP_PHOTO_MM for v in TITLES}
    shown = ("mean", "one", "three", "scan")
    maps = {v: (mean_map(by[v]), tops[v], TITLES[v]) for v in shown}
    pictures.write_jpeg(pictures.mean_maps(maps), images / "capture_mean_maps.jpg")
    scored = sorted(
        (float(np.abs(r.comparison.normal_mm[r.region]).mean()), r.person)
        for r in by["three"]
        if r.comparison
    )
    middle = scored[len(scored) // 2][1]
    one = [r for r in results if r.person == middle]
    titles = {v: (tops[v], TITLES[v]) for v in shown}
    truth = random_person(middle)[0]
    pictures.write_jpeg(
        pictures.person_maps(one, truth, titles), images / "capture_person_maps.jpg"
    )
    with tempfile.TemporaryDirectory() as folder:
        sheet = pictures.contact_sheet(SHEET, Path(folder))
        pictures.write_jpeg(sheet, images / "capture_people.jpg")
        known = overlays.portraits(Path(folder))
        pictures.write_jpeg(known, images / "capture_portraits.jpg")
        pictures.write_jpeg(_fits(SHEET[1:4], Path(folder)), images / "capture_overlays.jpg")
    (DOCS / "capture.md").write_text(page(results), encoding="utf-8")
    click.echo("wrote docs/capture.md")


def _fits(people: list[int], folder: Path) -> NDArray[np.uint8]:
    """Front photos of synthetic people with the capture from three photos drawn over them."""
    drawn = []
    for person in people:
        files = photo_files(person, folder)
        drawn.append(overlays.overlay_of(fit_photos(*files), files[0]))
    return overlays.beside(drawn)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE, metavar="N")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="seed of the first")
    parser.add_argument("--processes", type=int, default=2, metavar="P")
    parser.add_argument("--no-write", action="store_true", help="only print")
    given = parser.parse_args()
    results = measure(list(range(given.first, given.first + given.people)), given.processes)
    for variant, title in TITLES.items():
        some = [r for r in results if r.variant == variant]
        e, s = errors(some), errors(some, surface=True)
        click.echo(
            f"{title:26s} n {e.people:3d}  mean {e.mean:.2f}  median {e.median:.2f}"
            f"  p95 {e.p95:.2f}  surface {s.mean:.2f}/{s.p95:.2f}"
            f"  in 50 % {e.in_50:.2f}  in 90 % {e.in_90:.2f}  scale {scale(some).mean:.1f} %"
        )
    if not given.no_write:
        write(results)


if __name__ == "__main__":
    main()
