"""The resource manager table: the one place that knows every kind of WAL record.

:data:`RMGRS` has a row per resource manager, and with it a row per record type: its
declaration (opcode, name, layout per major, from ``formats.wal``), its description (the
text that pg_waldump prints), redo and mask. What shows, counts, replays or tests WAL
records goes through here:

* :func:`identify` and :func:`describe`: pg_waldump's words, of the record's own major;
* :func:`record_type`: the declaration, :class:`Unsupported` where there is none;
* :func:`fields`: everything that the record holds, as plain values;
* :func:`entry`: one look-up for a hot loop, without a record object.

All are pure functions of the decoded record. Bytes that contradict a layout raise
:class:`CorruptData`. Redo and mask are named as dotted paths, as they stand in layers above.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from construct import Construct, ConstructError, Container

from formats.units import Lsn
from formats.version import ByMajor
from formats.wal import (
    brin,
    btree,
    clog,
    commit_ts,
    dbase,
    generic,
    gin,
    gist,
    heap,
    heap2,
    logicalmsg,
    multixact,
    relmap,
    replorigin,
    seq,
    smgr,
    spgist,
    standby,
    tblspc,
    xact,
    xlog,
)
from formats.wal import hash as hash_
from formats.wal.record import XLR_RMGR_INFO_MASK
from formats.wal.rmgrs import RecordType, RmgrId
from pgtool.errors import CorruptData, Unsupported
from pgtool.wal.desc import brin as brin_desc
from pgtool.wal.desc import btree as btree_desc
from pgtool.wal.desc import dbase as dbase_desc
from pgtool.wal.desc import gin as gin_desc
from pgtool.wal.desc import gist as gist_desc
from pgtool.wal.desc import hash as hash_desc
from pgtool.wal.desc import heap as heap_desc
from pgtool.wal.desc import heap2 as heap2_desc
from pgtool.wal.desc import logical as logical_desc
from pgtool.wal.desc import slru as slru_desc
from pgtool.wal.desc import smgr as smgr_desc
from pgtool.wal.desc import spgist as spgist_desc
from pgtool.wal.desc import standby as standby_desc
from pgtool.wal.desc import xact as xact_desc
from pgtool.wal.desc import xlog as xlog_desc
from pgtool.wal.desc.text import no_text

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord

Describe = Callable[["DecodedRecord"], str]

#: Resource managers of extensions; their records are opaque without the extension.
FIRST_CUSTOM_ID, LAST_CUSTOM_ID = 128, 255
CUSTOM_SINCE = 15


@dataclass(frozen=True)
class Rmgr:
    """One resource manager.

    ``describe`` maps each record type's name to the function that writes its text (per
    major where the wording differs); ``redo`` names the table that maps record names to
    replay functions, ``mask`` the function that blanks what replay need not restore (both as
    dotted path, colon, name); None where a manager changes no pages, or is an extension's.
    """

    id: int
    name: str
    records: tuple[RecordType, ...] = ()
    describe: Mapping[str, Describe | ByMajor[Describe]] = field(default_factory=dict)
    redo: str | None = None
    mask: str | None = None

    def identify(self, info: int, major: int) -> str:
        """The record type's name as pg_waldump prints it."""
        return entry(major, self.id, info).name


_ROOMS = {"access": "pgtool.access", "redo": "pgtool.transam.redo"}


def _at(name: str) -> str:
    """The dotted path, with the name in the module after a colon, of a layer above."""
    room, _, rest = name.partition(".")
    return f"{_ROOMS[room]}.{rest}"


