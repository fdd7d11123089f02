"""Random people and captures of them, for trials with a known truth."""
