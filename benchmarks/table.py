"""docs/benchmarks.md from the measurements: ratios first, seconds beside them."""

from __future__ import annotations

import math
import statistics
from typing import Any

#: Stages that everybody runs: key of the records, name in the table.
STAGES = (
    ("assembly", "tangent, assembled"),
    ("analysis and factorisation", "ordering and factorisation"),
    ("factorisation", "factorisation again"),
    ("one solve", "one right-hand side"),
    ("equilibrium", "**nonlinear equilibrium**"),
    ("cold", "the same from nothing"),
    ("basis", "**response basis**"),
    ("adjoint rows", "150 rows of it, by adjoint fields"),
)
#: What a run from nothing consists of.
_COLD = ("setup", "assembly", "analysis and factorisation", "equilibrium")
#: Targets: label, limit, unit, better when larger.
_FASTER = 20.0
_BASIS_S, _MOVED_S, _MEMORY_MB, _EXPONENT = 4.0, 0.5, 1024.0, 1.2

INTRODUCTION = """# Benchmarks

Written by `make bench` (`benchmarks/run.py`); do not edit. Ratios are the point: seconds belong to
the machine below and to how busy it was.

The problem is the same for everybody, node by node: a curved patch of 200 × 220 mm with skin, fat,
SMAS and deep layer in 6-node wedges with element-mean dilatation, its base clamped, neo-Hookean
layers with K/mu of 100 (skin, SMAS) and 300 (fat, deep), and the dead nodal forces of four threads
of 2 N in the SMAS. Everybody stops at an unbalanced force of 1e-8 of the load. Peers have the best
direct solver that they support, two threads (or ranks), and the fastest of three iterations: Newton
with a new factor each time, with a factor kept near the solution (modified), or conjugate gradients
preconditioned by an old factor (lagged). The tangent of this problem is indefinite on the way, so
each is tried with Cholesky and with LDL^T. The clock of the equilibrium starts with the stiffness
at rest assembled and factorised, which everybody has from the row above. Everybody (dolfinx apart)
leaves the clamped nodes out of the factor. The difference in displacement shows that all found the
same equilibrium. The project's response basis is solved in single precision (displacements good to
1e-4), which no peer offers; theirs is in double.
"""


def document(result: dict[str, Any]) -> str:
    """The whole page."""
    main = result["sizes"][str(result["dof"])]
    parts = [
        INTRODUCTION,
        _machine(result),
        _targets(result),
        _comparison(main),
        _full(main.get("full", {})),
        _share(result["limits"], main["threadlift"]),
        _scaling(result["sizes"]),
    ]
    return "\n".join(p for p in parts if p)


def stage(record: dict[str, Any], key: str) -> list[float] | None:
    """Wall times [s] of one stage; 'cold' adds the medians of its parts."""
    times = record.get("times_s", {})
    if key == "cold":
        if not all(k in times for k in _COLD):
            return None
        return [sum(statistics.median(times[k]) for k in _COLD)]
    return times.get(key)


def _median(record: dict[str, Any], key: str) -> float | None:
    values = stage(record, key)
    return statistics.median(values) if values else None


def _seconds(value: float) -> str:
    digits = 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f} s" if value >= 0.02 else f"{1e3 * value:.1f} ms"


