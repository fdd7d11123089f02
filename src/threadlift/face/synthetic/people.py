"""Random people in random photographs: what a benchmark draws from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from threadlift.evidence import parameter, value
from threadlift.face.face import Face
from threadlift.face.synthetic.hair import HairLook, Style
from threadlift.face.synthetic.lens import Lens
from threadlift.face.synthetic.lighting import Lighting
from threadlift.face.synthetic.look import Look
from threadlift.face.synthetic.person import synthetic_face
from threadlift.face.synthetic.photo import Shot, photo_camera, photograph
from threadlift.face.synthetic.relief import with_relief
from threadlift.face.synthetic.skin import SkinLook

#: sRGB of hair, irises, shirts, walls to draw from.
HAIR = ((28, 24, 22), (52, 38, 30), (84, 58, 40), (120, 88, 56), (168, 136, 92), (128, 122, 118))
GREY_HAIR = (176, 172, 168)
IRIS = ((70, 46, 28), (92, 64, 38), (96, 88, 56), (92, 116, 134), (116, 132, 136))
SHIRTS = ((70, 82, 98), (228, 226, 222), (40, 42, 46), (120, 52, 56), (150, 160, 148))
WALLS = ((196, 194, 188), (226, 226, 224), (150, 160, 168), (176, 160, 140), (90, 96, 104))

View = Literal["front", "left", "right"]


@dataclass(frozen=True)
class PhotoSet:
    """A person and three photos: front, and turned to show the left and the right side.

    face: the truth at rest; age_years, sex, weight: how it was drawn; look: appearance, the lens
    that of the front photo.
    """

    face: Face
    front: Shot
    left: Shot
    right: Shot
    age_years: float
    sex: str
    weight: float
    look: Look


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a person before the face: age [years], sex, weight (-1 lean to 1 heavy),
    asymmetry (0 none to 1 typical upper end).
    """

    age_years: float
    sex: Literal["female", "male"]
    weight: float
    asymmetry: float


def drawn_person(seed: int) -> Drawn:
    """Who :func:`random_person` makes; costs nothing."""
    rng = np.random.default_rng([seed, 1])
    age = float(rng.uniform(20.0, 80.0))
    sex: Literal["female", "male"] = "female" if rng.random() < 0.5 else "male"
    weight = float(np.clip(rng.normal(0.1, 0.4), -1.0, 1.0))
    return Drawn(age, sex, weight, float(rng.uniform(0.1, 0.9)))


def random_person(seed: int) -> tuple[Face, float, Literal["female", "male"], float]:
    """A person with relief outside the basis; also the age [years], sex and weight drawn."""
    drawn = drawn_person(seed)
    face = synthetic_face(
        seed,
        age_years=drawn.age_years,
        sex=drawn.sex,
        weight=drawn.weight,
        asymmetry=drawn.asymmetry,
        identity=value("face.synthetic.trial_identity"),
    )
    return with_relief(face, seed), drawn.age_years, drawn.sex, drawn.weight


