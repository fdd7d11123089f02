"""The command line. Results go to stdout, everything else to stderr; exit 0, 1 or 2."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from threadlift import __version__
from threadlift.errors import ThreadliftError
from threadlift.face_options import (
    INPUT_FILE,
    LANGUAGE,
    OUT,
    OUT_OPTION,
    face_options,
    job_options,
)

if TYPE_CHECKING:
    from threadlift.capturing import FaceSource
    from threadlift.job import Job

_ERR = Console(stderr=True)


class _Group(click.Group):
    """Turns threadlift's own errors into one or two lines and their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ThreadliftError as error:
            click.echo(f"threadlift: {error.problem}", err=True)
            if error.remedy:
                click.echo(f"  {error.remedy}", err=True)
            ctx.exit(error.exit_code)
        except MemoryError:
            click.echo("threadlift: this machine has not enough memory for the run.", err=True)
            ctx.exit(1)


@contextmanager
def _bar() -> Iterator[Callable[[float, str], None]]:
    """A progress bar on a terminal; a line per stage elsewhere."""
    if not _ERR.is_terminal:
        last = ""

        def line(fraction: float, message: str) -> None:
            nonlocal last
            if message != last:
                click.echo(f"{100 * fraction:3.0f} %  {message}", err=True)
                last = message

        yield line
        return
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=_ERR) as bars:
        task = bars.add_task("", total=1.0)
        yield lambda fraction, message: bars.update(task, completed=fraction, description=message)


def _summary(run: Any, folder: Path, seconds: float) -> None:
    from threadlift.summary import print_summary

    print_summary(run, folder, seconds)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="threadlift")
def main() -> None:
    """Plan a thread lift on a patient-specific layered face.

    Planning and education support for trained clinicians; not a medical device.

    Example: threadlift demo -o demo-output
    """


