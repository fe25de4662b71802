"""Changing a catalog row where it lies, without a new version.

For facts that are true whoever asks and whether or not the transaction commits: how many
pages a relation has, how old its oldest row is. Only columns of fixed width can change, so
that the tuple keeps its length. Other servers' caches are told by the record itself.
"""

from __future__ import annotations

from typing import Any

from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.tuple import deform_tuple, form_tuple
from pgtool.catalog.heaptarget import heap_target
from pgtool.catalog.indexing import CatalogWriter
from pgtool.catalog.inval import INIT_FILE_LIMIT, messages_for
from pgtool.catalog.rowforms import encode_value
from pgtool.catalog.syscache import Row
from pgtool.errors import CorruptData

__all__ = ["update_inplace"]


def update_inplace(writer: CatalogWriter, catalog: str, row: Row, **changes: Any) -> None:
    """Set columns of a row to values of the same width; nothing where they are so already."""
    changes = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if not changes:
        return
    database, xact = writer.database, writer.xact
    relation = database.relation(writer.catalog_oid(catalog))
    heap = HeapRelation(xact.instance, heap_target(writer.cache, relation, xact.instance))
    old = heap.fetch(row._tid)
    if old is None:
        raise CorruptData(f"the row of {catalog} is gone", file=database.path, block=row._tid[0])
    datums = deform_tuple(old, relation.attributes)
    encoding, info = database.encoding, writer.types.info
    for place, attribute in enumerate(relation.attributes):
        if attribute.attname in changes:
            value = changes[attribute.attname]
            datums[place] = encode_value(
                attribute.atttypid, value, encoding, info, database.cluster.major
            )
    new = form_tuple(relation.attributes, datums)
    assert len(new) == len(old), "an in-place update keeps the tuple's length"
    messages = messages_for(
        catalog, relation.oid, relation.relisshared, database.oid, vars(row) | changes
    )
    stale = catalog == "pg_class" and row.oid < INIT_FILE_LIMIT
    heap.inplace_update(xact, row._tid, new, messages, stale)
    vars(row).update(changes)
    named = dict(zip((a.attname for a in relation.attributes), datums))
    database.changed({catalog: ([row._tid], [(row._tid, named)])})
