"""Expressions: the template's units scaled to the person, or captured; their excursions in mm."""
