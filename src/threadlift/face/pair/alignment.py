"""Bring a second capture into the frame of the first one, by what does not move.

Only forehead and nasal bridge count: everything below slides with posture and treatment, and an
alignment that looks at it takes half of the movement away.
"""

from __future__ import annotations

from dataclasses import dataclass

from threadlift.errors import InputError
from threadlift.face.closest import SurfaceIndex
from threadlift.face.scan.register import Registration
from threadlift.face.scan.registration import Target
from threadlift.face.scan.stable import anchor_weight, stable_weight
from threadlift.frames import Similarity, fit_similarity

#: Fewest template vertices that both scans must show, in all and in the stable region.
FEWEST = 150


@dataclass(frozen=True)
class Alignment:
    """The second capture in the first one's frame, before the surfaces are compared.

    Attributes
    ----------
    move: rigid transform from the second registration's canonical frame to the first one's.
    target: the second surface in the first one's frame.
    scale: size of the second upper face over the first.
    """

    move: Similarity
    target: Target
    scale: float


def moved_target(target: Target, move: Similarity) -> Target:
    """A surface rigidly moved."""
    old = target.index
    index = SurfaceIndex(
        move.apply(old.vertices), old.triangles, facing=move.apply_vectors(old.facing)
    )
    return Target(index, move.apply_vectors(target.normals), target.border)


def align(first: Registration, second: Registration) -> Alignment:
    """Rigid alignment of `second` to `first`, by the vertices of the upper face.

    The two registrations name the same skin points there (eyes, brows, nose) to about a
    millimetre, and the errors average out. Closest points on the smooth forehead would not do:
    they leave the head free to roll, by millimetres at the jowl. What error is left is an unknown
    of the field (see `field`), which the surfaces of the stable region then narrow.

    Raises InputError when too little of the upper face is on both scans.
    """
    weight = anchor_weight() * (first.matched & second.matched)
    use = weight > 0.05
    if use.sum() < FEWEST or (stable_weight()[use] > 0.5).sum() < FEWEST:
        raise InputError(
            f"{first.scan.source}, {second.scan.source}: too little of the forehead and of the"
            " nasal bridge was scanned to align the captures.",
            "Hold the hair back and scan up to the hairline.",
        )
    a, b, w = first.vertices[use], second.vertices[use], weight[use]
    move = fit_similarity(b, a, w)
    scale = fit_similarity(a, b, w, with_scale=True).scale
    return Alignment(move, moved_target(second.target, move), scale)
