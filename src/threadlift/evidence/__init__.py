"""Evidence register: every number from the literature, with its source and status."""

from threadlift.evidence.register import (
    Parameter,
    Source,
    all_parameters,
    all_sources,
    citations,
    parameter,
    source,
    table,
    value,
)

__all__ = [
    "Parameter",
    "Source",
    "all_parameters",
    "all_sources",
    "citations",
    "parameter",
    "source",
    "table",
    "value",
]
