"""The replica identity: what logical decoding is told of a row version that goes.

Nothing, the columns of an index, or the whole old tuple. Values out of line are fetched,
since the decoder could not do that any more once they are deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgtool.access.heap import toast_write
from pgtool.access.heap.records import OldTuple
from pgtool.access.heap.target import REPLICA_IDENTITY_FULL, REPLICA_IDENTITY_NOTHING
from pgtool.access.heap.tuple import StoredVarlena, deform_tuple, form_tuple

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import HeapRelation


def old_identity(rel: HeapRelation, tup: bytes, key_needed: bool) -> OldTuple | None:
    """What the record says of the old version; ``key_needed`` where the key goes or changes."""
    target = rel.target
    if not rel.logical or target.replica_identity == REPLICA_IDENTITY_NOTHING:
        return None
    attrs = target.attrs
    if target.replica_identity == REPLICA_IDENTITY_FULL:
        if toast_write.has_external(tup):
            tup = form_tuple(attrs, toast_write.flattened(rel, deform_tuple(tup, attrs)))
        return OldTuple(tup, True)
    wanted = target.identity_attrs
    datums = deform_tuple(tup, attrs)
    external = any(
        isinstance(value, StoredVarlena) and value[0] == 1
        for n, value in enumerate(datums, 1) if n in wanted
    )  # fmt: skip
    if not wanted or not (key_needed or external):
        return None
    keys = [value if n in wanted else None for n, value in enumerate(datums, 1)]
    return OldTuple(form_tuple(attrs, toast_write.flattened(rel, keys)), False)
