"""Stopwatch, memory mark and result file, shared by the project's run and the peers' runs.

Nothing but the standard library: it is imported by interpreters with different packages.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def peak_mb() -> float:
    """Highest resident memory of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


class Record:
    """Times [s], peak memory [MB] and facts of one process, written as JSON after every entry.

    A run that is stopped half-way leaves what it has measured, with ``finished`` false. Wall times
    are what counts; processor times show whether the machine was shared. ``peak`` gives the memory
    (several MPI ranks add theirs); ``path`` None writes nothing.
    """

    def __init__(
        self, path: Path | None, peak: Callable[[], float] = peak_mb, **facts: Any
    ) -> None:
        self.path, self._peak = path, peak
        self.data: dict[str, Any] = {
            **facts,
            "finished": False,
            "load_before": os.getloadavg()[0],
            "times_s": {},
            "cpu_s": {},
            "peak_mb": {"started": peak()},
        }

    def timed(self, name: str, work: Callable[[], Any], repeats: int = 1) -> Any:
        """Run ``work()`` ``repeats`` times, keep the times, give its last result."""
        result = None
        for _ in range(repeats):
            result = None  # the previous result must not count in the memory of the next
            wall, cpu = time.perf_counter(), time.process_time()
            result = work()
            self.add_time(name, time.perf_counter() - wall, time.process_time() - cpu)
        self.mark(name)
        return result

    def add_time(self, name: str, wall: float, cpu: float) -> None:
        """Keep one wall and processor time [s]."""
        self.data["times_s"].setdefault(name, []).append(wall)
        self.data["cpu_s"].setdefault(name, []).append(cpu)

    def mark(self, name: str) -> None:
        """Keep the highest memory so far [MB] under a name, at its first mark; write the file."""
        self.data["peak_mb"].setdefault(name, self._peak())
        self.write()

    def finish(self) -> None:
        """Close the record."""
        self.data["peak_mb"]["all"] = self._peak()
        self.data["finished"] = True
        self.data["load_after"] = os.getloadavg()[0]
        self.write()

    def write(self) -> None:
        """Write the file (only the process that was given a path)."""
        if self.path is not None:
            self.path.write_text(json.dumps(self.data, indent=1) + "\n")
