"""LIKE in CREATE TABLE: columns of another table, and what INCLUDING adds."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.heap import ColumnSpec
from pgtool.catalog.index import indexes_of
from pgtool.catalog.pg_attrdef import default_of
from pgtool.catalog.pg_constraint import constraints_of
from pgtool.commands.context import Ddl, plural
from pgtool.commands.dropcmds import drop_objects
from pgtool.commands.exprs import renumbered
from pgtool.commands.tabledef import CheckPlan, ColumnPlan, NotNullPlan, TableDefinition
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.text import text_to_node
from pgtool.sql.permissions import require

__all__ = ["add_like"]

COMMENTS, COMPRESSION, CONSTRAINTS, DEFAULTS, GENERATED, IDENTITY, INDEXES, STATISTICS, STORAGE = (
    1 << n for n in range(9)
)  # fmt: skip


def add_like(made: TableDefinition, clause: Any) -> None:
    """Put the other table's columns into a definition; the rest follows when it is made."""
    ddl, options = made.ddl, clause.options
    try:
        row = ddl.find_relation(clause.relation)
    except SqlError as error:
        error.position = clause.relation.location + 1
        raise
    require(ddl.session, "table", row.oid, "SELECT")
    if row.relkind not in "rvmcfp":
        raise SqlError(f'relation "{row.relname}" is invalid in LIKE clause', "42809",
                       f"This operation is not supported for {plural(row.relkind)}.")
    for a in ddl.attributes(row.oid):
        if a.attisdropped:
            continue
        if made.column(a.attname) is not None:
            made.twice = made.twice or a.attname
        made.columns.append(_column(made, row, a, options))
    _not_nulls(made, row)
    made.later.append(lambda new: _finish(made, row, new, options))


def _column(made: TableDefinition, row: Any, a: Any, options: int) -> ColumnPlan:
    from pgtool.commands.sequence import create_identity_sequence

    ddl = made.ddl
    spec = ColumnSpec(a.attname, a.atttypid, a.atttypmod, 0, a.attcollation)
    if options & STORAGE:
        spec.storage = a.attstorage
    if options & COMPRESSION:
        spec.compression = a.attcompression
    if a.attgenerated and options & GENERATED:
        spec.generated = a.attgenerated
    plan = ColumnPlan(spec)
    if a.attidentity and options & IDENTITY:
        spec.identity = a.attidentity
        oid = create_identity_sequence(
            ddl, made.relname, a.attname, made.namespace, _sequence_options(made, row, a),
            None, made.persistence,
        )  # fmt: skip
        made.sequences.append((oid, a.attname, True))
    return plan


def _sequence_options(made: TableDefinition, row: Any, a: Any) -> list[Any]:
    """The parameters of the other column's sequence."""
    from pgtool.nodes.base import ValueBoolean, ValueFloat
    from pgtool.nodes.query import DefElem

    cache = made.ddl.cache
    for found in cache.lookup("pg_depend", ("refclassid", "refobjid"), (c.RELATION, row.oid)):
        if found.classid != c.RELATION or found.refobjsubid != a.attnum or found.deptype != "i":
            continue
        p = cache.one("pg_sequence", "seqrelid", found.objid)
        if p is None:
            continue
        pairs = (("cache", p.seqcache), ("increment", p.seqincrement), ("maxvalue", p.seqmax),
                 ("minvalue", p.seqmin), ("start", p.seqstart))  # fmt: skip
        out = [DefElem(defname=name, arg=ValueFloat(fval=str(value))) for name, value in pairs]
        return [*out, DefElem(defname="cycle", arg=ValueBoolean(boolval=p.seqcycle))]
    raise SqlError("no owned sequence found", "XX000")


def _not_nulls(made: TableDefinition, row: Any) -> None:
    names = {int(a.attnum): a.attname for a in made.ddl.attributes(row.oid)}
    for found in constraints_of(made.ddl.writer, row.oid):
        if found.contype == "n":
            plan = made.column(names[found.conkey[0]])
            assert plan is not None
            plan.spec.not_null = True
            made.not_nulls.append(
                NotNullPlan(str(found.conname), plan.spec.name, bool(found.connoinherit))
            )


def _drop_default(ddl: Ddl, relid: int, number: int) -> None:
    """The default that a column has from elsewhere (a parent) gives way."""
    found = default_of(ddl.writer, relid, number)
    if found is not None:
        drop_objects(ddl, [Address(c.ATTR_DEFAULT, found.oid)], False)
        ddl.advance()


def _finish(made: TableDefinition, row: Any, new: Any, options: int) -> None:
    """Defaults, checks, indexes and comments, once the table is there."""
    from pgtool.commands.alterconstraints import column_numbers
    from pgtool.commands.constraints import add_checks, add_defaults

    ddl = made.ddl
    numbers = column_numbers(ddl, row.oid, new.oid)
    if options & (DEFAULTS | GENERATED):
        plans = []
        for a in ddl.attributes(row.oid):
            wanted = GENERATED if a.attgenerated else DEFAULTS
            if a.attisdropped or not a.atthasdef or not options & wanted:
                continue
            expr = renumbered(text_to_node(default_of(ddl.writer, row.oid, a.attnum).adbin),
                              numbers)  # fmt: skip
            plan = made.column(a.attname)
            assert plan is not None
            _drop_default(ddl, new.oid, numbers[a.attnum])
            plans.append((numbers[a.attnum], ColumnPlan(plan.spec, cooked_default=expr)))
        add_defaults(ddl, new, plans)
    if options & CONSTRAINTS:
        checks = [
            CheckPlan(str(found.conname), cooked=renumbered(text_to_node(found.conbin), numbers),
                      no_inherit=bool(found.connoinherit), enforced=bool(found.conenforced),
                      validated=bool(found.conenforced))
            for found in constraints_of(ddl.writer, row.oid) if found.contype == "c"
        ]  # fmt: skip
        add_checks(ddl, new, checks)
    ddl.advance()
    if options & INDEXES:
        _indexes(ddl, row, ddl.relation_row(new.oid), numbers)
    if options & COMMENTS:
        _comments(ddl, row, new, numbers)
    if options & STATISTICS and ddl.cache.lookup("pg_statistic_ext", "stxrelid", row.oid):
        raise Unsupported("LIKE INCLUDING STATISTICS")


def _indexes(ddl: Any, row: Any, new: Any, numbers: dict[int, int]) -> None:
    from pgtool.commands.indexcmds import define_index
    from pgtool.commands.partindexes import cloned_plan

    for found in indexes_of(ddl.writer, row.oid):
        plan = cloned_plan(ddl, int(found.indexrelid), row, numbers)
        define_index(ddl, ddl.relation_row(new.oid), plan)


def _comments(ddl: Any, row: Any, new: Any, numbers: dict[int, int]) -> None:
    from pgtool.commands.comment import store_comment

    key = ("objoid", "classoid")
    for found in ddl.cache.lookup("pg_description", key, (row.oid, c.RELATION)):
        if found.objsubid:
            address = Address(c.RELATION, new.oid, numbers[found.objsubid])
            store_comment(ddl, address, found.description)
