"""All findings on one 3D scan, from what its registration measured."""

from __future__ import annotations

from collections.abc import Mapping

from threadlift.face.quality.finding import Finding
from threadlift.face.quality.limits import at_least, at_most


def scan_findings(
    numbers: Mapping[str, float], spacing_mm: float, expression: Mapping[str, float]
) -> tuple[Finding, ...]:
    """Findings on a registered scan.

    numbers: `Capture.numbers` of the face. spacing_mm: mean edge of the scan's triangles on the
    face. expression: fitted weights (0..1) by ARKit name.
    """
    smile = max(expression["mouthSmileLeft"], expression["mouthSmileRight"])
    blink = min(expression["eyeBlinkLeft"], expression["eyeBlinkRight"])
    scan = "scan"
    return (
        at_least(
            "coverage", scan, 100.0 * numbers["matched_fraction"], "%",
            "Scan the whole face, from ear to ear and below the jaw, hair tied back.",
        ),
        at_most(
            "spacing", scan, spacing_mm, "mm",
            "Scan at a higher resolution or from nearer.",
        ),
        at_most(
            "surface_error", scan, numbers["surface_error_mean_mm"], "mm",
            "Look at the error map; scan again without movement, hair or clothes over the skin.",
        ),
        at_most("scan_smile", scan, smile, "1", "Ask the patient to rest the face.", refuse=False),
        at_most(
            "scan_mouth_open", scan, expression["jawOpen"], "1",
            "Ask the patient to close the mouth, teeth lightly together.", refuse=False,
        ),
        at_most(
            "scan_eyes_closed", scan, blink, "1",
            "Scan with open eyes; closed ones leave the distance of the pupils an estimate.",
            refuse=False,
        ),
    )  # fmt: skip
