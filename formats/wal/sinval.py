"""Cache invalidation messages, as commits and standby records carry them.

Source: ``storage/sinval.h``. Sixteen bytes each, a union of several structs whose common
first byte tells which: a number from zero up names a system cache, the negative ones are
:class:`SharedInvalidation`. The bytes between the fields are whatever lay in memory.
"""

from __future__ import annotations

import enum

from construct import Construct, Struct

from formats.derive import sizeof
from formats.units import Choice, Oid, Raw, int8, uint16, uint32
from formats.wal.record import RelFileLocator
from formats.wal.rmgrs import Variant

SIZEOF_SHARED_INVALIDATION_MESSAGE = 16


class SharedInvalidation(enum.IntEnum):
    """``id`` of the messages that do not concern one entry of a system cache."""

    SHAREDINVALCATALOG_ID = -1
    SHAREDINVALRELCACHE_ID = -2
    SHAREDINVALSMGR_ID = -3
    SHAREDINVALRELMAP_ID = -4
    SHAREDINVALSNAPSHOT_ID = -5
    SHAREDINVALRELSYNC_ID = -6


_ID = "id" / Choice(int8, SharedInvalidation) * "a system cache's number, or a kind of message"
_PAD_ID = "pad_id" / Raw(3) * "alignment"
_PAD_END = "pad_end" / Raw(4) * "unused"


def _message(*fields: Construct) -> Struct:
    out = Struct(_ID, *fields)
    assert sizeof(out) == SIZEOF_SHARED_INVALIDATION_MESSAGE
    return out


SharedInvalCatcacheMsg = _message(
    _PAD_ID,
    "dbId" / Oid * "database, 0 for a shared catalog",
    "hashValue" / uint32 * "hash of the entry's key",
    _PAD_END,
)
SharedInvalCatalogMsg = _message(
    _PAD_ID,
    "dbId" / Oid * "database, 0 for a shared catalog",
    "catId" / Oid * "catalog all of whose entries are stale",
    _PAD_END,
)
SharedInvalRelcacheMsg = _message(
    _PAD_ID,
    "dbId" / Oid * "database, 0 for a shared relation",
    "relId" / Oid * "relation whose description is stale, 0 for all",
    _PAD_END,
)
SharedInvalSmgrMsg = _message(
    "backend_hi" / int8 * "for a temporary relation its backend, high bits",
    "backend_lo" / uint16 * "the backend's low bits",
    "rlocator" / RelFileLocator * "relation whose open files are stale",
)
SharedInvalRelmapMsg = _message(
    _PAD_ID,
    "dbId" / Oid * "database whose relation map is stale, 0 for the shared one",
    "pad_end" / Raw(8) * "unused",
)
SharedInvalSnapshotMsg = _message(
    _PAD_ID,
    "dbId" / Oid * "database, 0 for a shared relation",
    "relId" / Oid * "catalog that kept snapshots must not be used on",
    _PAD_END,
)
SharedInvalRelSyncMsg = _message(
    _PAD_ID,
    "dbId" / Oid * "database",
    "relid" / Oid * "relation whose publication facts are stale, 0 for all",
    _PAD_END,
)
UnknownInvalidationMessage = _message("body" / Raw(15) * "a kind that has no layout")

MESSAGES: dict[int, Struct] = {
    SharedInvalidation.SHAREDINVALCATALOG_ID: SharedInvalCatalogMsg,
    SharedInvalidation.SHAREDINVALRELCACHE_ID: SharedInvalRelcacheMsg,
    SharedInvalidation.SHAREDINVALSMGR_ID: SharedInvalSmgrMsg,
    SharedInvalidation.SHAREDINVALRELMAP_ID: SharedInvalRelmapMsg,
    SharedInvalidation.SHAREDINVALSNAPSHOT_ID: SharedInvalSnapshotMsg,
    SharedInvalidation.SHAREDINVALRELSYNC_ID: SharedInvalRelSyncMsg,
}


def message_layout(kind: int) -> Struct:
    """The layout of a message whose ``id`` is ``kind``."""
    if kind >= 0:
        return SharedInvalCatcacheMsg
    return MESSAGES.get(kind, UnknownInvalidationMessage)


SharedInvalidationMessage = Variant(_ID, message_layout)
