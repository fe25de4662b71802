"""Many exports at once: relations into jobs, jobs into processes.

A large relation is cut into ranges of blocks, whose output different processes write at its
place in one file (:mod:`pgtool.commands.copy.inorder`). On Linux the processes are forked and
know what was read so far; elsewhere each opens the cluster for itself. A relation that cannot
be written does not keep the others from it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgtool.access.damage import strict
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.relation import Relation
from pgtool.commands.copy import inorder
from pgtool.commands.copy.export import (
    WHOLE_FORMATS,
    Exporter,
    Failure,
    Options,
    Outcome,
    attempt,
)
from pgtool.errors import CorruptData, PgtoolError
from pgtool.storage.aside import is_replaceable

if TYPE_CHECKING:
    from concurrent.futures import Future

#: A relation of more blocks than this is worth more than one job (64 MB), of so many blocks.
RANGE_BLOCKS, PART_BLOCKS = 8192, 2048

Progress = Callable[[int], None]
#: Seconds between two looks whether the parent is still there.
_LOOK = 0.2


@dataclass(frozen=True)
class Job:
    """A relation, or part ``number`` of it: a range of its blocks. ``path`` is for its output.

    A part writes into the file that all parts make, a whole relation into one of its own.
    """

    oid: int
    path: str
    number: int = 0
    first: int = 0
    stop: int | None = None
    last: bool = True

    @property
    def blocks(self) -> int:
        """Blocks of the range, 0 where it is the whole relation."""
        return 0 if self.stop is None else self.stop - self.first


def blocks_of(exporter: Exporter, relation: Relation) -> int:
    """How many blocks a relation has, in all its leaves; what is missing counts as none."""
    total = 0
    for leaf in exporter.database.leaves(relation):
        file = exporter.database.scan(leaf).file
        with suppress(CorruptData, FileNotFoundError):
            total += file.nblocks
    return total


def jobs_for(exporter: Exporter, relation: Relation, path: str, jobs: int) -> list[Job]:
    """One job, or ranges where the relation is large and there are processes for them."""
    blocks = blocks_of(exporter, relation)
    whole = relation.relkind == "p" or exporter.options.fmt in WHOLE_FORMATS
    if jobs == 1 or whole or blocks <= RANGE_BLOCKS or not is_replaceable(path):
        return [Job(relation.oid, path)]
    firsts = range(0, blocks, PART_BLOCKS)
    return [
        Job(
            relation.oid, f"{path}.part", number, first, min(first + PART_BLOCKS, blocks),
            number == len(firsts) - 1,
        )
        for number, first in enumerate(firsts)
    ]  # fmt: skip


_exporter: Exporter | None = None


def _deaf(problem: CorruptData) -> None:
    """Told elsewhere."""


def _end_with_parent(parent: int) -> None:
    """See to it that a killed export leaves no process that goes on writing its files."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _open(
    parent: int, root: str, database: str, inconsistent: bool, verify: bool, options: Options
) -> None:
    global _exporter
    _end_with_parent(parent)
    if _exporter is not None:  # a forked process has everything already
        return
    # What is wrong with the catalogs is told once, by the process that hands out the jobs.
    cluster = Cluster(
        root, inconsistent=inconsistent, damage=_deaf if options.salvage else strict,
        verify_checksums=verify,
    )  # fmt: skip
    _exporter = Exporter(cluster.database(database), options)


def _work(job: Job) -> Outcome:
    assert _exporter is not None
    relation = _exporter.database.relation(job.oid)

    def write(out: Any) -> Outcome:
        assert _exporter is not None
        return _exporter.run(
            relation, out, first=job.first, stop=job.stop, begin=job.number == 0, end=job.last
        )

    if job.stop is None:
        return attempt(job.path, write)
    part, whole = inorder.Part(job.path, job.number), False
    try:
        outcome = write(part)
        part.close()
        whole = True
        return outcome
    except inorder.Broken:
        return Outcome()  # the part that failed says why
    except PgtoolError as problem:
        return Outcome(failure=Failure.of(problem))
    finally:
        part.end(whole)


def run_parallel(
    exporter: Exporter, wanted: list[tuple[Relation, str]], jobs: int, progress: Progress
) -> Iterator[tuple[Relation, Outcome]]:
    """Export relations to files in several processes; outcomes in the order given."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    cluster = exporter.database.cluster
    inconsistent = cluster.directory.state.reason is not None
    arguments = (
        os.getpid(), cluster.directory.backend.root, exporter.database.name, inconsistent,
        cluster.directory.verify, exporter.options,
    )  # fmt: skip
    global _exporter
    _exporter = exporter
    context = get_context("fork" if sys.platform == "linux" else None)
    with ProcessPoolExecutor(jobs, context, _open, arguments) as pool:
        waiting: list[tuple[Relation, str, list[Job], list[Future[Outcome]]]] = []
        try:
            for relation, path in wanted:
                path = os.path.realpath(path) if is_replaceable(path) else path
                parts = jobs_for(exporter, relation, path, jobs)
                if parts[0].stop is not None:
                    inorder.prepare(parts[0].path, len(parts))
                waiting.append((relation, path, parts, [pool.submit(_work, job) for job in parts]))
            for relation, path, parts, futures in waiting:
                outcome = Outcome()
                for job, future in zip(parts, futures):
                    outcome.add(future.result())
                    progress(job.blocks or max(relation.relpages, 1))
                if parts[0].stop is not None:
                    os.unlink(inorder.order_path(parts[0].path))
                    if outcome.failure:
                        os.unlink(parts[0].path)
                    else:
                        os.replace(parts[0].path, path)
                yield relation, outcome
        except BaseException:
            for _relation, _path, parts, _futures in waiting:
                with suppress(FileNotFoundError):
                    inorder.stop(parts[0].path)
            pool.shutdown(wait=True, cancel_futures=True)
            for _relation, path, _parts, _futures in waiting:
                clear_parts(path)
            raise


def clear_parts(path: str) -> None:
    """Remove what an export that was broken off left beside a file."""
    for left in (f"{path}.part", inorder.order_path(f"{path}.part")):
        with suppress(FileNotFoundError):
            os.unlink(left)


def run_serial(
    exporter: Exporter, wanted: list[tuple[Relation, str]], progress: Progress
) -> Iterator[tuple[Relation, Outcome]]:
    """Export relations to files one after the other."""
    for relation, path in wanted:
        yield relation, attempt(
            path, lambda out, r=relation: exporter.run(r, out, progress=progress)  # type: ignore[misc]
        )
