"""``pgtool diagnose``: why a directory will not start, in plain words."""

from __future__ import annotations

import click

from pgtool.cli import render
from pgtool.cli.options import format_option, pgdata_option

FINDINGS = 2
_MARKS = ("  ", "! ", "X ", "X ")


@click.command(short_help="Say why a data directory will not start, and what is safe to do.")
@pgdata_option()
@click.option("--wal", "wal_dirs", multiple=True, metavar="DIR",
              help="Look for WAL in this archive too. Repeatable.")
@format_option("text", "json")
def command(pgdata: str, wal_dirs: tuple[str, ...], fmt: str) -> int:
    """Look at everything that a server needs to start, and change nothing.

    Version, lock file, permissions, disk space, the control file, the checkpoint, gaps in the
    write-ahead log, settings, status files, tablespaces; a rehearsal of recovery in memory,
    which reads every page that redo needs; and whether every relation has its file. What
    blocks a start, or what a server could not read, is marked X, what is worth knowing !.
    """
    from pgtool.check.diagnose import diagnose

    report = diagnose(pgdata, wal_dirs)
    if fmt == "json":
        facts = {
            "blocked": report.blocked,
            "verdict": report.verdict,
            "advice": report.advice,
            "findings": [
                {"level": finding.level.name.lower(), "text": finding.text,
                 "evidence": finding.evidence}
                for finding in report.findings
            ],
        }  # fmt: skip
        render.emit_object(facts, command="diagnose")
    else:
        for finding in report.findings:
            shown = f" [{finding.evidence}]" if finding.evidence else ""
            click.echo(f"{_MARKS[finding.level]}{finding.text}{shown}")
        click.echo(f"\n{report.verdict}\nnext: {report.advice}")
    return FINDINGS if report.damaged else 0
