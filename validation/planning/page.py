"""The page docs/planning.md: what was compared, how, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from threadlift.evidence import citations, value
from threadlift.planning.techniques import techniques
from validation.planning.every_face import RISKS, every_face
from validation.planning.people import ABOVE, OLDEST, YOUNGEST
from validation.planning.pictures import Chosen
from validation.planning.result import FaceResult, Trial
from validation.planning.scoring import (
    UNREACHABLE,
    Means,
    Score,
    compared,
    means,
    rule_shares,
    score,
    score_all,
)
from validation.planning.trial import MIRROR_TOLERANCE

#: Faces that are asked for.
FACES = 100
#: Share of faces on which the plan is asked to beat each technique.
ASKED = 0.95
#: Order of the counts in the table, with their headings.
HEADINGS = {
    "raw": "(a) goal, whatever the risks",
    "kept": "(b′) within limits, paths forgiven",
    "allowed": "(b) within limits and rules",
    "equal": "(c) equal pull",
}

_METHOD = """# Planning: an individual plan against published techniques

Written by `make planning-page` (`python -m validation.planning`); do not edit. {state}

## Method

- **People**: synthetic people {youngest:.0f} to {oldest:.0f} years old with random shape, sex,
  weight and asymmetry. Their consultation record is drawn from their age: grades of sagging around
  {above:g} more than the register's mean for the age (who asks for a lift sags more), in three
  patterns in turn (jowl, midface, mixed), every other three people with one side a grade lower. No
  contraindications, no measurements, no priorities.
- **Plan**: what `plan()` recommends with at most four threads per side, as it would be exported.
- **Techniques**: the {count} published techniques of the register, placed on the same face by their
  recipe, the same for everybody: places, plane, product and way of holding as published, tension
  the register's placement default ({default:g} N), or what the cogs hold if that is less. Up to six
  threads per side.
- **One judge**: plan and techniques are solved by the same nonlinear model on the same mesh of the
  same tissue (level *coarse*; the plan is also made on it) and read by the same rows; safety is the
  kernel's report. None of the planner's own numbers is used, but for the nominal limits that it
  plans within (they leave room for tissues and hands that differ), which are the same for both;
  whether a technique would keep its limits in other tissues was not asked.
- **Counts** of who is ahead on a face; a tie is no win:
  - *(a)* goal attained (weighted share of the goal, each zone up to its goal) at the recipe's own
    pull, whatever the risks;
  - *(b)* the planner's objective (mean and worst zone, less {cost:g} per thread and {per_n:g} per
    newton) within limits and rules: a technique that breaks a limit on side effects (cheekbone,
    dip, overshoot) or on the pull of a side is lowered in pull, each side by itself, until it keeps
    them, to within 3 % of the limit; a technique whose path breaks a safety rule
    whatever its pull is not allowed and loses;
  - *(b′)* the same with broken paths forgiven;
  - *(c)* goal attained at equal pull: of plan and technique the one that pulls more on a side is
    lowered to the other, so that neither is pulled beyond what it was stated with. Limits and rules
    do not count.
- **Refusals**: where the planner finds nothing that is safe and useful, it has no threads and
  attains nothing: it loses (a) and (c), and (b) to whatever may be done there and is worth its
  threads. Where nothing sags enough there is nothing to compare.

