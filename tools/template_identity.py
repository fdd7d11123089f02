"""Identity modes and macro axes from the targets of the head."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from template_source import RACES, HeadSource, neutral_shares
from threadlift.evidence import value

Turn = Callable[[np.ndarray], np.ndarray]

FOLDERS = (
    "head",
    "forehead",
    "eyebrows",
    "eyes",
    "nose",
    "mouth",
    "cheek",
    "chin",
    "ears",
    "neck",
    "asym",
)
#: Words that end a target's name: the positive and the negative end of one slider.
OPPOSITES = {
    "incr": "decr",
    "up": "down",
    "out": "in",
    "forward": "backward",
    "convex": "concave",
    "uncompress": "compress",
}
#: Relative standard deviation of a slider (1 = its end). Shapes of the whole head are alternatives
#: of each other and asymmetry is small in people; the overall size is calibrated below.
SPREAD = {"slider": 0.32, "shape": 0.15, "asym": 0.12, "lopsided": 0.05}
#: Shares of the sliders that make up the weight axis.
WEIGHT_SHARES = {"head/head-fat": 0.7, "neck/neck-double": 0.35}
#: Standard deviation of the macro axes in the units they are stated in.
MACRO_SPREAD = {"age": 0.35, "sex": 0.5, "weight": 0.5, **dict.fromkeys(RACES, 0.9)}
N_SYMMETRIC, N_ASYMMETRIC = 84, 28
#: Whole-body parts, rigid motions, and ears of fairy tales.
SKIPPED = re.compile(r"asymm-(breast|trunk)|head-(angle|trans|scale|fat)|neck-trans|ear-shape")


@dataclass(frozen=True)
class Identity:
    """modes (k, n, 3) [mm per sd], signs (k,) ±1 under mirroring, axes: name -> (n, 3) [mm]."""

    modes: np.ndarray
    signs: np.ndarray
    axes: dict[str, np.ndarray]


def remove_similarity(
    field: np.ndarray, points: np.ndarray, where: np.ndarray, with_scale: bool
) -> np.ndarray:
    """Take the best infinitesimal rigid motion (and scaling) on `where` out of a displacement."""
    centre = points[where].mean(axis=0)
    p = points - centre
    n = len(p)
    basis = np.zeros((6 + with_scale, n, 3))
    basis[0, :, 0] = basis[1, :, 1] = basis[2, :, 2] = 1.0
    for axis in range(3):
        unit = np.zeros(3)
        unit[axis] = 1.0
        basis[3 + axis] = np.cross(unit, p)
    if with_scale:
        basis[6] = p
    a = basis[:, where].reshape(len(basis), -1).T
    coefficients = np.linalg.lstsq(a, field[where].ravel(), rcond=None)[0]
    return field - np.tensordot(coefficients, basis, axes=1)


def sliders(source: HeadSource, folder: str) -> dict[str, np.ndarray]:
    """One signed displacement (n, 3) per slider of a folder, by its name."""
    found: dict[str, np.ndarray] = {}
    names = [n for n in source.targets_in(folder) if not SKIPPED.search(n)]
    for name in names:
        stem, _, end = name.rpartition("-")
        if end in OPPOSITES and f"{stem}-{OPPOSITES[end]}" in names:
            other = source.target(f"{folder}/{stem}-{OPPOSITES[end]}")
            found[stem] = 0.5 * (source.target(f"{folder}/{name}") - other)
        elif end in OPPOSITES.values():
            continue
        elif folder == "asym":
            if end == "l":
                found[stem] = 0.5 * (
                    source.target(f"asym/{name}") - source.target(f"asym/{stem}-r")
                )
        else:
            found[name] = source.target(f"{folder}/{name}")
    return found


def macro_axes(source: HeadSource) -> dict[str, np.ndarray]:
    """Whole-head directions [mm]: 'age' young→old, 'sex' female→male, 'weight' mean→heavy,
    and each race against the mean of all.
    """
    races, sexes, ages = neutral_shares()
    one = {"female": {"female": 1.0}, "male": {"male": 1.0}}
    axes = {
        "age": source.person(races, sexes, {"old": 1.0})
        - source.person(races, sexes, {"young": 1.0}),
        "sex": source.person(races, one["male"], ages) - source.person(races, one["female"], ages),
        # The model's own body weight hardly touches the head; its face fat and double chin do.
        "weight": sum(
            (
                share * 0.5 * (source.target(f"{name}-incr") - source.target(f"{name}-decr"))
                for name, share in WEIGHT_SHARES.items()
            ),
            np.zeros_like(source.base),
        ),
    }
    mean = source.person(*neutral_shares())
    for race in RACES:
        axes[race] = source.person({race: 1.0}, sexes, ages) - mean
    return axes


def _columns(
    source: HeadSource,
    axes: dict[str, np.ndarray],
    turned: Turn,
    neutral: np.ndarray,
    upper: np.ndarray,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    even: list[np.ndarray] = []
    odd: list[np.ndarray] = []
    for folder in FOLDERS:
        found = sliders(source, folder)
        for name, raw in found.items():
            field = remove_similarity(turned(raw), neutral, upper, with_scale=False)
            if folder == "asym":
                odd.append(SPREAD["asym"] * 0.5 * (field - source.mirrored(field)))
            elif name.startswith("r-"):
                continue
            elif name.startswith("l-"):
                even.append(SPREAD["slider"] * (field + source.mirrored(field)))
                odd.append(SPREAD["lopsided"] * (field - source.mirrored(field)))
            else:
                whole = folder == "head" and "-" in name and not re.search(r"age|fat|back", name)
                spread = SPREAD["shape" if whole else "slider"]
                even.append(spread * source.symmetric(field))
    even += [MACRO_SPREAD[name] * field for name, field in axes.items()]
    return even, odd


def _modes(columns: list[np.ndarray], weights: np.ndarray, count: int) -> np.ndarray:
    """Directions (count, n, 3) that carry most of the weighted variance of unit-normal columns."""
    matrix = np.stack([c.ravel() for c in columns], axis=1)
    gram = (matrix * np.repeat(weights, 3)[:, None]).T @ matrix
    _, vectors = np.linalg.eigh(gram)
    rotation = vectors[:, ::-1][:, :count]
    # The sign of an eigenvector is arbitrary; fix it so that every machine builds the same file.
    modes = (matrix @ rotation).T.reshape(count, -1, 3)
    lead = modes.reshape(count, -1)[np.arange(count), np.abs(modes.reshape(count, -1)).argmax(1)]
    return modes * np.sign(lead)[:, None, None]


def identity_modes(
    source: HeadSource, rotation: np.ndarray, scale: float, neutral: np.ndarray, weights: np.ndarray
) -> Identity:
    """Modes about the neutral head.

    rotation (3, 3) and scale carry the wheel's displacements into the patient frame;
    neutral (n, 3) in mm, in that frame (y up, z forward, origin mid-tragia);
    weights (n,): importance of each vertex for what the modes must span (the face most).
    """

    def turned(field: np.ndarray) -> np.ndarray:
        return scale * field @ rotation.T

    upper = (neutral[:, 1] > 5.0) & (weights > 0.0)
    axes = {
        name: source.symmetric(remove_similarity(turned(field), neutral, upper, with_scale=True))
        for name, field in macro_axes(source).items()
    }
    even, odd = _columns(source, axes, turned, neutral, upper)
    size = value("face.template.size_sd") * neutral
    shape = _modes(even, weights, N_SYMMETRIC - 1)
    lopsided = _modes(odd, weights, N_ASYMMETRIC)
    modes = np.concatenate([size[None], shape, lopsided])
    signs = np.repeat([1, -1], [N_SYMMETRIC, N_ASYMMETRIC])
    for mode, sign in zip(modes, signs, strict=True):
        mode[:] = 0.5 * (mode + sign * source.mirrored(mode))
    keep = {name: field for name, field in axes.items() if name not in RACES}
    return Identity(modes, signs, keep)
