"""The model against published measurements: one script per row, `run.py` makes the table."""
