"""The report: figures, charts, texts, HTML."""

from threadlift.reporting.html import render_report, write_report
from threadlift.reporting.run_data import RunData, load_run

__all__ = ["RunData", "load_run", "render_report", "write_report"]
