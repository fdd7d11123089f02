"""What a run left in its folder, read back for a report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.interop import FaceModel, read_face_glb

Json = dict[str, Any]

GLB, ASSESSMENT, PLAN, OUTCOME, REPORT = (
    "face.glb",
    "assessment.json",
    "plan.json",
    "outcome.json",
    "report.html",
)


@dataclass(frozen=True)
class RunData:
    """The files of one run. `outcome` is None where nothing was simulated."""

    model: FaceModel
    assessment: Json
    plan: Json
    outcome: Json | None

    @property
    def kind(self) -> str:
        """Where the face came from: photo, scan or synthetic."""
        return str(self.model.extras.get("kind", "scan"))

    @property
    def threads(self) -> list[Json]:
        """The recommended threads as in plan.json."""
        return list(self.plan["threads"])

    @property
    def paths_mm(self) -> list[NDArray[np.float64]]:
        """Thread paths (k, 3) [mm], patient frame."""
        return [np.asarray(t["path_mm"], dtype=float) for t in self.threads]


def _read_json(path: Path) -> Json:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}).",
            "Name the folder of a finished run (`threadlift plan … -o DIR`).",
        ) from error
    except ValueError as error:
        raise InputError(
            f"{path} is not valid JSON ({error}).", "Run `threadlift plan` again."
        ) from error


def load_run(folder: str | Path) -> RunData:
    """Read a run's folder. Raises InputError that names the file that is missing or broken."""
    folder = Path(folder)
    plan = _read_json(folder / PLAN)
    outcome_path = folder / OUTCOME
    return RunData(
        model=read_face_glb(folder / GLB),
        assessment=_read_json(folder / ASSESSMENT),
        plan=plan,
        outcome=_read_json(outcome_path) if outcome_path.exists() else None,
    )
