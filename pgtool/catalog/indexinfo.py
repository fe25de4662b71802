"""Indexes as the access methods need them for writing: descriptors out of the catalogs.

:func:`table_indexes` opens all indexes of a table. How a key column orders is told by its
operator class's comparison function: plain types are known to :mod:`pgtool.types.ordering`,
which is enough for catalogs and TOAST tables; for others a layer above hands in ``keys``, a
function of (comparison's source name, type, collation) that gives a key function.

A table with an index that is no btree is refused: nobody would keep that index up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from formats.varlena import VarattForm, read_toast_pointer, read_varlena
from pgtool.access.brin.vacuum import BrinIndex
from pgtool.access.btree.keys import KeyColumn
from pgtool.access.heap.indexview import IndexView
from pgtool.access.index import IndexRelation, TableIndexes, open_index, refuse_other_methods
from pgtool.access.indexdesc import BTREE_DEFAULT_FILLFACTOR, IndexDescriptor
from pgtool.access.indextuple import IndexAttribute, IndexShape
from pgtool.catalog.collations import collation_facts
from pgtool.catalog.database import Database
from pgtool.catalog.relation import Relation
from pgtool.catalog.syscache import SysCache
from pgtool.errors import CorruptData, Unsupported
from pgtool.types.ordering import BYTES, NUMBERS, key_function

__all__ = ["index_descriptor", "indexes_to_vacuum", "open_index_of", "table_indexes"]

Keys = Callable[[str, int, int], Callable[[bytes], Any]]
BRIN_AM_OID = 3580
BTORDER_PROC, BTEQUALIMAGE_PROC = 1, 4
_DESC, _NULLS_FIRST = 1, 2
FIRST_NORMAL_OID = 16384
PG_CATALOG_NAMESPACE, PG_TOAST_NAMESPACE = 11, 99
#: Comparisons that follow a collation; without one they go by bytes.
_COLLATED = {"bttextcmp", "bpcharcmp"}
_TRUE = {"on", "true", "yes", "1"}


def cache_of(database: Database) -> SysCache:
    """The rows that this module reads, kept with the database."""
    found: SysCache | None = database.__dict__.get("_index_rows")
    if found is None:
        found = database.__dict__["_index_rows"] = SysCache(database)
    return found


def table_indexes(
    database: Database, instance: Any, relid: int, keys: Keys | None = None
) -> TableIndexes:
    """All indexes of a table that rows must be entered into."""
    cache = cache_of(database)
    rows = [row for row in cache.lookup("pg_index", "indrelid", relid) if row.indislive]
    rows.sort(key=lambda row: row.indexrelid)
    descriptors = [index_descriptor(database, row.indexrelid, keys) for row in rows]
    return TableIndexes(instance, descriptors, _view(database, instance, relid))


def indexes_to_vacuum(
    database: Database, instance: Any, relid: int, keys: Keys | None = None
) -> list[IndexRelation | BrinIndex]:
    """All indexes of a table that VACUUM cleans up."""
    cache = cache_of(database)
    rows = [row for row in cache.lookup("pg_index", "indrelid", relid) if row.indisready]
    out: list[IndexRelation | BrinIndex] = []
    for oid in sorted(row.indexrelid for row in rows):
        relation = database.relation(oid)
        if relation.relam == BRIN_AM_OID:
            out.append(BrinIndex(instance.pool, relation.locator, oid, relation.relname))
        else:
            out.append(open_index_of(database, instance, oid, keys))
    return out


def open_index_of(
    database: Database, instance: Any, oid: int, keys: Keys | None = None
) -> IndexRelation:
    """One index, open for writing."""
    descriptor = index_descriptor(database, oid, keys)
    return open_index(instance, descriptor, _view(database, instance, descriptor.heap_oid))


def _is_catalog(relation: Relation) -> bool:
    return relation.oid < FIRST_NORMAL_OID and relation.relnamespace in (
        PG_CATALOG_NAMESPACE, PG_TOAST_NAMESPACE
    )


def _view(database: Database, instance: Any, relid: int) -> IndexView:
    heap = database.relation(relid)
    if heap.locator is None:
        raise CorruptData(f'"{heap.relname}" has no file', file=database.path)
    return IndexView(
        instance, heap.locator, shared=bool(heap.relisshared), catalog=_is_catalog(heap)
    )


def index_descriptor(database: Database, oid: int, keys: Keys | None = None) -> IndexDescriptor:
    """What the access method needs of one index."""
    cache = cache_of(database)
    relation = database.relation(oid)
    kept: dict[int, IndexDescriptor] = database.__dict__.setdefault("_catalog_indexes", {})
    known = kept.get(oid)
    if known is not None and known.where == relation.locator:
        return known
    row = cache.one("pg_index", "indexrelid", oid)
    if row is None or relation.locator is None:
        raise CorruptData(f'index "{relation.relname}" has no row in pg_index or no file',
                          file=database.path)  # fmt: skip
    method = cache.one("pg_am", "oid", relation.relam)
    refuse_other_methods(relation.relname, relation.relam, method.amname if method else "")
    if row.indisexclusion:
        raise Unsupported(f'writing to a table with exclusion constraint "{relation.relname}"')
    made = _descriptor(cache, relation, row, database.relation(row.indrelid), keys)
    if oid < FIRST_NORMAL_OID:
        # How a catalog's own indexes are made never changes; only their files do.
        kept[oid] = made
    return made


def _descriptor(
    cache: SysCache, relation: Relation, row: Any, heap: Relation, keys: Keys | None
) -> IndexDescriptor:
    assert relation.locator is not None
    described = cache.one("pg_class", "oid", relation.oid)
    options = _options(described.reloptions if described is not None else None)
    compression = {
        a.attnum: getattr(a, "attcompression", "") or ""
        for a in cache.lookup("pg_attribute", "attrelid", relation.oid)
    } if relation.oid >= FIRST_NORMAL_OID else {}  # fmt: skip
    attributes = [
        IndexAttribute(a.attlen, a.attalign, a.attstorage,
                       compression.get(a.attnum, "").strip("\0"), a.attname)
        for a in relation.attributes
    ]  # fmt: skip
    nkeyatts = int(row.indnkeyatts)
    columns = [_column(cache, relation, row, number, keys) for number in range(nkeyatts)]
    database = cache.database
    shape = IndexShape(attributes, nkeyatts, fetch=lambda raw: _fetch(database, heap, raw))
    return IndexDescriptor(
        relation.oid, relation.relname, relation.locator, shape, columns,
        heap_oid=heap.oid, heap_name=heap.relname, heap_is_catalog=_is_catalog(heap),
        unique=bool(row.indisunique), immediate=bool(row.indimmediate),
        nulls_not_distinct=bool(getattr(row, "indnullsnotdistinct", False)),
        needs_wal=relation.relpersistence == "p",
        fillfactor=int(options.get("fillfactor", BTREE_DEFAULT_FILLFACTOR)),
        deduplicate=options.get("deduplicate_items", "on").lower() in _TRUE,
        attnums=tuple(row.indkey), valid=bool(row.indisvalid), ready=bool(row.indisready),
    )


def _options(reloptions: Any) -> dict[str, str]:
    pairs = (option.partition("=") for option in reloptions or ())
    return {name.lower(): value for name, _eq, value in pairs}


def _column(
    cache: SysCache, relation: Relation, row: Any, number: int, keys: Keys | None
) -> KeyColumn:
    """How a key column orders."""
    opclass = cache.one("pg_opclass", "oid", row.indclass[number])
    if opclass is None:
        raise CorruptData(f'operator class of index "{relation.relname}" is missing')
    prosrc = _support(cache, opclass, BTORDER_PROC)
    collation, option = row.indcollation[number], row.indoption[number]
    plain = key_function(prosrc)
    by_bytes = prosrc in BYTES or prosrc == "btnamecmp"
    if prosrc in _COLLATED and collation:
        facts = collation_facts(cache, collation)
        if facts.by_bytes:
            by_bytes = prosrc == "bttextcmp"
        else:
            plain = None
    if plain is None:
        if keys is None:
            raise Unsupported(
                f'writing to index "{relation.relname}", which orders by {prosrc or "nothing"}'
            )
        plain, by_bytes = keys(prosrc, relation.attributes[number].atttypid, collation), False
    return KeyColumn(
        plain, bool(option & _DESC), bool(option & _NULLS_FIRST),
        _equal_image(cache, opclass, collation), NUMBERS.get(prosrc, ""), by_bytes,
        prosrc == "numeric_cmp",
    )


def _support(cache: SysCache, opclass: Any, number: int) -> str:
    """The source name of a support function of an operator class; '' where there is none."""
    found = cache.one(
        "pg_amproc", ("amprocfamily", "amproclefttype", "amprocrighttype", "amprocnum"),
        (opclass.opcfamily, opclass.opcintype, opclass.opcintype, number),
    )  # fmt: skip
    function = cache.proc(found.amproc) if found is not None else None
    return str(function.prosrc) if function is not None else ""


def _equal_image(cache: SysCache, opclass: Any, collation: int) -> bool:
    """Whether equal keys are the same bytes, as the operator class promises."""
    promise = _support(cache, opclass, BTEQUALIMAGE_PROC)
    if promise == "btvarstrequalimage":
        return collation_facts(cache, collation).deterministic
    return promise == "btequalimage"


def _fetch(database: Database, heap: Relation, raw: bytes) -> bytes:
    """The payload of a value that lies in the heap's TOAST table."""
    value = read_varlena(raw, 0, len(raw))
    assert value.form is VarattForm.EXTERNAL
    table = database.toast_table(heap)
    pointer = read_toast_pointer(raw, 0)
    if table is None or pointer.toastrelid != table.oid:
        raise CorruptData(
            f"out-of-line value points to TOAST table {pointer.toastrelid}", file=database.path
        )
    found = table.read([pointer])[0]
    if isinstance(found, CorruptData):
        raise found
    return bytes(found)
