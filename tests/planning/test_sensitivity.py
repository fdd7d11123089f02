"""Recipes against superposition by hand, and what decides on faces where that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import Case

from threadlift.planning.candidates import CandidateSet
from threadlift.planning.recipe_library import SideLibrary
from threadlift.planning.recipes import FACTORS, OUTPUTS, Recipes
from threadlift.planning.responses import Body, Columns, columns
from threadlift.planning.rows import Rows, prior_limits_mm
from threadlift.planning.sensitivity import Sensitivity, sensitivity
from threadlift.planning.sobol import exact, sampled
from threadlift.threads import products

KINDS = tuple(products().values())[:2]
GOAL = list(OUTPUTS).index("goal")


@pytest.fixture(scope="session")
def responses(body: Body, few: CandidateSet) -> Columns:
    return columns(body, few.candidates)


@pytest.fixture(scope="session")
def recipes(case: Case, few: CandidateSet, responses: Columns, rows: Rows) -> Recipes:
    found = Recipes.of(case.tissue.mesh, few.candidates, responses, rows)
    assert found is not None
    return found


def numbers(n: int, seed: int = 0, width: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    per_thread = {"location", "direction", "depth", "tension"}
    return {f: rng.random((n, width if f in per_thread else 1)) for f in FACTORS}


def outputs(found: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(OUTPUTS, found.T, strict=True))


def known(response: np.ndarray, places: int = 3, entries: int = 2) -> Recipes:
    """Two equal sides, one zone each: response (places, entries) [share of the goal per N]."""
    per_newton = np.asarray(response, dtype=float).ravel()
    levels = np.array([0.0, 1.0, 2.0])
    table = np.stack([per_newton[:, None] * levels, np.zeros((len(per_newton), 3))], axis=2)
    sides = [
        SideLibrary(
            side,  # pyright: ignore[reportArgumentType]
            np.full(places, entries),
            np.ones((places, entries), dtype=np.int64),
            np.arange(places * entries).reshape(places, entries, 1),
            table,
            np.full((places * entries, 2), 10.0),
            np.zeros(places * entries),
            np.array([i]),
            np.array([True]),
        )
        for i, side in enumerate(("left", "right"))
    ]
    rows = Rows(
        sp.csr_matrix((4, 3)), ("jowl_left", "jowl_right"), np.ones(2), np.ones(2),
        np.array(["left", "right"]), ("dip", "dip"), np.array([0, 1]),
        prior_limits_mm(),
    )  # fmt: skip
    fan = np.array([[(t + j) % places for j in range(2)] for t in range(places)])
    return Recipes(
        tuple(sides), tuple("abcdef"[:places]), fan, KINDS, levels, np.array([0.5, 0.25]), rows,
        (1.0, 2.0), (3.0, 4.0), "anchored",
    )  # fmt: skip


def shares(
    recipes: Recipes, output: str = "goal", total_n: float | None = None
) -> dict[str, tuple]:
    names = [f for f in FACTORS if total_n is None or f != "tension"]
    found = sampled(
        lambda x: recipes.evaluate(x, total_n), dict.fromkeys(names, 1), {f: (f,) for f in names},
        samples=2048, seed=1, resamples=20,
    )  # fmt: skip
    s = list(OUTPUTS).index(output)
    return {n: (found.first[g, s], found.total[g, s]) for g, n in enumerate(names)}


# -- recipes --------------------------------------------------------------------------------------


def test_a_recipe_is_the_superposition_of_its_threads(recipes: Recipes, rows: Rows) -> None:
    """Goal and side effects of single recipes, put together by hand."""
    x = numbers(5, width=recipes.most)
    found = outputs(recipes.evaluate(x))
    for i in range(5):
        kind = int(x["product"][i, 0] * len(recipes.products))
        share, worst = np.zeros(rows.goals), {"malar": 0.0, "dip": 0.0}
        for lib in recipes.sides:
            total = np.zeros(lib.response.shape[2])
            for j in range(1 + int(x["number"][i, 0] * recipes.most)):
                t = int(x["location"][i, j] * len(recipes.places))
                e = int(x["direction"][i, j] * lib.entries[t])
                d = int(x["depth"][i, j] * lib.depths[t, e])
                c = lib.candidate[t, e, d]
                low, high = recipes.pull_n
                pull = min(low + x["tension"][i, j] * (high - low), lib.hold[c, kind])
                for q in range(len(total)):
                    total[q] += np.interp(pull, recipes.levels_n, lib.response[c, :, q])
            share[lib.zones] = total[: len(lib.zones)]
            for name, mask in (("dip", lib.dip), ("malar", ~lib.dip)):
                worst[name] = max(worst[name], total[len(lib.zones) :][mask].max())
        goal = np.clip(share, 0, 1) @ rows.weights / rows.weights.sum()
        assert found["goal"][i] == pytest.approx(goal)
        assert found["indentation"][i] == pytest.approx(rows.limit_mm["dip"] * worst["dip"])
        assert found["cheekbone_prominence"][i] == pytest.approx(
            rows.limit_mm["malar"] * worst["malar"]
        )
        assert found["overshoot"][i] == pytest.approx(share.max())


def test_side_effects_are_read_in_their_limits_millimetres(recipes: Recipes) -> None:
    """Twice the columns, twice the millimetres."""
    double = replace(
        recipes, sides=tuple(replace(lib, response=2.0 * lib.response) for lib in recipes.sides)
    )
    x = numbers(64)
    one, two = outputs(recipes.evaluate(x)), outputs(double.evaluate(x))
    for name in ("indentation", "cheekbone_prominence", "overshoot"):
        np.testing.assert_allclose(two[name], 2.0 * one[name], atol=1e-12)


def test_directions_go_from_steep_to_flat_and_planes_from_shallow_to_deep(
    case: Case, rows: Rows, few: CandidateSet, responses: Columns
) -> None:
    found = Recipes.of(case.tissue.mesh, few.candidates, responses, rows)
    assert found is not None
    # A recipe has one technique: the candidates of the others are not in its library.
    mine = [c for c in few.of_side("left") if c.thread.technique == found.technique]
    left = [c for c in mine if c.target.name in found.places]
    lib = found.sides[0]
    for t in range(len(found.places)):
        steep = []
        for e in range(lib.entries[t]):
            planes = [left[c] for c in lib.candidate[t, e, : lib.depths[t, e]]]
            depths = [c.thread.depth_mm.mean() for c in planes]
            assert depths == sorted(depths)
            assert len({c.entry.name for c in planes}) == 1
            pull = planes[0].thread.path_mm[0] - planes[0].thread.path_mm[-1]
            steep.append(pull[1] / np.linalg.norm(pull))
        assert steep == sorted(steep, reverse=True)


def test_a_fan_is_made_of_the_nearest_places(recipes: Recipes) -> None:
    for t, fan in enumerate(recipes.fan):
        assert fan[0] == t
        found = [p for p in fan if p >= 0]
        assert len(found) == len(set(found)) == min(recipes.most, len(recipes.places))


def test_limits_and_time_only_take_away(recipes: Recipes) -> None:
    found = outputs(recipes.evaluate(numbers(500)))
    assert (found["goal_within_limits"] <= found["goal"] + 1e-12).all()
    assert (found["goal_later"] <= found["goal"] + 1e-12).all()
    assert (found["touching"] >= 0.0).all()
    assert (found["touching"] < 1.0).all()


def test_a_product_that_holds_less_pulls_less(recipes: Recipes) -> None:
    weak = replace(recipes, sides=tuple(replace(lib, hold=0.3 * lib.hold) for lib in recipes.sides))
    x = numbers(300)
    strong_dip, weak_dip = (outputs(r.evaluate(x))["indentation"] for r in (recipes, weak))
    assert strong_dip.mean() > weak_dip.mean()


def test_equal_sides_stay_even() -> None:
    found = outputs(known(np.ones((3, 2))).evaluate(numbers(50)))
    assert not found["asymmetry"].any()


# -- what decides, where it is known --------------------------------------------------------------


def test_where_all_places_are_alike_number_does_nothing_at_equal_tension() -> None:
    found = shares(known(0.2 * np.ones((3, 2))), total_n=1.0)
    assert all(first == total == 0.0 for first, total in found.values())


def test_where_all_places_are_alike_only_number_and_tension_count() -> None:
    found = shares(known(0.1 * np.ones((3, 2))))
    for name in ("location", "direction", "depth", "product"):
        assert found[name][1] == pytest.approx(0.0, abs=1e-9)
    # goal = 0.1 N t, N in {1, 2}, t in [1, 2]: Var of N is 0.25, of t 1/12.
    whole = 2.5 * (7.0 / 3.0) - 2.25**2
    assert found["number"][0] == pytest.approx(0.25 * 2.25 / whole, abs=0.03)
    assert found["tension"][0] == pytest.approx(2.25 / 12.0 / whole, abs=0.03)


def test_where_only_one_direction_lifts_direction_decides() -> None:
    found = shares(known(np.array([[0.2, 0.0]] * 3)), total_n=1.0)
    assert found["direction"][0] == pytest.approx(1.0, abs=0.03)
    assert found["location"][1] == pytest.approx(0.0, abs=0.03)


def test_the_product_counts_later_although_not_at_once() -> None:
    recipes = known(0.1 * np.ones((3, 2)))
    assert shares(recipes)["product"][1] == pytest.approx(0.0, abs=1e-9)
    assert shares(recipes, "goal_later")["product"][0] > 0.2


def test_sampling_recipes_gives_what_all_of_them_give(recipes: Recipes) -> None:
    """Exact analysis of variance over a few levels of every factor."""
    levels = {"product": 2, "number": 4, "location": 5, "direction": 2, "depth": 2, "tension": 3}

    def middles(x):
        return {f: (np.minimum((x[f] * k).astype(int), k - 1) + 0.5) / k for f, k in levels.items()}

    grid = np.stack(np.meshgrid(*[(np.arange(k) + 0.5) / k for k in levels.values()],
                                indexing="ij"), axis=-1)  # fmt: skip
    flat = grid.reshape(-1, len(levels))
    values = recipes.evaluate({f: flat[:, [i]] for i, f in enumerate(levels)})
    truth = exact(
        values.reshape(*levels.values(), len(OUTPUTS)), {f: (i,) for i, f in enumerate(levels)}
    )
    found = sampled(
        lambda x: recipes.evaluate(middles(x)), dict.fromkeys(levels, 1), {f: (f,) for f in levels},
        samples=8192, seed=2, resamples=20,
    )  # fmt: skip
    np.testing.assert_allclose(found.first[:, GOAL], truth.first[:, GOAL], atol=0.04)
    np.testing.assert_allclose(found.total[:, GOAL], truth.total[:, GOAL], atol=0.04)


# -- the whole ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def whole(recipes: Recipes) -> Sensitivity:
    return sensitivity(recipes, seed=0)


def test_same_seed_same_decomposition(whole: Sensitivity, recipes: Recipes) -> None:
    assert sensitivity(recipes, seed=0).to_json() == whole.to_json()
    assert sensitivity(recipes, seed=1).to_json() != whole.to_json()


def test_doubling_the_samples_changes_less_than_the_interval(whole: Sensitivity) -> None:
    for design in whole.designs:
        x = design.indices
        wide = np.maximum(x.first_high - x.first_low, x.total_high - x.total_low).max(axis=0)
        assert (x.change <= wide).all()


def test_placement_explains_at_least_what_each_of_its_parts_does(whole: Sensitivity) -> None:
    for design in whole.designs:
        x = design.indices
        place = x.groups.index("placement")
        for name in ("location", "direction", "depth"):
            part = x.groups.index(name)
            slack = x.first_high - x.first_low
            assert (x.first[place] >= x.first[part] - slack.max(axis=0)).all()


def test_every_decomposition_names_its_ranges(whole: Sensitivity) -> None:
    data = whole.to_json()
    assert set(data["ranges"]) >= {"product", "number", "location", "direction", "depth_mm",
                                   "tension_n", "technique"}  # fmt: skip
    assert [d["name"] for d in data["designs"]] == ["fan", "equal_tension", "scattered"]
    assert "tension" not in data["designs"][1]["outputs"]["goal"]["factors"]


def test_without_candidates_there_is_nothing_to_vary(case: Case, rows: Rows) -> None:
    none = Columns(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((0, rows.count)))
    assert Recipes.of(case.tissue.mesh, (), none, rows) is None
