"""A type's name as SQL writes it → its OID: ``regtype`` input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgtool.types.bootstrap import builtin_types
from pgtool.types.names import split_names

if TYPE_CHECKING:
    from pgtool.types.registry import TypeRegistry

__all__ = ["type_oid"]

#: SQL's own names → the type's name in pg_type.
_SQL_NAMES = {
    "boolean": "bool", "smallint": "int2", "integer": "int4", "int": "int4", "bigint": "int8",
    "real": "float4", "double precision": "float8", "float": "float8", "decimal": "numeric",
    "dec": "numeric", "character": "bpchar", "char": "bpchar", "nchar": "bpchar",
    "character varying": "varchar", "char varying": "varchar", "bit varying": "varbit",
    "time without time zone": "time", "time with time zone": "timetz",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz",
    "national character": "bpchar", "national char": "bpchar",
}  # fmt: skip
_MODIFIER = re.compile(r"\s*\([^()]*\)")
_ARRAY = re.compile(r"(?:\s*(?:\[\s*[0-9]*\s*\]|\barray\b(?:\s*\[\s*[0-9]*\s*\])?))+\s*$", re.I)
_SETOF = re.compile(r"^\s*setof\s+", re.I)


def type_oid(registry: TypeRegistry, text: str) -> int | None:
    """The OID, or None where there is no such type."""
    bare = _SETOF.sub("", text)
    array = _ARRAY.search(bare)
    if array:
        bare = bare[: array.start()]
    oid = _scalar(registry, bare)
    if oid is None or not array:
        return oid
    return registry.info(oid).typarray or None


def _scalar(registry: TypeRegistry, text: str) -> int | None:
    plain = text if '"' in text else " ".join(_MODIFIER.sub("", text).lower().split())
    if plain.startswith("interval "):
        plain = "interval"
    name = _SQL_NAMES.get(plain)
    if name is not None:
        return _builtin(registry, name)
    names = split_names(plain)
    oid = registry.lookups.object_oid("regtype", names, None)
    if oid is None and names[:-1] in ((), ("pg_catalog",)):
        return _builtin(registry, names[-1])
    return oid


def _builtin(registry: TypeRegistry, name: str) -> int | None:
    for info in builtin_types(registry.settings.major).values():
        if info.name == name:
            return info.oid
    return None
