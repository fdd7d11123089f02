"""The ensemble: what is not known about a patient and a hand, drawn together, member by member.

A scrambled Sobol sequence (seeded) covers the joint space evenly, so that 32 members say what 100
random ones would. What was measured varies less: thickness by the layer map's own spread, the
tissue by what its `knowledge` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.members.placement import Ground, displaced
from threadlift.members.shared import sharing
from threadlift.threads.thread import Thread
from threadlift.tissue.bonded import BondCable
from threadlift.tissue.equilibrium import Equilibrium
from threadlift.tissue.knowledge import COORDINATES
from threadlift.tissue.newton import MAX_ITERATIONS
from threadlift.tissue.parameters import SAMPLED, TissueParameters
from threadlift.tissue.regions import REGIONS
from threadlift.tissue.tissue import Tissue

Array = NDArray[np.float64]
Reading_co = TypeVar("Reading_co", covariant=True)
LAYERS = ("skin", "fat", "smas", "deep")

#: Members solve to this relative residual: lifts are then good to a part in five hundred,
#: and the members themselves differ by a third (docs/decisions/0026).
_TOLERANCE = 3e-2
#: Share of the plan's displacement from which members start. Tissue stiffens: where it is thinner
#: or softer than planned, the whole of it strains single elements so far that the way back takes
#: longer than the way up from less.
_START_SHARE = 0.7
#: Newton steps after which a member is called unsolved; solvable ones need 6 to 16.
_MEMBER_STEPS = 25
#: Standard normals beyond this are cut: the tails of made-up distributions carry no knowledge.
_CUT = 2.5
#: So many draws per wanted member are tried before the parameter set is called implausible.
_OVERSAMPLING = 16


@dataclass(frozen=True)
class Member:
    """One draw. Factors multiply nominal values; `depth_mm` and `aside_mm` shift each thread.

    regional: coordinates of the regions' stiffness (`tissue.regions`); thickness_z: standard
    deviations by which skin, fat, SMAS and deep layer are thicker; holding: on all cogs; tension:
    per thread; scale: true size over captured size; model: on every displacement, for what the
    model leaves out; durability_z: quantile of the fading curve.
    """

    name: str
    parameters: TissueParameters
    regional: tuple[float, ...]
    thickness_z: tuple[float, ...]
    holding: float
    tension: tuple[float, ...]
    depth_mm: tuple[float, ...]
    aside_mm: tuple[float, ...]
    scale: float
    model: float
    durability_z: float


def nominal_member(tissue: Tissue, threads: int) -> Member:
    """The member in the middle: everything as planned and as calibrated."""
    ones, zeros = (1.0,) * threads, (0.0,) * threads
    return Member(
        "nominal",
        tissue.parameters,
        tuple(tissue.regional.tolist()),
        (0.0,) * len(LAYERS),
        1.0,
        ones,
        zeros,
        zeros,
        1.0,
        1.0,
        0.0,
    )


def member_at(tissue: Tissue, threads: int, point: Array) -> Member:
    """The member at coordinates (d,) (see `members.coordinates`), of true size."""
    n, own = len(SAMPLED), len(COORDINATES)
    ends = np.cumsum([n, own - n, len(LAYERS), 1, threads, threads])
    material, regional, layers, holding, tension, depth, aside = np.split(point, ends)
    return replace(
        nominal_member(tissue, threads),
        name="at",
        parameters=tissue.parameters.shifted(material),
        regional=tuple((tissue.regional + regional).tolist()),
        thickness_z=tuple(layers.tolist()),
        holding=float(np.exp(value("risks.spread.holding") * holding[0])),
        tension=tuple(np.exp(value("risks.spread.tension") * tension).tolist()),
        depth_mm=tuple((value("risks.spread.depth") * depth).tolist()),
        aside_mm=tuple((value("risks.spread.aside") * aside).tolist()),
    )


def design(tissue: Tissue, threads: int, members: int, seed: int) -> tuple[Member, ...]:
    """`members` draws for a tissue and a number of threads; the same seed gives the same draws."""
    size = len(SAMPLED) + len(LAYERS) + 3 * threads + 4
    sobol = qmc.Sobol(size, scramble=True, rng=np.random.default_rng(seed))
    found: list[Member] = []
    # A sequence of its own, so that the rest of a draw does not hang on the number of regions.
    by_region = qmc.Sobol(len(REGIONS), scramble=True, rng=np.random.default_rng([seed, 1]))
    for _ in range(_OVERSAMPLING):
        power = max(0, int(np.ceil(np.log2(members))))
        blocks = [_normals(s.random_base2(power)) for s in (sobol, by_region)]
        for row, region in zip(*blocks, strict=True):
            sizes = [len(SAMPLED), len(LAYERS), threads, threads, threads]
            material, layers, tension, depth, aside, rest = np.split(row, np.cumsum(sizes))
            known = tissue.knowledge.drawn(np.concatenate([material, region]))
            point = np.concatenate([*known, layers, rest[:1], tension, depth, aside])
            member = member_at(tissue, threads, point)
            if not member.parameters.plausible:
                continue
            found.append(
                replace(
                    member,
                    name=f"member-{len(found) + 1}",
                    scale=float(np.exp(_scale_sd(tissue) * rest[1])),
                    model=float(np.exp(value("risks.spread.model") * rest[2])),
                    durability_z=float(rest[3]),
                )
            )
            if len(found) == members:
                return tuple(found)
    raise SolverError(
        f"Only {len(found)} of {members} sampled tissues have a plausible skin pre-stress.",
        "Check the elasticity in the consultation record.",
    )


def _normals(uniform: Array) -> Array:
    """Standard normals from uniform numbers, their far tails cut."""
    return np.clip(norm.ppf(uniform), -_CUT, _CUT)


def _scale_sd(tissue: Tissue) -> float:
    """Relative sd of the face's size."""
    kind = getattr(tissue.face, "kind", "scan")
    if kind != "photo":
        return value("risks.spread.scale_scan")
    c = tissue.consultation
    known = c is not None and c.measurements.interpupillary_distance_mm is not None
    return value("risks.spread.scale_photo_measured" if known else "risks.spread.scale_photo")


