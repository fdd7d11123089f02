"""The assessment: sagging, proportions, symmetry, movement, and the goal of a lift."""

from threadlift.assessment.assess import assess
from threadlift.assessment.goal import goals, need_mm
from threadlift.assessment.model import Assessment, Goal, MainIssue, Symmetry, ZoneSag
from threadlift.assessment.sagging import main_issue, skin_direction, zone_frame

__all__ = [
    "Assessment",
    "Goal",
    "MainIssue",
    "Symmetry",
    "ZoneSag",
    "assess",
    "goals",
    "main_issue",
    "need_mm",
    "skin_direction",
    "zone_frame",
]