RMGRS: tuple[Rmgr, ...] = (
    Rmgr(0, "XLOG", xlog.RECORDS, xlog_desc.DESCRIBE, _at("redo.xlog:XLOG")),
    Rmgr(1, "Transaction", xact.RECORDS, xact_desc.DESCRIBE, _at("redo.xact:XACT")),
    Rmgr(2, "Storage", smgr.RECORDS, smgr_desc.DESCRIBE, _at("redo.files:STORAGE")),
    Rmgr(3, "CLOG", clog.RECORDS, slru_desc.CLOG, _at("redo.slrus:CLOG")),
    Rmgr(4, "Database", dbase.RECORDS, dbase_desc.DATABASE, _at("redo.files:DATABASE")),
    Rmgr(5, "Tablespace", tblspc.RECORDS, dbase_desc.TABLESPACE, _at("redo.files:TABLESPACE")),
    Rmgr(6, "MultiXact", multixact.RECORDS, slru_desc.MULTIXACT, _at("redo.slrus:MULTIXACT")),
    Rmgr(7, "RelMap", relmap.RECORDS, dbase_desc.RELMAP, _at("redo.files:RELMAP")),
    Rmgr(8, "Standby", standby.RECORDS, standby_desc.DESCRIBE, _at("redo.xlog:STANDBY")),
    Rmgr(
        9, "Heap2", heap2.RECORDS, heap2_desc.DESCRIBE,
        _at("access.heap.xlog2:REDO"), _at("access.heap.xlog:mask"),
    ),
    Rmgr(
        10, "Heap", heap.RECORDS, heap_desc.DESCRIBE,
        _at("access.heap.xlog:REDO"), _at("access.heap.xlog:mask"),
    ),
    Rmgr(
        11, "Btree", btree.RECORDS, btree_desc.DESCRIBE,
        _at("access.btree.xlog:REDO"), _at("access.btree.mask:mask"),
    ),
    Rmgr(
        12, "Hash", hash_.RECORDS, hash_desc.DESCRIBE,
        _at("access.hash.xlog:REDO"), _at("access.hash.xlog:mask"),
    ),
    Rmgr(
        13, "Gin", gin.RECORDS, gin_desc.DESCRIBE,
        _at("access.gin.xlog:REDO"), _at("access.gin.xlog:mask"),
    ),
    Rmgr(
        14, "Gist", gist.RECORDS, gist_desc.DESCRIBE,
        _at("access.gist.xlog:REDO"), _at("access.gist.xlog:mask"),
    ),
    Rmgr(
        15, "Sequence", seq.RECORDS, logical_desc.SEQUENCE,
        _at("redo.pages:SEQUENCE"), _at("redo.pages:mask"),
    ),
    Rmgr(
        16, "SPGist", spgist.RECORDS, spgist_desc.DESCRIBE,
        _at("access.spgist.xlog:REDO"), _at("access.spgist.xlog:mask"),
    ),
    Rmgr(
        17, "BRIN", brin.RECORDS, brin_desc.DESCRIBE,
        _at("access.brin.xlog:REDO"), _at("access.brin.xlog:mask"),
    ),
    Rmgr(18, "CommitTs", commit_ts.RECORDS, slru_desc.COMMIT_TS, _at("redo.slrus:COMMIT_TS")),
    Rmgr(19, "ReplicationOrigin", replorigin.RECORDS, logical_desc.ORIGIN, _at("redo.xlog:ORIGIN")),
    Rmgr(
        20, "Generic", generic.RECORDS, logical_desc.GENERIC,
        _at("redo.pages:GENERIC"), _at("redo.pages:mask"),
    ),
    Rmgr(21, "LogicalMessage", logicalmsg.RECORDS, logical_desc.MESSAGE, _at("redo.xlog:MESSAGE")),
)  # fmt: skip


class Entry(NamedTuple):
    """What the table knows for one (major, rmid, info)."""

    rmgr: Rmgr
    type: RecordType | None
    name: str
    describe: Describe


def _custom_text(rec: DecodedRecord) -> str:
    return f"rmid: {rec.rmid}"


@cache
def rmgrs(major: int) -> Mapping[int, Rmgr]:
    """Id → resource manager, for every id that WAL of ``major`` may hold."""
    table = {r.id: r for r in RMGRS}
    if major >= CUSTOM_SINCE:
        for rmid in range(FIRST_CUSTOM_ID, LAST_CUSTOM_ID + 1):
            table[rmid] = Rmgr(rmid, f"custom{rmid:03d}")
    return table


@cache
def _entries(major: int) -> list[Entry | None]:
    """Every (rmid, high half of the info byte) of one major, looked up by rmid * 16 + half."""
    out: list[Entry | None] = [None] * 4096
    for rmid, rmgr in rmgrs(major).items():
        out[rmid * 16 : rmid * 16 + 16] = _entries_of(rmgr, major)
    return out


def _entries_of(rmgr: Rmgr, major: int) -> list[Entry]:
    text = _custom_text if rmgr.id >= FIRST_CUSTOM_ID else no_text
    known: dict[int, Entry] = {}
    flags = 0
    for kind in rmgr.records:
        if kind.known_in(major):
            flags |= sum(kind.flags)
            how = rmgr.describe[kind.name]
            function = how[major] if isinstance(how, ByMajor) else how
            for info, name in kind.names().items():
                known[info] = Entry(rmgr, kind, name, function)
    out = []
    for info in range(0, 256, 16):
        # A flag that does not go with the opcode makes the name unknown, not the text.
        base = known.get(info & ~flags)
        unknown = Entry(rmgr, None, f"UNKNOWN ({info:x})", base.describe if base else text)
        out.append(known.get(info, unknown))
    return out


def entry(major: int, rmid: int, info: int) -> Entry:
    """The table's knowledge of one kind of record; Unsupported for an unknown manager."""
    found = _entries(major)[(rmid & 0xFF) << 4 | (info & XLR_RMGR_INFO_MASK) >> 4]
    if found is None:
        raise Unsupported(f"resource manager {rmid} is not known for PostgreSQL {major}")
    return found


def rmgr_of(rmid: int, major: int) -> Rmgr:
    """The resource manager ``rmid``; Unsupported where ``major`` has none of that id."""
    try:
        return rmgrs(major)[rmid]
    except KeyError:
        raise Unsupported(f"resource manager {rmid} is not known for PostgreSQL {major}") from None


def identify(rec: DecodedRecord) -> str:
    """The record's name as pg_waldump prints it; ``UNKNOWN (%x)`` where it has none."""
    return entry(rec.major, rec.rmid, rec.info).name


