"""A btree without a running instance: a pool over a directory's files, and no WAL.

For tests that fill the file of an index whose table a real server made: the server then
checks the index against the table.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pgtool.access.btree import pageops
from pgtool.access.btree.keys import KeyColumn
from pgtool.access.btree.relation import BTree
from pgtool.access.btree.unique import Dirty
from pgtool.access.indexdesc import IndexDescriptor
from pgtool.access.indextuple import IndexAttribute, IndexShape
from pgtool.storage.backend import Directory
from pgtool.storage.bufmgr import BufferPool
from pgtool.storage.smgr import RelFileLocator
from pgtool.types.ordering import EQUAL_IMAGE, NUMBERS, key_function

#: Type → (attlen, attalign, attstorage, comparison, text → datum).
TYPES: dict[str, tuple[int, str, str, str, Any]] = {
    "int4": (4, "i", "p", "btint4cmp", lambda v: struct.pack("<i", int(v))),
    "int8": (8, "d", "p", "btint8cmp", lambda v: struct.pack("<q", int(v))),
    "int2": (2, "s", "p", "btint2cmp", lambda v: struct.pack("<h", int(v))),
    "bool": (1, "c", "p", "btboolcmp", lambda v: bytes([v in ("t", "true")])),
    "oid": (4, "i", "p", "btoidcmp", lambda v: struct.pack("<I", int(v))),
    "text": (-1, "i", "x", "bttextcmp", str.encode),
    "name": (-2, "c", "p", "btnamecmp", str.encode),
    "float8": (8, "d", "p", "btfloat8cmp", lambda v: struct.pack("<d", float(v))),
}


class NoWal:
    """Changes without records."""

    stores_images_raw = True
    consistency: frozenset[int] = frozenset()
    pending_top: dict[int, int] = {}

    def critical(self) -> Any:
        return contextlib.nullcontext()

    def insert(self, record: Any, xid: int = 0) -> int:
        raise AssertionError("no WAL here")


class Heap:
    """A heap whose every row is live, but those in ``dead``."""

    def __init__(self) -> None:
        self.dead: set[int] = set()

    def dirty(self, tid: int) -> Dirty:
        return Dirty(None, 0, True) if tid in self.dead else Dirty(tid, 0, False)

    def still_live(self, tid: int) -> bool:
        return True

    def index_delete_tuples(self, operation: Any) -> int:
        for one in operation.candidates:
            one.deletable = one.deletable or one.tid in self.dead
        return 0


class Instance:
    """What a tree needs of a running instance."""

    def __init__(self, root: Path, checksums: bool = True) -> None:
        self.pool = BufferPool(Directory(str(root)), 18, 4096, checksums=checksums)
        self.wal = NoWal()

    def tick(self) -> None:
        """Nothing else goes on."""


def column(kind: str, descending: bool = False, nulls_first: bool | None = None) -> KeyColumn:
    cmp = TYPES[kind][3]
    key = key_function(cmp)
    assert key is not None
    return KeyColumn(
        key, descending, descending if nulls_first is None else nulls_first, cmp in EQUAL_IMAGE,
        NUMBERS.get(cmp, ""), cmp in ("bttextcmp", "btnamecmp"),
    )  # fmt: skip


def descriptor(
    path: Path, root: Path, kinds: Sequence[str], columns: Sequence[KeyColumn], **how: Any
) -> IndexDescriptor:
    """The descriptor of an index at a path of the data directory."""
    _base, db, rel = path.relative_to(root).parts
    attributes = [IndexAttribute(*TYPES[kind][:3], "", kind) for kind in kinds]
    shape = IndexShape(attributes, len(columns), compress=lambda method, data: None)
    return IndexDescriptor(0, how.pop("name", "index"), RelFileLocator(1663, int(db), int(rel)),
                           shape, columns, needs_wal=False, **how)  # fmt: skip


@contextlib.contextmanager
def empty_tree(root: Path, found: IndexDescriptor) -> Iterator[BTree]:
    """The index, emptied; written when the ``with`` block ends."""
    instance = Instance(root)
    heap = Heap()
    tree = BTree(instance, found, heap)
    instance.pool.truncate(found.where)
    buffer = instance.pool.zeroed(found.where, 0)
    pageops.write_meta(buffer.page, pageops.Meta(4, 0, 0, 0, 0, 0, tree.keys.all_equal_image))
    instance.pool.mark_dirty(buffer)
    instance.pool.unpin(buffer)
    yield tree
    instance.pool.flush_all()
