"""The judgement of a proposed plan in words: criteria, violations, questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from threadlift.outcome.judge import grouped
from threadlift.planning import Violation
from threadlift.reporting import refusals
from threadlift.reporting.pages import number, words
from threadlift.reporting.texts import Texts
from threadlift.reporting.violations import remedy, rule_words

Json = dict[str, Any]


def criterion_name(name: str, t: Texts) -> str:
    """A criterion in words; risks have their usual names."""
    own = t.keys("check.names")
    return t(f"check.names.{name}") if name in own else t(f"risk_names.{name}")


def criterion_facts(criterion: Json, t: Texts) -> str:
    """What stands behind a verdict, as one line; '' where the estimate says it all."""
    name, facts, verdict = criterion["name"], criterion["facts"], criterion["verdict"]
    if name == "safety":
        key = "check.facts.unsafe" if facts["violations"] else "check.facts.safe"
        clearance = facts["min_clearance_mm"]
        return t(
            key,
            n=facts["violations"],
            p=number(100.0 * facts["p_hit"], 0),
            mm="–" if clearance is None else number(clearance),
            structure=t.structure(facts["nearest_structure"] or "–"),
        )
    if name == "consultation":
        if "refusal" in facts:
            return " ".join(refusals.reasons(facts["refusal"], t))
        if facts["missing"]:
            return t("check.facts.missing", n=len(facts["missing"]))
        return ""
    if name == "equilibrium":
        return str(facts.get("reason", ""))
    if name == "same_size":
        if verdict == "unknown":
            return t("check.facts.no_same_size")
        more = 100.0 * facts["goal_share_more"]
        return t("check.facts.more" if more > 0.0 else "check.facts.less", x=number(abs(more), 0))
    zone = facts.get("zone", "")
    return t.zone(zone) if zone else ""


def failed_sentence(criterion: Json, t: Texts) -> str:
    """A failed criterion as a sentence for the plan's reasons."""
    facts = criterion_facts(criterion, t)
    if criterion["estimate"] is not None:
        e = criterion["estimate"]
        unit = "" if e["unit"] == "1" else f" {e['unit']}"
        digits = 2 if e["unit"] == "1" else 1
        facts = (
            f"{number(e['value'], digits)}{unit} ({number(e['low'], digits)} – "
            f"{number(e['high'], digits)})" + (f", {facts}" if facts else "")
        )
    return t("check.failed", name=criterion_name(criterion["name"], t), facts=facts)


def question_text(kind: str, values: Mapping[str, Any], t: Texts) -> str:
    """A question in the language of `t`."""
    if kind == "unstated":
        return t(f"check.ask.unstated.{values['field']}", **assumption_words(values, t))
    if kind == "violation":
        return t(
            "check.ask.violation",
            threads=thread_list(values["threads"], t),
            rule=rule_words(values, t),
        )
    if kind == "risk":
        zone = f" ({t.zone(values['zone'])})" if values.get("zone") else ""
        return t("check.ask.risk", name=t(f"risk_names.{values['risk']}"), zone=zone)
    if kind == "contraindication":
        return t("check.ask.contraindication", name=words(values["name"]))
    if kind == "missing":
        return t("check.ask.missing", item=item_words(values["item"]))
    return t(
        "check.ask.better",
        own=values["own_percent"],
        proposed=values["proposed_percent"],
        n=values["per_side"],
    )


def item_words(item: str) -> str:
    """A field of the consultation record without its section and unit."""
    path = item.removeprefix("measurements.").removeprefix("patient.").replace(".*.", " ")
    for unit in ("_mm", "_years", "_kg_m2"):
        path = path.removesuffix(unit)
    return words(path.replace(".", " "))


def assumption_words(values: Mapping[str, Any], t: Texts) -> dict[str, str]:
    """The assumed value and its range, words of ours in the language of `t`."""
    own = t.keys("check.assumed_words")

    def said(text: str) -> str:
        return t(f"check.assumed_words.{text}") if text in own else text

    return {name: said(str(values[name])) for name in ("assumed", "low", "high")}


