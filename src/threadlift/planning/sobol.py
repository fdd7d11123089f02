"""How much of a result's variance each factor explains: Sobol indices, sampled or exact.

First-order index: share of the variance that is gone once the factor is known; total index: share
that stays while only the factor is unknown. A factor may be a vector, and a group of factors has
indices like a factor (first: the closed index of the group).

Sampled: f is evaluated at two independent points A and B and at points that take one group from B
and the rest from A; estimators of Saltelli et al. 2010 (first order, centred) and Jansen 1999
(total); intervals from a bootstrap over the points. The points are a scrambled Sobol sequence, for
which such intervals are, if anything, too wide. Exact: analysis of variance of a full factorial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

Array = NDArray[np.float64]
#: Factors as independent uniform numbers (n, width) in [0, 1) by name -> outputs (n, s).
Function = Callable[[Mapping[str, Array]], Array]

# An output whose standard deviation is below this share of its size is constant.
_CONSTANT = 1e-12


@dataclass(frozen=True)
class Indices:
    """Indices of g groups for s outputs.

    first, total (g,s) with the ends of their intervals; mean, sd (s,) of the outputs; change (s,):
    largest difference of any index to that from half of the samples (0 for exact ones); samples:
    points of A. A constant output has indices 0.
    """

    groups: tuple[str, ...]
    first: Array
    first_low: Array
    first_high: Array
    total: Array
    total_low: Array
    total_high: Array
    mean: Array
    sd: Array
    change: Array
    samples: int


def sampled(
    function: Function,
    factors: Mapping[str, int],
    groups: Mapping[str, Sequence[str]],
    *,
    samples: int,
    seed: int,
    resamples: int,
    level: float = 0.9,
) -> Indices:
    """Indices of groups of factors by sampling.

    factors: width of each (uniform numbers that it is made from); groups: names of their factors;
    samples: a power of two; function is called samples * (2 + groups) times, in blocks of samples.
    """
    a, b = _points(factors, samples, seed)
    fa, fb = function(a), function(b)
    mixed = np.stack([function(a | {n: b[n] for n in members}) for members in groups.values()])
    whole = _Terms.of(fa, fb, mixed)
    first, total = whole.indices(np.full((1, samples), 1.0 / samples))
    half = _Terms.of(*(x[..., : samples // 2, :] for x in (fa, fb, mixed)))
    first_half, total_half = half.indices(np.full((1, samples // 2), 2.0 / samples))
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(samples, np.full(samples, 1.0 / samples), size=resamples) / samples
    spread = [np.quantile(x, [0.5 - 0.5 * level, 0.5 + 0.5 * level], axis=0)
              for x in whole.indices(weights)]  # fmt: skip
    both = np.concatenate([fa, fb])
    return Indices(
        tuple(groups),
        first[0], spread[0][0], spread[0][1],
        total[0], spread[1][0], spread[1][1],
        both.mean(axis=0), both.std(axis=0),
        np.maximum(np.abs(first - first_half), np.abs(total - total_half))[0].max(axis=0),
        samples,
    )  # fmt: skip


def _points(
    factors: Mapping[str, int], samples: int, seed: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Two independent sets of uniform numbers by factor."""
    width = sum(factors.values())
    sequence = qmc.Sobol(2 * width, scramble=True, rng=np.random.default_rng(seed))
    points = sequence.random(samples)
    ends = np.cumsum(list(factors.values()))
    out = []
    for start in (0, width):
        parts = np.split(points[:, start : start + width], ends[:-1], axis=1)
        out.append(dict(zip(factors, parts, strict=True)))
    return out[0], out[1]


@dataclass(frozen=True)
class _Terms:
    """What the estimators average: per point, columns of groups x outputs."""

    first: Array
    total: Array
    squares: Array
    means: Array
    scale: Array

    @classmethod
    def of(cls, fa: Array, fb: Array, mixed: Array) -> _Terms:
        centre = 0.5 * (fa.mean(axis=0) + fb.mean(axis=0))
        fa, fb, mixed = fa - centre, fb - centre, mixed - centre
        return cls(
            fb[None] * (mixed - fa[None]),
            0.5 * (fa[None] - mixed) ** 2,
            0.5 * (fa**2 + fb**2),
            0.5 * (fa + fb),
            np.maximum(np.abs(centre), 1.0),
        )

    def indices(self, weights: Array) -> tuple[Array, Array]:
        """First and total indices (r,g,s) under weights (r,n) of the points."""
        variance = weights @ self.squares - (weights @ self.means) ** 2
        constant = variance <= (_CONSTANT * self.scale) ** 2
        safe = np.where(constant, 1.0, variance)

        def shares(terms: Array) -> Array:
            mean = np.einsum("rn,gns->rgs", weights, terms, optimize=True)
            return np.where(constant[:, None], 0.0, mean / safe[:, None])

        return shares(self.first), shares(self.total)


def exact(values: Array, groups: Mapping[str, Sequence[int]]) -> Indices:
    """Indices of a full factorial with equally likely levels.

    values (l1, ..., lk, s): outputs at every combination; groups: axes of each.
    """
    axes = tuple(range(values.ndim - 1))
    mean, variance = values.mean(axis=axes), values.var(axis=axes)
    constant = variance <= (_CONSTANT * np.maximum(np.abs(mean), 1.0)) ** 2
    safe = np.where(constant, 1.0, variance)

    def closed(known: Sequence[int]) -> Array:
        rest = tuple(a for a in axes if a not in known)
        seen = values.mean(axis=rest)
        share = seen.var(axis=tuple(range(seen.ndim - 1))) / safe
        return np.where(constant, 0.0, share)

    first = np.stack([closed(g) for g in groups.values()])
    others = [closed([a for a in axes if a not in g]) for g in groups.values()]
    total = np.where(constant, 0.0, 1.0 - np.stack(others))
    return Indices(
        tuple(groups), first, first, first, total, total, total, mean, np.sqrt(variance),
        np.zeros_like(mean), int(np.prod(values.shape[:-1])),
    )  # fmt: skip
