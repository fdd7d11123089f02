"""Anatomy of a face: layers, structures at risk, ligaments, supports, mobility, fibres, spaces."""

from threadlift.anatomy.deep_spaces import DEEP_SPACES, deep_space, glide
from threadlift.anatomy.layers import LAYERS, LayerStack, layer_stack
from threadlift.anatomy.ligaments import Ligament, ligaments
from threadlift.anatomy.marking import Mark, Marking
from threadlift.anatomy.marks_on_face import markings
from threadlift.anatomy.mobility import mobility
from threadlift.anatomy.smas_fibres import smas_fibres, upper_smas
from threadlift.anatomy.structures import Marked, Structure, structures
from threadlift.anatomy.support import SUPPORTS, base_support
from threadlift.anatomy.tension_lines import tension_lines

__all__ = [
    "DEEP_SPACES",
    "LAYERS",
    "SUPPORTS",
    "LayerStack",
    "Ligament",
    "Mark",
    "Marked",
    "Marking",
    "Structure",
    "base_support",
    "deep_space",
    "glide",
    "layer_stack",
    "ligaments",
    "markings",
    "mobility",
    "smas_fibres",
    "structures",
    "tension_lines",
    "upper_smas",
]
