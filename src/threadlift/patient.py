"""One patient as a run knows them: face, tissue, assessment, and what the posture pair added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from threadlift.assessment import Assessment, assess
from threadlift.capturing import Progress, within
from threadlift.face import Face
from threadlift.face.captured import Captured
from threadlift.face.pair import Displacement
from threadlift.identification import Identified, ZoneStiffness, identify, zone_stiffness
from threadlift.job import STAGES, Job
from threadlift.tissue import Tissue


@dataclass(frozen=True)
class Fitted:
    """How a posture pair changed the tissue: stiffness of zones before and after."""

    identified: Identified
    before: ZoneStiffness
    after: ZoneStiffness
    prior: Tissue

    def to_json(self) -> dict[str, Any]:
        """The `identified` part of assessment.json."""
        found = self.identified
        o = found.observed
        roots = self.prior.knowledge.root, found.tissue.knowledge.root
        before = self.before.estimates(roots[0], ("model", *self.prior.knowledge.basis))
        after = self.after.estimates(roots[1], ("model", *found.tissue.knowledge.basis))
        return {
            "observations": [
                {
                    "zone": zone,
                    "direction": direction,
                    "measured_mm": round(float(mm), 3),
                    "sd_mm": round(float(sd), 3),
                    "expected_mm": round(float(x), 3),
                    "explained_mm": round(float(y), 3),
                }
                for zone, direction, mm, sd, x, y in zip(
                    o.zone, o.direction, o.mm, o.sd_mm, found.before, found.after, strict=True
                )
            ],
            "misfit": round(found.misfit, 2),
            "widened": round(found.widened, 3),
            "learnt": round(found.learnt, 2),
            "stiffness_n_mm": {
                zone: {"before": before[zone].to_json(), "after": after[zone].to_json()}
                for zone in before
            },
            "notes": list(found.notes),
        }


@dataclass(frozen=True)
class Patient:
    """What planning and prediction start from.

    captured: the face with its evidence; posture: where the skin went between two postures;
    fitted: what that said about the tissue, which is in `tissue` already.
    """

    captured: Captured
    tissue: Tissue
    assessment: Assessment
    posture: Displacement | None = None
    fitted: Fitted | None = None

    @property
    def face(self) -> Face:
        """The captured face."""
        return self.captured.face


def patient_of(job: Job) -> Patient:
    """The patient of a run: capture, tissue, what a posture pair says about it, assessment.

    Raises InputError where the pair observed nothing or moved against gravity.
    """
    consultation = job.consultation
    captured = job.capture()
    job.progress(STAGES["face"], "Building the layered tissue")
    tissue = Tissue.of(captured.face, consultation)
    middle = 0.5 * (STAGES["face"] + STAGES["tissue"])
    posture = job.source.posture()
    fitted = None
    if posture is not None:
        fitted = _fitted(tissue, posture, within(job.progress, STAGES["face"], middle))
        tissue = fitted.identified.tissue
    job.progress(middle, "Assessing")
    assessment = assess(captured.face, tissue, consultation)
    return Patient(captured, tissue, assessment, posture, fitted)


def _fitted(tissue: Tissue, posture: Displacement, progress: Progress) -> Fitted:
    found = identify(tissue, posture, progress=progress)
    before, after = (zone_stiffness(t.at_level("coarse")) for t in (tissue, found.tissue))
    return Fitted(found, before, after, tissue)
