"""The page of a follow-up: may the captures be compared, and what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from threadlift.face import Capture, Face
from threadlift.face.pair import FollowUp
from threadlift.reporting.pages import environment
from threadlift.reporting.pair_pictures import pair_context
from threadlift.reporting.texts import texts


def render_follow_up(found: FollowUp, language: str = "en") -> str:
    """The page as HTML text; self-contained."""
    change = found.displacement
    # Only its shape is drawn; how well it was captured is in the displacement's own spreads.
    face = Face.in_frame(
        change.vertices,
        sd_mm=np.zeros(len(change.vertices)),
        kind="scan",
        capture=Capture(source=change.first),
        expressions={},
    )
    context: dict[str, Any] = {
        "t": texts(language),
        "found": found,
        "change": change,
        "pair": pair_context(face, change),
    }
    return environment().get_template("follow_up.html.j2").render(context)


def write_follow_up_page(found: FollowUp, path: str | Path, language: str = "en") -> None:
    """Write :func:`render_follow_up` to `path` (UTF-8)."""
    Path(path).write_text(render_follow_up(found, language), "utf-8")
