"""The one-screen summary of a run for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from threadlift.face.captured import Captured
from threadlift.face.pair import Displacement, FollowUp
from threadlift.reporting.check_texts import check_part, violation_rows
from threadlift.reporting.texts import Texts, texts
from threadlift.selftest import Case

Json = dict[str, Any]

#: Zones with less lift than this are left out of the summary [mm].
_SHOWN_MM = 0.2


def _range(e: Json, digits: int = 1) -> str:
    return f"{e['value']:.{digits}f} ({e['low']:.{digits}f} to {e['high']:.{digits}f})"


def print_summary(run: Any, folder: Path, seconds: float) -> None:
    """What was found, planned and predicted, and where the report is."""
    console = Console()
    t = texts("en")
    plan, assessment = run.plan.to_json(), run.assessment.to_json()
    capture = run.patient.face.capture.to_json()
    judged = check_part(plan, t)
    heading = f"check.overall.{judged['overall']}" if judged else ""
    console.print(f"\n[bold]{t(heading or 'recommendation.' + plan['recommendation'])}[/bold]")
    for reason in plan["reasons"]:
        console.print(f"  {reason}")
    console.print(f"Main issue: {t('main_issue.' + assessment['main_issue'])}")
    if run.patient.face.kind == "photo":
        console.print(f"[yellow]{t('banner.photo')}[/yellow]")
    numbers = ", ".join(
        f"{k.replace('_', ' ')} {v:.3g}" if isinstance(v, float) else f"{k.replace('_', ' ')} {v}"
        for k, v in capture["numbers"].items()
        if "." not in k
    )
    console.print(f"Face: {numbers}", soft_wrap=True)
    console.print(f"Scale: {capture['scale']}", soft_wrap=True)
    if plan["threads"]:
        table = Table(box=None, pad_edge=False)
        for name in ("thread", "side", "product", "length mm", "depth mm", "tension N"):
            table.add_column(
                name, justify="left" if name in ("thread", "side", "product") else "right"
            )
        for thread in run.plan.recommended:
            table.add_row(
                thread.id,
                thread.side,
                thread.product,
                f"{thread.length_mm:.0f}",
                f"{min(thread.depth_mm):.1f}–{max(thread.depth_mm):.1f}",
                f"{thread.tension_n:.2f}",
            )
        console.print(table)
        o, s = plan["optimality"], plan["safety"]
        if not judged:
            console.print(
                f"Optimum {o['objective']:.3f}, proven bound {o['bound']:.3f}, gap {o['gap']:.3f}"
            )
        nearest = s["min_clearance_mm"]
        near = "" if nearest is None else f"nearest structure {nearest:.1f} mm "
        console.print(
            f"Safety: {near}({s['nearest_structure']}), probability of "
            f"touching one {100 * s['p_hit']:.1f} %"
        )
    if run.outcome is not None:
        print_outcome(run.outcome.to_json())
    if judged:
        _print_check(console, judged, t)
    console.print(f"\nReport: [bold]{folder / 'report.html'}[/bold]   ({seconds:.0f} s)")


def _print_check(console: Console, judged: Json, t: Texts) -> None:
    """Verdicts, broken rules, assumptions, questions."""
    table = Table(box=None, pad_edge=False, title="Verdicts", title_justify="left")
    for name in ("criterion", "verdict", "behind it"):
        table.add_column(name)
    for row in judged["rows"]:
        behind = _range(row["estimate"], row["digits"]) if row["estimate"] else ""
        line = f"{behind} {row['unit']} {row['facts']}".strip()
        table.add_row(row["name"], t(f"check.verdicts.{row['verdict']}"), line)
    console.print(table)
    _print_violations(console, judged["violations"])
    for heading, lines in (
        ("check.not_stated", judged["assumptions"]),
        ("check.questions", judged["questions"]),
    ):
        if lines:
            console.print(f"{t(heading)}:")
            for line in lines:
                console.print(f"  {line}", soft_wrap=True)


def _print_violations(console: Console, rows: list[Json]) -> None:
    for row in rows:
        console.print(f"  {row['threads']}: {row['what']}. {row['remedy']}", soft_wrap=True)


def print_simulated(simulated: Json) -> None:
    """What given threads do, and first of all which safety rules they break."""
    console = Console()
    t = texts("en")
    if rows := violation_rows(simulated["safety"]["violations"], t):
        console.print(f"[red]{t('check.violations')}:[/red]")
        _print_violations(console, rows)
    print_outcome(simulated)


def print_outcome(outcome: Json) -> None:
    """Lift, risks, durability and the solver's state."""
    console = Console()
    t = texts("en")
    lifts = Table(box=None, pad_edge=False, title="Lift (90 % interval)", title_justify="left")
    lifts.add_column("zone")
    lifts.add_column("mm", justify="right")
    for zone, e in sorted(outcome["lift_mm"].items(), key=lambda item: -item[1]["value"]):
        if abs(e["value"]) >= _SHOWN_MM:
            lifts.add_row(t.zone(zone), _range(e))
    console.print(lifts)
    risks = Table(box=None, pad_edge=False, title="Risks", title_justify="left")
    for name in ("risk", "estimate", "verdict"):
        risks.add_column(name)
    for name, risk in outcome["risks"].items():
        risks.add_row(
            t(f"risk_names.{name}"),
            f"{_range(risk, 2)} {risk['unit']}",
            t(f"verdict.{risk['verdict']}"),
        )
    console.print(risks)
    left = ", ".join(
        f"{d['month']} mo {100 * d['fraction']['value']:.0f} %" for d in outcome["durability"]
    )
    console.print(f"Lift that is left: {left}")
    solver, mesh = outcome["solver"], outcome["mesh"]
    console.print(
        f"Solver: {solver['elements']} elements, {solver['dof']} unknowns, "
        f"{solver['iterations']} Newton steps, residual {solver['residual']:.1e}; "
        f"{mesh['inverted']:.0f} inverted elements, smallest scaled Jacobian "
        f"{mesh['min_scaled_jacobian']:.2f}"
    )


