"""Whether two captures may be compared at all: each criterion, its limit and its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np

from threadlift.errors import InputError
from threadlift.evidence import parameter
from threadlift.face.pair.estimate import Estimated
from threadlift.face.pair.matched import Matched
from threadlift.face.pair.tracking import COARSE_MM, cameras, look
from threadlift.face.quality import Finding
from threadlift.face.quality.limits import required_at_least, required_at_most
from threadlift.face.scan.model import EXPRESSIONS, face_region
from threadlift.face.template import Array, template

#: Expressions that change cheek and jowl; lids may differ (a blink does not move the cheek).
JUDGED = tuple(name for name in EXPRESSIONS if not name.startswith("eyeBlink"))
#: What the findings look at.
PAIR = "pair"


class UnlikeCaptures(InputError):
    """Two captures that must not be compared; `criteria` says which conditions failed."""

    def __init__(self, criteria: Sequence[Finding]) -> None:
        self.criteria = tuple(criteria)
        failed = [c for c in criteria if c.verdict == "unusable"]
        super().__init__(
            "The two captures cannot be compared: " + " ".join(c.statement for c in failed),
            " ".join(dict.fromkeys(c.remedy for c in failed)),
        )


def days_criterion(days: float) -> Finding:
    """Whether enough, and not too much, time lies between the captures.

    Raises InputError for what is no span of days.
    """
    if not np.isfinite(days) or days < 0.0:
        raise InputError(f"days is {days}.", "Give the days from the first to the second capture.")
    early = required_at_least(
        "elapsed time",
        PAIR,
        float(days),
        "pair.gate.days_low",
        f"Only {days:g} days lie between them: swelling would count as change.",
        f"Repeat the second capture after day {parameter('pair.gate.days_low').value:g}.",
    )
    late = required_at_most(
        "elapsed time",
        PAIR,
        float(days),
        "pair.gate.days_high",
        f"{days:g} days lie between them.",
        "Compare with a more recent capture: over years ageing and weight change the face as much.",
    )
    return late if early.verdict == "good" else early


def attitude_difference_deg(pair: Matched) -> float:
    """Angle [deg] between the head's attitudes in the scanner's axes.

    Up to a relabelling of axes (y up or z up): the nearest of the 24 right-angled frames counts.
    """
    a, b = pair.moves
    turn = a.rotation.T @ b.rotation
    best = max(float(np.trace(turn @ frame)) for frame in _right_angled_frames())
    return float(np.degrees(np.arccos(np.clip((best - 1.0) / 2.0, -1.0, 1.0))))


def _right_angled_frames() -> list[Array]:
    frames = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            frame = np.zeros((3, 3))
            frame[range(3), order] = signs
            if np.linalg.det(frame) > 0.0:
                frames.append(frame)
    return frames


def expression_difference(pair: Matched) -> tuple[float, str]:
    """Largest difference of a fitted expression weight, and its name."""
    gap = np.abs(pair.first.fit.expressions - pair.second.fit.expressions)
    found = {name: float(x) for name, x in zip(EXPRESSIONS, gap, strict=True) if name in JUDGED}
    name = max(found, key=lambda k: found[k])
    return found[name], name


def light_difference(pair: Matched) -> float | None:
    """Standard deviation over the face of the smooth log ratio of brightness; None untextured."""
    if pair.skins is None:
        return None
    camera = cameras(pair.centre, COARSE_MM)[0]
    one, two = (look(skin, camera) for skin in pair.skins)
    # Only the face: collars and hair may change as they like.
    px, _ = camera.project(pair.first.vertices[face_region(template())])
    low = np.maximum(np.floor(px.min(axis=0)), 0).astype(int)
    high = np.ceil(px.max(axis=0)).astype(int)
    window = np.zeros_like(one.usable)
    window[low[1] : high[1], low[0] : high[0]] = True
    ratio = (one.brightness - two.brightness)[one.usable & two.usable & window]
    return float(np.std(ratio)) if len(ratio) else None


def judge(pair: Matched, quick: Estimated, days: float, *, same_axes: bool) -> list[Finding]:
    """All criteria. `quick` is an estimate of the pair (without tracks will do)."""
    face = face_region(template())
    coverage = float((pair.first.matched & pair.second.matched)[face].mean())
    scale = abs(pair.alignment.scale - 1.0)
    difference, which = expression_difference(pair)
    angle = attitude_difference_deg(pair) if same_axes else None
    light = light_difference(pair)
    return [
        days_criterion(days),
        required_at_least(
            "coverage",
            PAIR,
            coverage,
            "pair.gate.coverage",
            f"{100 * coverage:.0f} % of the face is on both.",
            "Scan the whole face from ear to ear, hair held back, in both captures.",
        ),
        required_at_most(
            "person",
            PAIR,
            quick.shape_residual_mm,
            "pair.gate.person",
            f"Forehead, nose and eyes differ by {quick.shape_residual_mm:.1f} mm.",
            "Check that both captures show the same person, without hair on the forehead.",
        ),
        required_at_most(
            "stable region",
            PAIR,
            quick.stable_residual_mm,
            "pair.gate.stable_residual",
            f"Forehead and nasal bridge differ by {quick.stable_residual_mm:.1f} mm.",
            "Repeat with the hair held back and the brow at rest.",
        ),
        required_at_most(
            "scale",
            PAIR,
            scale,
            "pair.gate.scale",
            f"Their sizes differ by {100 * scale:.1f} %.",
            "Calibrate the scanner, or export both in the same unit and without rescaling.",
        ),
        required_at_most(
            "head pose",
            PAIR,
            angle,
            "pair.gate.pose",
            "The scanner's axes are not known to agree: the head's attitude was not judged."
            if angle is None
            else f"The head's attitude differs by {angle:.0f} degrees.",
            "Repeat with the head upright and the gaze at the same point.",
        ),
        required_at_most(
            "expression",
            PAIR,
            difference,
            "pair.gate.expression",
            f"The expression differs ({which} by {difference:.2f}).",
            "Repeat at rest: lips closed, teeth apart, no smile.",
        ),
        required_at_most(
            "light",
            PAIR,
            light,
            "pair.gate.light",
            "Without texture in both captures the light was not judged."
            if light is None
            else f"The light differs ({light:.2f}).",
            "Repeat in the same room with the same lamps, or scan with soft light.",
        ),
    ]
