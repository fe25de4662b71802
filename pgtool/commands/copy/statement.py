"""The COPY statement: a table or query to a file or to the client, and a table from them.

What goes to the client leaves as :attr:`Outcome.copy_out`; what comes from it is read from
``engine.copy_in``, which the front end sets. PROGRAM is not run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from pgtool.commands.copy.options import copy_options
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.sysfuncs.acl import is_member
from pgtool.nodes.base import walk
from pgtool.nodes.exprs import Var
from pgtool.nodes.raw import RawStmt
from pgtool.sql.answer import Notice, Outcome
from pgtool.sql.permissions import require_relation
from pgtool.types.names import quote_identifier

__all__ = ["copy"]

PIECE = 1 << 20
ACL_INSERT, ACL_SELECT = 1, 2
SYNTAX_ERROR, WRONG_OBJECT, UNDEFINED_COLUMN = "42601", "42809", "42703"
_NOUNS = {"v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence",
          "p": "partitioned table"}  # fmt: skip


def copy(engine: Any, raw: Any, text: str) -> Outcome:
    """Run the statement."""
    if raw.is_program:
        raise Unsupported("COPY with PROGRAM")
    if raw.filename is not None:
        _may_use_files(engine.session, raw.is_from)
    if raw.is_from:
        return _from(engine, raw, text)
    return _to(engine, raw, text)


def _may_use_files(session: Any, is_from: bool) -> None:
    """Files of the machine are for superusers and those who were given that right."""
    role = "pg_read_server_files" if is_from else "pg_write_server_files"
    row = session.cache.one("pg_authid", "rolname", role)
    if session.is_superuser or is_member(session, session.user_oid, row.oid, "inherit_option"):
        return
    where = "from" if is_from else "to"
    raise SqlError(
        f"permission denied to COPY {where} a file", "42501",
        f'Only roles with privileges of the "{role}" role may COPY {where} a file.',
        "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.",
    )  # fmt: skip


def _relation(engine: Any, raw: Any) -> Any:
    from pgtool.sql.analyze.from_clause import find_relation
    from pgtool.sql.analyze.state import ParseState, Shared

    return find_relation(
        ParseState(Shared(engine.session, "", [])), raw.relation.copy(location=-1)
    )


def _columns(engine: Any, row: Any, names: list[Any], *, generated: bool) -> list[Any]:
    """The attributes that are copied, in the order asked for."""
    relation = engine.session.database.relation(row.oid)
    if not names:
        return [a for a in relation.columns if generated or not a.attgenerated]
    out: list[Any] = []
    for item in names:
        name = item.sval
        found = next((a for a in relation.columns if a.attname == name), None)
        if found is None:
            raise SqlError(f'column "{name}" of relation "{row.relname}" does not exist',
                           UNDEFINED_COLUMN)  # fmt: skip
        if found.attgenerated and not generated:
            raise SqlError(f'column "{name}" is a generated column', "42P10",
                           "Generated columns cannot be used in COPY.")  # fmt: skip
        if found in out:
            raise SqlError(f'column "{name}" specified more than once', "42701")
        out.append(found)
    return out


def _marked(columns: list[Any], names: Any, word: str) -> list[bool]:
    """Which columns FORCE_… names."""
    if names == "*":
        return [True] * len(columns)
    known = {c.attname for c in columns}
    for name in names:
        if name not in known and columns and isinstance(columns[0], _Named):
            raise SqlError(f'column "{name}" does not exist', UNDEFINED_COLUMN)
        if name not in known:
            raise SqlError(f'{word} column "{name}" not referenced by COPY', "42P10")
    return [c.attname in names for c in columns]


# -- TO ---------------------------------------------------------------------------------------


def _to(engine: Any, raw: Any, text: str) -> Outcome:
    from pgtool.commands.copy.output import CopyOutput

    if raw.query is None:
        row = _relation(engine, raw)
        columns = _columns(engine, row, raw.attlist, generated=False)
        require_relation(engine.session, row, ACL_SELECT, frozenset(a.attnum for a in columns))
        _check_source(row)
        options = copy_options(raw.options, False)
        marks = _marked(columns, options.force_quote, "FORCE_QUOTE")
        result = _table_rows(engine, row, columns)
    else:
        options = copy_options(raw.options, False)
        result = _query_rows(engine, raw, text)
        marks = _marked([_Named(n) for n in result.names], options.force_quote, "FORCE_QUOTE")
    output = CopyOutput(engine.session, result, options, marks)
    if raw.filename is None:
        outcome = Outcome("COPY")
        outcome.copy_out = _sent(outcome, output)
        return outcome
    if not os.path.isabs(raw.filename):
        raise SqlError("relative path not allowed for COPY to file", "42602")
    try:
        with open(raw.filename, "wb") as file:
            for piece in output.pieces():
                file.write(piece)
    except OSError as error:
        hint = ("COPY TO instructs the PostgreSQL server process to write a file. You may want a "
                "client-side facility such as psql's \\copy.")  # fmt: skip
        raise SqlError(f'could not open file "{raw.filename}" for writing: {error.strerror}',
                       _state(error), hint=hint) from None  # fmt: skip
    return Outcome(f"COPY {output.count}", count=output.count)


def _sent(outcome: Outcome, output: Any) -> Iterator[bytes]:
    """The data; when all of it is sent the outcome knows how many rows it was."""
    yield from output.pieces()
    outcome.tag, outcome.count = f"COPY {output.count}", output.count


class _Named:
    """A column of a query, by its name."""

    def __init__(self, name: str) -> None:
        self.attname = name


def _query_rows(engine: Any, raw: Any, text: str) -> Any:
    if type(raw.query).__name__ not in ("SelectStmt", "InsertStmt", "UpdateStmt",
                                        "DeleteStmt", "MergeStmt"):  # fmt: skip
        raise Unsupported("COPY of this statement")
    if getattr(raw.query, "intoClause", None) is not None:
        raise SqlError("COPY (SELECT INTO) is not supported", "0A000")
    if type(raw.query).__name__ != "SelectStmt" and raw.query.returningClause is None:
        raise SqlError("COPY query must have a RETURNING clause", "0A000")
    return engine.result_of(RawStmt(stmt=raw.query), text)


def _check_source(row: Any) -> None:
    """Only tables have rows to be copied, and materialized views that were filled."""
    if row.relkind == "r" or (row.relkind == "m" and row.relispopulated):
        return
    noun = _NOUNS.get(row.relkind)
    if noun is None:
        raise SqlError(f'cannot copy from non-table relation "{row.relname}"', WRONG_OBJECT)
    hint = None if row.relkind == "S" else "Try the COPY (SELECT ...) TO variant."
    raise SqlError(f'cannot copy from {noun} "{row.relname}"', WRONG_OBJECT, hint=hint)


def _table_rows(engine: Any, row: Any, columns: list[Any]) -> Any:
    names = ", ".join(quote_identifier(c.attname) for c in columns)
    space = engine.session.database.namespaces[row.relnamespace]
    query = (f"SELECT {names} FROM ONLY {quote_identifier(space)}."
             f"{quote_identifier(row.relname)}")  # fmt: skip
    return engine.result_of(engine.parse(query)[0], query)


# -- FROM -------------------------------------------------------------------------------------


def _from(engine: Any, raw: Any, text: str) -> Outcome:
    from pgtool.commands.copy.load import Loader
    from pgtool.sql.writable import row_security_binds

    row = _relation(engine, raw)
    where = _where(engine, raw, text)
    columns = _columns(engine, row, raw.attlist, generated=False)
    require_relation(engine.session, row, ACL_INSERT, frozenset(a.attnum for a in columns))
    if row.relrowsecurity and row_security_binds(engine.session, row):
        raise SqlError("COPY FROM not supported with row-level security", "0A000",
                       hint="Use INSERT statements instead.")  # fmt: skip
    engine.writer("COPY FROM")
    options = copy_options(raw.options, True)
    options.force_not_null = _marked(columns, options.force_not_null, "FORCE_NOT_NULL")
    options.force_null = _marked(columns, options.force_null, "FORCE_NULL")
    source, close = _source(engine, raw.filename)
    try:
        _check_destination(engine, row)
        if options.freeze:
            raise Unsupported("COPY with FREEZE")
        notices = engine.telling()
        relation = engine.session.database.relation(row.oid)
        loader = Loader(engine.session, relation, columns, options, where, notices)
        count = loader.binary(source) if options.format == "binary" else loader.text(source)
    finally:
        close()
    if loader.skipped and options.log_verbosity != "silent":
        noun = "row was" if loader.skipped == 1 else "rows were"
        notices.append(Notice("NOTICE", f"{loader.skipped} {noun} skipped due to data type "
                                        "incompatibility"))  # fmt: skip
    return Outcome(f"COPY {count}", notices=notices, count=count)


def _check_destination(engine: Any, row: Any) -> None:
    from pgtool.sql.writable import TRIGGER_INSERT, check_relation, check_triggers

    if row.relkind == "v":
        raise SqlError(
            f'cannot copy to view "{row.relname}"', WRONG_OBJECT,
            hint="To enable copying to a view, provide an INSTEAD OF INSERT trigger.",
        )
    if row.relkind in "mS":
        raise SqlError(f'cannot copy to {_NOUNS[row.relkind]} "{row.relname}"', WRONG_OBJECT)
    check_relation(row)
    check_triggers(engine.session, row, TRIGGER_INSERT)


def _where(engine: Any, raw: Any, text: str) -> list[Any]:
    """COPY's WHERE as conditions over the table."""
    if raw.whereClause is None:
        return []
    from pgtool.sql.analyze.coerce import coerce_to_boolean
    from pgtool.sql.analyze.collations import assign_collations
    from pgtool.sql.analyze.expressions import transform_expr
    from pgtool.sql.analyze.from_clause import add_relation
    from pgtool.sql.analyze.state import ParseState, Shared
    from pgtool.sql.planner.base import Glob
    from pgtool.sql.planner.fold import fold
    from pgtool.sql.planner.trees import conjuncts

    state = ParseState(Shared(engine.session, text, []))
    state.namespace.append(add_relation(state, raw.relation))
    made = transform_expr(state, raw.whereClause, "COPY WHERE")
    made = coerce_to_boolean(state, made, "WHERE")
    assign_collations(state, made)
    attributes = engine.session.database.relation(state.namespace[0].rte.relid).attributes
    for var in walk(made):
        if isinstance(var, Var) and var.varattno > 0 and attributes[var.varattno - 1].attgenerated:
            raise SqlError(
                "generated columns are not supported in COPY FROM WHERE conditions", "42P10",
                f'Column "{attributes[var.varattno - 1].attname}" is a generated column.',
            )  # fmt: skip
    return list(conjuncts(fold(Glob(engine.session), made)))


def _source(engine: Any, filename: str | None) -> tuple[Iterator[bytes], Callable[[], None]]:
    """The input's bytes, and how to close it."""
    if filename is None:
        if engine.copy_in is None:
            raise SqlError("COPY FROM STDIN needs a client that sends data", "08P01")
        data = engine.copy_in()
        return iter(data), getattr(data, "close", lambda: None)
    try:
        file: BinaryIO = open(filename, "rb")  # noqa: SIM115
    except OSError as error:
        hint = ("COPY FROM instructs the PostgreSQL server process to read a file. You may want a "
                "client-side facility such as psql's \\copy.")  # fmt: skip
        raise SqlError(f'could not open file "{filename}" for reading: {error.strerror}',
                       _state(error), hint=hint) from None  # fmt: skip
    return iter(lambda: file.read(PIECE), b""), file.close


def _state(error: OSError) -> str:
    """The SQLSTATE of a file that cannot be opened."""
    return "58P01" if isinstance(error, FileNotFoundError) else "42501"