def assumption_line(assumption: Json, t: Texts) -> str:
    """One assumption: what the plan does not state and what was taken."""
    return t(
        "check.assumption",
        line=assumption["thread"].removeprefix("line "),
        field=t(f"check.fields.{assumption['field']}"),
        **assumption_words(assumption, t),
    )


def violation_rows(violations: list[Json], t: Texts) -> list[Json]:
    """Violations for a table: those of one rule about one structure together, the worst told."""
    return [
        {
            "threads": thread_list(threads, t),
            "what": rule_words(
                {"rule": rule, "structure": structure, "margin": worst.margin, "unit": worst.unit},
                t,
            ),
            "place": ", ".join(number(x, 0) for x in worst.place_mm) if threads else "",
            "remedy": remedy(rule, t),
        }
        for rule, structure, threads, worst in grouped([Violation.from_json(v) for v in violations])
    ]


def thread_list(names: Sequence[str], t: Texts) -> str:
    """Names such as L1, L2, L3, R1 as "L1–L3, R1"; the whole plan where there is none."""
    if not names:
        return t("check.whole_plan")
    runs: list[list[str]] = []
    for name in names:
        last = runs[-1][-1] if runs else ""
        follows = (
            name[1:].isdigit()
            and last[1:].isdigit()
            and name[0] == last[0]
            and int(name[1:]) == int(last[1:]) + 1
        )
        if follows:
            runs[-1].append(name)
        else:
            runs.append([name])
    parts = [
        r[0] if len(r) == 1 else f"{r[0]}–{r[-1]}" if len(r) > 2 else ", ".join(r) for r in runs
    ]
    return ", ".join(parts)


def check_part(plan: Json, t: Texts) -> Json | None:
    """What the page says of a proposed plan; None for a plan of threadlift's own."""
    judged = plan.get("judgement")
    if not judged:
        return None
    rows = [
        {
            "name": criterion_name(c["name"], t),
            "verdict": c["verdict"],
            "estimate": c["estimate"],
            "unit": "" if c["estimate"] is None or c["estimate"]["unit"] == "1"
            else c["estimate"]["unit"],
            "digits": 2 if c["estimate"] and c["estimate"]["unit"] == "1" else 1,
            "facts": criterion_facts(c, t),
        }
        for c in judged["criteria"]
    ]  # fmt: skip
    return {
        "overall": judged["overall"],
        "rows": rows,
        "violations": violation_rows(plan["safety"]["violations"], t),
        "assumptions": [assumption_line(a, t) for a in judged["assumptions"]],
        "questions": [question_text(q["kind"], q["values"], t) for q in judged["questions"]],
        "same_size": _same_size(judged["same_size"], t),
    }


def _same_size(same: Json | None, t: Texts) -> Json | None:
    """The proposal and the planner's plan side by side."""
    if same is None:
        return None
    if same["goal_attained"] is None:
        why = same["refusal"]
        because = "" if why is None else " ".join(refusals.reasons(why, t))
        return {"sentence": t("check.same_size_none", n=same["most_per_side"]), "because": because,
                "rows": []}  # fmt: skip
    given = same["proposed"]
    rows = [
        {
            "name": t("check.goal"),
            "proposed": "–" if given is None else f"{number(100 * given['goal_attained'], 0)} %",
            "own": f"{number(100 * same['goal_attained'], 0)} %",
        },
        {
            "name": t("check.touching"),
            "proposed": "–" if given is None else f"{number(100 * given['p_hit'], 0)} / 100",
            "own": f"{number(100 * same['p_hit'], 0)} / 100",
        },
    ]
    for zone, mm in sorted(same["lift_mm"].items(), key=lambda item: -item[1]):
        rows.append(
            {
                "name": t("check.lift", zone=t.zone(zone)),
                "proposed": "–" if given is None else f"{number(given['lift_mm'][zone])} mm",
                "own": f"{number(mm)} mm",
            }
        )
    used = max(same["per_side"].values())
    return {
        "sentence": t("check.same_size", n=same["most_per_side"], used=used),
        "because": "",
        "rows": rows,
    }
