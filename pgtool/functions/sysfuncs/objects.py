"""Single facts of the catalogs: owners, sequences, options, index properties, updatable views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.session import Session
from pgtool.functions.values import ArrayValue, RecordValue
from pgtool.types.names import format_name, split_names

__all__: list[str] = []

RECORD = 2249
PG_CLASS = 1259


@builtin("pg_get_userbyid", call=True)
def pg_get_userbyid(call: Call, oid: int) -> str:
    """A role's name."""
    return call.session.types.lookups.role_name(oid) or f"unknown (OID={oid})"


@builtin("pg_options_to_table", returns_set=True)
def pg_options_to_table(options: ArrayValue) -> Iterator[tuple[str, str | None]]:
    """``name=value`` texts as rows."""
    for option in options.elements:
        name, equals, value = option.partition("=")
        yield name, value if equals else None


@builtin("pg_get_replica_identity_index", call=True)
def pg_get_replica_identity_index(call: Call, oid: int) -> int | None:
    """The index that identifies rows for logical replication."""
    row = call.session.cache.one("pg_class", "oid", oid)
    kind = {"d": "indisprimary", "i": "indisreplident"}.get(row.relreplident if row else "n")
    if kind is None:
        return None
    for index in call.session.cache.lookup("pg_index", "indrelid", oid):
        if getattr(index, kind):
            return int(index.indexrelid)
    return None


@builtin("pg_relation_is_publishable", call=True)
def pg_relation_is_publishable(call: Call, oid: int) -> bool | None:
    """Whether a table can be in a publication."""
    row = call.session.cache.one("pg_class", "oid", oid)
    if row is None:
        return None
    return bool(row.relkind in "rp" and row.relpersistence == "p" and oid >= FIRST_USER_OID)


FIRST_USER_OID = 16384


@builtin("pg_collation_actual_version", "pg_database_collation_actual_version")
def pg_collation_actual_version(_oid: int) -> None:
    """The version of the operating system's collations is that of another machine."""
    return


# -- sequences -----------------------------------------------------------------------------


@builtin("pg_get_serial_sequence", call=True)
def pg_get_serial_sequence(call: Call, table: str, column: str) -> str | None:
    """The sequence that belongs to a column."""
    session = call.session
    relid = session.types.lookups.object_oid("regclass", split_names(table), None)
    if relid is None:
        raise SqlError(f'relation "{table}" does not exist', "42P01")
    row = session.cache.one("pg_attribute", ("attrelid", "attname"), (relid, column))
    if row is None:
        name = split_names(table)[-1]
        raise SqlError(f'column "{column}" of relation "{name}" does not exist', "42703")
    for link in session.cache.lookup("pg_depend", ("refclassid", "refobjid"), (PG_CLASS, relid)):
        if (link.refobjsubid, link.classid) != (row.attnum, PG_CLASS) or link.deptype not in "ai":
            continue
        found = session.cache.one("pg_class", "oid", link.objid)
        if found is not None and found.relkind == "S":
            namespace = session.database.namespaces[found.relnamespace]
            return format_name(namespace, found.relname, session.settings.major)
    return None


def _sequence(session: Session, oid: int) -> tuple[int, bool] | None:
    """last_value and is_called of a sequence, from its page."""
    row = session.cache.one("pg_class", "oid", oid)
    if row is None or row.relkind != "S":
        raise SqlError(f"relation with OID {oid} is not a sequence", "42809")
    database = session.database
    for batch in database.scan(database.relation(oid)).batches([0, 2]):
        if len(batch):
            columns: list[Any] = batch.columns
            last, called = (column.values[0] for column in columns)
            return int.from_bytes(last.tobytes(), "little", signed=True), bool(called.tobytes()[0])
    return None


@builtin("pg_sequence_last_value", call=True)
def pg_sequence_last_value(call: Call, oid: int) -> int | None:
    """The value given out last; NULL before the first."""
    found = _sequence(call.session, oid)
    return found[0] if found is not None and found[1] else None


@builtin("pg_get_sequence_data", call=True)
def pg_get_sequence_data(call: Call, oid: int) -> RecordValue:
    """last_value and is_called."""
    return RecordValue(RECORD, (20, 16), _sequence(call.session, oid) or (None, None))


@builtin("pg_sequence_parameters", call=True)
def pg_sequence_parameters(call: Call, oid: int) -> RecordValue:
    """Start, limits, step, whether it goes round, cache, type."""
    row = call.session.cache.one("pg_sequence", "seqrelid", oid)
    if row is None:
        raise SqlError(f"cache lookup failed for sequence {oid}", "XX000")
    return RecordValue(
        RECORD, (20, 20, 20, 20, 16, 20, 26),
        (row.seqstart, row.seqmin, row.seqmax, row.seqincrement, row.seqcycle, row.seqcache,
         row.seqtypid),
    )  # fmt: skip


# -- properties of indexes -----------------------------------------------------------------------

