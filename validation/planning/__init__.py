"""The recommended plan against published techniques on synthetic people: docs/planning.md."""
