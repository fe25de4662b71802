"""``pgtool checksums``: verify page checksums, in the words of pg_checksums."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from pgtool.cli import render
from pgtool.cli.options import datadir_option, format_option, jobs_option

MAX_FILENODE = (1 << 31) - 1
MEGABYTE = 1 << 20
FOUND_BAD = 2


class Progress:
    """``-P``: at most one report a second on standard error, and one at the end."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self._last = int(time.time())

    def add(self, size: int) -> None:
        """``size`` more bytes are verified."""
        self.done += size
        now = int(time.time())
        if now != self._last:
            self._last = now
            self.report(finished=False)

    def report(self, finished: bool) -> None:
        """One line; on a terminal it overwrites itself."""
        percent = self.done * 100 // self.total if self.total else 0
        line = f"{self.done // MEGABYTE}/{self.total // MEGABYTE} MB ({percent}%) computed"
        same_line = not finished and sys.stderr.isatty()
        click.echo(line + ("\r" if same_line else "\n"), nl=False, err=True)


@click.command(short_help="Verify the page checksums of a data directory.")
@click.option("-c", "--check", is_flag=True, help="Verify checksums (the default).")
@datadir_option()
@click.option(
    "-f", "--filenode", type=click.IntRange(0, MAX_FILENODE), metavar="FILENODE",
    help="Verify only the relation with this file node.",
)  # fmt: skip
@click.option("-P", "--progress", is_flag=True, help="Show progress.")
@click.option("-v", "--verbose", is_flag=True, help="Name every verified file.")
@jobs_option()
@format_option("text", "json")
def command(
    check: bool,
    pgdata: str,
    filenode: int | None,
    progress: bool,
    verbose: bool,
    jobs: int,
    fmt: str,
) -> int:
    """Verify the page checksums of a cluster that was shut down cleanly.

    Says which block of which file is bad; the exit status is then 2.
    """
    from pgtool.inspect import checksums

    major, control = checksums.check_cluster(pgdata)
    only = None if filenode is None else str(filenode)
    files = checksums.list_files(pgdata, major, control.relseg_size, only)
    meter = Progress(sum(file.size for file in files))
    for unit in checksums.verify(files, jobs):
        if progress:
            meter.add(unit.pages * checksums.BLCKSZ)
        if unit.file.open_units == 0:
            _tell(unit.file, verbose)
            if fmt == "text":
                unit.file.bad.clear()  # said; the number of bad pages stays
    if progress:
        meter.report(finished=True)
    damaged = [file for file in files if file.bad_pages or file.partial]
    if fmt == "json":
        _emit_json(files, damaged, control.data_checksum_version)
    else:
        sys.stdout.write(
            "Checksum operation completed\n"
            f"Files scanned:   {len(files)}\n"
            f"Blocks scanned:  {sum(file.pages for file in files)}\n"
            f"Bad checksums:  {sum(file.bad_pages for file in files)}\n"
            f"Data checksum version: {control.data_checksum_version}\n"
        )
    return FOUND_BAD if damaged else 0


def _tell(file: Any, verbose: bool) -> None:
    for page in file.bad:
        click.echo(
            f'pgtool: error: checksum verification failed in file "{file.path}", '
            f"block {page.block}: calculated checksum {page.calculated:X} "
            f"but block contains {page.stored:X}",
            err=True,
        )
    if file.partial:
        click.echo(f"pgtool: error: {file.partial}", err=True)
    elif verbose:
        click.echo(f'pgtool: checksums verified in file "{file.path}"', err=True)


def _emit_json(files: list[Any], damaged: list[Any], version: int) -> None:
    render.emit_object(
        {
            "files_scanned": len(files),
            "blocks_scanned": sum(file.pages for file in files),
            "bad_checksums": sum(file.bad_pages for file in files),
            "data_checksum_version": version,
            "bad_blocks": [
                {"file": file.path, "segment": file.segment, **page._asdict()}
                for file in damaged
                for page in file.bad
            ],
            "partial_pages": [
                {"file": file.path, "block": file.pages, "bytes": file.size % 8192}
                for file in damaged
                if file.partial
            ],
        },
        command="checksums",
    )