#: Access method → what it can.
_ABLE: dict[str, frozenset[str]] = {
    "btree": frozenset({
        "can_order", "can_unique", "can_multi_col", "can_exclude", "can_include", "clusterable",
        "index_scan", "bitmap_scan", "backward_scan", "search_array", "search_nulls", "returnable",
    }),
    "hash": frozenset({"can_exclude", "index_scan", "bitmap_scan", "backward_scan"}),
    "gist": frozenset({
        "can_multi_col", "can_exclude", "can_include", "clusterable", "index_scan", "bitmap_scan",
        "search_nulls",
    }),
    "gin": frozenset({"can_multi_col", "bitmap_scan"}),
    "spgist": frozenset({
        "can_exclude", "can_include", "index_scan", "bitmap_scan", "search_nulls",
    }),
    "brin": frozenset({"can_multi_col", "bitmap_scan", "search_nulls"}),
}  # fmt: skip
_OF_METHOD = frozenset({"can_order", "can_unique", "can_multi_col", "can_exclude", "can_include"})
_OF_INDEX = frozenset({"clusterable", "index_scan", "bitmap_scan", "backward_scan"})
_OF_COLUMN = frozenset({"search_array", "search_nulls"})
#: Ordering properties → (bit of indoption, value that it must have).
_ORDER = {"asc": (1, 0), "desc": (1, 1), "nulls_first": (2, 2), "nulls_last": (2, 0)}
#: GiST's and SP-GiST's support functions that give the indexed value back.
_FETCH = {"gist": 9}


def _method(session: Session, oid: int) -> str | None:
    row = session.cache.one("pg_am", "oid", oid)
    return None if row is None or row.amtype != "i" else str(row.amname)


@builtin("pg_indexam_has_property", call=True)
def pg_indexam_has_property(call: Call, oid: int, name: str) -> bool | None:
    """What an access method can."""
    method = _method(call.session, oid)
    if method not in _ABLE or name.lower() not in _OF_METHOD:
        return None
    return name.lower() in _ABLE[method]


def _index(session: Session, oid: int) -> tuple[str, Any] | None:
    relation = session.cache.one("pg_class", "oid", oid)
    if relation is None or relation.relkind not in "iI":
        return None
    method = _method(session, relation.relam)
    row = session.cache.one("pg_index", "indexrelid", oid)
    return None if method not in _ABLE or row is None else (str(method), row)


@builtin("pg_index_has_property", call=True)
def pg_index_has_property(call: Call, oid: int, name: str) -> bool | None:
    """What an index can."""
    found = _index(call.session, oid)
    if found is None or name.lower() not in _OF_INDEX:
        return None
    return name.lower() in _ABLE[found[0]]


@builtin("pg_index_column_has_property", call=True)
def pg_index_column_has_property(call: Call, oid: int, column: int, name: str) -> bool | None:
    """What an index's column can."""
    found = _index(call.session, oid)
    if found is None or not 0 < column <= found[1].indnatts:
        return None
    method, row = found
    name, key = name.lower(), column <= row.indnkeyatts
    ordered = "can_order" in _ABLE[method]
    if name in _ORDER:
        bit, wanted = _ORDER[name]
        return (ordered and row.indoption[column - 1] & bit == wanted) if key else None
    if name == "orderable":
        return key and ordered
    if name in _OF_COLUMN:
        return name in _ABLE[method] if key else None
    if name == "distance_orderable":
        return key and _has_distance(call.session, row.indclass[column - 1])
    if name == "returnable":
        return "returnable" in _ABLE[method] or not key or _fetches(call.session, method, row,
                                                                    column)  # fmt: skip
    return None


def _has_distance(session: Session, opclass: int) -> bool:
    row = session.cache.one("pg_opclass", "oid", opclass)
    return row is not None and any(
        op.amoppurpose == "o" and op.amoplefttype == row.opcintype
        for op in session.cache.lookup("pg_amop", "amopfamily", row.opcfamily)
    )


def _fetches(session: Session, method: str, row: Any, column: int) -> bool:
    number = _FETCH.get(method)
    opclass = session.cache.one("pg_opclass", "oid", row.indclass[column - 1])
    if number is None or opclass is None:
        return False
    procs = session.cache.lookup("pg_amproc", "amprocfamily", opclass.opcfamily)
    of_type = {p.amprocnum for p in procs if p.amproclefttype == opclass.opcintype}
    # Without a compress function the values are stored as they are.
    return number in of_type or COMPRESS not in of_type


COMPRESS = 3


# -- partitions ----------------------------------------------------------------------------


def _parent(session: Session, oid: int) -> int | None:
    row = session.cache.one("pg_class", "oid", oid)
    if row is None or not row.relispartition:
        return None
    found = session.cache.one("pg_inherits", "inhrelid", oid)
    return None if found is None else int(found.inhparent)


def _can_be_partition(session: Session, oid: int) -> bool:
    row = session.cache.one("pg_class", "oid", oid)
    return row is not None and (row.relkind in "pI" or row.relispartition)


@builtin("pg_partition_ancestors", call=True, returns_set=True)
def pg_partition_ancestors(call: Call, oid: int) -> Iterator[int]:
    """A partition and what it is a partition of, up to the root."""
    if _can_be_partition(call.session, oid):
        found: int | None = oid
        while found is not None:
            yield found
            found = _parent(call.session, found)


@builtin("pg_partition_root", call=True)
def pg_partition_root(call: Call, oid: int) -> int | None:
    """The top of a partition tree."""
    found = list(pg_partition_ancestors(call, oid))
    return found[-1] if found else None


@builtin("pg_partition_tree", call=True, returns_set=True)
def pg_partition_tree(call: Call, oid: int) -> Iterator[tuple[int, int | None, bool, int]]:
    """A partition tree, level by level."""
    session = call.session
    if not _can_be_partition(session, oid):
        return
    queue = [(oid, 0)]
    for found, level in queue:
        row = session.cache.one("pg_class", "oid", found)
        yield found, _parent(session, found), row is None or row.relkind not in "pI", level
        children = session.cache.lookup("pg_inherits", "inhparent", found)
        queue += [(child, level + 1) for child in sorted(row.inhrelid for row in children)]
