"""Anatomy of a face: layers, structures at risk, ligaments, supports, mobility."""

from threadlift.anatomy.layers import LAYERS, LayerStack, layer_stack
from threadlift.anatomy.ligaments import Ligament, ligaments
from threadlift.anatomy.mobility import mobility
from threadlift.anatomy.structures import Structure, structures
from threadlift.anatomy.support import SUPPORTS, base_support

__all__ = [
    "LAYERS",
    "SUPPORTS",
    "LayerStack",
    "Ligament",
    "Structure",
    "base_support",
    "layer_stack",
    "ligaments",
    "mobility",
    "structures",
]
