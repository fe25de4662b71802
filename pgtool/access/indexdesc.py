"""What the access methods must know of an index: its catalog rows, reduced.

Made by the catalog (:mod:`pgtool.catalog.indexinfo`), which stands above; a bootstrap makes
it out of its own tables. Nothing here reads a catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgtool.access.btree.keys import KeyColumn
from pgtool.access.indextuple import IndexShape
from pgtool.storage.smgr import RelFileLocator

__all__ = ["BTREE_DEFAULT_FILLFACTOR", "IndexDescriptor"]

BTREE_DEFAULT_FILLFACTOR = 90

Datums = Sequence[bytes | None]


@dataclass
class IndexDescriptor:
    """One index.

    ``attnums`` are the table's attributes of its columns, 0 for an expression;
    ``expressions`` computes those (one function for each 0, in order, of the row as the
    layer above has it) and ``predicate`` tells whether a row belongs into the index.
    ``immediate`` is false for deferrable constraints. ``describe`` words a key for an error's
    detail (``(a)=(1)``), or gives None where the user may not see it.
    """

    oid: int
    name: str
    where: RelFileLocator
    shape: IndexShape
    columns: Sequence[KeyColumn]
    heap_oid: int = 0
    heap_name: str = ""
    heap_is_catalog: bool = False
    unique: bool = False
    immediate: bool = True
    nulls_not_distinct: bool = False
    needs_wal: bool = True
    fillfactor: int = BTREE_DEFAULT_FILLFACTOR
    deduplicate: bool = True
    attnums: tuple[int, ...] = ()
    expressions: Sequence[Callable[..., Any]] = ()
    predicate: Callable[..., bool] | None = None
    describe: Callable[[Datums], str | None] | None = None
    valid: bool = True
    ready: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def nkeyatts(self) -> int:
        """The number of key columns; the others are only carried along."""
        return self.shape.nkeyatts
