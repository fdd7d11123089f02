"""`assess`: face, tissue and record → what is to be improved, and what is not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from threadlift.assessment.goal import goals
from threadlift.assessment.measures import movement, proportions, symmetry
from threadlift.assessment.model import Assessment
from threadlift.assessment.sagging import main_issue, zone_frame, zone_sag
from threadlift.consultation import ZONES, Consultation, Missing, completeness


def assess(face: Any, tissue: Any = None, consultation: Consultation | None = None) -> Assessment:
    """Assess a face.

    Parameters
    ----------
    face: :class:`threadlift.face.Face` in the patient frame.
    tissue: the layered model; a zone that its mesh does not cover gets no goal. None: all do.
    consultation: the record; None is an empty record (grades then come from age priors).
    """
    record = Consultation() if consultation is None else consultation
    normals = {
        zone: zone_frame(face.vertices, face.normals, face.zones[zone])[1]
        for zone in ZONES
        if zone in face.zones and face.zones[zone].sum() > 0.0
    }
    sag = zone_sag(record, normals)
    issue = main_issue(record)
    ratios, canons = proportions(face)
    sym = symmetry(face)
    covered = {zone: s for zone, s in sag.items() if _covers(tissue, zone)}
    return Assessment(
        main_issue=issue.main,
        probability=issue.probability,
        shares=issue.shares,
        evidence=issue.evidence,
        sag=sag,
        proportions=ratios,
        canons=canons,
        symmetry=sym,
        movement_mm=movement(face, record),
        goal=goals(record, covered, sym.zones if face.kind != "photo" else {}),
        missing=(*_record_gaps(record, face), *_capture_gaps(face)),
        capture=face.capture.to_json(),
    )


def _covers(tissue: Any, zone: str) -> bool:
    if tissue is None:
        return True
    weights = tissue.mesh.zone_weights.get(zone)
    return weights is not None and bool(np.any(weights > 0.0))


def _record_gaps(record: Consultation, face: Any) -> list[Missing]:
    """What the record lacks; a scan brings its own millimetres and needs no pupil distance."""
    scale = "measurements.interpupillary_distance_mm"
    return [m for m in completeness(record) if face.kind == "photo" or m.item != scale]


def _capture_gaps(face: Any) -> list[Missing]:
    if face.kind != "photo":
        return []
    why = "a photograph alone is an illustration: its millimetres err by about 2 mm"
    return [Missing("3D scan", why, False)]
