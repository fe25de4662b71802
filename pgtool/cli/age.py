"""``pgtool age``: how far databases and relations are from transaction id wraparound."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from pgtool.cli import monitoring
from pgtool.cli.options import format_option, pgdata_option
from pgtool.cli.recovery_options import as_of_options

if TYPE_CHECKING:
    from pgtool.check.age import Ages

COLUMNS = (
    "name", "kind", "frozenxid", "age", "minmxid", "mxid_age", "to_autovacuum", "to_warning",
    "to_stop", "percent", "state",
)  # fmt: skip
#: Prometheus metric → (help, value of a row).
METRICS: dict[str, tuple[str, Any]] = {
    "pgtool_xid_age": ("Transactions since the oldest unfrozen one.", lambda a: a.xid.oldest),
    "pgtool_xid_left": ("Transactions left until none is assigned.", lambda a: a.xid.stop),
    "pgtool_multixact_age": ("Multixacts since the oldest one in use.", lambda a: a.multi.oldest),
    "pgtool_multixact_left": ("Multixacts left until none is assigned.", lambda a: a.multi.stop),
}


@click.command(
    cls=monitoring.PluginCommand,
    short_help="Show the age of databases and relations, against wraparound.",
)
@pgdata_option()
@click.option(
    "-d", "--dbname", metavar="NAME", envvar="PGDATABASE",
    help="The relations of this database (default: $PGDATABASE, else the databases).",
)  # fmt: skip
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Only the N oldest.")
@click.option(
    "--warn", type=click.IntRange(min=0), metavar="N",
    help="Age that is late (default: twice autovacuum_freeze_max_age).",
)
@click.option(
    "--crit", type=click.IntRange(min=0), metavar="N",
    help="Age that is an emergency (default: vacuum_failsafe_age).",
)
@click.option(
    "--inconsistent", is_flag=True,
    help="Read a cluster that is running, crashed or half restored, as its files are.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing when all is well; no warnings.")
@format_option("table", "csv", "json", "jsonl", "nagios", "prometheus")
@as_of_options()
def command(
    pgdata: str, dbname: str | None, limit: int | None, warn: int | None, crit: int | None,
    inconsistent: bool, quiet: bool, fmt: str,
) -> int:  # fmt: skip
    """Show how old the oldest unfrozen transaction and multixact ids are, and what is left.

    The exit status is 2 when an age is past a threshold; with --format nagios it is a
    plugin's: 1 late, 2 an emergency, 3 unknown.
    """
    with monitoring.unknown_on_error(fmt):
        from pgtool.catalog.cluster import Cluster
        from pgtool.check import age

        cluster = Cluster(pgdata, inconsistent=inconsistent)
        if not quiet:
            for warning in cluster.warnings:
                click.echo(f"pgtool: warning: {warning}", err=True)
        rows = list(
            age.databases(cluster, warn, crit) if dbname is None
            else age.relations(cluster.database(dbname), warn, crit)
        )
        worst = max((row.grade for row in rows), default=age.Grade.OK)
        shown = rows if limit is None else rows[:limit]
        if fmt == "nagios":
            return _nagios(rows, worst)
        if fmt == "prometheus":
            label = "database" if dbname is None else "relation"
            common = {} if dbname is None else {"database": dbname}
            monitoring.prometheus(
                METRICS, [({**common, label: row.name}, row) for row in shown], sys.stdout
            )
        elif worst or not quiet:
            from pgtool.cli.render import emit

            emit(COLUMNS, map(_row, shown), fmt, command="age")
        return 2 if worst else 0


def _row(ages: Ages) -> tuple[Any, ...]:
    from pgtool.transam.limits import HALF

    left = (min(pair) for pair in zip(ages.xid[1:4], ages.multi[1:4]))
    percent = round(100 * max(ages.xid.oldest, ages.multi.oldest) / HALF, 1)
    return (ages.name, ages.kind, ages.frozen_xid, ages.xid.oldest, ages.min_multi,
            ages.multi.oldest, *left, percent, ages.grade.name)  # fmt: skip


def _nagios(rows: list[Ages], worst: Any) -> int:
    """One line: state, the oldest, and performance data of every row."""
    oldest = rows[0]
    late = [row.name for row in rows if row.grade == worst]
    what = (
        f"oldest is {oldest.name}: age {oldest.xid.oldest}, {oldest.xid.stop} transactions left, "
        f"{oldest.multi.stop} multixacts left"
    )
    if worst:
        what = f"{', '.join(late)} past the limit; {what}"
    data = [(row.name, row.xid.oldest) for row in rows]
    return monitoring.nagios("AGE", worst, what, data, sys.stdout)
