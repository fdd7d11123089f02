"""The outcome of a plan: lift, risks, movement, durability and complications with intervals."""

from threadlift.outcome.measures import Probe, Reading
from threadlift.outcome.model import Complication, Expression, Outcome, Place, Risk, Solver
from threadlift.outcome.predict import MEMBERS, predict
from threadlift.outcome.side_effects import complications, rare_events

__all__ = [
    "MEMBERS",
    "Complication",
    "Expression",
    "Outcome",
    "Place",
    "Probe",
    "Reading",
    "Risk",
    "Solver",
    "complications",
    "predict",
    "rare_events",
]
