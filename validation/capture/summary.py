"""Numbers of the benchmark from its stored results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.face.template import template
from validation.capture.measure import HALF, NINETY, zones
from validation.capture.trial import Result

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Absolute errors [mm], share of truth in the reported intervals, number of people."""

    mean: float
    median: float
    p95: float
    in_50: float
    in_90: float
    people: int


@dataclass(frozen=True)
class Scale:
    """Error of size [%], mean reported sd [%], how often truth lay in the 90 % interval (0..1)."""

    mean: float
    p95: float
    bias: float
    reported: float
    in_90: float


def errors(results: list[Result], where: str = "face", surface: bool = False) -> Spread:
    """Errors of one variant over the visible face, one of its zones, or what hair hides.

    where: 'face', a zone of `measure.zones`, or 'hidden'. Means are of people's means, so that
    everybody counts alike; percentiles are means of people's percentiles.
    """
    rows = []
    for r in results:
        if r.comparison is None:
            continue
        chosen = _rows(r, where)
        if chosen.sum() < 10:
            continue
        c = r.comparison
        e = np.abs(c.surface_mm if surface else c.normal_mm)[chosen]
        sd = c.sd_mm[chosen]
        ok = np.isfinite(e)
        e, sd = e[ok], sd[ok]
        rows.append(
            (
                e.mean(),
                np.median(e),
                np.percentile(e, 95),
                np.mean(e < HALF * sd),
                np.mean(e < NINETY * sd),
            )
        )
    if not rows:
        rows = [[np.nan] * 5]
    mean, median, p95, in_50, in_90 = np.mean(rows, axis=0).tolist()
    return Spread(mean, median, p95, in_50, in_90, len(rows) if np.isfinite(mean) else 0)


def _rows(r: Result, where: str) -> NDArray[np.bool_]:
    if where == "face":
        return r.region
    if where == "hidden":
        return np.any(list(zones().values()), axis=0) & ~r.region
    return zones()[where] & r.region


def person_means(results: list[Result]) -> Array:
    """Mean absolute normal error [mm] of each person (k,)."""
    return np.array(
        [np.abs(r.comparison.normal_mm[r.region]).mean() for r in results if r.comparison]
    )


def scale(results: list[Result]) -> Scale:
    """How well the size was found."""
    log = np.array([np.log(r.comparison.scale) for r in results if r.comparison])
    sd = np.array([r.scale_sd for r in results if r.comparison])
    if not len(log):
        return Scale(*[float("nan")] * 5)
    return Scale(
        100.0 * float(np.abs(log).mean()),
        100.0 * float(np.percentile(np.abs(log), 95)),
        -100.0 * float(log.mean()),
        100.0 * float(sd.mean()),
        float(np.mean(np.abs(log) < NINETY * sd)),
    )


def landmarks(results: list[Result]) -> dict[str, float]:
    """Mean distance [mm] of each landmark from the truth, left and right together."""
    found = [r.comparison.landmarks_mm for r in results if r.comparison]
    if not found:
        return {}
    mean = np.mean(found, axis=0)
    sums: dict[str, list[float]] = {}
    for name, d in zip(template().landmarks, mean, strict=True):
        sums.setdefault(name.removesuffix("_L").removesuffix("_R"), []).append(float(d))
    return {name: float(np.mean(x)) for name, x in sums.items()}


def mean_map(results: list[Result]) -> Array:
    """Mean absolute normal error (n,) [mm] over those people whose photos show the vertex."""
    total = np.zeros(len(template().vertices))
    count = np.zeros(len(total))
    for r in results:
        if r.comparison is not None:
            total += np.where(r.region, np.abs(r.comparison.normal_mm), 0.0)
            count += r.region
    return np.where(count >= 3, total / np.maximum(count, 1.0), np.nan)
