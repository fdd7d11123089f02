"""Glide spaces and mimetic muscle of the deep layer against what is published of their extent."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.anatomy import base_support, ligaments, mobility
from threadlift.anatomy.deep_spaces import DEEP_SPACES, deep_space, glide
from threadlift.face import template


def spot(name):
    t = template()
    return t.vertices[t.landmarks[name]]


def near(mask, point):
    """Value of a mask at the skin nearest to a point."""
    t = template()
    skin = np.flatnonzero(t.skin)
    return mask[skin[np.linalg.norm(t.vertices[skin] - point, axis=1).argmin()]]


def core(name):
    """Left-side vertices where a mask is above one half."""
    t = template()
    return t.vertices[(deep_space(name) > 0.5) & (t.vertices[:, 0] > 0.0)]


@pytest.mark.parametrize("name", DEEP_SPACES)
def test_masks_are_shares_symmetric_and_only_on_the_skin(name):
    t = template()
    mask = deep_space(name)
    assert mask.min() == 0.0
    assert mask.max() == 1.0
    assert mask == pytest.approx(mask[t.mirror], abs=1e-12)
    assert mask[~t.skin].max() == 0.0


def test_premasseteric_space_is_as_wide_as_published_and_reaches_the_jowl():
    """Middle space 25 to 28 mm wide (upper masseter); the lower one ends at the jowl."""
    points = core("premasseteric")
    at_duct = points[np.abs(points[:, 1] - spot("otobasion_inferius_L")[1]) < 4.0]
    assert 22.0 < np.ptp(at_duct[:, 2]) < 31.0
    assert np.ptp(points[:, 1]) > 35.0
    border = spot("gonion_L")[1]
    assert points[:, 1].min() < border
    # In front of the parotid (25 to 35 mm), behind the masseteric ligaments.
    ahead = points[:, 2] - spot("tragus_L")[2]
    assert 22.0 < np.quantile(ahead, 0.02) < 36.0
    assert np.quantile(ahead, 0.98) < 62.0


def test_premasseteric_space_ends_at_the_masseteric_ligaments(mean_face):
    row = next(x for x in ligaments(mean_face) if x.name == "masseteric" and x.side == "left")
    mask = deep_space("premasseteric")
    inside = [near(mask, p - [0.0, 0.0, 8.0]) for p in row.points_mm[1:-1]]
    beyond = [near(mask, p - [0.0, 0.0, -8.0]) for p in row.points_mm[1:-1]]
    assert np.mean(inside) > 0.8
    assert np.mean(beyond) < 0.1


def test_prezygomatic_space_lies_on_the_zygoma_below_the_orbital_rim(mean_face):
    mask = deep_space("prezygomatic")
    assert near(mask, spot("malar_eminence_L") - [0.0, -5.0, 0.0]) > 0.8
    rim = next(
        x for x in ligaments(mean_face) if x.name == "orbicularis_retaining" and x.side == "left"
    )
    assert max(near(mask, p - [0.0, -4.0, 0.0]) for p in rim.points_mm) < 0.5
    low = next(x for x in ligaments(mean_face) if x.name == "zygomatic" and x.side == "left")
    assert max(near(mask, p - [0.0, 9.0, 0.0]) for p in low.points_mm) < 0.2
    orbit = base_support() == 4
    assert mask[orbit].mean() < 0.15


def test_glide_spaces_do_not_overlap_and_avoid_the_parotid():
    a, b = deep_space("premasseteric"), deep_space("prezygomatic")
    assert np.minimum(a, b).max() < 0.2
    assert glide() == pytest.approx(np.maximum(a, b))
    assert glide()[template().landmarks["preauricular_L"]] == 0.0
    # Where the SMAS is held to the parotid there is next to no glide.
    assert glide()[mobility() == 0.0].mean() < 0.02


@pytest.mark.parametrize(
    ("landmark", "low", "high"),
    [
        ("labiale_superius", 0.95, 1.0),
        ("pogonion", 0.95, 1.0),
        ("sublabiale", 0.95, 1.0),
        ("cheilion_L", 0.95, 1.0),
        ("nasolabial_mid_R", 0.5, 1.0),
        ("marionette_mid_L", 0.95, 1.0),
        ("masseter_centre_L", 0.0, 0.01),
        ("glabella", 0.0, 0.01),
        ("preauricular_R", 0.0, 0.01),
        ("submental_mid", 0.0, 0.05),
    ],
)
def test_mimetic_muscle_at_landmarks(landmark, low, high):
    assert low <= deep_space("mimetic")[template().landmarks[landmark]] <= high


def test_results_may_be_changed_without_harm_and_unknown_names_are_refused():
    deep_space("mimetic")[:] = 9.0
    assert deep_space("mimetic").max() <= 1.0
    with pytest.raises(KeyError):
        deep_space("maxillary")
