"""CREATE VIEW: a relation of kind v and the rule that holds its query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pgtool.catalog import classids as c
from pgtool.catalog.classids import Address
from pgtool.catalog.dependency import INTERNAL, NORMAL, delete_dependencies_of, record
from pgtool.catalog.exprdeps import record_expression
from pgtool.catalog.heap import ColumnSpec, RelationSpec, heap_create, insert_attributes
from pgtool.commands.context import Ddl, begin
from pgtool.commands.reloptions import read_options
from pgtool.errors import SqlError, Unsupported
from pgtool.nodes.base import ValueString
from pgtool.nodes.query import DefElem
from pgtool.nodes.raw import RawStmt
from pgtool.nodes.raw_enums import ViewCheckOption
from pgtool.nodes.text import node_to_text
from pgtool.sql.analyze.query import analyze_in, output_columns
from pgtool.sql.analyze.state import Shared
from pgtool.sql.answer import Outcome
from pgtool.sql.viewtarget import why_not_updatable

__all__ = ["analyze_query", "create", "output_specs", "store_rule"]

RULE_NAME = "_RETURN"


def analyze_query(
    ddl: Ddl, raw: Any, text: str | None = None, types: Sequence[int] = ()
) -> Any:
    """The Query of a SELECT that is to be stored; ``types`` are those of its parameters."""
    shared = Shared(ddl.session, ddl.text if text is None else text, list(types))
    return analyze_in(shared, RawStmt(stmt=raw))


def output_specs(ddl: Ddl, query: Any, aliases: list[Any], what: str) -> list[ColumnSpec]:
    """The columns that a query gives, under the names that are given."""
    names = [part.sval for part in aliases]
    columns = output_columns(query)
    if len(names) > len(columns):
        message = ("CREATE VIEW specifies more column names than columns" if what == "view"
                   else "too many column names were specified")  # fmt: skip
        raise SqlError(message, "42601")
    out: list[ColumnSpec] = []
    seen: set[str] = set()
    for place, (name, typid, typmod, collation) in enumerate(columns):
        name = names[place] if place < len(names) else name
        if name in seen:
            raise SqlError(f'column "{name}" specified more than once', "42701")
        seen.add(name)
        info = ddl.types.info(typid)
        if info.typtype == "p":
            shown = ddl.types.format_type(typid)
            raise SqlError(f'column "{name}" has pseudo-type {shown}', "42P16")
        if info.typcollation and not collation:
            raise SqlError(
                f'could not determine which collation to use for {what} column "{name}"', "42P22",
                hint="Use the COLLATE clause to set the collation explicitly.",
            )  # fmt: skip
        out.append(ColumnSpec(name, typid, typmod, collation=collation))
    return out


def renamed_outputs(query: Any, columns: list[ColumnSpec]) -> None:
    """The query's target list takes the names that the columns have."""
    visible = [entry for entry in query.targetList if not entry.resjunk]
    for entry, column in zip(visible, columns, strict=True):
        entry.resname = column.name


def store_rule(ddl: Ddl, relid: int, query: Any) -> None:
    """The rule that gives a view its rows, instead of one that is there."""
    writer = ddl.writer
    text = node_to_text([query])
    old = ddl.cache.one("pg_rewrite", ("ev_class", "rulename"), (relid, RULE_NAME))
    if old is not None:
        oid = old.oid
        writer.update("pg_rewrite", old, ev_action=text)
        delete_dependencies_of(writer, Address(c.REWRITE, oid))
    else:
        oid = writer.new_oid("pg_rewrite")
        writer.insert("pg_rewrite", {
            "oid": oid, "rulename": RULE_NAME, "ev_class": relid, "ev_type": "1",
            "ev_enabled": "O", "is_instead": True, "ev_qual": "<>", "ev_action": text,
        })  # fmt: skip
    own = Address(c.REWRITE, oid)
    record(writer, own, Address(c.RELATION, relid), INTERNAL)
    record_expression(writer, own, [query], [], NORMAL)
    row = ddl.relation_row(relid)
    if not row.relhasrules:
        writer.update("pg_class", row, relhasrules=True)
    ddl.advance()


def _options(raw: Any) -> list[Any]:
    options = list(raw.options)
    if raw.withCheckOption != ViewCheckOption.NO_CHECK_OPTION:
        local = raw.withCheckOption == ViewCheckOption.LOCAL_CHECK_OPTION
        word = ValueString(sval="local" if local else "cascaded")
        options.append(DefElem(defname="check_option", arg=word))
    return options


def _replace(ddl: Ddl, row: Any, columns: list[ColumnSpec], options: Any) -> None:
    """CREATE OR REPLACE over a view that is there."""
    if row.relkind != "v":
        raise SqlError(f'"{row.relname}" is not a view', "42809")
    ddl.check_owner(row)
    old = ddl.attributes(row.oid)
    if len(columns) < len(old):
        raise SqlError("cannot drop columns from view", "42P16")
    shown = ddl.types.format_type
    for attribute, column in zip(old, columns):
        if attribute.attname != column.name:
            raise SqlError(
                f'cannot change name of view column "{attribute.attname}" to "{column.name}"',
                "42P16", hint="Use ALTER VIEW ... RENAME COLUMN ... to change name of view column "
                "instead.",
            )  # fmt: skip
        if (attribute.atttypid, attribute.atttypmod) != (column.typid, column.typmod):
            raise SqlError(
                f'cannot change data type of view column "{column.name}" from '
                f"{shown(attribute.atttypid, attribute.atttypmod)} to "
                f"{shown(column.typid, column.typmod)}", "42P16",
            )  # fmt: skip
    added = columns[len(old) :]
    if added:
        insert_attributes(ddl.writer, row.oid, added, "v", len(old) + 1)
    if added or options != row.reloptions:
        ddl.writer.update("pg_class", row, relnatts=len(columns), reloptions=options)
    ddl.advance()


def create(engine: Any, raw: Any, text: str) -> Outcome:
    """CREATE VIEW."""
    ddl = begin(engine, text)
    node = raw.view
    if node.relpersistence == "t":
        raise Unsupported("temporary views")
    query = analyze_query(ddl, raw.query)
    if query.hasModifyingCTE:
        raise SqlError("views must not contain data-modifying statements in WITH", "0A000")
    if node.relpersistence == "u":
        raise SqlError("views cannot be unlogged because they do not have storage", "42601")
    columns = output_specs(ddl, query, raw.aliases, "view")
    renamed_outputs(query, columns)
    options = read_options(_options(raw), "view")
    if any(option.startswith("check_option=") for option in options or ()):
        reason = why_not_updatable(engine.session, query)
        if reason is not None:
            raise SqlError("WITH CHECK OPTION is supported only on automatically updatable views",
                           "0A000", hint=reason)  # fmt: skip
    namespace = ddl.creation_namespace(node.schemaname, node.relname)
    old = ddl.cache.one("pg_class", ("relname", "relnamespace"), (node.relname, namespace))
    if old is not None and raw.replace:
        _replace(ddl, old, columns, options)
        oid = old.oid
    else:
        spec = RelationSpec(node.relname, namespace, ddl.owner, "v", columns, options=options)
        oid = heap_create(ddl.writer, spec)
        ddl.advance()
    store_rule(ddl, oid, query)
    return ddl.done("CREATE VIEW")


