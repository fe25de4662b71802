"""Sizes and places of relations, databases and tablespaces, from the files."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from formats.version import ByMajor
from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.storage.smgr import (
    CATALOG_VERSION_NO,
    DEFAULTTABLESPACE_OID,
    GLOBALTABLESPACE_OID,
    database_path,
    relation_path,
)
from pgtool.types.numeric import EXACT

__all__: list[str] = []

_FORKS = {"main": "", "fsm": "_fsm", "vm": "_vm", "init": "_init"}
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_LIMIT = 10 * 1024
_BYTE_UNITS = {
    "bytes": 0, "b": 0, "kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5,
}  # fmt: skip
#: Whether a plain B is a unit of pg_size_bytes.
_HAS_B = ByMajor({14: False, 16: True})


# -- relations -----------------------------------------------------------------------------


def _fork_size(session: Session, oid: int, fork: str = "main") -> int | None:
    """Bytes of one fork, all segments; 0 without storage, None without relation."""
    database = session.database
    if database.pg_class.find("oid", oid) is None:
        return None
    where = database.relation(oid).locator
    if where is None:
        return 0
    backend = database.cluster.directory.backend
    path = relation_path(where, database.cluster.major) + _FORKS[fork]
    total = segment = 0
    while backend.exists(path if not segment else f"{path}.{segment}"):
        total += backend.size(path if not segment else f"{path}.{segment}")
        segment += 1
    return total


def _all_forks(session: Session, oid: int) -> int:
    return sum(_fork_size(session, oid, fork) or 0 for fork in _FORKS)


def _indexes(session: Session, oid: int) -> int:
    rows = session.cache.lookup("pg_index", "indrelid", oid)
    return sum(_all_forks(session, row.indexrelid) for row in rows)


def _table(session: Session, oid: int) -> int | None:
    row = session.cache.one("pg_class", "oid", oid)
    if row is None:
        return None
    toast = row.reltoastrelid
    more = _all_forks(session, toast) + _indexes(session, toast) if toast else 0
    return _all_forks(session, oid) + more


@builtin("pg_relation_size", call=True)
def pg_relation_size(call: Call, oid: int, fork: str) -> int | None:
    """Bytes of one fork."""
    if fork not in _FORKS:
        raise SqlError("invalid fork name", "22023", None,
                       'Valid fork names are "main", "fsm", "vm", and "init".')  # fmt: skip
    return _fork_size(call.session, oid, fork)


@builtin("pg_table_size", call=True)
def pg_table_size(call: Call, oid: int) -> int | None:
    """A table with its TOAST table, without indexes."""
    return _table(call.session, oid)


@builtin("pg_indexes_size", call=True)
def pg_indexes_size(call: Call, oid: int) -> int | None:
    """All indexes of a table."""
    if call.session.cache.one("pg_class", "oid", oid) is None:
        return None
    return _indexes(call.session, oid)


@builtin("pg_total_relation_size", call=True)
def pg_total_relation_size(call: Call, oid: int) -> int | None:
    """A table with everything that belongs to it."""
    size = _table(call.session, oid)
    return None if size is None else size + _indexes(call.session, oid)


@builtin("pg_relation_filenode", call=True)
def pg_relation_filenode(call: Call, oid: int) -> int | None:
    """The file's number."""
    if call.session.database.pg_class.find("oid", oid) is None:
        return None
    where = call.session.database.relation(oid).locator
    return None if where is None else where.rel


@builtin("pg_relation_filepath", call=True)
def pg_relation_filepath(call: Call, oid: int) -> str | None:
    """The file's path."""
    database = call.session.database
    if database.pg_class.find("oid", oid) is None:
        return None
    where = database.relation(oid).locator
    return None if where is None else relation_path(where, database.cluster.major)


@builtin("pg_filenode_relation", call=True)
def pg_filenode_relation(call: Call, tablespace: int, number: int) -> int | None:
    """The relation of a file."""
    database = call.session.database
    wanted = tablespace or database.tablespace
    for relation in database.relations():
        where = relation.locator
        if where is not None and (where.spc, where.rel) == (wanted, number):
            return int(relation.oid)
    return None


# -- databases and tablespaces -----------------------------------------------------------------


def _directory(session: Session, path: str) -> int:
    backend = session.database.cluster.directory.backend
    if not backend.exists(path):
        return 0
    total = 0
    for name in backend.list(path):
        try:
            total += backend.size(f"{path}/{name}")
        except OSError:
            continue
    return total


def _database(session: Session, oid: int) -> int:
    cluster = session.database.cluster
    spaces = [DEFAULTTABLESPACE_OID] + [
        spc for spc in cluster.tablespaces if spc not in (DEFAULTTABLESPACE_OID,
                                                          GLOBALTABLESPACE_OID)
    ]  # fmt: skip
    return sum(_directory(session, database_path(spc, oid, cluster.major)) for spc in spaces)


@builtin("pg_database_size_oid", call=True)
def pg_database_size_oid(call: Call, oid: int) -> int | None:
    """A database's files."""
    if all(row["oid"] != oid for row in call.session.database.cluster.databases()):
        return None
    return _database(call.session, oid)


