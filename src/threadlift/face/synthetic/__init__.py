"""Random people, scans and photographs of them, for trials with a known truth."""
