"""Descriptors: what the catalogs say about one relation and its attributes."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgtool.access.heap.deform import Attr
from pgtool.storage.smgr import RelFileLocator

RELKINDS = {
    "r": "table", "i": "index", "S": "sequence", "t": "TOAST table", "v": "view",
    "m": "materialized view", "c": "composite type", "f": "foreign table",
    "p": "partitioned table", "I": "partitioned index",
}  # fmt: skip
PERSISTENCE = {"p": "permanent", "u": "unlogged", "t": "temporary"}
HEAP_RELKINDS = frozenset("rtmS")
STORAGE_RELKINDS = frozenset("rtmSi")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A row of pg_attribute; ``missing`` is the datum of attmissingval."""

    attname: str
    atttypid: int
    attlen: int
    attnum: int
    attalign: str
    attbyval: bool
    attstorage: str
    atttypmod: int = -1
    attnotnull: bool = False
    atthasmissing: bool = False
    attidentity: str = ""
    attgenerated: str = ""
    attisdropped: bool = False
    attcollation: int = 0
    attndims: int = 0
    missing: bytes | None = None
    attcompression: str = ""

    @property
    def stored(self) -> Attr:
        """The part that the heap needs."""
        return Attr(self.attname, self.attlen, self.attalign, self.attnum, self.missing)


@dataclass(slots=True)
class Relation:
    """A row of pg_class, with its schema's name and where its storage is.

    ``locator`` is None for relations without storage.
    """

    oid: int
    relname: str
    nspname: str
    relkind: str
    relnamespace: int
    relowner: int
    relam: int
    relfilenode: int
    relpages: int
    reltuples: float
    reltoastrelid: int
    reltype: int
    relpersistence: str
    relisshared: bool
    relispartition: bool
    relhassubclass: bool
    relfrozenxid: int
    relminmxid: int
    reltablespace: int
    locator: RelFileLocator | None = None
    attributes: list[Attribute] = field(default_factory=list)

    @property
    def qualified(self) -> str:
        """schema.name, unquoted."""
        return f"{self.nspname}.{self.relname}"

    @property
    def kind(self) -> str:
        """The kind in words."""
        return RELKINDS.get(self.relkind, self.relkind)

    @property
    def columns(self) -> list[Attribute]:
        """The attributes that are not dropped."""
        return [a for a in self.attributes if not a.attisdropped]
