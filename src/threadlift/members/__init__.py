"""Members of an ensemble: tissues and hands as they may be, drawn together and solved."""

from threadlift.members.ensemble import (
    Member,
    Reads,
    Result,
    design,
    nominal_member,
    read_member,
    solve_member,
)
from threadlift.members.workers import Task, Workers, default_workers

__all__ = [
    "Member",
    "Reads",
    "Result",
    "Task",
    "Workers",
    "default_workers",
    "design",
    "nominal_member",
    "read_member",
    "solve_member",
]
