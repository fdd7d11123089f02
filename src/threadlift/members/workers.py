"""Members solved in separate processes, each on one thread: same bits however many there are.

Each worker is a fresh interpreter that runs :func:`main` and talks pickles over its pipes. That is
safe where forking is not (threaded linear algebra in the parent) and needs no guard in the
caller's script, which `multiprocessing` would import again. Workers stay from one task to the next:
to start one takes as long as to solve several members.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
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


class Workers:
    """Processes that solve members, started when they are first needed; 0: this process does.

    A context manager: its processes end with it.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = default_workers() if count is None else count
        self._processes: list[subprocess.Popen[bytes]] = []
        self._end = weakref.finalize(self, _stop, self._processes)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; they start again when they are needed again."""
        _stop(self._processes)

    def run(
        self, task: Task, members: Sequence[Member], done: Callable[[int], None] | None = None
    ) -> list[Result[Any]]:
        """What became of every member, in their order.

        done: called with the number of finished members. Raises ThreadliftError when a worker dies.
        """
        if self.count <= 0:
            return _in_process(task, members, done)
        try:
            return self._shared_out(task, members, done)
        except BaseException:
            # Workers may be in the middle of a member of this task.
            self.close()
            raise

    def _shared_out(
        self, task: Task, members: Sequence[Member], done: Callable[[int], None] | None
    ) -> list[Result[Any]]:
        payload = pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
        count = min(self.count, max(1, len(members)))
        while len(self._processes) < count:
            self._processes.append(_start())
        todo: queue.SimpleQueue[tuple[int, Member] | None] = queue.SimpleQueue()
        for item in enumerate(members):
            todo.put(item)
        for _ in range(count):
            todo.put(None)
        results: queue.SimpleQueue[tuple[int, Result[Any] | BaseException]] = queue.SimpleQueue()
        feeders = [
            threading.Thread(target=_feed, args=(p, payload, todo, results), daemon=True)
            for p in self._processes[:count]
        ]
        for feeder in feeders:
            feeder.start()
        found: dict[int, Result[Any]] = {}
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
        for feeder in feeders:
            feeder.join()
        for process in self._processes:
            _forget(process)
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


def _forget(process: subprocess.Popen[bytes]) -> None:
    """Let an idle worker free the memory of its task."""
    assert process.stdin is not None
    pickle.dump(None, process.stdin)
    process.stdin.flush()


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End processes, whatever they are doing, and forget them."""
    while processes:
        process = processes.pop()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    # What was still to be written to it is of no interest any more.
                    continue


def _feed(
    process: subprocess.Popen[bytes],
    payload: bytes,
    todo: queue.SimpleQueue[tuple[int, Member] | None],
    results: queue.SimpleQueue[tuple[int, Result[Any] | BaseException]],
) -> None:
    """Hand a task and its members to one worker, one after the other."""
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
    """A worker's life: read tasks and solve their members until there are no more."""
    task: Task | None = None
    tissue: Tissue | None = None
    while True:
        try:
            item = pickle.load(source)
        except EOFError:
            return
        if item is None or isinstance(item, Task):
            task, tissue = item, None
            continue
        index, member = item
        assert task is not None, "a task comes before its members"
        if tissue is None:
            tissue = shared_tissue(task.tissue, task.threads, task.start)
        result = read_member(tissue, task.probe, task.threads, member, task.start)
        pickle.dump((index, result), sink)
        sink.flush()


def main() -> None:
    """Entry of a worker process."""
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the pickles.
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
