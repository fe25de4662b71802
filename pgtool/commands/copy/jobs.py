"""Many exports at once: relations into jobs, jobs into processes, parts into files.

A large relation is cut into ranges of blocks; its parts are written by different processes
and put together in order. On Linux the processes are forked and know what was read so far;
elsewhere each opens the cluster for itself.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, BinaryIO

from pgtool.access.damage import strict
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.relation import Relation
from pgtool.commands.copy.export import (
    WHOLE_FORMATS,
    Exporter,
    Options,
    Outcome,
    write_aside,
)
from pgtool.errors import CorruptData
from pgtool.storage.aside import is_replaceable

#: A relation of more blocks than this is worth more than one job (64 MB).
RANGE_BLOCKS = 8192

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Job:
    """A range of a relation's blocks, and the file that its output goes to."""

    oid: int
    first: int
    stop: int | None
    path: str
    begin: bool
    end: bool

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
        return [Job(relation.oid, 0, None, path, True, True)]
    rounds = min(-(-blocks // (RANGE_BLOCKS * jobs)), 4)
    parts = rounds * jobs  # as many for each process
    step = -(-blocks // parts)
    firsts = range(0, blocks, step)
    return [
        Job(
            relation.oid, first, min(first + step, blocks), f"{path}.part{i}",
            i == 0, i == len(firsts) - 1,
        )
        for i, first in enumerate(firsts)
    ]  # fmt: skip


_exporter: Exporter | None = None


def _deaf(problem: CorruptData) -> None:
    """Told elsewhere."""


def _open(
    root: str, database: str, inconsistent: bool, verify: bool, options: Options
) -> None:
    global _exporter
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

    def write(out: BinaryIO) -> Outcome:
        assert _exporter is not None
        return _exporter.run(
            relation, out, first=job.first, stop=job.stop, begin=job.begin, end=job.end
        )

    return write_aside(job.path, write)


def run_parallel(
    exporter: Exporter, wanted: list[tuple[Relation, str]], jobs: int, progress: Progress
) -> Iterator[tuple[Relation, Outcome]]:
    """Export relations to files in several processes; outcomes in the order given."""
    cluster = exporter.database.cluster
    inconsistent = cluster.directory.state.reason is not None
    arguments = (
        cluster.directory.backend.root, exporter.database.name, inconsistent,
        cluster.directory.verify, exporter.options,
    )  # fmt: skip
    global _exporter
    _exporter = exporter
    context = get_context("fork" if sys.platform == "linux" else None)
    with ProcessPoolExecutor(jobs, context, _open, arguments) as pool:
        waiting: list[tuple[Relation, str, list[Job], list[Future[Outcome]]]] = []
        for relation, path in wanted:
            parts = jobs_for(exporter, relation, path, jobs)
            waiting.append((relation, path, parts, [pool.submit(_work, job) for job in parts]))
        try:
            for relation, path, parts, futures in waiting:
                outcome = Outcome()
                for job, future in zip(parts, futures):
                    done = future.result()
                    outcome.rows += done.rows
                    outcome.losses += done.losses
                    outcome.unused_pages += done.unused_pages
                    progress(job.blocks or max(relation.relpages, 1))
                if len(parts) > 1:
                    _assemble(path, [job.path for job in parts])
                yield relation, outcome
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            for _relation, path, parts, _futures in waiting:
                for job in parts:
                    for left in {job.path, job.path + ".part"} - {path}:
                        with suppress(FileNotFoundError):
                            os.unlink(left)
            raise


def _assemble(path: str, parts: list[str]) -> None:
    """Put the parts together under the name of the whole."""
    with open(parts[0], "ab", buffering=0) as out:
        for part in parts[1:]:
            with open(part, "rb", buffering=0) as source:
                _append(source, out)
            os.unlink(part)
    os.replace(parts[0], path)


def _append(source: Any, out: Any) -> None:
    """Copy the rest of a file, inside the kernel where that can be done."""
    with suppress(AttributeError, OSError):
        out.seek(0, os.SEEK_END)  # a file opened for appending cannot be a target
        with open(out.name, "r+b", buffering=0) as target:
            target.seek(0, os.SEEK_END)
            while os.copy_file_range(source.fileno(), target.fileno(), 1 << 30):
                pass
        return
    out.seek(0, os.SEEK_END)
    shutil.copyfileobj(source, out, 8 << 20)


def run_serial(
    exporter: Exporter, wanted: list[tuple[Relation, str]], progress: Progress
) -> Iterator[tuple[Relation, Outcome]]:
    """Export relations to files one after the other."""
    for relation, path in wanted:
        outcome = write_aside(
            path, lambda out, r=relation: exporter.run(r, out, progress=progress)  # type: ignore[misc]
        )
        yield relation, outcome