def _spread(values: list[float]) -> str:
    middle = statistics.median(values)
    if len(values) < 2:
        return _seconds(middle)
    low, high = min(values), max(values)
    return (
        f"{_seconds(middle)} ({100 * (low / middle - 1):+.0f} … {100 * (high / middle - 1):+.0f} %)"
    )


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _grid(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join([_row(head), _row(["---"] * len(head)), *map(_row, rows)]) + "\n"


def _machine(result: dict[str, Any]) -> str:
    m = result["machine"]
    packages = ", ".join(f"{k} {v}" for k, v in m["packages"].items())
    return (
        f"Machine: {m['processor']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}; "
        f"Python {m['python']}, {packages}. Load average when the run began: "
        f"{m['load_average']:.1f}. Code at {m['commit']}.\n"
    )


def _comparison(entry: dict[str, Any]) -> str:
    own, peers = entry["threadlift"], entry["peers"]
    if "times_s" not in own:
        return f"threadlift: {own.get('failed', 'no result')}\n"
    present = {k: p for k, p in peers.items() if "times_s" in p}
    head = ["", "threadlift", *(_title(k, p) for k, p in present.items())]
    rows = []
    for key, label in STAGES:
        mine = stage(own, key)
        cells = [label if key != "basis" else f"{label}, {own.get('basis_threads', 0)} threads"]
        cells.append(_spread(mine) if mine else "–")
        for peer in present.values():
            theirs = stage(peer, key)
            cells.append(_beside(theirs, mine))
        rows.append(cells)
    mine = own["cpu_s"].get("equilibrium")
    cells = ["processor time of the equilibrium", _spread(mine) if mine else "–"]
    cells += [_beside(peer.get("cpu_s", {}).get("equilibrium"), mine) for peer in present.values()]
    rows.append(cells)
    for mark, label in (("equilibrium", "peak memory, equilibrium"), ("all", "peak memory, all")):
        cells = [label, _memory(own, mark)]
        mine = own["peak_mb"].get(mark)
        for peer in present.values():
            theirs = peer["peak_mb"].get(mark)
            ratio = f" ({theirs / mine:.1f}×)" if mine and theirs else ""
            cells.append(_memory(peer, mark) + ratio)
        rows.append(cells)
    rows += _facts(own, present)
    text = f"## The same problem, {own['dof']:,} unknowns\n\n{_grid(head, rows)}"
    notes = [f"{k}: {p.get('failed', 'no result')}." for k, p in peers.items() if "failed" in p]
    return text + ("\n" + " ".join(notes) + "\n" if notes else "")


def _title(key: str, peer: dict[str, Any]) -> str:
    return f"{peer.get('name', key)} {peer.get('version', '')}".strip()


def _beside(theirs: list[float] | None, mine: list[float] | None) -> str:
    if not theirs:
        return "–"
    if not mine:
        return _spread(theirs)
    ratio = statistics.median(theirs) / statistics.median(mine)
    return f"**{ratio:.1f}×** {_spread(theirs)}"


def _memory(record: dict[str, Any], mark: str) -> str:
    value = record["peak_mb"].get(mark)
    return f"{value:.0f} MB" if value else "–"


def _facts(own: dict[str, Any], peers: dict[str, dict[str, Any]]) -> list[list[str]]:
    def iteration(p: dict[str, Any]) -> str:
        name, s = p.get("best_strategy"), _chosen(p)
        if name is None:
            return "none converged" if "strategies" in p else p.get("failed", "–")
        inner = f", {s['inner']} inner" if s["inner"] else ""
        return f"{name}: {s['iterations']} steps, {s['factorisations']} factors after rest{inner}"

    def residual(p: dict[str, Any]) -> str:
        return f"{_chosen(p)['residual']:.0e}" if _chosen(p) else "–"

    def difference(p: dict[str, Any]) -> str:
        value = p.get("displacement_difference")
        return f"{value:.0e}" if value is not None else "–"

    def solver(p: dict[str, Any]) -> str:
        linear, other = p.get("solver", "–"), _chosen(p).get("solver")
        return f"{linear}; equilibrium {other}" if other and other != linear else linear

    mine = f"trust region, {own.get('iterations', '–')} steps, {own.get('inner', '–')} inner"
    columns = peers.values()
    return [
        ["iteration", mine, *map(iteration, columns)],
        ["relative residual", f"{own.get('residual', math.nan):.0e}", *map(residual, columns)],
        ["element", own["element"], *(p.get("element", "–") for p in columns)],
        ["entries of the factor", _entries(own), *map(_entries, columns)],
        ["linear solver", str(own.get("solver", "–")), *map(solver, columns)],
        ["difference in displacement", "0", *map(difference, columns)],
        ["load average", _load(own), *map(_load, columns)],
    ]


def _chosen(peer: dict[str, Any]) -> dict[str, Any]:
    """The fastest equilibrium of a peer."""
    return peer.get("strategies", {}).get(peer.get("best_strategy"), {})


def _entries(record: dict[str, Any]) -> str:
    count = record.get("factor_nnz")
    return f"{1e-6 * count:.1f} M" if count else "–"


def _load(record: dict[str, Any]) -> str:
    after = record.get("load_after")
    return f"{record['load_before']:.1f} … {after:.1f}" if after is not None else "–"


def fastest(entry: dict[str, Any], key: str) -> float | None:
    """Median [s] of the fastest peer at a stage."""
    values = [_median(p, key) for p in entry["peers"].values()]
    known = [v for v in values if v is not None]
    return min(known) if known else None


def _targets(result: dict[str, Any]) -> str:
    main, sizes = result["sizes"][str(result["dof"])], result["sizes"]
    own, full = main["threadlift"], main.get("full", {})
    rows = []

    def add(label: str, value: float | None, goal: str, good: bool, shown: str) -> None:
        rows.append([label, goal, shown, ("yes" if good else "no") if value is not None else "–"])

    peer, mine = fastest(main, "equilibrium"), _median(own, "equilibrium")
    ratio = peer / mine if peer and mine else None
    add(
        "nonlinear equilibrium against the fastest peer",
        ratio,
        f"≥ {_FASTER:.0f}×",
        ratio is not None and ratio >= _FASTER,
        f"{ratio:.1f}×" if ratio else "–",
    )
    basis = _median(own, "basis")
    add(
        f"response basis of {own.get('basis_threads', 0)} threads",
        basis,
        f"≤ {_BASIS_S:.0f} s",
        basis is not None and basis <= _BASIS_S,
        _seconds(basis) if basis else "–",
    )
    moved = _median(full, "one thread moved")
    add(
        "full problem again after one thread moved",
        moved,
        f"≤ {_MOVED_S} s",
        moved is not None and moved <= _MOVED_S,
        _seconds(moved) if moved else "–",
    )
    peaks = [r["peak_mb"].get("all") for r in (own, full) if "peak_mb" in r]
    peak = max((p for p in peaks if p), default=None)
    add(
        "peak memory",
        peak,
        "≤ 1 GB",
        peak is not None and peak <= _MEMORY_MB,
        f"{peak:.0f} MB" if peak else "–",
    )
    power = exponent(sizes, "equilibrium", 60_000, 400_000)
    add(
        "growth of the equilibrium's time, 60,000 to 400,000 unknowns",
        power,
        f"≤ n^{_EXPONENT}",
        power is not None and power <= _EXPONENT,
        f"n^{power:.2f}" if power is not None else "–",
    )
    return "## Targets\n\n" + _grid(["", "target", "measured", "met"], rows)


def exponent(sizes: dict[str, Any], key: str, first: int, last: int) -> float | None:
    """Power of the number of unknowns with which a stage's time grows between two sizes."""
    ends = []
    for dof in (first, last):
        record = sizes.get(str(dof), {}).get("threadlift", {})
        value = _median(record, key)
        if value is None:
            return None
        ends.append((record["dof"], value))
    (n0, t0), (n1, t1) = ends
    return math.log(t1 / t0) / math.log(n1 / n0)


def _full(full: dict[str, Any]) -> str:
    if "times_s" not in full:
        return ""
    rows = [
        [label, _spread(full["times_s"][key])]
        for key, label in (
            ("setup", "mesh to body"),
            ("rest", "stiffness at rest, factorised"),
            ("equilibrium", "equilibrium from rest"),
            ("one thread moved", "again after the first thread moved by 5 mm"),
        )
        if key in full["times_s"]
    ]
    rows.append(["peak memory", _memory(full, "all")])
    rows.append(["iterations", f"{full.get('iterations')} and {full.get('moved_iterations')}"])
    text = (
        "## The full problem\n\nOn the same mesh what only the project solves, so without a ratio: "
        "pre-tensioned and stiffening skin, stiffening fat, springs at base and rim, and four "
        "threads as cables with their own stiffness and cogs, to a relative residual of "
        f"{full.get('residual', math.nan):.0e}.\n\n"
    )
    return text + _grid(["", "threadlift"], rows)


def _share(limits: dict[str, Any], own: dict[str, Any]) -> str:
    if "triad_gb_s" not in limits or "times_s" not in own:
        return ""
    triad = limits["triad_gb_s"]
    product = {
        n: max(x for x in (limits["numpy_gflop_s"][n], limits["mkl_gflop_s"][n]) if x)
        for n in limits["numpy_gflop_s"]
    }
    rows = []
    solve, factor, many = (_median(own, k) for k in ("one solve", "factorisation", "basis"))
    top, peak = max(triad.values()), max(product.values())

    def add(label: str, amount: float, seconds: float | None, limit: float, unit: str) -> None:
        if seconds and amount:
            reached = 1e-9 * amount / seconds
            cells = [f"{reached:.1f} {unit}", f"{limit:.1f} {unit}"]
            rows.append([label, *cells, f"{100 * reached / limit:.0f} %"])

    entries, threads = own.get("factor_nnz") or 0, own.get("basis_threads") or 0
    work = own.get("gflop") or 0.0
    add("one solve (2 × 8 bytes per entry of the factor)", 16.0 * entries, solve, top, "GB/s")
    label = "response basis (4 operations per entry and thread)"
    add(label, 4.0 * entries * threads, many, peak, "GFLOP/s")
    add(f"factorisation ({work:.1f} GFLOP)", 1e9 * work, factor, peak, "GFLOP/s")
    measured = ", ".join(
        f"{n} thread{'s' if n != '1' else ''}: triad {triad[n]:.1f} GB/s, "
        f"matrix product {product[n]:.1f} GFLOP/s"
        for n in triad
    )
    head = ["", "reached", "limit", "share"]
    return f"## Distance to the machine's limit\n\n{measured}.\n\n{_grid(head, rows)}"


def _scaling(sizes: dict[str, Any]) -> str:
    if len(sizes) < 2:
        return ""
    keys = [k for k, _ in STAGES if k != "cold"]
    head = ["unknowns", *(label.strip("*") for k, label in STAGES if k != "cold")]
    head += ["peak memory", "fastest peer's equilibrium"]
    rows = []
    for dof in sorted(sizes, key=int):
        entry = sizes[dof]
        own = entry["threadlift"]
        if "times_s" not in own:
            rows.append([own.get("failed", "–"), *[""] * (len(head) - 1)])
            continue
        values = [_median(own, k) for k in keys]
        peer, mine = fastest(entry, "equilibrium"), _median(own, "equilibrium")
        beside = f"{peer / mine:.1f}× ({_seconds(peer)})" if peer and mine else "–"
        rows.append(
            [f"{own['dof']:,}", *(_seconds(v) if v else "–" for v in values),
             _memory(own, "all"), beside]
        )  # fmt: skip
    powers = [exponent(sizes, k, 60_000, 400_000) for k in keys]
    if any(p is not None for p in powers):
        rows.append(
            [
                "growth from 60,000",
                *(f"n^{p:.2f}" if p is not None else "–" for p in powers),
                "",
                "",
            ]
        )
    return f"## Scaling\n\nthreadlift, medians.\n\n{_grid(head, rows)}"
