"""The product catalogue: neutral thread types with mechanics, no brands and no prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from threadlift import evidence
from threadlift.errors import InputError

CogKind = Literal["cut", "molded", "cone"]

#: N/mm² in one GPa.
_MPA_PER_GPA = 1000.0


@dataclass(frozen=True)
class Product:
    """A type of thread as the mechanics see it.

    `ea_n` axial stiffness EA [N] (tension = EA · strain); `strength_n` initial strength of the
    core [N]; `max_tension_n` the highest working tension a plan may ask of it [N];
    `cog_holding_n` the force at which one cog slips in plain fat [N]; `durability` names a
    profile of :mod:`threadlift.threads.durability`; `basis` lists evidence keys.
    """

    name: str
    material: str
    diameter_mm: float
    length_mm: float
    ea_n: float
    strength_n: float
    max_tension_n: float
    cog: CogKind
    cog_spacing_mm: float
    cog_holding_n: float
    cog_stiffness_n_mm: float
    durability: str
    basis: tuple[str, ...]


def _build(name: str, row: dict[str, object]) -> Product:
    material, size, cog = (str(row[key]) for key in ("material", "size", "cog"))
    keys = (
        f"threads.material.{material}.modulus",
        f"threads.size.{size}.diameter",
        f"threads.size.{size}.knot_pull",
        f"threads.cog.{cog}.core",
        f"threads.cog.{cog}.spacing",
        f"threads.cog.{cog}.holding",
        f"threads.cog.{cog}.stiffness",
        "threads.tension.working_limit",
    )
    modulus, diameter, pull, core, spacing, holding, stiffness, limit = map(evidence.value, keys)
    area = math.pi / 4.0 * diameter**2
    sources = row.get("source", ())
    own = (sources,) if isinstance(sources, str) else tuple(cast("list[str]", sources))
    return Product(
        name=name,
        material=material,
        diameter_mm=diameter,
        length_mm=float(cast("float", row["length_mm"])),
        ea_n=modulus * _MPA_PER_GPA * area,
        strength_n=pull * core,
        max_tension_n=min(limit, pull * core),
        cog=cast("CogKind", cog),
        cog_spacing_mm=spacing,
        cog_holding_n=holding,
        cog_stiffness_n_mm=stiffness,
        durability=str(row["durability"]),
        basis=(*keys, *own),
    )


@cache
def _catalogue() -> tuple[Product, ...]:
    rows = evidence.table("threads")["product"]
    return tuple(_build(name, row) for name, row in rows.items())


def products() -> dict[str, Product]:
    """Every product of the catalogue by name, in the order of the register."""
    return {p.name: p for p in _catalogue()}


def product(name: str) -> Product:
    """The product with this name. Raises InputError that lists the known names."""
    known = products()
    if name not in known:
        raise InputError(
            f"The thread product '{name}' is not in the catalogue.",
            f"Use one of: {', '.join(known)}.",
        )
    return known[name]