def random_look(seed: int, age_years: float, sex: str, *, marker_mm: float | None = None) -> Look:
    """A plausible appearance and picture quality for a person of that age [years] and sex."""
    rng = np.random.default_rng([seed, 2])
    tone = float(rng.uniform(0.0, 4.6))
    # Fair hair and eyes go with light skin.
    hair = HAIR[int(rng.integers(0, 6 if tone < 1.8 else 2))]
    iris = IRIS[int(rng.integers(0, 5 if tone < 1.8 else 2))]
    grey = float(np.clip((age_years - 45.0) / 30.0 + rng.normal(0.0, 0.3), 0.0, 1.0))
    mixed = tuple(round((1 - grey) * a + grey * b) for a, b in zip(hair, GREY_HAIR, strict=True))
    male = sex == "male"
    styles: tuple[Style, ...] = (
        ("cropped", "cropped", "short", "fringe")
        if male
        else ("short", "fringe", "long", "long_fringe")
    )
    style = styles[int(rng.integers(0, 4))]
    if marker_mm is not None and "fringe" in style:
        style = "short"  # the card sticks to the forehead
    skin = SkinLook(
        tone=tone,
        redness=float(rng.uniform(0.1, 0.9)),
        texture=float(rng.uniform(0.6, 1.4)),
        freckles=float(rng.uniform(0.0, 0.6)) if tone < 2.5 else 0.05,
        moles=float(rng.uniform(0.1, 0.8)),
        oil=float(rng.uniform(0.0, 0.9)),
        wrinkles=float(np.clip((age_years - 30.0) / 40.0, 0.0, 1.0)),
        stubble=float(rng.uniform(0.0, 0.9)) if male else 0.0,
        hair_rgb=(mixed[0], mixed[1], mixed[2]),
        iris_rgb=iris,
        cropped=style == "cropped",
        seed=1000 + 131 * seed,
    )
    azimuth, height = rng.uniform(-70.0, 70.0), rng.uniform(0.0, 50.0)
    a, e = np.deg2rad([azimuth, height])
    light = Lighting(
        key_direction=(np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)),
        key=float(rng.uniform(0.6, 2.2)),
        key_size_deg=float(rng.uniform(5.0, 28.0)),
        warmth=float(rng.uniform(-0.6, 0.9)),
        fill_direction=(-np.sin(a), 0.2, 0.6),
        fill=float(rng.uniform(0.1, 0.9)),
        ceiling=float(rng.uniform(0.0, 0.6)),
    )
    lens = Lens(
        blur_px=float(rng.uniform(0.4, 1.5)),
        noise=float(np.exp(rng.uniform(np.log(0.006), np.log(0.04)))),
        exposure=float(rng.normal(0.0, 0.35)),
        white=(float(np.exp(rng.normal(0.0, 0.05))), float(np.exp(rng.normal(0.0, 0.05)))),
        vignette=float(rng.uniform(0.0, 0.35)),
        sharpen=float(rng.uniform(0.0, 0.8)),
        jpeg=int(rng.integers(70, 97)),
        write_focal=bool(rng.random() < 0.6),
    )
    size = parameter("face.synthetic.iris_diameter")
    return Look(
        skin=skin,
        hair=HairLook(
            style,
            cover=float(rng.uniform(0.1, 0.8)),
            thickness_mm=float(rng.uniform(8.0, 24.0)),
            parted=float(rng.uniform(-1.0, 1.0)),
            length_mm=float(rng.uniform(40.0, 160.0)),
        ),
        light=light,
        lens=lens,
        iris_mm=float(rng.normal(size.value, size.sd or 0.0)),
        glasses=bool(rng.random() < 0.12),
        marker_mm=marker_mm,
        shirt_rgb=SHIRTS[int(rng.integers(0, len(SHIRTS)))],
        wall_rgb=WALLS[int(rng.integers(0, len(WALLS)))],
    )


def slight_expression(rng: np.random.Generator) -> Mapping[str, float]:
    """What is left of an expression in somebody who was asked for a neutral face."""
    weights: dict[str, float] = {}
    for unit, most in (
        ("mouthSmile", 0.25),
        ("browDown", 0.25),
        ("eyeSquint", 0.3),
        ("mouthPress", 0.25),
        ("eyeBlink", 0.15),
        ("browOuterUp", 0.2),
    ):
        if rng.random() < 0.5:
            both = rng.uniform(0.0, most)
            for side in ("Left", "Right"):
                weights[unit + side] = float(np.clip(both + rng.normal(0.0, 0.04), 0.0, 1.0))
    if rng.random() < 0.3:
        weights["jawOpen"] = float(rng.uniform(0.0, 0.05))
    return weights


def photo_set(
    seed: int, *, size: tuple[int, int] = (900, 1125), marker_mm: float | None = None
) -> PhotoSet:
    """Three photos of person `seed`: front, and about 45 degrees to either side.

    The patient turns in the room, each photo has its own distance, small pose errors, slight
    expression and noise; the lens is the same. size (w, h) [px]. Deterministic.
    """
    face, age, sex, weight = random_person(seed)
    look = random_look(seed, age, sex, marker_mm=marker_mm)
    rng = np.random.default_rng([seed, 4])
    distance = float(np.exp(rng.uniform(np.log(500.0), np.log(2000.0))))
    share = float(rng.uniform(0.42, 0.6))
    focal = photo_camera(face, distance_mm=distance, face_share=share, size=size).focal
    shots = []
    for number, yaw in enumerate((0.0, 45.0, -45.0)):
        away = distance * float(np.exp(rng.normal(0.0, 0.04)))
        camera = photo_camera(
            face,
            yaw_deg=yaw + float(rng.normal(0.0, 3.0)),
            pitch_deg=float(rng.normal(0.0, 4.0)),
            roll_deg=float(rng.normal(0.0, 2.0)),
            distance_mm=away,
            focal_px=focal,
            size=size,
            offset=(float(rng.normal(0.0, 0.02)), float(rng.normal(0.0, 0.02))),
        )
        expression = slight_expression(rng)
        # In the side photos the eyes look straight ahead, as one is told to.
        ahead = face.landmark("sellion") + np.array([0.0, 0.0, 3000.0])
        shots.append(
            photograph(
                face,
                camera,
                look,
                expression=expression,
                gaze=ahead if number else None,
                seed=3 * seed + number,
            )
        )
    front, left, right = shots
    return PhotoSet(face, front, left, right, age, sex, weight, look)
