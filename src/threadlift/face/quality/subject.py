"""Who is in the picture and how: pose, expression, what covers the face, and whether it is one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.quality.finding import Finding
from threadlift.face.quality.limits import at_least, at_most
from threadlift.face.quality.patches import (
    BARE,
    FOREHEAD,
    LEFT_CHEEK,
    LOWER_FACE,
    RIGHT_CHEEK,
    UPPER_FACE,
    crop,
    face_size_px,
    lab_median,
    luminance,
)

Array = NDArray[np.float64]

#: Expression scores of the network that a face at rest does not have, and what to say.
_AT_REST = {
    "smile": (("mouthSmileLeft", "mouthSmileRight"), "Ask the patient to stop smiling."),
    "mouth_open": (("jawOpen",), "Ask the patient to close the mouth, teeth lightly together."),
    "pucker": (("mouthPucker", "mouthFunnel"), "Ask the patient to relax the lips."),
    "brow": (("browDownLeft", "browDownRight", "browInnerUp"),
             "Ask the patient to relax the forehead and brows."),
    "eyes_closed": (("eyeBlinkLeft", "eyeBlinkRight"), "Ask the patient to open the eyes."),
}  # fmt: skip
_IRIS = {"right": (468, 469, 471), "left": (473, 474, 476)}
_WHITE_OF_EYE = {"right": (33, 133), "left": (263, 362)}


def pose(
    picture: str, role: str, yaw_deg: float, pitch_deg: float, roll_deg: float
) -> list[Finding]:
    """How the head is turned against what the photo's role wants.

    yaw > 0: the patient's left side is shown; pitch > 0: seen from above (camera.angles_deg).
    """
    wanted = {"front": 0.0, "left": 1.0, "right": -1.0}[role] * value("quality.oblique")
    turn = yaw_deg - wanted
    # Who shows too much of the left side has turned the head to the right.
    side = "left" if turn > 0.0 else "right"
    limit = "yaw" if role == "front" else "yaw_oblique"
    return [
        at_most(
            limit, picture, abs(turn), "deg",
            f"Turn the head {abs(turn):.0f}° to the patient's {side}.", refuse=False,
        ),
        at_most(
            "pitch", picture, abs(pitch_deg), "deg",
            f"{'Raise' if pitch_deg > 0.0 else 'Lower'} the chin by {abs(pitch_deg):.0f}°, or hold "
            f"the camera {'lower' if pitch_deg > 0.0 else 'higher'}, level with the eyes.",
        ),
        at_most(
            "roll", picture, abs(roll_deg), "deg",
            f"Hold the head upright; it leans by {abs(roll_deg):.0f}°.", refuse=False,
        ),
    ]  # fmt: skip


def expression(picture: str, scores: Mapping[str, float]) -> list[Finding]:
    """Expression scores (0..1) of the network against a face at rest; empty without scores."""
    return [
        at_most(f"expression.{name}", picture, max(scores[u] for u in units), "1", remedy,
                refuse=False)
        for name, (units, remedy) in _AT_REST.items()
        if all(u in scores for u in units)
    ]  # fmt: skip


def covering(picture: str, rgb: NDArray[np.uint8], landmarks_px: Array) -> list[Finding]:
    """Colour of lower face and forehead against the skin between and beside the eyes [ΔE].

    A mask or a scarf covers nose, lip, chin and cheeks alike: the second nearest of the five
    colours to the skin tells it from a beard. Hair over the forehead only makes the fit poorer.
    """
    skin = crop(rgb, landmarks_px, BARE)
    out = []
    if skin is None:
        return out
    tone = lab_median(skin)
    lower = sorted(
        float(np.linalg.norm((lab_median(p) - tone) * _MOSTLY_COLOUR))
        for i in LOWER_FACE
        if (p := crop(rgb, landmarks_px, (i,))) is not None
    )
    if len(lower) > 1:
        out.append(
            at_most(
                "covered_mouth",
                picture,
                lower[1],
                "ΔE",
                "Take off mask or scarf; nose, mouth and chin must be bare.",
            )
        )
    brow = [
        float(np.linalg.norm((lab_median(p) - tone) * _MOSTLY_COLOUR))
        for i in FOREHEAD
        if (p := crop(rgb, landmarks_px, (i,))) is not None
    ]
    if brow:
        out.append(
            at_most(
                "covered_forehead",
                picture,
                float(np.median(brow)),
                "ΔE",
                "Tie the hair back so that forehead and temples are bare.",
                refuse=False,
            )
        )
    return out


#: Weights of L, a, b: light falls unevenly on a face, its hue changes little.
_MOSTLY_COLOUR = np.array([0.4, 1.0, 1.0])


def eyes(
    picture: str, rgb: NDArray[np.uint8], landmarks_px: Array, scores: Mapping[str, float]
) -> Finding | None:
    """Darkness of the irises against the whites, for eyes that are open; None for closed ones.

    A statue has no irises, dark glasses have no whites.
    """
    if max(scores.get("eyeBlinkLeft", 0.0), scores.get("eyeBlinkRight", 0.0)) > value(
        "quality.expression.eyes_closed.good"
    ):
        return None
    contrasts = []
    for side, iris in _IRIS.items():
        centre = landmarks_px[iris[0]]
        corners = landmarks_px[list(_WHITE_OF_EYE[side])]
        dark = _dot(rgb, centre[None], 0.03 * face_size_px(landmarks_px))
        # Half way from the iris to each corner of the eye lies the white.
        light = _dot(rgb, 0.42 * centre + 0.58 * corners, 0.02 * face_size_px(landmarks_px))
        if dark is not None and light is not None:
            contrasts.append((light - dark) / max(light, 1.0))
    if not contrasts:
        return None
    return at_least(
        "iris_contrast",
        picture,
        max(contrasts),
        "1",
        "No irises are seen in open eyes: take off dark glasses; statues, dolls and drawings "
        "cannot be planned for.",
    )


def _dot(rgb: NDArray[np.uint8], points: Array, radius: float) -> float | None:
    """Mean luma within discs of a radius [px]; None outside the picture."""
    h, w = rgb.shape[:2]
    r = max(radius, 1.0)
    values = []
    for x, y in points:
        x0, x1 = int(max(x - r, 0)), int(min(x + r + 1, w))
        y0, y1 = int(max(y - r, 0)), int(min(y + r + 1, h))
        if x1 > x0 and y1 > y0:
            values.append(float(luminance(rgb[y0:y1, x0:x1]).mean()))
    return float(np.mean(values)) if values else None


def drawn(picture: str, rgb: NDArray[np.uint8], landmarks_px: Array) -> Finding | None:
    """Share of neighbouring skin pixels that are exactly alike; None where no skin is seen.

    The sensor's noise makes neighbours differ; flat colour means a drawing or a rendering.
    """
    grey = luminance(rgb)
    size = face_size_px(landmarks_px)
    h, w = grey.shape
    same, count = 0, 0
    for x, y in landmarks_px[[*UPPER_FACE, 50, 280]]:
        r = max(0.12 * size, 3.0)
        x0, x1, y0, y1 = (
            int(max(x - r, 0)),
            int(min(x + r, w)),
            int(max(y - r, 0)),
            int(min(y + r, h)),
        )
        part = grey[y0:y1, x0:x1]
        if part.shape[0] > 1 and part.shape[1] > 1:
            same += int((np.diff(part, axis=1) == 0.0).sum())
            count += part.shape[0] * (part.shape[1] - 1)
    if not count:
        return None
    return at_most(
        "flatness",
        picture,
        100.0 * same / count,
        "%",
        "Use an unedited photograph of a person; drawings and smoothed pictures hold no skin.",
    )


def shading(picture: str, rgb: NDArray[np.uint8], landmarks_px: Array) -> Finding | None:
    """Robust relative spread of the light over the skin; None where too little is seen.

    A head is round, so light falls unevenly on it; the fill of a drawing is one colour, even where
    noise or compression has been added. The median deviation leaves lines and features out.
    """
    places = (*RIGHT_CHEEK, *LEFT_CHEEK, *BARE, *UPPER_FACE, *LOWER_FACE, *FOREHEAD)
    medians = np.array(
        [
            float(np.median(luminance(p)))
            for i in places
            if (p := crop(rgb, landmarks_px, (i,))) is not None
        ]
    )
    if len(medians) < len(places) // 2:
        return None
    middle = float(np.median(medians))
    spread = 1.4826 * float(np.median(np.abs(medians - middle))) / max(middle, 1.0)
    return at_least(
        "shading", picture, spread, "1",
        "Use a photograph of a person; skin of one even colour is drawn.",
    )  # fmt: skip


def plausibility(picture: str, identity_rms: float, misfit_percent: float) -> list[Finding]:
    """How far the fitted face is from people, and the fit from the picture.

    identity_rms: root mean square of the identity coefficients (standard normal in people).
    misfit_percent: landmark misfit in % of the distance of the pupils.
    """
    return [
        at_most(
            "unlikely_shape", picture, identity_rms, "1",
            "Use a photograph of one human face; cartoons, animals and statues cannot be fitted.",
        ),
        at_most(
            "misfit", picture, misfit_percent, "%",
            "Uncover the face (hair, hands, glasses) and photograph it with an ordinary lens from "
            "at least 0.5 m.",
        ),
    ]  # fmt: skip