def record_type(rec: DecodedRecord) -> RecordType:
    """The record's declaration; Unsupported, by name, where there is none."""
    found = entry(rec.major, rec.rmid, rec.info)
    if found.type is None:
        raise Unsupported(f"WAL record type {found.rmgr.name} {found.name} at {rec.lsn}")
    return found.type


def describe(rec: DecodedRecord) -> str:
    """The text that pg_waldump prints after the record's name."""
    found = entry(rec.major, rec.rmid, rec.info)
    try:
        return found.describe(rec)
    except (struct.error, IndexError, ValueError, OverflowError, AttributeError) as err:
        raise _malformed(rec, found, err) from err
    except CorruptData as err:
        raise _malformed(rec, found, err).at(field=err.field, offset=err.offset) from err


def _malformed(rec: DecodedRecord, found: Entry, why: Exception) -> CorruptData:
    return CorruptData(f"invalid {found.rmgr.name} {found.name} record at {Lsn(rec.lsn)}: {why}")


def parse_main(rec: DecodedRecord) -> Container:
    """The main data by its layout."""
    layout = record_type(rec).main[rec.major]
    return _parse(rec, layout, rec.main, {"info": rec.info})


def build_main(rec: DecodedRecord, main: Container) -> bytes:
    """The bytes of main data parsed by :func:`parse_main`; the exact inverse."""
    return bytes(record_type(rec).main[rec.major].build(main, info=rec.info))


def block_params(rec: DecodedRecord, main: Container, block_id: int) -> dict[str, Any]:
    """The construct parameters under which the data of one block reference is laid out."""
    ref = rec.block(block_id)
    image = ref is not None and ref.image is not None
    return {"info": rec.info, "main": main, "image": image}


def parse_blocks(rec: DecodedRecord, main: Container) -> dict[int, Container]:
    """Block id → its data by its layout, for every block reference that carries data."""
    layouts = record_type(rec).blocks
    out: dict[int, Container] = {}
    for ref in rec.blocks:
        if not ref.data:
            continue
        if ref.id not in layouts:
            raise _malformed(
                rec,
                entry(rec.major, rec.rmid, rec.info),
                ValueError(f"block reference {ref.id} carries unexpected data"),
            )
        params = block_params(rec, main, ref.id)
        out[ref.id] = _parse(rec, layouts[ref.id][rec.major], ref.data, params)
    return out


def _parse(
    rec: DecodedRecord, layout: Construct, data: bytes, params: Mapping[str, Any]
) -> Container:
    try:
        return layout.parse(data, **params)
    except (ConstructError, struct.error, IndexError, ValueError, AttributeError) as err:
        found = entry(rec.major, rec.rmid, rec.info)
        why = " ".join(str(err).split())
        raise _malformed(rec, found, ValueError(why)) from err


def fields(rec: DecodedRecord) -> dict[str, Any]:
    """Every field of the main data and of the blocks' data, as plain JSON values.

    ``main`` holds the main data's fields, ``blocks`` block id (as text) → its data's.
    """
    main = parse_main(rec)
    blocks = parse_blocks(rec, main)
    return {"main": plain(main), "blocks": {str(i): plain(data) for i, data in blocks.items()}}


def plain(value: Any) -> Any:
    """A parsed value as JSON can hold it.

    Flags become the list of their names (unnamed bits as one hexadecimal text), choices
    their name, LSNs text, bytes hexadecimal. Padding and an empty ``rest`` are left out.
    """
    kind = type(value)
    if kind is int or value is None:
        return value
    if isinstance(value, dict):
        return {
            key: plain(item)
            for key, item in value.items()
            if not key.startswith(_NOT_SHOWN) and (key != "rest" or item)
        }
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, enum.Flag):
        return list(_flag_names(value.__class__, int(value.value)))
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Lsn):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value


#: Names that begin so hold construct's own notes, or bytes without meaning.
_NOT_SHOWN = ("_", "pad")


@lru_cache(maxsize=4096)
def _flag_names(kind: type[enum.Flag], bits: int) -> tuple[str, ...]:
    names = []
    for flag in kind:
        if bits & flag.value:
            names.append(str(flag.name))
    unnamed = bits & ~sum(flag.value for flag in kind)
    return (*names, hex(unnamed)) if unnamed else tuple(names)


#: Those whose records may carry after-images (wal_consistency_checking).
CHECKED = frozenset({
    RmgrId.RM_HEAP2_ID, RmgrId.RM_HEAP_ID, RmgrId.RM_BTREE_ID, RmgrId.RM_HASH_ID,
    RmgrId.RM_GIN_ID, RmgrId.RM_GIST_ID, RmgrId.RM_SEQ_ID, RmgrId.RM_SPGIST_ID,
    RmgrId.RM_BRIN_ID, RmgrId.RM_GENERIC_ID,
})  # fmt: skip


def consistency_checked(setting: str) -> frozenset[int]:
    """The resource managers that a value of wal_consistency_checking names."""
    names = {name.strip().lower() for name in setting.split(",")}
    return frozenset(
        rmgr.id for rmgr in RMGRS
        if rmgr.id in CHECKED and (rmgr.name.lower() in names or "all" in names)
    )  # fmt: skip