def print_selftest(cases: Sequence[Case]) -> None:
    """The self-test as a table."""
    console = Console()
    table = Table(box=None, pad_edge=False)
    for name in ("case", "expected", "computed", "tolerance", ""):
        table.add_column(name)
    for case in cases:
        table.add_row(
            case.name,
            f"{case.expected:.6g}",
            f"{case.computed:.6g}",
            f"{case.tolerance:.1g}",
            "[green]pass[/green]" if case.passed else "[red]FAIL[/red]",
        )
    console.print(table)


def print_capture(captured: Captured, posture: Displacement | None, folder: Path) -> None:
    """How good the capture is, what would mend it, and where its page is."""
    console = Console()
    face = captured.face
    t = texts("en")
    console.print(f"\n[bold]{t('banner.' + face.kind)}[/bold]")
    console.print(f"Scale: {face.capture.scale}", soft_wrap=True)
    poor = [f for f in captured.findings if f.verdict != "good"]
    console.print(f"Quality: {len(captured.findings) - len(poor)} good, {len(poor)} poor")
    for f in poor:
        name = f.name.replace("_", " ").replace("expression.", "")
        unit = "" if f.unit == "1" else f" {f.unit}"
        console.print(
            f"  {f.picture}, {name}: {f.value:.2g}{unit} (good: {f.limit:g}). {f.remedy}",
            soft_wrap=True,
        )
    for note in face.capture.notes:
        console.print(f"  {note}", soft_wrap=True)
    spread = face.sd_mm[face.skin & (face.vertices[:, 2] > 0.0)]
    console.print(
        f"Standard deviation across the skin: {np.median(spread):.2f} mm in the middle, "
        f"{np.percentile(spread, 95):.2f} mm at the 95th percentile of the front of the head"
    )
    if posture is not None:
        seen, tracked = posture.fractions
        console.print(
            f"Between the postures: contour observed on {100 * seen:.0f} % of the face, "
            f"movement along the skin on {100 * tracked:.0f} %"
        )
    console.print(f"Page: {folder / 'capture.html'}", soft_wrap=True)


def print_follow_up(found: FollowUp, folder: Path) -> None:
    """What changed by more than can be told from none, and where the page is."""
    console = Console()
    t = texts("en")
    changed = found.detected
    if not changed:
        console.print("No zone changed by more than the smallest detectable change.")
    for zone, names in changes_in_words(found, t).items():
        console.print(f"{zone}: {names}", soft_wrap=True)
    for note in found.displacement.notes:
        console.print(f"  {note}", soft_wrap=True)
    console.print(f"Page: {folder / 'follow_up.html'}", soft_wrap=True)


def changes_in_words(found: FollowUp, t: Texts) -> dict[str, str]:
    """Zone in words -> its detected changes with their intervals."""
    zones = found.displacement.zones
    return {
        t.zone(zone): ", ".join(
            f"{name} {(e := zones[zone][name].estimate).value:+.1f} mm "
            f"({e.low:+.1f} to {e.high:+.1f})"
            for name in names
        )
        for zone, names in found.detected.items()
    }
