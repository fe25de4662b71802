"""Names of objects: format_type, pg_*_is_visible, to_reg*."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.types import format_type as types_format

__all__ = ["KINDS", "is_visible"]


@builtin("format_type", call=True)
def format_type(call: Call, oid: int | None, typmod: int | None) -> str | None:
    """A type as SQL writes it."""
    if oid is None:
        return None
    return types_format.format_type(
        call.session.types, oid, -1 if typmod is None else typmod, given=typmod is not None
    )


class _Kind(NamedTuple):
    """Where objects are: catalog, name, schema, and what else tells two of a name apart."""

    catalog: str
    name: str
    namespace: str
    more: tuple[str, ...] = ()


KINDS = {
    "pg_table_is_visible": _Kind("pg_class", "relname", "relnamespace"),
    "pg_type_is_visible": _Kind("pg_type", "typname", "typnamespace"),
    "pg_function_is_visible": _Kind("pg_proc", "proname", "pronamespace", ("proargtypes",)),
    "pg_operator_is_visible": _Kind(
        "pg_operator", "oprname", "oprnamespace", ("oprleft", "oprright")
    ),
    "pg_opclass_is_visible": _Kind("pg_opclass", "opcname", "opcnamespace", ("opcmethod",)),
    "pg_opfamily_is_visible": _Kind("pg_opfamily", "opfname", "opfnamespace", ("opfmethod",)),
    "pg_collation_is_visible": _Kind("pg_collation", "collname", "collnamespace"),
    "pg_conversion_is_visible": _Kind("pg_conversion", "conname", "connamespace"),
    "pg_statistics_obj_is_visible": _Kind("pg_statistic_ext", "stxname", "stxnamespace"),
    "pg_ts_parser_is_visible": _Kind("pg_ts_parser", "prsname", "prsnamespace"),
    "pg_ts_dict_is_visible": _Kind("pg_ts_dict", "dictname", "dictnamespace"),
    "pg_ts_template_is_visible": _Kind("pg_ts_template", "tmplname", "tmplnamespace"),
    "pg_ts_config_is_visible": _Kind("pg_ts_config", "cfgname", "cfgnamespace"),
}


def is_visible(session: Session, kind: _Kind, oid: int) -> bool | None:
    """Whether the bare name finds the object; None where there is none."""
    row = session.cache.one(kind.catalog, "oid", oid)
    if row is None:
        return None
    path = session.search_path
    if getattr(row, kind.namespace) not in path:
        return False
    more = [getattr(row, name) for name in kind.more]
    for other in session.cache.lookup(kind.catalog, kind.name, getattr(row, kind.name)):
        space = getattr(other, kind.namespace)
        if other.oid == oid or space not in path or not _usable(session, other):
            continue
        before = path.index(space) < path.index(getattr(row, kind.namespace))
        if before and [getattr(other, name) for name in kind.more] == more:
            return False
    return _usable(session, row)


def _usable(session: Session, row: Any) -> bool:
    """Collations of another encoding do not count."""
    return getattr(row, "collencoding", -1) in (-1, session.database.encoding.id)


def _register(name: str, kind: _Kind) -> None:
    @builtin(name, call=True)
    def visible(call: Call, oid: int) -> bool | None:
        return is_visible(call.session, kind, oid)


for _name, _kind in KINDS.items():
    _register(_name, _kind)


@builtin(
    "to_regclass", "to_regcollation", "to_regnamespace", "to_regoper", "to_regoperator",
    "to_regproc", "to_regprocedure", "to_regrole", "to_regtype", call=True,
)  # fmt: skip
def to_reg(call: Call, text: str) -> int | None:
    """The object of a name, NULL where there is none."""
    if re.fullmatch(r"[0-9]+", text.strip()):
        return None
    try:
        datum = call.session.types.io_of(call.rettype).input(text)
    except SqlError:
        return None
    return int.from_bytes(datum, "little")


@builtin("to_regtypemod", call=True)
def to_regtypemod(call: Call, text: str) -> int | None:
    """The type modifier in a type's name."""
    if call.session.types.type_oid(text) is None:
        return None
    return -1 if "(" not in text else None


@builtin("pg_typeof", call=True)
def pg_typeof(call: Call, _value: Any) -> int:
    """The type of the argument."""
    return call.argtypes[0]


@builtin("pg_basetype", call=True)
def pg_basetype(call: Call, oid: int) -> int | None:
    """The type below a domain."""
    row = call.session.cache.type(oid)
    while row is not None and row.typtype == "d":
        row = call.session.cache.type(row.typbasetype)
    return None if row is None else int(row.oid)


@builtin("pg_collation_for", call=True)
def pg_collation_for(call: Call, _value: Any) -> str | None:
    """The collation of the argument."""
    from pgtool.functions.ruleutils.names import Names

    info = call.session.types.info(call.argtypes[0])
    if not info.typcollation and info.oid != _UNKNOWN:
        shown = call.session.types.format_type(info.oid)
        raise SqlError(f"collations are not supported by type {shown}", "42804")
    return Names(call.session).collation(call.collation) if call.collation else None


_UNKNOWN = 705


@builtin("pg_my_temp_schema")
def pg_my_temp_schema() -> int:
    """A session here never has temporary tables."""
    return 0


@builtin("pg_is_other_temp_schema", call=True)
def pg_is_other_temp_schema(call: Call, oid: int) -> bool:
    """Whether a schema holds another session's temporary tables."""
    name = call.session.database.namespaces.get(oid, "")
    return name.startswith(("pg_temp_", "pg_toast_temp_"))
