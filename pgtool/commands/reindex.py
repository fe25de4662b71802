"""REINDEX: indexes built anew, each table's in a transaction of its own.

REINDEX INDEX and TABLE of a plain table run in the transaction they are in; of a
partitioned one, a schema or a database they take one relation after the other, and cannot
be part of a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.catalog.index import indexes_of
from pgtool.catalog.names import matching
from pgtool.commands.cluster import rebuild_index
from pgtool.commands.context import Ddl, begin
from pgtool.commands.ownership import may_maintain
from pgtool.commands.vacuum import refuse_locked
from pgtool.errors import SqlError, Unsupported, UserError
from pgtool.sql.answer import Outcome
from pgtool.sql.define import definition_truth

__all__ = ["chosen_indexes", "reindex", "reindex_alone", "reindex_relation"]

INDEX, TABLE, SCHEMA, SYSTEM, DATABASE = (
    f"REINDEX_OBJECT_{name}" for name in ("INDEX", "TABLE", "SCHEMA", "SYSTEM", "DATABASE")
)
_OPTIONS = ("verbose", "concurrently", "tablespace")
PG_CATALOG_NAMESPACE = 11
BTREE_AM_OID = 403


def reindex(engine: Any, raw: Any, text: str) -> Outcome:
    """Run a ReindexStmt."""
    options = {option.defname: option for option in raw.params}
    for name, option in options.items():
        if name not in _OPTIONS:
            raise SqlError(f'unrecognized REINDEX option "{name}"', "42601",
                           position=option.location + 1)  # fmt: skip
    if "tablespace" in options:
        raise Unsupported("REINDEX (TABLESPACE)")
    truth = definition_truth(options["verbose"]) if "verbose" in options else False
    if truth is None:
        raise SqlError("verbose requires a Boolean value", "42601")
    verbose = bool(truth)
    concurrently = "concurrently" in options and bool(definition_truth(options["concurrently"]))
    if concurrently:
        engine.transactions.prevent_in_block("REINDEX CONCURRENTLY")
    kind = raw.kind.name
    ddl = begin(engine, text)
    if kind in (INDEX, TABLE):
        row = ddl.find_relation(raw.relation)
        if row.relkind in "pI":
            word = kind.rsplit("_", 1)[1]
            try:
                engine.transactions.prevent_in_block(f"REINDEX {word}")
            except SqlError as error:
                what = f'{word.lower()} "{ddl.database.namespaces[row.relnamespace]}.{row.relname}"'
                raise error.within(f"while reindexing partitioned {what}") from None
            return _each(engine, text, [int(r.oid) for r in _leaves(ddl, row)], verbose)
        _check_kind(ddl, row, kind)
        if not reindex_relation(ddl, row, verbose, concurrently):
            ddl.notice(f'table "{row.relname}" has no indexes to reindex')
        return ddl.done("REINDEX")
    engine.transactions.prevent_in_block(f"REINDEX {kind.rsplit('_', 1)[1]}")
    return _each(engine, text, list(_members(ddl, kind, raw.name)), verbose)


def _check_kind(ddl: Ddl, row: Any, kind: str) -> None:
    if kind == INDEX and row.relkind != "i":
        raise SqlError(f'"{row.relname}" is not an index', "42809")
    if kind == TABLE and row.relkind not in "rmt":
        raise SqlError(f'"{row.relname}" is not a table or materialized view', "42809")
    may_maintain(ddl, row)


def _leaves(ddl: Ddl, row: Any) -> Iterator[Any]:
    for link in ddl.cache.lookup("pg_inherits", "inhparent", row.oid):
        child = ddl.relation_row(link.inhrelid)
        if child.relkind in "pI":
            yield from _leaves(ddl, child)
        else:
            yield child


def _members(ddl: Ddl, kind: str, name: str | None) -> Iterator[int]:
    """The tables of a schema or database."""
    if kind in (DATABASE, SYSTEM) and name is not None and name != ddl.database.name:
        raise SqlError("can only reindex the currently open database", "0A000")
    space = ddl.namespace(str(name)) if kind == SCHEMA else None
    for row in ddl.cache.rows("pg_class"):
        if row.relkind not in "rm" or row.relpersistence == "t":
            continue
        catalog = row.relnamespace == PG_CATALOG_NAMESPACE
        wanted = row.relnamespace == space if kind == SCHEMA else catalog == (kind == SYSTEM)
        if wanted:
            yield int(row.oid)


def _each(engine: Any, text: str, oids: list[int], verbose: bool) -> Outcome:
    """One relation after the other, each committed for itself."""
    notices: list[Any] = []
    transactions = engine.transactions
    for oid in oids:
        transactions.commit()
        transactions.start_statement()
        try:
            ddl = begin(engine, text)
            row = ddl.cache.one("pg_class", "oid", oid)
            if row is not None:
                reindex_relation(ddl, row, verbose)
                ddl.advance()
                notices += ddl.notices
        except BaseException:
            transactions.abort()
            raise
        transactions.commit()
    return Outcome("REINDEX", notices=notices)


def reindex_relation(
    ddl: Ddl, row: Any, verbose: bool = False, concurrently: bool = False
) -> bool:
    """An index, or all indexes of a table and of its TOAST table, built anew; if there are any."""
    if row.relkind == "i":
        _one(ddl, row, verbose, concurrently)
        return True
    refuse_locked(ddl.session, row)
    found = False
    if row.reltoastrelid:
        toast = ddl.relation_row(row.reltoastrelid)
        found = reindex_relation(ddl, toast, verbose, concurrently)
    for index in indexes_of(ddl.writer, row.oid):
        _one(ddl, ddl.relation_row(index.indexrelid), verbose, concurrently)
        found = True
    return found


def _one(ddl: Ddl, row: Any, verbose: bool, concurrently: bool = False) -> None:
    if row.relam != BTREE_AM_OID:
        raise Unsupported(f'rebuilding index "{row.relname}", which is no btree')
    rebuild_index(ddl, int(row.oid), anew=concurrently)
    if verbose:
        ddl.notice(f'index "{row.relname}" was reindexed', severity="INFO")


def reindex_alone(engine: Any, oid: int) -> None:
    """One index in a transaction of its own."""
    transactions = engine.transactions
    transactions.commit()
    transactions.start_statement()
    try:
        ddl = begin(engine)
        row = ddl.cache.one("pg_class", "oid", oid)
        if row is not None:
            table = ddl.cache.one("pg_index", "indexrelid", oid)
            refuse_locked(ddl.session, ddl.relation_row(table.indrelid))
            _one(ddl, row, verbose=False)
            ddl.advance()
    except BaseException:
        transactions.abort()
        raise
    transactions.commit()


def chosen_indexes(
    session: Any, tables: tuple[str, ...], indexes: tuple[str, ...], schemas: tuple[str, ...],
    system: bool,
) -> list[tuple[int, str]]:  # fmt: skip
    """(OID, qualified name) of indexes by patterns; without any wish, of all that can be."""
    cache, database = session.cache, session.database
    wanted: set[int] = set()
    if indexes:
        wanted |= {r.oid for r in matching(database, indexes, "i")}
    of_tables = {r.oid for r in matching(database, tables, "rmp")} if tables else set()
    spaces = {row.nspname: row.oid for row in cache.rows("pg_namespace")}
    for name in schemas:
        if name not in spaces:
            raise UserError(f'schema "{name}" does not exist')
        of_tables |= {r.oid for r in cache.lookup("pg_class", "relnamespace", spaces[name])}
    if system:
        of_tables |= {r.oid for r in cache.lookup("pg_class", "relnamespace", PG_CATALOG_NAMESPACE)}
    for oid in list(of_tables):
        toast = cache.one("pg_class", "oid", oid).reltoastrelid
        of_tables |= {toast} if toast else set()
    everything = not (tables or indexes or schemas or system)
    names = {oid: name for name, oid in spaces.items()}
    out = []
    for row in cache.rows("pg_class"):
        if row.relkind != "i" or row.relpersistence == "t":
            continue
        index = cache.one("pg_index", "indexrelid", row.oid)
        if row.oid in wanted or (index is not None and index.indrelid in of_tables) or (
            everything
        ):
            out.append((int(row.oid), f"{names.get(row.relnamespace)}.{row.relname}"))
    return out
