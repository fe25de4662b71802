"""What the heap needs to write in a table, made of the catalogs' rows.

Which columns indexes use decides whether an update can be HOT and how strongly it holds the
old row; a TOAST table comes with its index. Attributes used in expressions and predicates of
indexes count like key columns.
"""

from __future__ import annotations

from typing import Any

from formats.deform import Attribute as IndexAttribute
from formats.varlena import VarattForm, read_toast_pointer, read_varlena
from pgtool.access.btree.ranges import Bound, Tree
from pgtool.access.heap.target import HeapTarget, ToastTarget
from pgtool.access.toast import inline_compressed
from pgtool.catalog.database import Database
from pgtool.catalog.relation import Relation
from pgtool.catalog.syscache import SysCache
from pgtool.errors import CorruptData
from pgtool.nodes.base import walk
from pgtool.nodes.exprs import Var
from pgtool.nodes.text import text_to_node

__all__ = ["detoast", "heap_target"]

BRIN_AM_OID = 3580
PG_CATALOG_NAMESPACE, PG_TOAST_NAMESPACE = 11, 99
FIRST_NORMAL_OID = 16384



def heap_target(cache: SysCache, relation: Relation, instance: Any) -> HeapTarget:
    """The target of one table, catalog, TOAST table or sequence."""
    database = cache.database
    row = cache.one("pg_class", "oid", relation.oid)
    if relation.locator is None or row is None:
        raise CorruptData(f'"{relation.relname}" has no file', file=database.path)
    options = _options(row.reloptions)
    out = HeapTarget(
        oid=relation.oid, locator=relation.locator, attrs=list(relation.attributes),
        relkind=relation.relkind, persistence=relation.relpersistence,
        is_shared=bool(relation.relisshared),
        is_catalog=relation.oid < FIRST_NORMAL_OID and relation.relnamespace in (
            PG_CATALOG_NAMESPACE, PG_TOAST_NAMESPACE),
        is_user_catalog=options.get("user_catalog_table", "false") in ("true", "on", "yes", "1"),
        is_toast=relation.relkind == "t",
        fillfactor=int(options.get("fillfactor", 100)),
        toast_tuple_target=int(options.get("toast_tuple_target", 0)),
        replica_identity=str(row.relreplident), name=relation.relname,
    )  # fmt: skip
    _add_index_columns(cache, relation, row, out)
    if relation.reltoastrelid and relation.relkind != "t":
        out.toast = _toast_target(cache, relation.reltoastrelid, instance)
    return out


def _options(reloptions: tuple[str, ...] | None) -> dict[str, str]:
    pairs = (option.partition("=") for option in reloptions or ())
    return {name.lower(): value for name, _eq, value in pairs}


def _add_index_columns(cache: SysCache, relation: Relation, row: Any, out: HeapTarget) -> None:
    hot: set[int] = set()
    summarized: set[int] = set()
    key: set[int] = set()
    identity: set[int] = set()
    found = cache.lookup("pg_index", "indrelid", relation.oid)
    out.has_indexes = bool(found)
    for index in found:
        columns = {n for n in index.indkey if n > 0}
        for text in (index.indexprs, index.indpred):
            if text:
                columns |= {
                    node.varattno for node in walk([text_to_node(text, cache.major)])
                    if isinstance(node, Var)
                }  # fmt: skip
        access = cache.one("pg_class", "oid", index.indexrelid)
        if access is not None and access.relam == BRIN_AM_OID:
            summarized |= columns
        else:
            hot |= columns
        plain = not index.indexprs and not index.indpred
        keys = {n for n in index.indkey[: index.indnkeyatts] if n > 0}
        if index.indisunique and plain:
            key |= keys
        is_identity = index.indisreplident if row.relreplident == "i" else (
            index.indisprimary and index.indimmediate and row.relreplident == "d")  # fmt: skip
        if is_identity:
            identity |= keys
    out.hot_attrs, out.summarized_attrs = frozenset(hot), frozenset(summarized)
    out.key_attrs, out.identity_attrs = frozenset(key), frozenset(identity)


def _toast_target(cache: SysCache, oid: int, instance: Any) -> ToastTarget:
    database = cache.database
    relation = database.relation(oid)
    indexes = [r.indexrelid for r in cache.lookup("pg_index", "indrelid", oid) if r.indisvalid]
    if not indexes:
        raise CorruptData(f"TOAST table {oid} has no index", file=database.path)
    chunks = _ToastIndex(database, indexes[0])
    opened: list[Any] = []

    def insert_index(xact: Any, datums: list[Any], tid: tuple[int, int]) -> None:
        if not opened:
            from pgtool.catalog.indexinfo import table_indexes

            opened.append(table_indexes(database, instance, oid))
        opened[0].insert(xact, datums, tid)

    return ToastTarget(
        heap_target(cache, relation, instance), insert_index, chunks.find,
        lambda ident: bool(chunks.find(ident)),
    )  # fmt: skip


class _ToastIndex:
    """Looks chunks up by the TOAST table's index."""

    def __init__(self, database: Database, oid: int) -> None:
        self.database = database
        self.relation = database.relation(oid)

    def find(self, ident: int) -> list[tuple[int, int]]:
        """The TIDs of a value's chunks, in their order."""
        directory = self.database.cluster.directory
        assert self.relation.locator is not None
        attributes = [
            IndexAttribute(a.attlen, a.attalign, a.attname) for a in self.relation.attributes
        ]
        tree = Tree(directory.file(self.relation.locator), attributes, directory.checksums)

        def compare(datums: Any) -> int:
            mine = int.from_bytes(datums[0], "little")
            return (mine > ident) - (mine < ident)

        places: list[int] = []
        for found in tree.tids(Bound(compare, 1, False), Bound(compare, 1, True)):
            places += found.tolist()
        return [(place >> 16, place & 0xFFFF) for place in places]


def detoast(database: Database, relation: Relation, stored: bytes) -> bytes:
    """The payload of a value that is stored compressed or out of line."""
    value = read_varlena(stored, 0, len(stored))
    if value.form in (VarattForm.PLAIN, VarattForm.SHORT):
        return stored[value.body : value.end]
    if value.form is VarattForm.COMPRESSED:
        return inline_compressed(stored)
    pointer = read_toast_pointer(stored, 0)
    table = database.toast_table(relation)
    if table is None or pointer.toastrelid != table.oid:
        raise CorruptData(
            f"out-of-line value points to TOAST table {pointer.toastrelid}", file=database.path
        )
    found = table.read([pointer])[0]
    if isinstance(found, CorruptData):
        raise found
    return found
