"""Capture benchmark: photos and scans of synthetic people with a known truth."""
