"""Command-line options that several commands share: the face, the run, where results go."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

INPUT_FILE = click.Path(path_type=Path)
OUT = click.Path(path_type=Path, file_okay=False)
LANGUAGE = click.option(
    "-l", "--language", type=click.Choice(["en", "ko"]), default="en", show_default=True
)
OUT_OPTION = click.option("-o", "--out", type=OUT, required=True, help="Folder for the results.")
#: Expressions that a further capture may show, and their words for the help.
EXPRESSIONS = {
    "smile": "smiling",
    "pucker": "lips puckered",
    "frown": "frowning",
    "jaw_open": "mouth open",
    "eyes_closed": "eyes closed",
}


def face_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say where the face and the findings come from.

    The command gets them as `source`, a `FaceSource`, and `consultation`, a path or None.
    """

    @functools.wraps(command)
    def with_source(
        *,
        photo: Path | None,
        left: Path | None,
        right: Path | None,
        scan: Path | None,
        units: str | None,
        marker_mm: float | None,
        supine: Path | None,
        **others: Any,
    ) -> Any:
        # Imported late: `--help` and `--version` must not load the numerics.
        from threadlift.capturing import FaceSource

        expressions = {name: path for name in EXPRESSIONS if (path := others.pop(name)) is not None}
        source = FaceSource(photo, left, right, scan, units, expressions, supine, marker_mm)
        return command(source=source, **others)

    wrapped: Callable[..., Any] = with_source
    for option in reversed(
        [
            click.option(
                "--photo", type=INPUT_FILE, help="Frontal photograph (JPEG, PNG, WebP, HEIC)."
            ),
            click.option(
                "--left", type=INPUT_FILE, help="Photograph of the patient's left side (30–45°)."
            ),
            click.option("--right", type=INPUT_FILE, help="Photograph of the right side."),
            click.option("--scan", type=INPUT_FILE, help="3D scan (OBJ, PLY, STL, GLB)."),
            click.option(
                "--units",
                type=click.Choice(["mm", "cm", "m"]),
                help="Unit of the scan; detected when left out.",
            ),
            click.option(
                "--marker",
                "marker_mm",
                type=float,
                metavar="MM",
                help="Side of a printed ArUco marker held beside the face in the photographs.",
            ),
            *(
                click.option(
                    f"--{name.replace('_', '-')}",
                    name,
                    type=INPUT_FILE,
                    help=f"Photograph or scan of the same person: {words}.",
                )
                for name, words in EXPRESSIONS.items()
            ),
            click.option(
                "--supine", type=INPUT_FILE, help="Scan of the same person, lying on the back."
            ),
            click.option(
                "--consultation",
                type=INPUT_FILE,
                help="Consultation record (YAML); see examples/consultation.yaml.",
            ),
        ]
    ):
        wrapped = option(wrapped)
    return wrapped


def job_options(*, json_help: str, pages: bool = True) -> Callable[..., Any]:
    """Adds what `plan`, `check` and `simulate` are asked alike.

    The command gets it as `job`, a `Job` that tells nobody of its progress, `out` and `as_json`.
    pages: whether the command writes pages, which have a language.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_job(
            *,
            source: Any,
            consultation: Path | None,
            members: int,
            seed: int,
            language: str = "en",
            **others: Any,
        ) -> Any:
            from threadlift.job import Job

            return command(job=Job(source, consultation, seed, members, language), **others)

        options = [
            click.option(
                "--members",
                type=click.IntRange(8, 1024),
                default=256,
                show_default=True,
                help="Members of the ensemble behind the intervals; of more than 32 a quarter is "
                "solved, the others are read from those.",
            ),
            click.option("--seed", type=int, default=0, show_default=True),
            *([LANGUAGE] if pages else []),
            OUT_OPTION,
            click.option("--json", "as_json", is_flag=True, help=json_help),
        ]
        wrapped: Callable[..., Any] = with_job
        for option in reversed(options):
            wrapped = option(wrapped)
        return face_options(wrapped)

    return add
