"""Verifying the page checksums of a data directory, as pg_checksums does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from formats.control import DBState
from formats.errors import CorruptData, UserError
from formats.units import BLCKSZ
from pgtool.inspect import controldata
from pgtool.storage.pagefiles import File, Unit, list_files
from pgtool.storage.pagework import PageRun, PageWorker, bad_pages, work

__all__ = ["check_cluster", "list_files", "shut_down_cluster", "verify"]


def shut_down_cluster(pgdata: str) -> tuple[int, Any]:
    """(major, pg_control) of a cluster that was shut down, else one clear error."""
    major, control = controldata.load_checked(pgdata)
    if control.state not in (DBState.DB_SHUTDOWNED, DBState.DB_SHUTDOWNED_IN_RECOVERY):
        raise UserError("cluster must be shut down")
    return major, control


def check_cluster(pgdata: str) -> tuple[int, Any]:
    """(major, pg_control) of a cluster whose checksums can be verified, else one clear error."""
    major, control = shut_down_cluster(pgdata)
    if control.data_checksum_version == 0:
        raise UserError("data checksums are not enabled in cluster")
    return major, control


class Verifier(PageWorker):
    """Notes the bad pages of each file."""

    def batch(self, pages: memoryview, runs: list[PageRun]) -> None:
        for run, page in bad_pages(pages, runs):
            run.unit.file.bad.append(page._replace(block=run.at + page.block - run.first))

    def finish(self, file: File) -> None:
        file.bad.sort()
        file.bad_pages = len(file.bad)
        rest = file.size % BLCKSZ
        if rest:
            file.partial = CorruptData(
                f'could not read block {file.pages} in file "{file.path}": '
                f"read {rest} of {BLCKSZ}"
            )


def verify(files: list[File], jobs: int) -> Iterator[Unit]:
    """Verify all files; yields each unit once done, in no particular order."""
    return work(files, jobs, Verifier)
