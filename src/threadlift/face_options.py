"""The command-line options that say where a face comes from, shared by several commands."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

INPUT_FILE = click.Path(path_type=Path)
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
