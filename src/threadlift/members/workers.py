"""Members solved in separate processes, each on one thread: same bits however many there are.

Each worker is a fresh interpreter that runs :func:`main` and talks pickles over its pipes. That is
safe where forking is not (threaded linear algebra in the parent) and needs no guard in the
caller's script, which `multiprocessing` would import again.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import ThreadliftError
from threadlift.members.ensemble import Member, Reads, Result, read_member, shared_tissue
from threadlift.threads.thread import Thread
from threadlift.tissue.tissue import Tissue

_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Task:
    """What every worker needs.

    tissue: the coarse tissue (without factors, which cannot travel); threads: the plan as such;
    start: (N, 3) [mm] its displacement on that tissue.
    """

    tissue: Tissue
    probe: Reads[Any]
    threads: tuple[Thread, ...]
    start: NDArray[np.float64] | None = None


def default_workers() -> int:
    """Two where there are two processors: more cost memory and gain little on small meshes."""
    return min(2, os.cpu_count() or 1)


def run_members(
    task: Task,
    members: Sequence[Member],
    workers: int,
    done: Callable[[int], None] | None = None,
) -> list[Result[Any]]:
    """What became of every member, in their order.

    workers: number of processes; 0 runs in this process. done: called with the number of finished
    members. Raises ThreadliftError when a worker dies.
    """
    if workers <= 0:
        return _in_process(task, members, done)
    payload = pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
    todo: queue.SimpleQueue[tuple[int, Member] | None] = queue.SimpleQueue()
    for item in enumerate(members):
        todo.put(item)
    results: queue.SimpleQueue[tuple[int, Result[Any] | BaseException]] = queue.SimpleQueue()
    count = min(workers, max(1, len(members)))
    processes = [_start() for _ in range(count)]
    for _ in processes:
        todo.put(None)
    threads = [
        threading.Thread(target=_feed, args=(p, payload, todo, results), daemon=True)
        for p in processes
    ]
    found: dict[int, Result[Any]] = {}
    try:
        for thread in threads:
            thread.start()
        while len(found) < len(members):
            index, result = results.get()
            if isinstance(result, BaseException):
                raise ThreadliftError(
                    f"A worker process of the ensemble ended early ({result}).",
                    "Free some memory, or predict with workers=1.",
                ) from result
            found[index] = result
            if done is not None:
                done(len(found))
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for thread in threads:
            thread.join()
        for process in processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
    return [found[i] for i in range(len(members))]


def _in_process(
    task: Task, members: Sequence[Member], done: Callable[[int], None] | None
) -> list[Result[Any]]:
    found: list[Result[Any]] = []
    tissue = shared_tissue(task.tissue, task.threads, task.start)
    for member in members:
        found.append(read_member(tissue, task.probe, task.threads, member, task.start))
        if done is not None:
            done(len(found))
    return found


def _start() -> subprocess.Popen[bytes]:
    env = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    command = [sys.executable, "-c", "from threadlift.members.workers import main; main()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)


def _feed(
    process: subprocess.Popen[bytes],
    payload: bytes,
    todo: queue.SimpleQueue[tuple[int, Member] | None],
    results: queue.SimpleQueue[tuple[int, Result[Any] | BaseException]],
) -> None:
    """Hand members to one worker, one after the other."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(payload)
        while (item := todo.get()) is not None:
            pickle.dump(item, process.stdin)
            process.stdin.flush()
            results.put(pickle.load(process.stdout))
    except (OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
        results.put((-1, error))


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """A worker's life: read the task, then solve members until there are no more."""
    task: Task = pickle.load(source)
    tissue = shared_tissue(task.tissue, task.threads, task.start)
    while True:
        try:
            index, member = pickle.load(source)
        except EOFError:
            return
        reading = read_member(tissue, task.probe, task.threads, member, task.start)
        pickle.dump((index, reading), sink)
        sink.flush()


def main() -> None:
    """Entry of a worker process."""
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the pickles.
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
