"""``pgtool checksums``: verify, enable or disable page checksums, in pg_checksums' words."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from formats.units import BLCKSZ
from pgtool.cli import render
from pgtool.cli.options import datadir_option, format_option, jobs_option
from pgtool.errors import UserError

MAX_FILENODE = (1 << 31) - 1
MEGABYTE = 1 << 20
FOUND_BAD = 2


class Progress:
    """``-P``: at most one report a second on standard error, and one at the end."""

    def __init__(self, total: int, shown: bool) -> None:
        self.total = total
        self.shown = shown
        self.done = 0
        self._last = int(time.time())

    def add(self, size: int) -> None:
        """``size`` more bytes are done."""
        self.done += size
        now = int(time.time())
        if self.shown and now != self._last:
            self._last = now
            self._report(finished=False)

    def finish(self) -> None:
        """The last report."""
        if self.shown:
            self._report(finished=True)

    def _report(self, finished: bool) -> None:
        """One line; on a terminal it overwrites itself."""
        percent = self.done * 100 // self.total if self.total else 0
        line = f"{self.done // MEGABYTE}/{self.total // MEGABYTE} MB ({percent}%) computed"
        same_line = not finished and sys.stderr.isatty()
        click.echo(line + ("\r" if same_line else "\n"), nl=False, err=True)


@click.command(short_help="Verify, enable or disable page checksums.")
@click.option("-c", "--check", is_flag=True, help="Verify checksums (the default).")
@click.option("-e", "--enable", is_flag=True, help="Write checksums into all pages and use them.")
@click.option("-d", "--disable", is_flag=True, help="Do without checksums from now on.")
@datadir_option()
@click.option(
    "-f", "--filenode", type=click.IntRange(0, MAX_FILENODE), metavar="FILENODE",
    help="Verify only the relation with this file node.",
)  # fmt: skip
@click.option("-n", "--dry-run", is_flag=True, help="With --enable: count, but write nothing.")
@click.option("-N", "--no-sync", is_flag=True, help="Do not wait until changes are on disk.")
@click.option("-P", "--progress", is_flag=True, help="Show progress.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing when all is well.")
@click.option("-v", "--verbose", is_flag=True, help="Name every file.")
@jobs_option()
@format_option("text", "json")
def command(
    check: bool, enable: bool, disable: bool, pgdata: str, filenode: int | None,
    dry_run: bool, no_sync: bool, progress: bool, quiet: bool, verbose: bool, jobs: int,
    fmt: str,
) -> int:  # fmt: skip
    """Verify the page checksums of a cluster that was shut down cleanly, or turn them on or off.

    Says which block of which file is bad; the exit status is then 2.
    """
    if check + enable + disable > 1:
        raise UserError("--check, --enable and --disable exclude each other")
    if filenode is not None and (enable or disable):
        raise UserError("option -f/--filenode can only be used with --check")
    if dry_run and not enable:
        raise UserError("--dry-run goes with --enable")
    if enable or disable:
        return _change(pgdata, enable, dry_run, no_sync, progress, quiet, verbose, jobs, fmt)
    return _verify(pgdata, filenode, progress, quiet, verbose, jobs, fmt)


def _verify(
    pgdata: str, filenode: int | None, progress: bool, quiet: bool, verbose: bool, jobs: int,
    fmt: str,
) -> int:  # fmt: skip
    from pgtool.inspect import checksums

    major, control = checksums.check_cluster(pgdata)
    only = None if filenode is None else str(filenode)
    files = checksums.list_files(pgdata, major, control.relseg_size, only)
    meter = Progress(sum(file.size for file in files), progress)
    for unit in checksums.verify(files, jobs):
        meter.add(unit.pages * BLCKSZ)
        if unit.file.open_units == 0:
            _tell(unit.file, verbose)
            if fmt == "text":
                unit.file.bad.clear()  # said; the number of bad pages stays
    meter.finish()
    damaged = [file for file in files if file.bad_pages or file.partial]
    if fmt == "json":
        _emit_json(files, damaged, control.data_checksum_version)
    elif damaged or not quiet:
        sys.stdout.write(
            f"{_scanned(files)}"
            f"Bad checksums:  {sum(file.bad_pages for file in files)}\n"
            f"Data checksum version: {control.data_checksum_version}\n"
        )
    return FOUND_BAD if damaged else 0


def _scanned(files: list[Any]) -> str:
    return (
        "Checksum operation completed\n"
        f"Files scanned:   {len(files)}\n"
        f"Blocks scanned:  {sum(file.pages for file in files)}\n"
    )


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
                {"file": file.path, "block": file.pages, "bytes": file.size % BLCKSZ}
                for file in damaged
                if file.partial
            ],
        },
        command="checksums",
    )


def _change(
    pgdata: str, enable: bool, dry_run: bool, no_sync: bool, progress: bool, quiet: bool,
    verbose: bool, jobs: int, fmt: str,
) -> int:  # fmt: skip
    from pgtool.commands import checksums
    from pgtool.inspect.checksums import shut_down_cluster
    from pgtool.storage.backend import Directory
    from pgtool.storage.lockfile import LockFile

    done = "enabled" if enable else "disabled"
    shut_down_cluster(pgdata)
    directory = Directory(pgdata)
    with LockFile(directory):
        # Read again: what was true before the lock was taken need not be true now.
        major, control = shut_down_cluster(pgdata)
        if bool(control.data_checksum_version) == enable:
            raise UserError(f"data checksums are already {done} in cluster")
        files = _enable_files(pgdata, major, control, dry_run, progress, verbose, jobs) \
            if enable else []
        if not dry_run:
            if not no_sync:
                _say(quiet, "pgtool: syncing data directory")
                checksums.sync_files(file.path for file in files if file.written)
            _say(quiet, "pgtool: updating control file")
            checksums.set_version(directory, major, control, int(enable))
    if fmt == "json":
        render.emit_object(
            {
                "files_scanned": len(files),
                "blocks_scanned": sum(file.pages for file in files),
                "files_written": sum(1 for file in files if file.written),
                "blocks_written": sum(file.written for file in files),
                "data_checksum_version": int(enable != dry_run),
            },
            command="checksums",
        )
    elif not quiet:
        if enable:
            sys.stdout.write(
                f"{_scanned(files)}"
                f"Files written:  {sum(1 for file in files if file.written)}\n"
                f"Blocks written: {sum(file.written for file in files)}\n"
            )
        if not dry_run:
            sys.stdout.write(f"Checksums {done} in cluster\n")
    return 0


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        click.echo(text, err=True)


def _enable_files(
    pgdata: str, major: int, control: Any, dry_run: bool, progress: bool, verbose: bool, jobs: int
) -> list[Any]:
    from pgtool.commands import checksums
    from pgtool.storage.pagefiles import list_files

    files = list_files(pgdata, major, control.relseg_size, None)
    meter = Progress(sum(file.size for file in files), progress)
    for unit in checksums.enable(files, jobs, dry_run=dry_run):
        meter.add(unit.pages * BLCKSZ)
        if unit.file.open_units == 0 and verbose:
            click.echo(f'pgtool: checksums enabled in file "{unit.file.path}"', err=True)
    meter.finish()
    return files
