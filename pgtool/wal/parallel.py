"""A range of WAL worked on by several processes, its results handed out in order.

The range is cut into units of equal size, whatever segments they fall into. A worker
begins a unit at the first record that starts in it and ends behind the last one, so
units fit together without overlap. They are believed only while they fit: the caller
checks that each begins where the one before ended and links to its last record, and at
the first that does not goes on alone from there. So a worker need not understand the
end of WAL, damage, or lost continuations; it only must not call such a unit sound.

Worker ``i`` of ``n`` does the units ``i``, ``i + n``, … and blocks until its result is
fetched, so memory holds one unit's result a worker.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection


@dataclass(frozen=True)
class Unit:
    """WAL positions ``[start, stop)``: the records that begin there."""

    start: int
    stop: int


@dataclass(frozen=True)
class Done:
    """What a worker made of a unit; ``sound`` only if it went through regularly.

    ``first`` and ``first_prev`` are the first record and its link, ``last`` the last
    record, ``next`` where the one after begins; the timelines are those of the pages.
    """

    sound: bool
    first: int = 0
    first_prev: int = 0
    first_tli: int = 0
    last: int = 0
    next: int = 0
    last_tli: int = 0


Result = tuple[Done, bytes]
Work = Callable[[Unit], Result]


def split(start: int, stop: int, size: int) -> list[Unit]:
    """Cut a range at multiples of ``size``."""
    edges = [start, *range(start - start % size + size, stop, size), stop]
    return [Unit(a, b) for a, b in pairwise(edges) if a < b]


def _serve(work: Work, units: Sequence[Unit], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    with contextlib.suppress(BrokenPipeError, ConnectionError):
        for unit in units:
            done, payload = work(unit)
            pipe.send_bytes(pickle.dumps(done))
            if done.sound:
                pipe.send_bytes(payload)
    pipe.close()


@contextlib.contextmanager
def in_order(work: Work, units: Sequence[Unit], jobs: int) -> Iterator[Iterator[Result]]:
    """Results of ``work`` for each unit, in the units' order; workers end with the block."""
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    workers = []
    for i in range(jobs):
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_serve, args=(work, units[i::jobs], theirs), daemon=True)
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    try:
        yield (_fetch(pipes[i % jobs]) for i in range(len(units)))
    finally:
        for pipe in pipes:
            pipe.close()
        for worker in workers:
            worker.terminate()
            worker.join()


def _fetch(pipe: Connection) -> Result:
    try:
        done: Done = pickle.loads(pipe.recv_bytes())
        return done, pipe.recv_bytes() if done.sound else b""
    except EOFError:  # the worker died; its unit is read again by the caller
        return Done(sound=False), b""