def varied_tissue(tissue: Tissue, member: Member) -> Tissue:
    """The tissue of a member; a mesh that belongs to no face keeps its thicknesses.

    Each layer is thicker or thinner as a whole by the map's own coefficient of variation, which
    is small where that layer was measured.
    """
    stack, varied = tissue.stack, None
    if tissue.face is not None and stack is not None and any(member.thickness_z):
        factors = {
            name: np.exp(stack.cv(name) * z)
            for name, z in zip(LAYERS, member.thickness_z, strict=True)
        }
        varied = stack.scaled(factors)
    return tissue.varied(member.parameters, varied, regional=np.array(member.regional))


def member_cables(tissue: Tissue, threads: Sequence[Thread], member: Member) -> list[BondCable]:
    """The threads as this member's hand places them and as its tissue holds them."""
    cables, ground = [], Ground(tissue.mesh)
    slips = zip(threads, member.tension, member.depth_mm, member.aside_mm, strict=True)
    for thread, factor, deeper, aside in slips:
        placed = displaced(thread, deeper, ground, aside).with_tension(thread.tension_n * factor)
        cables.append(tissue.bonded(placed, holding_scale=member.holding))
    return cables


def solve_member(
    tissue: Tissue,
    threads: Sequence[Thread],
    member: Member,
    *,
    tolerance: float = _TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    start: Array | None = None,
) -> Equilibrium:
    """Nonlinear equilibrium of a member. Raises SolverError when there is none.

    start: (N, 3) [mm] a nearby solution on the same mesh, if there is one.
    """
    own = varied_tissue(tissue, member)
    cables = member_cables(own, threads, member)
    return own.equilibrium(cables, tolerance=tolerance, max_iterations=max_iterations, start=start)


def shared_tissue(tissue: Tissue, threads: Sequence[Thread], start: Array | None = None) -> Tissue:
    """The tissue with what `read_member` needs again for every member with these threads."""
    return sharing(tissue, threads, None if start is None else _START_SHARE * start)


class Reads(Protocol[Reading_co]):
    """Reads the skin's displacement (V, 3) [mm] of a member's mesh."""

    def read(self, u: Array) -> Reading_co: ...  # noqa: D102


@dataclass(frozen=True)
class Result(Generic[Reading_co]):
    """What became of a member: its reading, or None with the reason.

    share: of the tension at which it was solved; a reading solved at less was extrapolated in
    proportion. That overstates a stiffening tissue's answer, on lift and on risks alike.
    """

    reading: Reading_co | None
    share: float = 1.0
    reason: str = ""


def read_member(
    tissue: Tissue,
    probe: Reads[Reading_co],
    threads: Sequence[Thread],
    member: Member,
    start: Array | None = None,
) -> Result[Reading_co]:
    """Solve and read a member; soft draws without an equilibrium are tried at less tension.

    start: (N, 3) [mm] the plan as such on the same mesh: every member lies near it.
    """
    reason = ""
    for share in (1.0, value("risks.ensemble.reduced_tension")):
        pulled = replace(member, tension=tuple(share * t for t in member.tension))
        try:
            surface = solve_member(
                tissue,
                threads,
                pulled,
                max_iterations=_MEMBER_STEPS,
                start=None if start is None else _START_SHARE * share * start,
            ).surface
        except SolverError as error:
            reason = error.problem
            continue
        return Result(probe.read(surface / share), share)
    return Result(None, reason=reason)
