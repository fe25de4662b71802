"""What the heap must know of a table to write in it.

Layers above make a :class:`HeapTarget` of pg_class, pg_attribute, pg_index and the storage
parameters; nothing here looks into a catalog.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from formats.units import BLCKSZ
from formats.varlena import ToastPointer
from pgtool.access.heap.tuple import Datum, StoredAttr, StoredVarlena
from pgtool.storage.smgr import RelFileLocator
from pgtool.transam.xact import Xact

#: relreplident: nothing, the primary key, everything, a unique index.
REPLICA_IDENTITY_NOTHING, REPLICA_IDENTITY_DEFAULT = "n", "d"
REPLICA_IDENTITY_FULL, REPLICA_IDENTITY_INDEX = "f", "i"
TOASTABLE_RELKINDS = frozenset("rm")

#: Enters a toast chunk into the toast table's indexes: (xact, [chunk_id, chunk_seq], tid).
InsertIndex = Callable[[Xact, list[Datum], tuple[int, int]], None]
#: The TIDs of a toast value's chunks, in the order of chunk_seq, by the toast table's index.
FindChunks = Callable[[int], list[tuple[int, int]]]
#: A value out of line, given its pointer: with its varlena header, compressed as it lies.
FetchExternal = Callable[[ToastPointer], StoredVarlena]


@dataclass(slots=True)
class ToastTarget:
    """The toast table of a table and its index."""

    heap: HeapTarget
    insert_index: InsertIndex
    find_chunks: FindChunks
    #: Whether a chunk_id is in use.
    exists: Callable[[int], bool]


@dataclass(slots=True)
class HeapTarget:
    """A table (or catalog, toast table, sequence) that can be written.

    The sets are attribute numbers (from 1): of columns in any index but summarising ones, of
    columns in summarising indexes, of columns in unique indexes that a foreign key could
    refer to, of the replica identity's columns.
    """

    oid: int
    locator: RelFileLocator
    attrs: list[StoredAttr]
    relkind: str = "r"
    persistence: str = "p"
    is_shared: bool = False
    is_catalog: bool = False
    #: user_catalog_table: logical decoding looks into it as into a catalog.
    is_user_catalog: bool = False
    is_toast: bool = False
    fillfactor: int = 100
    toast_tuple_target: int = 0
    replica_identity: str = REPLICA_IDENTITY_DEFAULT
    has_indexes: bool = True
    hot_attrs: frozenset[int] = frozenset()
    summarized_attrs: frozenset[int] = frozenset()
    key_attrs: frozenset[int] = frozenset()
    identity_attrs: frozenset[int] = frozenset()
    toast: ToastTarget | None = None
    #: The stored form (compressed or plain) of a value out of line in another table's toast
    #: table; None where such values never come here.
    fetch_external: FetchExternal | None = None
    default_compression: str = "pglz"
    name: str = ""
    #: Created, or given new storage, in this transaction: a load need not look for free
    #: space, and its rows may go in frozen.
    is_new: bool = field(default=False)

    @property
    def logged(self) -> bool:
        """Whether changes go into the WAL."""
        return self.persistence == "p"

    @property
    def may_toast(self) -> bool:
        """Whether large values go out of line or are compressed at all."""
        return self.relkind in TOASTABLE_RELKINDS

    @property
    def reserved(self) -> int:
        """Bytes of a page that insertions leave free, by fillfactor."""
        return BLCKSZ * (100 - self.fillfactor) // 100
