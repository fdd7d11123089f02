"""Support codes and SMAS mobility on the template."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.anatomy import SUPPORTS, base_support, mobility
from threadlift.face import template


def code_at(name):
    return SUPPORTS[base_support()[template().landmarks[name]]]


@pytest.mark.parametrize(
    ("landmark", "support"),
    [
        ("glabella", "bone"),
        ("zygion_L", "bone"),
        ("malar_eminence_R", "bone"),
        ("temple_L", "bone"),
        ("pogonion", "bone"),
        ("masseter_centre_L", "bone"),
        ("nasion", "bone"),
        ("labiale_superius", "lip"),
        ("labiale_inferius", "lip"),
        ("cheilion_R", "lip"),
        ("submental_mid", "submental"),
        ("cervical_point", "submental"),
        ("submandibular_L", "submental"),
        ("palpebrale_superius_L", "orbit"),
        ("palpebrale_inferius_R", "orbit"),
    ],
)
def test_support_at_landmarks(landmark, support):
    assert code_at(landmark) == support


def test_cheek_between_masseter_and_mouth_is_unsupported():
    t = template()
    for s in "LR":
        between = 0.5 * (
            t.vertices[t.landmarks[f"midcheek_{s}"]] + t.vertices[t.landmarks[f"cheilion_{s}"]]
        )
        on_skin = np.flatnonzero(t.skin)
        near = on_skin[np.linalg.norm(t.vertices[on_skin] - between, axis=1).argmin()]
        assert SUPPORTS[base_support()[near]] == "buccal"


def test_regions_and_mobility_are_mirror_symmetric():
    mirror = template().mirror
    assert (base_support() == base_support()[mirror]).all()
    assert mobility() == pytest.approx(mobility()[mirror], abs=1e-12)


def test_results_may_be_changed_without_harm():
    base_support()[:] = 9
    mobility()[:] = 9
    assert base_support().max() < len(SUPPORTS)
    assert mobility().max() <= 1.0


@pytest.mark.parametrize(
    ("landmark", "low", "high"),
    [
        ("tragus_L", 0.0, 0.01),
        ("preauricular_R", 0.0, 0.05),
        ("temple_L", 0.0, 0.05),
        ("midcheek_L", 0.9, 1.0),
        ("jowl_point_R", 0.9, 1.0),
        ("nasolabial_mid_L", 0.99, 1.0),
        ("submental_mid", 0.9, 1.0),
        ("masseter_centre_L", 0.05, 0.95),
    ],
)
def test_mobility_at_landmarks(landmark, low, high):
    assert low <= mobility()[template().landmarks[landmark]] <= high