@main.command()
@click.option(
    "--case",
    type=click.Choice(["portrait", "jowl"]),
    default="portrait",
    show_default=True,
    help="A public-domain portrait, or a synthetic aged head (scan).",
)
@click.option("--seed", type=int, default=0, show_default=True)
@LANGUAGE
@click.option("-o", "--out", type=OUT, default=Path("demo-output"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print plan and outcome as JSON.")
def demo(case: Any, seed: int, language: str, out: Path, as_json: bool) -> None:
    """Run the main job on a bundled example.

    Example: threadlift demo --case jowl -o jowl-output
    """
    from threadlift.demo import run_demo

    start = time.monotonic()
    with tempfile.TemporaryDirectory() as work, _bar() as progress:
        run = run_demo(case, out, work=Path(work), seed=seed, language=language, progress=progress)
    _finish(run, out, start, as_json)


@main.command()
@job_options(json_help="Print plan and outcome as JSON.")
@click.option(
    "--max-threads",
    type=click.IntRange(1, 6),
    default=4,
    show_default=True,
    help="At most this many threads per side.",
)
def plan(job: Job, max_threads: int, out: Path, as_json: bool) -> None:
    """Plan for a face: face.glb, assessment, plan, outcome and report.

    Example: threadlift plan --scan head.obj --consultation consultation.yaml -o out
    """
    from threadlift.pipeline import plan_to_folder

    start = time.monotonic()
    with _bar() as progress:
        run = plan_to_folder(job.telling(progress), out, max_threads=max_threads)
    _finish(run, out, start, as_json)


def _finish(run: Any, out: Path, start: float, as_json: bool) -> None:
    if as_json:
        result = {
            "plan": run.plan.to_json(),
            "outcome": run.outcome.to_json() if run.outcome else None,
        }
        click.echo(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        _summary(run, out, time.monotonic() - start)


@main.command()
@face_options
@LANGUAGE
@OUT_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print capture.json.")
def capture(
    source: FaceSource, consultation: Path | None, language: str, out: Path, as_json: bool
) -> None:
    """Only the face: face.glb, capture.json and a page that shows how good the capture is.

    Example: threadlift capture --photo front.jpg --left left.jpg --right right.jpg -o face
    """
    from threadlift.capturing import capture_json, capture_to_folder
    from threadlift.consultation import Consultation
    from threadlift.summary import print_capture

    ipd_mm = None
    if consultation is not None:
        ipd_mm = Consultation.load(consultation).measurements.interpupillary_distance_mm
    with _bar() as progress:
        captured, posture = capture_to_folder(
            source, ipd_mm, out, language=language, progress=progress
        )
    if as_json:
        click.echo(json.dumps(capture_json(captured, posture), indent=1, ensure_ascii=False))
    else:
        print_capture(captured, posture, out)


@main.command("follow-up")
@click.argument("before", type=INPUT_FILE)
@click.argument("after", type=INPUT_FILE)
@click.option("--days", type=click.FloatRange(0.0), required=True, help="Days between the scans.")
@click.option("--marks", type=INPUT_FILE, help="Points named alike on both scans (CSV or JSON).")
@click.option("--units", type=click.Choice(["mm", "cm", "m"]), help="Unit of both scans.")
@click.option(
    "--hand-held", is_flag=True, help="The scanner chooses its own axes each time it starts."
)
@LANGUAGE
@OUT_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print follow_up.json.")
def follow_up(
    before: Path,
    after: Path,
    days: float,
    marks: Path | None,
    units: str | None,
    hand_held: bool,
    language: str,
    out: Path,
    as_json: bool,
) -> None:
    """What changed between two scans of one person, if they can be compared at all.

    Example: threadlift follow-up before.ply after.ply --days 90 -o change
    """
    from threadlift.capturing import follow_up_to_folder
    from threadlift.summary import print_follow_up

    with _bar() as progress:
        found = follow_up_to_folder(
            before,
            after,
            out,
            days=days,
            marks=marks,
            units=units,
            same_axes=not hand_held,
            language=language,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        print_follow_up(found, out)


@main.command()
@click.argument("plan_file", metavar="PLAN", type=INPUT_FILE)
@job_options(json_help="Print the outcome as JSON.", pages=False)
def simulate(plan_file: Path, job: Job, out: Path, as_json: bool) -> None:
    """Simulate the threads of PLAN (a plan.json) in a face: outcome.json and face.glb.

    Safety rules that the threads break are told; they do not stop the simulation.

    Example: threadlift simulate out/plan.json --scan head.obj -o simulated
    """
    from threadlift.pipeline import simulate_to_folder
    from threadlift.summary import print_simulated

    with _bar() as progress:
        found = simulate_to_folder(plan_file, job.telling(progress), out)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        print_simulated(found.to_json())


@main.command("check")
@click.argument("plan_file", metavar="PLAN", type=INPUT_FILE)
@job_options(json_help="Print plan and outcome as JSON.")
def check_command(plan_file: Path, job: Job, out: Path, as_json: bool) -> None:
    """Judge a proposed PLAN on a face: a verdict per criterion, and what to ask.

    PLAN is YAML in landmark terms or in mm (see examples/proposed-plan.yaml), or a plan.json.

    Example: threadlift check proposed.yaml --scan head.obj --consultation c.yaml -o checked
    """
    from threadlift.checking import check_to_folder

    start = time.monotonic()
    with _bar() as progress:
        run = check_to_folder(plan_file, job.telling(progress), out)
    _finish(run, out, start, as_json)


@main.command()
@click.argument("folder", metavar="DIR", type=INPUT_FILE)
@LANGUAGE
def report(folder: Path, language: str) -> None:
    """Make the report of a finished run again.

    Example: threadlift report out -l ko
    """
    from threadlift.reporting import load_run, write_report
    from threadlift.reporting.run_data import REPORT

    write_report(load_run(folder), folder / REPORT, language)
    click.echo(str(folder / REPORT))


@main.command()
@click.argument("folder", metavar="DIR", type=INPUT_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def citations(folder: Path, as_json: bool) -> None:
    """List the sources behind the numbers of a finished run.

    Example: threadlift citations out
    """
    from dataclasses import asdict

    from threadlift.reporting.html import run_citations
    from threadlift.reporting.run_data import load_run

    found = run_citations(load_run(folder))
    if as_json:
        click.echo(json.dumps([asdict(s) for s in found], indent=1, ensure_ascii=False))
    else:
        for s in found:
            click.echo(f"{s.key}: {s.title}. {s.address}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def selftest(as_json: bool) -> None:
    """Check the solver against exact solutions on this machine (exit 1 when one fails).

    Example: threadlift selftest
    """
    from threadlift.selftest import run_selftest
    from threadlift.summary import print_selftest

    cases = run_selftest()
    if as_json:
        click.echo(json.dumps([c.to_json() for c in cases], indent=1))
    else:
        print_selftest(cases)
    if not all(c.passed for c in cases):
        sys.exit(1)


@main.command()
def setup() -> None:
    """Fetch and check what cannot be a dependency: the face-landmark network (4 MB).

    Example: threadlift setup
    """
    from threadlift.face.network.setup_models import ensure_landmarker

    click.echo(f"landmark network: {ensure_landmarker(download=True)}")


if __name__ == "__main__":
    main()
