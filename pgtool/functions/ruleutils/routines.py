"""pg_get_functiondef and kin: functions and procedures, their arguments, results, bodies."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.guc_checks import split_identifiers
from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.columns import Namespace
from pgtool.functions.ruleutils.deparser import INDENT, Deparser
from pgtool.functions.ruleutils.entry import read_tree, relation_expr
from pgtool.functions.ruleutils.names import Names, quote_literal
from pgtool.functions.ruleutils.query import write_query
from pgtool.functions.session import Session
from pgtool.types.names import format_name

INTERNAL, C, SQL = 12, 13, 14
_MODES = {"i": "", "b": "INOUT ", "o": "OUT ", "v": "VARIADIC ", "t": ""}
_INPUT = "ibv"
_VOLATILITY = {"i": " IMMUTABLE", "s": " STABLE", "v": ""}
_PARALLEL = {"s": " PARALLEL SAFE", "r": " PARALLEL RESTRICTED", "u": ""}
#: Settings that are lists of names (GUC_LIST_QUOTE).
_NAME_LISTS = frozenset({
    "local_preload_libraries", "search_path", "session_preload_libraries",
    "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories",
})  # fmt: skip
_DEFAULT_ROWS = 1000


def _type(names: Names, oid: int) -> str:
    return names.session.types.format_type(oid)


def _arguments(row: Any) -> list[tuple[str, str, int]]:
    """Mode, name and type of every argument."""
    types = row.proallargtypes or row.proargtypes
    modes = row.proargmodes or "i" * len(types)
    given = row.proargnames or [""] * len(types)
    return list(zip(modes, given, types))


def arguments_text(
    session: Session, row: Any, *, table: bool = False, defaults: bool = False
) -> tuple[str, int]:
    """The argument list (or a TABLE result's columns) and how many there are."""
    names = Names(session)
    values = list(read_tree(session, row.proargdefaults)) if (
        defaults and row.proargdefaults
    ) else []  # fmt: skip
    lacking = row.pronargs - len(values)
    order_at = _direct_arguments(session, row)
    out, count, inputs = "", 0, 0
    arguments = _arguments(row)
    if order_at is not None and order_at == len(arguments) and arguments:
        # The last variadic argument is direct and aggregated at once.
        arguments.append(arguments[-1])
    for mode, name, typid in arguments:
        inputs += mode in _INPUT
        if table != (mode == "t"):
            continue
        if count == order_at:
            out += " ORDER BY " if count else "ORDER BY "
        elif count:
            out += ", "
        out += "IN " if mode == "i" and row.prokind == "p" else _MODES[mode]
        out += (names.quote(name) + " " if name else "") + _type(names, typid)
        if values and mode in _INPUT and lacking < inputs <= row.pronargs:
            value = relation_expr(session, values[inputs - lacking - 1], 0, 0)
            out += f" DEFAULT {value}"
        count += 1
    return out, count


def _direct_arguments(session: Session, row: Any) -> int | None:
    """How many arguments of an ordered-set aggregate stand before ORDER BY."""
    if row.prokind != "a":
        return None
    aggregate = session.cache.one("pg_aggregate", "aggfnoid", row.oid)
    if aggregate is None or aggregate.aggkind == "n":
        return None
    return int(aggregate.aggnumdirectargs)


def result_text(session: Session, row: Any) -> str:
    """What a function returns."""
    columns, count = arguments_text(session, row, table=True) if row.proretset else ("", 0)
    if count:
        return f"TABLE({columns})"
    prefix = "SETOF " if row.proretset else ""
    return prefix + session.types.format_type(row.prorettype)


def body_text(session: Session, row: Any) -> str:
    """A body in standard SQL: RETURN or BEGIN ATOMIC."""
    names = Names(session)
    space = Namespace(names, None, rtable=[])
    space.function = row.proname
    space.arguments = [name for _mode, name, _type in _arguments(row)]
    tree = read_tree(session, row.prosqlbody)
    if not isinstance(tree, list):
        d = Deparser(names, [space])
        write_query(d, tree, visible=False, indent=0)
        return d.text
    d = Deparser(names, [space], INDENT)
    d.put("BEGIN ATOMIC\n")
    for query in tree[0]:
        write_query(d, query, visible=False, indent=1)
        d.put(";\n")
    d.put("END")
    return d.text


def _settings(names: Names, row: Any) -> str:
    out = ""
    for item in row.proconfig or ():
        name, equals, value = item.partition("=")
        if equals:
            parts = split_identifiers(value) if name.lower() in _NAME_LISTS else None
            shown = ", ".join(map(quote_literal, [value] if parts is None else parts))
            out += f" SET {names.quote(name)} TO {shown}\n"
    return out


def _attributes(names: Names, row: Any) -> str:
    out = " WINDOW" if row.prokind == "w" else ""
    out += _VOLATILITY[row.provolatile] + _PARALLEL[row.proparallel]
    out += " STRICT" if row.proisstrict else ""
    out += " SECURITY DEFINER" if row.prosecdef else ""
    out += " LEAKPROOF" if row.proleakproof else ""
    usual = 1 if row.prolang in (INTERNAL, C) else 100
    out += f" COST {row.procost:g}" if row.procost != usual else ""
    if row.prorows > 0 and row.prorows != _DEFAULT_ROWS:
        out += f" ROWS {row.prorows:g}"
    if row.prosupport:
        out += f" SUPPORT {names.function(row.prosupport)}"
    return out + "\n" if out else ""


def _source(session: Session, row: Any) -> str:
    if row.prolang == SQL and row.prosqlbody:
        return body_text(session, row)
    binary = row.probin
    if isinstance(binary, bytes):
        binary = session.database.encoding.decode(binary)
    library = quote_literal(binary) + ", " if binary else ""
    mark = "$procedure" if row.prokind == "p" else "$function"
    while mark in row.prosrc:
        mark += "x"
    return f"AS {library}{mark}${row.prosrc}{mark}$"


@builtin("pg_get_functiondef", call=True)
def pg_get_functiondef(call: Call, oid: int) -> str | None:
    """CREATE OR REPLACE FUNCTION."""
    session = call.session
    row = session.cache.proc(oid)
    if row is None:
        return None
    if row.prokind == "a":
        raise SqlError(f'"{row.proname}" is an aggregate function', "42809")
    names = Names(session)
    kind = "PROCEDURE" if row.prokind == "p" else "FUNCTION"
    namespace = session.database.namespaces[row.pronamespace]
    text = f"CREATE OR REPLACE {kind} {format_name(namespace, row.proname, names.major)}("
    text += arguments_text(session, row, defaults=True)[0] + ")\n"
    text += "" if row.prokind == "p" else f" RETURNS {result_text(session, row)}\n"
    if row.protrftypes:
        types = ", ".join(f"FOR TYPE {_type(names, t)}" for t in row.protrftypes)
        text += f" TRANSFORM {types}\n"
    language = session.cache.one("pg_language", "oid", row.prolang)
    text += f" LANGUAGE {names.quote(language.lanname)}\n" + _attributes(names, row)
    return text + _settings(names, row) + _source(session, row) + "\n"


@builtin("pg_get_function_arguments", call=True)
def pg_get_function_arguments(call: Call, oid: int) -> str | None:
    """The argument list with defaults."""
    row = call.session.cache.proc(oid)
    return None if row is None else arguments_text(call.session, row, defaults=True)[0]


@builtin("pg_get_function_identity_arguments", call=True)
def pg_get_function_identity_arguments(call: Call, oid: int) -> str | None:
    """The argument list without defaults."""
    row = call.session.cache.proc(oid)
    return None if row is None else arguments_text(call.session, row)[0]


@builtin("pg_get_function_result", call=True)
def pg_get_function_result(call: Call, oid: int) -> str | None:
    """What a function returns; a procedure nothing."""
    row = call.session.cache.proc(oid)
    return None if row is None or row.prokind == "p" else result_text(call.session, row)


@builtin("pg_get_function_arg_default", call=True)
def pg_get_function_arg_default(call: Call, oid: int, number: int) -> str | None:
    """The default of one argument."""
    row = call.session.cache.proc(oid)
    if row is None or not row.proargdefaults:
        return None
    modes = [mode for mode, _name, _type in _arguments(row)]
    if not 0 < number <= len(modes) or modes[number - 1] not in _INPUT:
        return None
    values = read_tree(call.session, row.proargdefaults)
    nth = sum(mode in _INPUT for mode in modes[:number]) - 1 - (row.pronargs - len(values))
    return relation_expr(call.session, values[nth], 0, 0) if 0 <= nth < len(values) else None


@builtin("pg_get_function_sqlbody", call=True)
def pg_get_function_sqlbody(call: Call, oid: int) -> str | None:
    """A body in standard SQL, None where it is a string."""
    row = call.session.cache.proc(oid)
    return None if row is None or not row.prosqlbody else body_text(call.session, row)
