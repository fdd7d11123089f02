"""The report: one self-contained HTML file made from the files of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from threadlift import evidence
from threadlift.anatomy import Marking
from threadlift.anatomy.structures import structures
from threadlift.face import Capture, Face
from threadlift.reporting import charts, figures, refusals
from threadlift.reporting.check_texts import check_part
from threadlift.reporting.contacts import SHOWN as CONTACTS_SHOWN
from threadlift.reporting.contacts import contact_rows, marked_rows
from threadlift.reporting.course_chart import course_part
from threadlift.reporting.doubt import doubt, remedy_sentence
from threadlift.reporting.fitted_tissue import fitted_tissue
from threadlift.reporting.pages import environment, number, words
from threadlift.reporting.run_data import RunData
from threadlift.reporting.texts import Texts, texts
from threadlift.reporting.trade_off import trade_off
from threadlift.reporting.why import SHOWN, check_line, decides, thread_cards

Json = dict[str, Any]

#: An expression change or a lift below this is noise on the page; zones under it are left out [mm].
_SHOWN_LIFT_MM = 0.05
_UNITLESS = {"1", "-", "ratio", "fraction"}


def _bases(node: Any) -> Iterable[str]:
    """Every basis key that occurs anywhere in a JSON tree."""
    if isinstance(node, Mapping):
        for key, item in node.items():
            if key == "basis" and isinstance(item, list):
                yield from (str(x) for x in item)
            else:
                yield from _bases(item)
    elif isinstance(node, list):
        for item in node:
            yield from _bases(item)


def _sag_rows(assessment: Json) -> list[Json]:
    rows = [
        {"zone": zone, "degree": sag["degree"], "goal": assessment["goal"].get(zone, 0.0)}
        for zone, sag in assessment["sag"].items()
    ]
    return sorted(rows, key=lambda r: (-r["degree"]["value"], -r["goal"], r["zone"]))


def _thread_rows(run: RunData, face: Face, t: Texts) -> list[Json]:
    zones, techniques = face.zones, t.keys("techniques")
    rows = []
    for thread in run.threads:
        path = np.asarray(thread["path_mm"])
        distance = np.linalg.norm(face.vertices - path[-1], axis=1)
        target = min(zones, key=lambda z: float(distance[zones[z] > 0.5].min()))
        rows.append(
            {
                "id": thread["id"],
                "side": thread["side"],
                "product": thread["product"],
                "technique": t(f"techniques.{name}")
                if (name := thread["technique"]) in techniques
                else words(name),
                "entry": ", ".join(f"{x:.0f}" for x in thread["entry_mm"]).replace("-", "−"),
                "to": target,
                "length": float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()),
                "depth_low": min(thread["depth_mm"]),
                "depth_high": max(thread["depth_mm"]),
                "layers": list(dict.fromkeys(thread["layer"])),
                "tension": thread["tension_n"],
            }
        )
    return rows


def _risk_rows(outcome: Json, t: Texts) -> list[Json]:
    rows = []
    for name, risk in outcome["risks"].items():
        unit = risk["unit"]
        place = risk.get("place") or {}
        zone = place.get("zone")
        rows.append(
            {
                "name": name,
                "estimate": risk,
                "unit": "" if unit in _UNITLESS else unit,
                "digits": 1 if unit == "months" else 2,
                "verdict": risk["verdict"],
                "place": t.zone(zone) if zone else "",
                "remedy": remedy_sentence(name, risk, t),
            }
        )
    return rows


_ORDER = {"low": 0, "ok": 0, "moderate": 1, "high": 2}


def _complication_rows(outcome: Json, t: Texts) -> list[Json]:
    rows = []
    for item in outcome["complications"]:
        estimate = item["per_100"]
        n = round(estimate["value"])
        label = t("risks.icons", n=n, m=100 - n)
        rows.append(
            {
                "name": t(f"complications.{item['name']}"),
                "estimate": estimate,
                "icons": charts.icon_array(estimate["value"], label),
            }
        )
    return sorted(rows, key=lambda r: -r["estimate"]["value"])


def _half_life(durability: Sequence[Json]) -> int | None:
    """First month of the table at which less than half of the lift is left."""
    return next((d["month"] for d in durability if d["fraction"]["value"] < 0.5), None)


def _alternative_rows(plan: Json, t: Texts) -> list[Json]:
    rows = []
    for item in plan["alternatives"]:
        title, note = refusals.alternative(item, t)
        rows.append(
            {
                "name": title,
                "threads": len(item["threads"]),
                "goal": number(100.0 * item["goal_attained"], 0),
                "note": note,
            }
        )
    return rows


def _measures(assessment: Json) -> list[tuple[str, list[tuple[str, Json]]]]:
    """Proportions, symmetry and movement as flat (name, estimate) rows."""

    def flat(node: Any, name: str = "") -> Iterable[tuple[str, Json]]:
        if isinstance(node, dict) and {"value", "low", "high"} <= node.keys():
            yield words(name), node
        elif isinstance(node, dict):
            for key, item in node.items():
                yield from flat(item, f"{name} {key}".strip())

    return [
        ("proportions", list(flat(assessment["proportions"]))),
        (
            "symmetry",
            [
                *flat(assessment["symmetry_mm"]["overall"], "overall"),
                *flat(assessment["symmetry_mm"]["zones"]),
            ],
        ),
        ("movement", list(flat(assessment["movement_mm"]))),
    ]


def _missing(assessment: Json, t: Texts) -> list[str]:
    lines = []
    for item in assessment["missing"]:
        if isinstance(item, str):
            lines.append(item)
        else:
            text = item.get("consequence") or item.get("effect") or item.get("why") or ""
            lines.append(refusals.gap(item["item"], text, t))
    return lines


def _expression_rows(outcome: Json) -> list[Json]:
    return [
        {
            "name": name,
            "without": row["without_mm"],
            "with_threads": row["with_mm"],
            "change": row["change_mm"],
            "dimple": row.get("dimple_mm"),
            "hold": None if "hold_share" not in row else _percent(row["hold_share"]),
        }
        for name, row in outcome["expressions"].items()
    ]


def _certainty(run: RunData, t: Texts) -> list[tuple[str, list[tuple[str, str]], list[str]]]:
    capture = run.assessment.get("capture", {})
    blocks = [
        (
            "capture",
            [
                (words(k), f"{v:.4g}" if isinstance(v, float) else str(v))
                for k, v in capture.get("numbers", {}).items()
                if "." not in k
            ],
            [str(n) for n in [capture.get("scale"), *capture.get("notes", [])] if n],
        )
    ]
    if run.outcome:
        rows = [
            (words(k), f"{v:.4g}" if isinstance(v, float) else str(v))
            for k, v in (run.outcome["solver"] | run.outcome.get("mesh", {})).items()
            if not isinstance(v, dict | list)
        ]
        blocks.append(("solver", rows, []))
        blocks.append(("ensemble", [], [str(n) for n in run.outcome.get("notes", [])]))
    return blocks


def _figures(run: RunData, face: Face, t: Texts) -> SimpleNamespace:
    out = SimpleNamespace(
        map=[],
        before_after=[],
        displacement=[],
        displacement_max=0.0,
        depth_range=(0.0, 1.0),
        depth_gradient="",
        displacement_gradient="",
        hazard_key=[],
        risk_place=None,
    )
    if run.threads:
        marked = [Marking.from_json(m) for m in run.plan["safety"].get("marked", ())]
        # Only their course along the skin is drawn, so the reference person's depths do not matter.
        hazards = structures(face, markings=marked)
        points = np.array([p.at_mm for m in marked for p in m.marks]).reshape(-1, 3)
        depths = [thread["depth_mm"] for thread in run.threads]
        out.map = figures.thread_maps(run.model, run.paths_mm, depths, hazards, found_mm=points)
        out.depth_range = figures.depth_range(depths)
        out.depth_gradient = figures.gradient(figures.DEPTH_MAP, figures.DEPTH_MAP_END)
        shown = [s for s in hazards if s.kind != "gland"]
        names = dict.fromkeys(
            (s.kind, s.name.removesuffix("_left").removesuffix("_right")) for s in shown
        )
        out.hazard_key = [
            (t.structure(n), "rgb({} {} {})".format(*figures.HAZARD_COLORS[kind]))
            for kind, n in names
        ]
    if run.outcome:
        out.before_after = figures.before_after(run.model)
        out.displacement, out.displacement_max = figures.displacement_maps(run.model)
        out.displacement_gradient = figures.gradient(figures.LIFT_MAP)
    return out


def face_of(run: RunData) -> Face:
    """The face of the run, for landmarks and zones (its capture error is in the assessment)."""
    kind: Any = run.kind
    return Face.in_frame(
        run.model.vertices,
        sd_mm=0.0,
        kind=kind,
        capture=Capture(source="face.glb"),
        expressions={},
        colors=run.model.colors,
    )


def render_report(run: RunData, language: str = "en") -> str:
    """The report as HTML text. Everything on it comes from the files of the run."""
    t = texts(language)
    face = face_of(run)
    plan, assessment, outcome = run.plan, run.assessment, run.outcome
    refusal = plan.get("refusal")
    shares = {
        name: dict(share, scaled100=_percent(share)) for name, share in assessment["shares"].items()
    }
    context: Json = {
        "t": t,
        "kind": run.kind,
        "plan": plan,
        "reasons": refusals.plan_reasons(plan, t),
        "ways_out": refusals.ways_out(refusal, t) if refusal else [],
        "assessment": dict(assessment, shares=shares),
        "outcome": outcome,
        "count_left": sum(thread["side"] == "left" for thread in run.threads),
        "count_right": sum(thread["side"] == "right" for thread in run.threads),
        "sag": _sag_rows(assessment),
        "measures": _measures(assessment),
        "missing": _missing(assessment, t),
        "thread_rows": _thread_rows(run, face, t),
        "figures": _figures(run, face, t),
        "charts": SimpleNamespace(
            depth=charts.depth_chart(run.threads, t) if run.threads else "",
            lift="",
            durability="",
        ),
        "safety": SimpleNamespace(
            clearance=number(plan["safety"]["min_clearance_mm"])
            if plan["safety"]["min_clearance_mm"] is not None
            else "–",
            nearest=t.structure(plan["safety"].get("nearest_structure") or "–"),
            p_hit=number(100.0 * plan["safety"]["p_hit"]),
        ),
        "contacts": contact_rows(plan, t) if run.threads else [],
        "contacts_shown": CONTACTS_SHOWN,
        "marked": marked_rows(plan, t),
        "why": SimpleNamespace(
            cards=thread_cards(plan, t),
            check=check_line(plan, t),
            shown=SHOWN,
            decides=decides(plan, t),
        ),
        "check": check_part(plan, t),
        "alternative_rows": _alternative_rows(plan, t),
        "trade_off": trade_off(plan, t),
        "course": course_part(outcome, t),
        "doubt": doubt(outcome, t),
        "fitted": fitted_tissue(assessment, t),
        "certainty": _certainty(run, t),
        "sources": run_citations(run),
    }
    if outcome:
        lift = {
            z: e
            for z, e in outcome["lift_mm"].items()
            if abs(e["value"]) >= _SHOWN_LIFT_MM or assessment["goal"].get(z, 0.0) > 0.0
        }
        goal = {z: float(g) for z, g in assessment["goal"].items()}
        best = max(outcome["lift_mm"], key=lambda z: outcome["lift_mm"][z]["value"])
        risks = _risk_rows(outcome, t)
        context |= {
            "best_lift": {"zone": best, "estimate": outcome["lift_mm"][best]},
            "worst_risk": max(risks, key=lambda r: _ORDER.get(r["verdict"], 0)),
            "half_months": _half_life(outcome["durability"]),
            "last_month": outcome["durability"][-1]["month"],
            "lift_basis": outcome["lift_mm"][best]["basis"],
            "lift_rows": [
                {"zone": z, "estimate": e, "goal": goal.get(z, 0.0)}
                for z, e in sorted(lift.items(), key=lambda item: -goal.get(item[0], 0.0))
            ],
            "expression_rows": _expression_rows(outcome),
            "risk_rows": risks,
            "complication_rows": _complication_rows(outcome, t),
            "rare": [t(f"complications.{r['name']}") for r in outcome.get("rare_events", [])],
        }
        context["charts"].lift = charts.lift_chart(lift, goal, t)
        context["charts"].durability = charts.durability_chart(outcome["durability"], t)
    return environment().get_template("report.html.j2").render(context)


def run_citations(run: RunData) -> list[evidence.Source]:
    """The sources behind every number in a run's files."""
    bases = set(_bases([run.assessment, run.plan, run.outcome or {}]))
    return evidence.citations(sorted(bases))


def _percent(estimate: Json) -> Json:
    return dict(
        estimate,
        value=100 * estimate["value"],
        low=100 * estimate["low"],
        high=100 * estimate["high"],
    )


def write_report(run: RunData, path: str | Path, language: str = "en") -> None:
    """Write :func:`render_report` to `path` (UTF-8)."""
    Path(path).write_text(render_report(run, language), "utf-8")
