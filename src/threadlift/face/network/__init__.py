"""The landmark network: fetched at set-up, run without its maker's framework."""
