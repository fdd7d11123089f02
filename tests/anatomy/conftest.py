"""Faces to place anatomy on: the template and random people made of its identity modes."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.face import Capture, Face, template


def person(seed: int | None) -> Face:
    t = template()
    vertices = t.vertices
    if seed is not None:
        sd = 0.8 * np.random.default_rng(seed).standard_normal(len(t.modes))
        vertices = vertices + t.subdivision @ np.tensordot(sd, np.asarray(t.modes, float), axes=1)
    return Face.in_frame(
        vertices, sd_mm=0.0, kind="synthetic", expressions={}, capture=Capture("test")
    )


@pytest.fixture(scope="session")
def mean_face() -> Face:
    return person(None)


@pytest.fixture(scope="session", params=[None, 1, 2, 3, 4, 5], ids=lambda s: f"person-{s}")
def face(request) -> Face:
    return person(request.param)