@builtin("pg_database_size_name", call=True)
def pg_database_size_name(call: Call, name: str) -> int:
    """A database's files, by name."""
    for row in call.session.database.cluster.databases():
        if row["datname"] == name:
            return _database(call.session, row["oid"])
    raise SqlError(f'database "{name}" does not exist', "3D000")


def _tablespace(session: Session, oid: int) -> int:
    cluster = session.database.cluster
    if oid == GLOBALTABLESPACE_OID:
        return _directory(session, "global")
    rows = cluster.databases()
    return sum(
        _directory(session, database_path(oid, row["oid"], cluster.major)) for row in rows
    )  # fmt: skip


@builtin("pg_tablespace_size_oid", call=True)
def pg_tablespace_size_oid(call: Call, oid: int) -> int | None:
    """A tablespace's files."""
    known = oid in call.session.database.cluster.tablespaces
    return _tablespace(call.session, oid) if known else None


@builtin("pg_tablespace_size_name", call=True)
def pg_tablespace_size_name(call: Call, name: str) -> int:
    """A tablespace's files, by name."""
    for oid, known in call.session.database.cluster.tablespaces.items():
        if known == name:
            return _tablespace(call.session, oid)
    raise SqlError(f'tablespace "{name}" does not exist', "42704")


@builtin("pg_tablespace_location", call=True)
def pg_tablespace_location(call: Call, oid: int) -> str:
    """Where a tablespace's link points; nothing for those in the directory itself."""
    import os

    session = call.session
    oid = oid or session.database.tablespace
    if oid in (DEFAULTTABLESPACE_OID, GLOBALTABLESPACE_OID):
        return ""
    path = os.path.join(session.database.cluster.directory.backend.root, f"pg_tblspc/{oid}")
    return os.readlink(path) if os.path.islink(path) else f"pg_tblspc/{oid}"


@builtin("pg_tablespace_databases", call=True, returns_set=True)
def pg_tablespace_databases(call: Call, oid: int) -> Any:
    """The databases with files in a tablespace."""
    if oid == GLOBALTABLESPACE_OID:
        return
    cluster = call.session.database.cluster
    backend = cluster.directory.backend
    root = (
        "base" if oid == DEFAULTTABLESPACE_OID
        else f"pg_tblspc/{oid}/PG_{cluster.major}_{CATALOG_VERSION_NO[cluster.major]}"
    )  # fmt: skip
    for name in backend.list(root) if backend.exists(root) else ():
        if name.isdigit() and backend.list(f"{root}/{name}"):
            yield int(name)


# -- texts ---------------------------------------------------------------------------------


def _half_rounded(value: int) -> int:
    """Half of it, rounded away from zero."""
    return (value + 1) // 2 if value >= 0 else -((1 - value) // 2)


@builtin("pg_size_pretty")
def pg_size_pretty(size: int) -> str:
    """A size with the unit that leaves few digits; one bit is kept for rounding."""
    if abs(size) < _LIMIT:
        return f"{size} bytes"
    value = size >> 9 if size >= 0 else -(-size >> 9)
    for i, unit in enumerate(_UNITS[1:], 1):
        if abs(value) < 2 * _LIMIT - 1 or i == len(_UNITS) - 1:
            return f"{_half_rounded(value)} {unit}"
        value = value >> 10 if value >= 0 else -(-value >> 10)
    raise AssertionError


@builtin("pg_size_pretty_numeric")
def pg_size_pretty_numeric(size: Decimal) -> str:
    """The same of a numeric."""
    if not size.is_finite():
        return f"{'-' if size.is_signed() and not size.is_nan() else ''}" + (
            "NaN bytes" if size.is_nan() else "Infinity bytes"
        )
    if abs(size) < _LIMIT:
        return f"{size:f} bytes"
    value = int(size) // 512 if size >= 0 else -(int(-size) // 512)
    for i, unit in enumerate(_UNITS[1:], 1):
        if abs(value) < 2 * _LIMIT - 1 or i == len(_UNITS) - 1:
            return f"{_half_rounded(value)} {unit}"
        value = value // 1024 if value >= 0 else -(-value // 1024)
    raise AssertionError


_SIZE = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.DOTALL)


@builtin("pg_size_bytes", call=True)
def pg_size_bytes(call: Call, text: str) -> int:
    """``10 MB`` → bytes."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise SqlError(f'invalid size: "{text}"', "22023")
    unit = match[2].lower()
    known = unit in _BYTE_UNITS and (unit != "b" or _HAS_B[call.session.settings.major])
    if unit and not known:
        units = '"bytes", "B", "kB", "MB", "GB", "TB", and "PB"'
        detail, hint = f'Invalid size unit: "{match[2]}".', f"Valid units are {units}."
        raise SqlError(f'invalid size: "{text}"', "22023", detail, hint)
    try:
        number = EXACT.multiply(Decimal(match[1]), Decimal(1024 ** _BYTE_UNITS.get(unit, 0)))
        whole = int(number.to_integral_value(ROUND_HALF_UP))
    except InvalidOperation:
        raise SqlError("bigint out of range", "22003") from None
    if not -(1 << 63) <= whole < 1 << 63:
        raise SqlError("bigint out of range", "22003")
    return whole
