"""Two captures of one person: postures, follow-ups, and what can be told from them."""

from threadlift.face.pair.displacement import DIRECTIONS, Displacement, ZoneChange
from threadlift.face.pair.follow_up import FollowUp, follow_up
from threadlift.face.pair.gate import UnlikeCaptures
from threadlift.face.pair.marks import Marks, read_marks
from threadlift.face.pair.posture import posture_change

__all__ = [
    "DIRECTIONS",
    "Displacement",
    "FollowUp",
    "Marks",
    "UnlikeCaptures",
    "ZoneChange",
    "follow_up",
    "posture_change",
    "read_marks",
]
