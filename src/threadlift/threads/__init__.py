"""Threads: product catalogue, geometry, cogs and durability."""

from threadlift.threads.catalogue import Product, product, products
from threadlift.threads.cogs import (
    Bed,
    CogLoads,
    TensionProfile,
    cog_arcs,
    cog_capacity,
    engaged_from,
    holding_factor,
    holding_n,
    tension_profile,
)
from threadlift.threads.durability import DurabilityCurve, durability, strength_fraction
from threadlift.threads.thread import LAYERS, SIDES, TECHNIQUES, Side, Technique, Thread

__all__ = [
    "LAYERS",
    "SIDES",
    "TECHNIQUES",
    "Bed",
    "CogLoads",
    "DurabilityCurve",
    "Product",
    "Side",
    "Technique",
    "TensionProfile",
    "Thread",
    "cog_arcs",
    "cog_capacity",
    "durability",
    "engaged_from",
    "holding_factor",
    "holding_n",
    "product",
    "products",
    "strength_fraction",
    "tension_profile",
]