The techniques are compared by this project's own model. The page can show that a recipe does less
*in this model*, not that it does less in a patient.
"""


def page(faces: Sequence[FaceResult], shown: Sequence[Chosen]) -> str:
    """The page as Markdown."""
    parts = [
        _METHOD.format(
            state=_state(faces),
            youngest=YOUNGEST,
            oldest=OLDEST,
            count=len(techniques()),
            default=value("threads.tension.initial"),
            above=ABOVE,
            cost=value("planning.objective.thread_cost"),
            per_n=value("planning.objective.tension_cost"),
        ),
        _result(faces),
        _attained(faces),
        _rules(faces),
        _promises(faces),
        _pictures(shown),
        every_face(faces),
        _sources(),
    ]
    return "\n".join(parts) + "\n"


def _state(faces: Sequence[FaceResult]) -> str:
    n, codes = len(faces), sorted({f.code for f in faces})
    numbers = [f.number for f in faces]
    gaps = (
        "" if numbers == list(range(1, n + 1)) else " (not all of them in order: the run was cut)"
    )
    short = "" if n >= FACES else f" of {FACES} that were asked for; the counts are as weak as that"
    return (
        f"**{n} faces{short}**{gaps}. Digest of the code that made the results: {', '.join(codes)}."
    )


def _result(faces: Sequence[FaceResult]) -> str:
    pairs = compared(faces)
    lines = [
        "## Result\n",
        f"Faces on which a plan was called for: {len(pairs)} of {len(faces)}. The table gives the "
        "faces on which the recommended plan is ahead of the technique, of those on which the two "
        f"can be compared; asked for are {100 * ASKED:.0f} %. **Bold**: fewer than that.\n",
        "| technique | " + " | ".join(HEADINGS.values()) + " |",
        "|---|" + "---|" * len(HEADINGS),
    ]
    for name, row in techniques().items():
        cells = [_cell(score(faces, name, c)) for c in HEADINGS]
        lines.append(f"| {row['title']} | " + " | ".join(cells) + " |")
    cells = [_cell(score_all(faces, c)) for c in HEADINGS]
    lines.append("| *all of them at once* | " + " | ".join(cells) + " |")
    lines.append("")
    lines += [_sentence(faces, c) for c in HEADINGS]
    lines += _beyond_at_equal_pull(faces)
    lines += _gaps_in_comparison(faces)
    return "\n".join(lines) + "\n"


def _cell(s: Score) -> str:
    if not s.faces:
        return "–"
    return str(s) if s.share >= ASKED else f"**{s}**"


def _sentence(faces: Sequence[FaceResult], count: str) -> str:
    """How many techniques are beaten often enough by one count, and the one beaten least."""
    scores = {n: score(faces, n, count) for n in techniques()}
    known = {n: s for n, s in scores.items() if s.faces}
    if not known:
        return f"- {HEADINGS[count]}: nothing to compare."
    enough = sum(s.share >= ASKED for s in known.values())
    worst = min(known, key=lambda n: (known[n].share, n))
    least = (
        ""
        if known[worst].share == 1.0
        else (f"; least often *{techniques()[worst]['title']}* ({known[worst]})")
    )
    return (
        f"- {HEADINGS[count]}: {enough} of {len(known)} techniques are beaten on at least "
        f"{100 * ASKED:.0f} % of the faces{least}."
    )


def _beyond_at_equal_pull(faces: Sequence[FaceResult]) -> list[str]:
    """What (c) leaves out: limits that are exceeded at the common pull."""
    pairs = [
        (t.equal, t.plan_equal)
        for f, _ in compared(faces)
        for t in f.techniques
        if t.equal is not None and t.plan_equal is not None
    ]
    if not pairs:
        return []
    theirs, ours = (sum(not p[i].within for p in pairs) for i in (0, 1))
    return [
        "- What (c) does not count: at equal pull the technique exceeds a limit on side effects in "
        f"{theirs} of {len(pairs)} comparisons, the plan in {ours}."
    ]


def _gaps_in_comparison(faces: Sequence[FaceResult]) -> list[str]:
    trials = [(t, f) for f, _ in compared(faces) for t in f.techniques]
    unplaced = Counter(t.name for t, _ in trials if t.unplaced)
    unsolved = Counter(t.name for t, _ in trials if not t.unplaced and t.full is None)
    titles = techniques()
    lines = [
        f"- *{titles[name]['title']}* has no place on {n} of the faces (its recipe leads off the "
        "skin); it is not counted there."
        for name, n in sorted(unplaced.items())
    ]
    lines += [
        f"- *{titles[name]['title']}* has no equilibrium at the recipe's pull on {n} of the faces; "
        "(a) and (c) are not counted there."
        for name, n in sorted(unsolved.items())
    ]
    hopeless = Counter(t.name for t, _ in trials if not t.unplaced and t.kept is None)
    lines += [
        f"- For *{titles[name]['title']}* no pull was found that keeps the limits on {n} of the "
        "faces; it loses (b) and (b′) there."
        for name, n in sorted(hopeless.items())
    ]
    return lines


def _attained(faces: Sequence[FaceResult]) -> str:
    pairs = [(f, f.plan) for f in faces if f.plan is not None]
    head = " | ".join(
        f"{name}{' [' + unit + ']' if unit else ''}" for name, unit, _ in RISKS.values()
    )
    lines = [
        "## What is attained, and at what risk\n",
        f"Means over the {len(pairs)} faces with a recommended plan, each technique at the "
        "recipe's pull. *beyond*: share of faces on which a limit on side effects is exceeded; "
        "*rules*: share on which the safety kernel objects; *touch*: bound on the chance of "
        "touching a named nerve, vessel or duct; *asymmetry*: largest left-right difference of "
        "what is left of a zone's goal; *overshoot*: largest attained share of a zone's goal.\n",
        f"| | threads per side | N per side | goal [%] | objective | {head} | touch [%] "
        "| beyond [%] | rules [%] | goal when lowered [%] | N when lowered |",
        "|---|" + "---|" * (9 + len(RISKS)),
    ]
    ours = means([p for _, p in pairs])
    if ours is not None:
        lines.append(_means_row("**recommended plan**", ours, ours))
    for name, row in techniques().items():
        trials = [t for f, _ in pairs for t in f.techniques if t.name == name]
        full = means([t.full for t in trials if t.full is not None])
        low = means([t.kept for t in trials if t.kept is not None])
        if full is not None:
            lines.append(_means_row(row["title"], full, low))
    lines.append(
        "\n*when lowered*: at the most pull at which the limits hold, paths forgiven; the plan "
        "keeps them as it is."
    )
    return "\n".join(lines) + "\n"


def _means_row(title: str, m: Means, low: Means | None) -> str:
    risks = " | ".join(f"{m.risks[key]:.{digits}f}" for key, (_, _, digits) in RISKS.items())
    lowered = "– | –" if low is None else f"{100 * low.goal_attained:.0f} | {low.pull_side_n:.1f}"
    return (
        f"| {title} | {m.threads_side:.1f} | {m.pull_side_n:.1f} | {100 * m.goal_attained:.0f} "
        f"| {m.objective:.3f} | {risks} | {100 * m.p_touch:.0f} | {100 * m.beyond:.0f} "
        f"| {100 * m.broken:.0f} | {lowered} |"
    )


def _rules(faces: Sequence[FaceResult]) -> str:
    lines = [
        "## Safety rules that the techniques' paths break\n",
        "Share of faces on which the path of at least one thread breaks the rule, whatever it is "
        "pulled with. A rule of this project's kernel is no verdict on a surgeon who sees and "
        "feels where the needle is; it is what an exported plan has to keep.\n",
        "| technique | any rule | rules |",
        "|---|---|---|",
    ]
    for name, row in techniques().items():
        trials = [t for f, _ in compared(faces) for t in f.techniques if t.name == name]
        placed = [t for t in trials if not t.unplaced]
        if not placed:
            continue
        some = np.mean([bool(t.path) for t in placed])
        each = ", ".join(f"{r} {100 * s:.0f} %" for r, s in rule_shares(placed).items())
        lines.append(f"| {row['title']} | {100 * some:.0f} % | {each or 'none'} |")
    met = Counter(
        what
        for f, _ in compared(faces)
        for t in f.techniques
        for what in {_structure(w) for rule, w in t.path if rule.startswith("hazard")}
    )
    if met:
        named = ", ".join(f"{w} ({n})" for w, n in met.most_common(6))
        lines.append(
            f"\nStructures that paths come too close to, by pairs of face and technique: {named}."
        )
    return "\n".join(lines) + "\n"


def _structure(label: str) -> str:
    return label.removesuffix(" (left)").removesuffix(" (right)").replace("_", " ")


def _promises(faces: Sequence[FaceResult]) -> str:
    planned = [f for f in faces if f.plan is not None]
    seconds = np.array([f.seconds for f in faces if f.gap > 0.0 or f.plan is not None])
    out = [
        "## What was exported\n",
        _export_line(faces),
        _mirror_line(faces),
        _refusal_lines(faces),
    ]
    if planned:
        gap = np.array([f.gap for f in planned])
        relative = np.array([f.gap_relative for f in planned])
        complete = sum(f.complete for f in planned)
        out.append(
            "\n## Time and gap\n\n"
            f"Planning took {np.median(seconds):.0f} s of processor time per face in the median "
            f"(5 to 95 %: {np.quantile(seconds, 0.05):.0f} to {np.quantile(seconds, 0.95):.0f} s; "
            "reasons and sensitivity left out; one thread, on a machine that did other work, too). "
            f"The search ended with its proof on {complete} of {len(planned)} faces. The proven "
            f"gap on the grid is {gap.mean():.3f} of the full goal in the mean (median "
            f"{np.median(gap):.3f}, largest {gap.max():.3f}), or {100 * np.median(relative):.1f} % "
            f"of the bound in the median (largest {100 * relative.max():.1f} %); at most 2 % on "
            f"{int((relative <= 0.02).sum())} of {len(planned)}."
        )
    return "\n".join(out) + "\n"


def _export_line(faces: Sequence[FaceResult]) -> str:
    total = sum(f.violations for f in faces if not f.blocked)
    blocked = [f for f in faces if f.blocked]
    plans = sum(f.plan is not None and not f.blocked for f in faces)
    more = sum(f.alternatives for f in faces if not f.blocked)
    text = (
        f"- Every plan left through `Plan.to_json` and was read back; the kernel, asked about "
        f"{plans} recommendations and {more} alternatives as they left, found **{total}** "
        "violations."
    )
    if blocked:
        text += f" The gate let nothing out on {len(blocked)} faces."
    return text


def _mirror_line(faces: Sequence[FaceResult]) -> str:
    asked = [f for f in faces if f.mirrored is not None]
    same = [f for f in asked if f.mirrored and f.mirrored["same"]]
    if not asked:
        return "- No mirror image was planned for."
    worst = max((float(f.mirrored["mm"]) for f in same if f.mirrored), default=0.0)
    text = (
        f"- The mirror image of {len(asked)} faces was planned for, too: {len(same)} got the "
        f"mirrored plan (to {MIRROR_TOLERANCE:g} mm and N; furthest off {worst:.3f} mm)."
    )
    others = [str(f.number) for f in asked if f not in same]
    return text + (f" Not so faces {', '.join(others)}." if others else "")


def _refusal_lines(faces: Sequence[FaceResult]) -> str:
    refused = [f for f in faces if f.refusal is not None]
    if not refused:
        return "- No face was refused."
    lines = [f"- {len(refused)} faces were refused:"]
    reasons = Counter(
        (f.refusal["kind"], " ".join(f.refusal["because"])) for f in refused if f.refusal
    )
    lines += [f"  - {kind} ({n}): {why}" for (kind, why), n in reasons.most_common()]
    hard = [f for f in refused if f.refusal and f.refusal["kind"] == UNREACHABLE]
    could = [f for f in hard if any(_may_be_done(t) for t in f.techniques)]
    if hard:
        lines.append(
            f"  - On {len(could)} of the {len(hard)} faces refused as {UNREACHABLE} a published "
            "technique keeps every rule and limit at some pull and is worth its threads by the "
            "planner's objective."
        )
    return "\n".join(lines)


def _may_be_done(t: Trial) -> bool:
    return not t.unplaced and not t.path and t.kept is not None and t.kept.objective > 0.0


def _pictures(shown: Sequence[Chosen]) -> str:
    lines = [
        "## Pictures\n",
        "From the patient's right, from the front, from the patient's left. A thread begins at the "
        "dark dot (entry) and is coloured by its depth; the lines under it are nerves and vessels "
        "where the atlas puts them. Chosen by rule, not by look.\n",
    ]
    for c in shown:
        lines.append(f"{c.caption}\n\n![{c.alt}](images/{c.file})\n")
    return "\n".join(lines)


def _sources() -> str:
    keys: set[str] = set()
    for row in techniques().values():
        source = row["source"]
        keys |= {source} if isinstance(source, str) else set(source)
    lines = ["## Sources of the techniques\n"]
    lines += [
        f"- *{row['title']}*: {row['words']} "
        f"({row['source'] if isinstance(row['source'], str) else ', '.join(row['source'])})"
        for row in techniques().values()
    ]
    lines.append("")
    lines += [f"- {s.key}: {s.title}; {s.address}" for s in citations(keys)]
    return "\n".join(lines) + "\n"
