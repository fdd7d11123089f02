"""Repair of closed folds: exact where nothing is wrong, bounded, towards the template."""

import numpy as np
import pytest

from threadlift.face import Face
from threadlift.face.template import template
from threadlift.tissue.mesh_asset import mesh_asset
from threadlift.tissue.repair import grown, opened, pushed, raised


@pytest.fixture(scope="module")
def asset():
    return mesh_asset("coarse")


@pytest.fixture(scope="module")
def model(asset):
    return asset.sample(template().vertices)


@pytest.fixture(scope="module")
def skin(asset):
    return asset.sample(Face.synthetic(seed=8, asymmetry=0.7).vertices)


def test_without_shares_the_skin_is_the_face(asset, model, skin):
    assert opened(skin, model, np.zeros(asset.columns), asset) is skin


def test_a_patch_of_the_template_on_the_template_changes_nothing(asset, model):
    share = raised(np.zeros(asset.columns), asset.rims["mouth"], asset, 5)
    assert (share > 0).any()
    moved = model + np.array([1.0, -2.0, 3.0])
    assert np.abs(opened(moved, model, share, asset) - moved).max() < 1e-8


def test_outside_the_patch_nothing_moves_and_inside_in_proportion(asset, model, skin):
    share = raised(np.zeros(asset.columns), asset.rims["mouth"], asset, 3)
    once = opened(skin, model, share, asset) - skin
    twice = opened(skin, model, 2.0 * share, asset) - skin
    assert np.abs(once[share == 0.0]).max() == 0.0
    assert np.abs(once).max() > 0.01
    assert np.abs(twice - 2.0 * once).max() < 1e-9


def test_shares_end_with_the_template_everywhere_but_on_the_outer_rim(asset):
    share = np.zeros(asset.columns)
    for attempt in range(16):
        share = raised(share, asset.rims["mouth"], asset, attempt)
    assert share.max() == 1.0
    assert (share[asset.rims["outer"]] == 0.0).all()
    assert (share > 0.0).sum() == asset.columns - asset.rims["outer"].sum()


def test_lips_are_pushed_apart_up_and_down(asset, model):
    mouth = np.flatnonzero(asset.rims["mouth"])
    centre = mouth[np.argsort(np.abs(model[mouth, 0]))[:2]]
    upper, lower = sorted(centre, key=lambda v: -model[v, 1])
    push = pushed(np.full((1, 3), upper), np.full((1, 3), lower), model, asset, 0)
    assert push[upper, 1] > 0.1
    assert push[lower] == pytest.approx(-push[upper])
    size = np.linalg.norm(push, axis=1)
    assert size.max() == pytest.approx(size[upper])
    far = ~grown(np.isin(np.arange(asset.columns), centre), asset, 6)
    assert size[far].max() == 0.0
    twice = pushed(np.full((1, 3), upper), np.full((1, 3), lower), model, asset, 1)
    assert twice == pytest.approx(2.0 * push)
