"""Cogs: where they sit on a thread, what each can hold, and how they share its tension.

The law of one cog against the tissue beside it: force = stiffness × relative displacement up to its
holding force, then slip at that force. The thread between cogs is an elastic cable, so proximal
cogs of a soft thread carry more than distal ones (shear lag). `tension_profile` is the answer in
tissue that does not move, for searches over many threads; in the tissue's equilibrium the same law
(`threads.chain`) meets tissue that gives way, and cogs that have slid far hold less
(`tissue.bonded`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.threads.catalogue import Product
from threadlift.threads.chain import Chains
from threadlift.threads.thread import TWO_LIMBED, Thread

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Less pull than this [N] is none (the solve would divide by its rounding).
_NO_TENSION_N = 1e-9

#: Sections are never shorter than this [mm], so that their stiffness is finite.
_SHORTEST_MM = 1e-6

#: Slide [mm] that stands for "some", and share of the elastic movement that is still none.
_LEAST_SLIP_MM, _SLIP_MARGIN = 1e-12, 1e-9

#: Half width [mm] of the ramp across the subdermal and septal limits. A step would make an
#: ensemble of jittered depths jump where nature changes gradually.
_RAMP_MM = 0.5


@dataclass(frozen=True)
class Bed:
    """The tissue along a thread's path, one value per path point (k,).

    `skin_mm` and `fat_mm` are layer thicknesses [mm]; `jowl` in 0..1 says how much the fat is the
    lobular fat of the jowl.
    """

    skin_mm: Array
    fat_mm: Array
    jowl: Array


@dataclass(frozen=True)
class CogLoads:
    """What each engaged cog carries (m cogs, ordered by arc length).

    `transfer_n` [N] is positive when the thread pulls the tissue at the cog towards the entry,
    negative when it pulls it towards the far end (proximal half of a floating thread).
    `slip_mm` is how far a cog has slid through the tissue (0 while it holds).
    """

    arc_mm: Array
    capacity_n: Array
    transfer_n: Array
    slip_mm: Array

    @property
    def slipped(self) -> Mask:
        """Cogs loaded to their holding force (m,)."""
        return self.slip_mm > 0.0


@dataclass(frozen=True)
class TensionProfile:
    """Tension along a thread: `segment_tension_n` (k-1,) [N], mean over each path segment.

    `requested_n` was applied; `effective_n` is what the cogs (of a thread that holds both ways,
    the weaker half) can hold; `excess_n` is the difference, which is lost as slip.
    """

    segment_tension_n: Array
    requested_n: float
    effective_n: float
    cogs: CogLoads

    @property
    def excess_n(self) -> float:
        """Tension that the cogs cannot hold [N]."""
        return self.requested_n - self.effective_n


def engaged_from(thread: Thread) -> float:
    """Arc length [mm] at which the set cogs of a one-way thread begin (register default)."""
    return _free_mm(thread.length_mm)


def _free_mm(length: float) -> float:
    """How much [mm] of a limb of this length lies before its set cogs."""
    section = value("threads.engagement.section")
    return length - min(section, value("threads.engagement.share") * length)


def cog_arcs(thread: Thread, product: Product, engaged_from_mm: float | None = None) -> Array:
    """Arc lengths (m,) [mm] of the engaged cogs, from proximal to distal.

    Cogs sit at multiples of the spacing, centred in the engaged section (`engaged_from_mm` from
    the anchor). A floating thread has cogs on both halves and none within one spacing of its
    middle, where the direction turns; the limbs of a loop have theirs as two one-way threads.
    """
    length = thread.length_mm
    if thread.technique in TWO_LIMBED:
        turn = thread.middle_mm
        near, far = (
            _centred(_free_mm(x) if engaged_from_mm is None else engaged_from_mm, x,
                     product.cog_spacing_mm)
            for x in (turn, length - turn)
        )  # fmt: skip
        return np.concatenate([turn - near[::-1], turn + far])
    if thread.technique == "floating":
        half = _centred(length / 2.0 + product.cog_spacing_mm, length, product.cog_spacing_mm)
        return np.concatenate([length - half[::-1], half])
    start = engaged_from(thread) if engaged_from_mm is None else engaged_from_mm
    return _centred(start, length, product.cog_spacing_mm)


def _centred(start: float, end: float, spacing: float) -> Array:
    room = end - start
    if room <= 0.0:
        return np.zeros(0)
    # A tolerance of a millionth of a spacing keeps the count stable under rounding of the path.
    count = int(np.floor(room / spacing + 1e-6))
    first = start + 0.5 * (room - (count - 1) * spacing)
    return first + spacing * np.arange(count, dtype=np.float64)


def holding_factor(layer: tuple[str, ...], depth_mm: Array, bed: Bed | None = None) -> Array:
    """Factor (k,) on a cog's holding force in plain fat, by plane.

    Above 1 in the SMAS and in the septal fat next to it, below 1 in the lobular fat of the jowl,
    far below 1 close to the dermis. Without a `bed` only the layer names are used.
    """
    septal, lobular, subdermal = (
        value(f"threads.plane.{name}") for name in ("septal", "lobular", "subdermal")
    )
    in_smas = np.array([name == "smas" for name in layer])
    in_skin = np.array([name == "skin" for name in layer])
    if bed is None:
        return np.where(in_skin, subdermal, np.where(in_smas, septal, 1.0))
    above_smas = bed.skin_mm + bed.fat_mm - depth_mm
    near = _ramp(value("threads.plane.septal_reach") - above_smas)
    in_fat = np.array([name == "fat" for name in layer])
    near = np.where(in_smas, 1.0, np.where(in_fat, near, 0.0))
    fat = 1.0 + (lobular - 1.0) * bed.jowl * in_fat
    plain = fat + (septal - fat) * near
    under_dermis = depth_mm - bed.skin_mm
    shallow = _ramp(value("threads.plane.subdermal_reach") - under_dermis)
    # In very thin fat the SMAS lies within reach of the dermis: the weaker plane decides.
    return plain + (subdermal - plain) * np.where(in_skin, 1.0, shallow)


def _ramp(inside_mm: Array) -> Array:
    return np.clip(0.5 + 0.5 * inside_mm / _RAMP_MM, 0.0, 1.0)


def cog_capacity(thread: Thread, product: Product, arcs: Array, bed: Bed | None = None) -> Array:
    """Holding forces (m,) [N] of cogs at arc lengths (m,) [mm] of a thread, by plane."""
    factor = np.interp(arcs, thread.arc_mm, holding_factor(thread.layer, thread.depth_mm, bed))
    return product.cog_holding_n * factor


def holding_n(thread: Thread, product: Product, bed: Bed | None = None) -> float:
    """The largest tension [N] that the cogs of a thread (of the weaker half, limb) hold."""
    arcs = cog_arcs(thread, product)
    return _held_n(thread, arcs, cog_capacity(thread, product, arcs, bed))


def _held_n(thread: Thread, arcs: Array, capacity: Array) -> float:
    near = arcs < thread.middle_mm
    far = float(capacity[~near].sum())
    return min(far, float(capacity[near].sum())) if thread.middle_mm > 0.0 else far


def tension_profile(
    thread: Thread,
    product: Product,
    engaged_from_mm: float | None = None,
    *,
    bed: Bed | None = None,
    tension_n: float | None = None,
    holding_scale: float = 1.0,
) -> TensionProfile:
    """How tension runs along a thread and which cogs slip.

    `engaged_from_mm`: arc length where the set cogs begin (None: register default);
    `tension_n`: applied tension [N] (None: the thread's own); `holding_scale`: factor on all
    holding forces, for ensembles. From the anchor to the first set cog the tension is constant,
    then each cog takes its share; the sum of all shares is the tension at the anchor. A loop is
    tightened until both limbs carry the same, so the weaker one decides. A demand
    above the total holding force leaves every cog slipping and the total as effective tension.
    """
    requested = thread.tension_n if tension_n is None else tension_n
    arcs = cog_arcs(thread, product, engaged_from_mm)
    s = thread.arc_mm
    capacity = holding_scale * cog_capacity(thread, product, arcs, bed)
    two_way = thread.middle_mm > 0.0
    proximal = arcs < thread.middle_mm
    holding = _held_n(thread, arcs, capacity)
    effective = min(requested, holding)
    transfer, slip = _shared(arcs, capacity, product, int(proximal.sum()), effective)
    if requested >= holding:
        # Every cog slides. How far is not determined by force: counted from the state in which
        # the last cog has just reached its limit.
        slip = np.maximum(slip, _LEAST_SLIP_MM)

    at_start = 0.0 if two_way else effective
    return TensionProfile(
        segment_tension_n=_segment_means(s, arcs, transfer, at_start),
        requested_n=requested,
        effective_n=effective,
        cogs=CogLoads(arcs, capacity, transfer, slip),
    )


def _shared(
    arcs: Array, capacity: Array, product: Product, forward: int, tension: float
) -> tuple[Array, Array]:
    """Transfers and slips (m,) of cogs that hold `tension` in tissue that does not move.

    The cogs before number `forward` hold the other way (0: the thread is held at its entry).
    """
    m = len(arcs)
    if m == 0 or tension < _NO_TENSION_N:
        return np.zeros(m), np.zeros(m)
    axial = product.ea_n / np.maximum(np.diff(arcs, prepend=0.0), _SHORTEST_MM)
    if forward:
        axial[0] = 0.0
    chains = Chains(
        start=np.array([0, m]),
        axial=axial,
        bond=np.full(m, product.cog_stiffness_n_mm),
        lower=-capacity,
        upper=capacity,
        pulled=np.array([forward]),
        given=np.array([True]),
    )
    state = chains.solve(np.zeros(m), chains.level(np.array([tension])))
    transfer = state.tension - np.append(state.tension[1:], 0.0)
    elastic = capacity / product.cog_stiffness_n_mm
    slip = np.abs(state.w) - elastic
    # The margin keeps rounding from marking a cog that sits exactly at its limit.
    slip = np.where(slip > _SLIP_MARGIN * elastic, slip, 0.0)
    # Remove the rounding of the solve: the shares sum to the tension.
    return transfer * (tension / transfer[forward:].sum()), slip


def _segment_means(s: Array, arcs: Array, transfer: Array, at_start: float) -> Array:
    """Mean tension on each path segment of the step function T(x) = T(0) - sum of transfers."""
    # Integral of T from 0 to x: T(0) x - sum_i transfer_i max(x - arc_i, 0).
    integral = at_start * s - (transfer * np.maximum(s[:, None] - arcs, 0.0)).sum(axis=1)
    tension = np.diff(integral) / np.diff(s)
    return np.maximum(tension, 0.0)
