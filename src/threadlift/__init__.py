"""threadlift: plan a thread lift on a patient-specific layered face before anybody lifts a needle."""

__version__ = "0.1.0"
