"""What `plan`, `check` and `simulate` are asked alike."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from threadlift.anatomy.marks_on_face import understood
from threadlift.capturing import FaceSource, Progress, silent, within
from threadlift.consultation import Consultation
from threadlift.face.captured import Captured
from threadlift.outcome import MEMBERS

#: Share of the run at which each stage ends; from timings of the demo.
STAGES = {"face": 0.08, "tissue": 0.14, "plan": 0.50, "outcome": 0.92, "report": 1.0}


@dataclass(frozen=True)
class Job:
    """One run: where the face and the findings come from, how it is computed, how it is told.

    members: size of the ensemble behind the intervals; language: of the pages; progress: called as
    the run goes on, and no part of what is computed.
    """

    source: FaceSource
    consultation_path: Path | None = None
    seed: int = 0
    members: int = MEMBERS
    language: str = "en"
    progress: Progress = silent

    @cached_property
    def consultation(self) -> Consultation:
        """The record, an empty one where none is given. Raises InputError that names the field."""
        if self.consultation_path is None:
            return Consultation()
        found = Consultation.load(self.consultation_path)
        # What no face has is refused before one is looked for.
        understood(found.marked_structures)
        return found

    def capture(self) -> Captured:
        """The face with the evidence for it: the first stage of the run."""
        self.progress(0.0, "Fitting the face")
        return self.source.capture(
            self.consultation.measurements.interpupillary_distance_mm,
            within(self.progress, 0.0, STAGES["face"]),
        )

    def inputs_sha256(self, *files: Path, **options: Any) -> str:
        """SHA-256 over the content of all input files and all options, in a fixed order.

        files, options: those that the command has besides these.
        """
        given = [*self.source.files, *files]
        given += [] if self.consultation_path is None else [self.consultation_path]
        own = {"seed": self.seed, "members": self.members, **self.source.options}
        return inputs_sha256(given, own | options)

    def telling(self, progress: Progress) -> Job:
        """The same job, its progress told to somebody."""
        return replace(self, progress=progress)


def inputs_sha256(files: list[Path], options: dict[str, Any]) -> str:
    """SHA-256 over the content of the input files and the options, in a fixed order."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(json.dumps(options, sort_keys=True).encode())
    return digest.hexdigest()
