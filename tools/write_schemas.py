"""Write docs/schema/*.schema.json from the models (`make schema`)."""

from __future__ import annotations

import json
from pathlib import Path

from threadlift.interop.file_models import MODELS, json_schema

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schema"


def main() -> None:
    """One file per model."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        path = FOLDER / f"{name}.schema.json"
        path.write_text(json.dumps(json_schema(name), indent=1) + "\n", "utf-8")
        print(path.relative_to(FOLDER.parents[1]))


if __name__ == "__main__":
    main()
