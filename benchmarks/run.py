"""`make bench`: the project and its peers on one problem, one process after another.

Every process measures itself (times, its own peak memory) and writes JSON; this front starts them
in turn, compares their displacement fields and writes one result file, from which `table` makes
docs/benchmarks.md. A peer that is not installed is reported as that, never as a number.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from machine import describe
from table import document

HERE = Path(__file__).parent
ROOT = HERE.parent
#: Unknowns of the comparison, of a quick look, and of the scaling.
DOF, QUICK = 60_000, 20_000
SCALING = (20_000, 60_000, 100_000, 200_000, 400_000)
#: Sizes at which peers are timed for the scaling, without the response basis and with the
#: iterations that can be the fastest there.
PEER_SCALING = (20_000, 200_000)
_PEER_SCALING_OPTIONS = ["--no-basis", "--strategies", "modified,lagged"]
THREADS = 2
#: Longest time for one process [s].
LIMIT_S = 1800

_BENCH = ROOT / ".bench-venv" / "bin" / "python"
_SYSTEM = Path("/usr/bin/python3")
_RANKS = ["mpirun", *(["--allow-run-as-root"] if os.geteuid() == 0 else [])]
_RANKS += ["--bind-to", "none", "--mca", "mpi_yield_when_idle", "1", "-n", str(THREADS)]
#: Peer -> command in front of the problem file, module that must import, threads per process.
PEERS: dict[str, tuple[list[str], str, int]] = {
    "dolfinx": ([str(_SYSTEM), "dolfinx_peer.py"], "dolfinx", THREADS),
    "dolfinx-mpi": ([*_RANKS, str(_SYSTEM), "dolfinx_peer.py"], "dolfinx", 1),
    "skfem": ([str(_BENCH), "skfem_peer.py"], "skfem", THREADS),
    "felupe": ([str(_BENCH), "felupe_peer.py"], "felupe", THREADS),
}


def environment(threads: int) -> dict[str, str]:
    """Environment of a measured process."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    paths = os.pathsep.join([str(HERE), str(HERE / "peers")])
    return {**os.environ, "PYTHONPATH": paths, **dict.fromkeys(names, str(threads))}


def measured(command: list[str], result: Path, threads: int) -> dict[str, Any]:
    """Run one process and give its record, or why there is none."""
    log = result.with_suffix(".log")
    try:
        with log.open("w") as file:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment(threads),
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=LIMIT_S,
                check=False,
            )
        reason = f"stopped with code {done.returncode}, see {log.name}"
    except subprocess.TimeoutExpired:
        reason = f"not finished within {LIMIT_S} s"
    record = json.loads(result.read_text()) if result.exists() else {}
    if not record.get("finished"):
        record["failed"] = reason
    return record


def ours(folder: Path, dof: int, repeats: int, *, full: bool = False) -> dict[str, Any]:
    """The project on the peers' problem (writes their file), or on its full problem."""
    name = f"{'full' if full else 'threadlift'}-{dof}"
    command = [sys.executable, str(HERE / "ours.py"), str(dof), str(folder / f"{name}.json")]
    command += ["--full"] if full else [str(folder / f"problem-{dof}.npz")]
    command += ["--repeats", str(repeats)]
    return measured(command, folder / f"{name}.json", THREADS)


def installed(peer: str) -> bool:
    """Whether the peer's interpreter can import it (and start several ranks)."""
    command, module, _ = PEERS[peer]
    if shutil.which(command[0]) is None:
        return False
    test = [command[-2], "-c", f"import {module}"]
    if not Path(command[-2]).exists():
        return False
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


def peer_run(
    folder: Path, peer: str, dof: int, repeats: int, options: Sequence[str] = ()
) -> dict[str, Any]:
    """One peer on the problem file of ``dof``, its field compared with the project's."""
    if not installed(peer):
        return {"failed": "not installed"}
    command, _, threads = PEERS[peer]
    result = folder / f"{peer}-{dof}.json"
    command = [*command[:-1], str(HERE / "peers" / command[-1])]
    command += [str(folder / f"problem-{dof}.npz"), str(result), "--repeats", str(repeats)]
    record = measured([*command, *options], result, threads)
    field, reference = result.with_suffix(".npy"), folder / f"threadlift-{dof}.npy"
    if field.exists() and reference.exists():
        ours_mm, theirs_mm = np.load(reference), np.load(field)
        gap = np.linalg.norm(ours_mm - theirs_mm) / np.linalg.norm(ours_mm)
        record["displacement_difference"] = float(gap)
    return record


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def measure(folder: Path, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All processes in turn; gives what there is after each of them."""
    repeats = 1 if args.quick else args.repeats
    main_dof = QUICK if args.quick else args.dof
    out: dict[str, Any] = {"machine": describe(ROOT), "dof": main_dof, "threads": THREADS}
    say("machine limits")
    limits = folder / "limits.json"
    command = [sys.executable, str(HERE / "limits.py"), str(limits)]
    out["limits"] = measured(command, limits, THREADS)
    sizes = [main_dof, *(s for s in SCALING if args.scaling and s != main_dof)]
    out["sizes"] = {}
    for dof in sizes:
        say(f"threadlift, {dof} unknowns")
        entry = out["sizes"][str(dof)] = {"threadlift": ours(folder, dof, repeats), "peers": {}}
        yield out
        if dof == main_dof:
            say("threadlift, full problem")
            entry["full"] = ours(folder, dof, repeats, full=True)
            yield out
        if dof != main_dof and dof not in PEER_SCALING:
            continue
        options = [] if dof == main_dof else _PEER_SCALING_OPTIONS
        for peer in args.peers:
            say(f"{peer}, {dof} unknowns")
            entry["peers"][peer] = peer_run(folder, peer, dof, repeats, options)
            yield out


def peers_of(text: str) -> list[str]:
    """Parse the list of peers: all, none, or names."""
    names = list(PEERS) if text == "all" else [n for n in text.split(",") if n and n != "none"]
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown peer {unknown[0]}: use {', '.join(PEERS)}")
    return names


def main() -> None:
    """Parse options, measure, write JSON and table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 unknowns, no repeats")
    parser.add_argument("--dof", type=int, default=DOF, help="unknowns of the comparison")
    parser.add_argument("--peers", type=peers_of, default="all", help="all, none or a list")
    parser.add_argument("--scaling", action="store_true", help="also 20,000 to 400,000 unknowns")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="keep the measurements here")
    parser.add_argument("--write", type=Path, help="write the table here (docs/benchmarks.md)")
    parser.add_argument("--from", dest="source", type=Path, help="table from kept measurements")
    parser.add_argument("--keep", type=Path, help="folder for logs and fields")
    args = parser.parse_args()
    result: dict[str, Any] = {}
    if args.source is not None:
        result = json.loads(args.source.read_text())
    else:
        folder = args.keep or Path(tempfile.mkdtemp(prefix="threadlift-bench-"))
        folder.mkdir(parents=True, exist_ok=True)
        for result in measure(folder, args):
            if args.json is not None:
                args.json.write_text(json.dumps(result, indent=1) + "\n")
        if args.keep is None:
            shutil.rmtree(folder)
    text = document(result)
    if args.write is not None:
        args.write.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
