"""``pgtool bloat``: dead and free space of tables and indexes, found by reading all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pgtool.cli import monitoring
from pgtool.cli.options import format_option, pgdata_option
from pgtool.cli.recovery_options import as_of_options
from pgtool.errors import Unsupported

if TYPE_CHECKING:
    from pgtool.catalog.database import Database
    from pgtool.catalog.relation import Relation
    from pgtool.check.bloat import Space

COLUMNS = (
    "name", "kind", "table_len", "tuple_count", "tuple_len", "tuple_percent",
    "dead_tuple_count", "dead_tuple_len", "dead_tuple_percent", "free_space", "free_percent",
)  # fmt: skip
KINDS = "rmti"
#: Prometheus metric → (help, value of a row).
METRICS: dict[str, tuple[str, Any]] = {
    "pgtool_relation_bytes": ("Length of the relation's main fork.", lambda s: s.table_len),
    "pgtool_live_tuples": ("Rows or index entries in use.", lambda s: s.tuple_count),
    "pgtool_live_bytes": ("Bytes of rows or entries in use.", lambda s: s.tuple_len),
    "pgtool_dead_tuples": ("Dead rows or index entries.", lambda s: s.dead_tuple_count),
    "pgtool_dead_bytes": ("Bytes of dead rows or entries.", lambda s: s.dead_tuple_len),
    "pgtool_free_bytes": ("Free space in pages.", lambda s: s.free_space),
}


@click.command(
    cls=monitoring.PluginCommand,
    short_help="Show dead and free space of tables and indexes, as pgstattuple does.",
)
@pgdata_option()
@click.option(
    "-d", "--dbname", metavar="NAME", envvar="PGDATABASE", default="postgres", show_default=True,
    help="The database.",
)  # fmt: skip
@click.option(
    "-t", "--table", "tables", multiple=True, metavar="PATTERN",
    help="Only these tables or indexes: schema.name with * and ?. Repeatable.",
)
@click.option("-S", "--system", is_flag=True, help="Also the system schemas.")
@click.option(
    "--min-size", type=click.IntRange(min=0), metavar="BYTES", default=0, show_default=True,
    help="Leave out what is smaller.",
)
@click.option(
    "--warn", type=click.FloatRange(0, 100), metavar="PERCENT",
    help="Dead and free space that is too much.",
)
@click.option(
    "--crit", type=click.FloatRange(0, 100), metavar="PERCENT",
    help="Dead and free space that is far too much.",
)
@click.option(
    "--inconsistent", is_flag=True,
    help="Read a cluster that is running, crashed or half restored, as its files are.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing when all is well; no warnings.")
@format_option("table", "csv", "json", "jsonl", "nagios", "prometheus")
@as_of_options()
def command(
    pgdata: str, dbname: str, tables: tuple[str, ...], system: bool, min_size: int,
    warn: float | None, crit: float | None, inconsistent: bool, quiet: bool, fmt: str,
) -> int:  # fmt: skip
    """Read tables and indexes whole and show their live, dead and free space.

    With --warn or --crit the exit status is 2 when a relation has more; with --format nagios
    it is a plugin's: 1 too much, 2 far too much, 3 unknown.
    """
    with monitoring.unknown_on_error(fmt):
        from pgtool.catalog.cluster import Cluster

        cluster = Cluster(pgdata, inconsistent=inconsistent)
        if not quiet:
            for warning in cluster.warnings:
                click.echo(f"pgtool: warning: {warning}", err=True)
        database = cluster.database(dbname)
        found = [
            (relation, space)
            for relation, space in _spaces(database, tables, system, quiet)
            if space.table_len >= min_size
        ]
        grades = [_grade(space, warn, crit) for _relation, space in found]
        worst = max(grades, default=0)
        if fmt == "nagios":
            late = [r.qualified for (r, _), grade in zip(found, grades) if grade == worst]
            text = f"{len(found)} relations" if not worst else f"{', '.join(late)}"
            data = [(r.qualified, space.dead_tuple_len + space.free_space) for r, space in found]
            return monitoring.nagios("BLOAT", worst, text, data, sys.stdout)
        if fmt == "prometheus":
            rows = [({"database": dbname, "relation": r.qualified}, s) for r, s in found]
            monitoring.prometheus(METRICS, rows, sys.stdout)
        elif worst or not quiet:
            from pgtool.cli.render import emit

            emit(COLUMNS, [(r.qualified, r.kind, *s.row()) for r, s in found], fmt,
                 command="bloat")  # fmt: skip
        return 2 if worst else 0


def _spaces(
    database: Database, tables: tuple[str, ...], system: bool, quiet: bool
) -> Iterator[tuple[Relation, Space]]:
    from pgtool.catalog.names import is_system_schema, matching
    from pgtool.check.bloat import measure

    if tables:
        chosen = matching(database, tables, KINDS)
    else:
        chosen = [
            r for r in database.relations()
            if r.relkind in KINDS and (system or not is_system_schema(r.nspname))
        ]  # fmt: skip
    for relation in sorted(chosen, key=lambda r: (r.nspname, r.relname)):
        try:
            yield relation, measure(database, relation)
        except Unsupported as problem:
            if not quiet:
                click.echo(f"pgtool: warning: left out: {problem}", err=True)


def _grade(space: Space, warn: float | None, crit: float | None) -> int:
    if crit is not None and space.waste >= crit:
        return 2
    return 1 if warn is not None and space.waste >= warn else 0
