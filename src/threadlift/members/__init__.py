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
from threadlift.members.workers import Task, default_workers, run_members

__all__ = [
    "Member",
    "Reads",
    "Result",
    "Task",
    "default_workers",
    "design",
    "nominal_member",
    "read_member",
    "run_members",
    "solve_member",
]
