"""Cumulative statistics as a shutdown leaves them: ``pg_stat/pgstat.stat``.

Sources: ``utils/activity/pgstat.c``, ``pgstat.h``. From 15 on one file holds everything: a
format number, the statistics that exist once (bare structs in a fixed order up to 17,
marked ``F`` and named by their kind in 18), then one entry for each object (``S`` with a
key, ``N`` with a name) and a final ``E``. Counters of one kind are all 64 bits wide and are
declared by their names, which are those of the newest major that has them; times are
microseconds since 2000. The format number does not tell 16 from 17, so the major must be
known. 14 wrote other files (``global.stat``, ``db_<oid>.stat``); only their format number
is declared.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from construct import Array, ConstructError, Container, GreedyBytes, ListContainer, Struct

from formats.derive import sizeof
from formats.errors import CorruptData
from formats.units import Oid, Raw, TimestampTz, int32, int64, uint32, uint64
from formats.version import ByMajor

PGSTAT_STAT_PERMANENT_FILENAME = "pg_stat/pgstat.stat"
PGSTAT_FILE_FORMAT_ID = ByMajor({14: 0x01A5BCA2, 15: 0x01A5BCA7, 16: 0x01A5BCAC, 18: 0x01A5BCB7})
NAMEDATALEN = 64
MAX_XFN_CHARS = 40
SLRU_NUM_ELEMENTS = 8
ENTRY_END, ENTRY_FIXED, ENTRY_NAME, ENTRY_HASH = b"E", b"F", b"N", b"S"


class Kind15(enum.IntEnum):
    """``PgStat_Kind`` in 15."""

    DATABASE = 1
    RELATION = 2
    FUNCTION = 3
    REPLSLOT = 4
    SUBSCRIPTION = 5
    ARCHIVER = 6
    BGWRITER = 7
    CHECKPOINTER = 8
    SLRU = 9
    WAL = 10


class Kind16(enum.IntEnum):
    """``PgStat_Kind`` in 16 and 17."""

    DATABASE = 1
    RELATION = 2
    FUNCTION = 3
    REPLSLOT = 4
    SUBSCRIPTION = 5
    ARCHIVER = 6
    BGWRITER = 7
    CHECKPOINTER = 8
    IO = 9
    SLRU = 10
    WAL = 11


class Kind18(enum.IntEnum):
    """``PgStat_Kind`` in 18; BACKEND is never written."""

    DATABASE = 1
    RELATION = 2
    FUNCTION = 3
    REPLSLOT = 4
    SUBSCRIPTION = 5
    BACKEND = 6
    ARCHIVER = 7
    BGWRITER = 8
    CHECKPOINTER = 9
    IO = 10
    SLRU = 11
    WAL = 12


KINDS: ByMajor[type[enum.IntEnum]] = ByMajor({15: Kind15, 16: Kind16, 18: Kind18})

PgStat_HashKey = ByMajor(
    {
        15: Struct(
            "kind" / uint32 * "what the entry counts",
            "dboid" / Oid * "database, 0 for shared objects",
            "objid" / Oid * "table, function, subscription",
        ),
        18: Struct(
            "kind" / uint32 * "what the entry counts",
            "dboid" / Oid * "database, 0 for shared objects",
            "objid" / uint64 * "table, function, subscription",
        ),
    }
)
assert [sizeof(key) for key in PgStat_HashKey.distinct()] == [12, 16]


def _counters(names: str) -> Struct:
    """64-bit counters and times, in the order of their names."""
    return Struct(
        *(
            name / (TimestampTz if "last" in name or "reset" in name else int64)
            * name.replace("_", " ")
            for name in names.split()
        )
    )  # fmt: skip


PgStat_ArchiverStats = Struct(
    "archived_count" / int64 * "WAL files archived",
    "last_archived_wal" / Raw(MAX_XFN_CHARS + 1) * "the last of them",
    "pad_archived" / Raw(7) * "alignment",
    "last_archived_timestamp" / TimestampTz * "when it was archived",
    "failed_count" / int64 * "failures to archive",
    "last_failed_wal" / Raw(MAX_XFN_CHARS + 1) * "WAL file of the last failure",
    "pad_failed" / Raw(7) * "alignment",
    "last_failed_timestamp" / TimestampTz * "when it failed",
    "stat_reset_timestamp" / TimestampTz * "when the counters were reset",
)
assert sizeof(PgStat_ArchiverStats) == 136

PgStat_BgWriterStats = _counters(
    "buf_written_clean maxwritten_clean buf_alloc stat_reset_timestamp"
)
PgStat_CheckpointerStats = ByMajor(
    {
        15: _counters(
            "num_timed num_requested write_time sync_time buffers_written buf_written_backend "
            "buf_fsync_backend"
        ),
        17: _counters(
            "num_timed num_requested restartpoints_timed restartpoints_requested "
            "restartpoints_performed write_time sync_time buffers_written stat_reset_timestamp"
        ),
        18: _counters(
            "num_timed num_requested num_performed restartpoints_timed restartpoints_requested "
            "restartpoints_performed write_time sync_time buffers_written slru_written "
            "stat_reset_timestamp"
        ),
    }
)
PgStat_SLRUStats = Array(
    SLRU_NUM_ELEMENTS,
    _counters(
        "blocks_zeroed blocks_hit blocks_read blocks_written blocks_exists flush truncate "
        "stat_reset_timestamp"
    ),
)
PgStat_WalStats = ByMajor(
    {
        15: _counters(
            "wal_records wal_fpi wal_bytes wal_buffers_full wal_write wal_sync wal_write_time "
            "wal_sync_time stat_reset_timestamp"
        ),
        18: _counters("wal_records wal_fpi wal_bytes wal_buffers_full stat_reset_timestamp"),
    }
)


def _io(backends: int, objects: int, contexts: int, operations: int, names: str) -> Struct:
    """I/O counters: by kind of process, then of object, of context, of operation."""
    cells = Array(objects, Array(contexts, Array(operations, int64)))
    stats = Struct(*(name / cells * f"{name} of each operation" for name in names.split()))
    return Struct(
        "stat_reset_timestamp" / TimestampTz * "when the counters were reset",
        "stats" / Array(backends, stats) * "by kind of process",
    )


PgStat_IO = ByMajor(
    {
        16: _io(14, 2, 4, 8, "counts times"),
        17: _io(16, 2, 4, 8, "counts times"),
        18: _io(18, 3, 5, 8, "bytes counts times"),
    }
)
_DATABASE = (
    "xact_commit xact_rollback blocks_fetched blocks_hit tuples_returned tuples_fetched "
    "tuples_inserted tuples_updated tuples_deleted last_autovac_time conflict_tablespace "
    "conflict_lock conflict_snapshot {slot}conflict_bufferpin conflict_startup_deadlock "
    "temp_files temp_bytes deadlocks checksum_failures last_checksum_failure blk_read_time "
    "blk_write_time sessions session_time active_time idle_in_transaction_time "
    "sessions_abandoned sessions_fatal sessions_killed {workers}stat_reset_timestamp"
)
PgStat_StatDBEntry = ByMajor(
    {
        15: _counters(_DATABASE.format(slot="", workers="")),
        16: _counters(_DATABASE.format(slot="conflict_logicalslot ", workers="")),
        18: _counters(
            _DATABASE.format(
                slot="conflict_logicalslot ",
                workers="parallel_workers_to_launch parallel_workers_launched ",
            )
        ),
    }
)
_RELATION = (
    "numscans {lastscan}tuples_returned tuples_fetched tuples_inserted tuples_updated "
    "tuples_deleted tuples_hot_updated {newpage}live_tuples dead_tuples mod_since_analyze "
    "ins_since_vacuum blocks_fetched blocks_hit last_vacuum_time vacuum_count "
    "last_autovacuum_time autovacuum_count last_analyze_time analyze_count "
    "last_autoanalyze_time autoanalyze_count {times}"
)
PgStat_StatTabEntry = ByMajor(
    {
        15: _counters(_RELATION.format(lastscan="", newpage="", times="")),
        16: _counters(
            _RELATION.format(lastscan="lastscan ", newpage="tuples_newpage_updated ", times="")
        ),
        18: _counters(
            _RELATION.format(
                lastscan="lastscan ",
                newpage="tuples_newpage_updated ",
                times="total_vacuum_time total_autovacuum_time total_analyze_time "
                "total_autoanalyze_time",
            )
        ),
    }
)
PgStat_StatFuncEntry = _counters("numcalls total_time self_time")
_SLOT = _counters(
    "spill_txns spill_count spill_bytes stream_txns stream_count stream_bytes total_txns "
    "total_bytes stat_reset_timestamp"
)
PgStat_StatReplSlotEntry = ByMajor(
    {
        15: Struct("slotname_unused" / Raw(NAMEDATALEN) * "zero", *_SLOT.subcons),
        16: _SLOT,
    }
)
PgStat_StatSubEntry = ByMajor(
    {
        15: _counters("apply_error_count sync_error_count stat_reset_timestamp"),
        18: Struct(
            "apply_error_count" / int64 * "errors while changes were applied",
            "sync_error_count" / int64 * "errors of the first synchronisation",
            "conflict_count" / Array(7, int64) * "conflicts, by their type",
            "stat_reset_timestamp" / TimestampTz * "when the counters were reset",
        ),
    }
)

#: Name of a kind → layout of its body, by major.
BODY = {
    "DATABASE": PgStat_StatDBEntry,
    "RELATION": PgStat_StatTabEntry,
    "FUNCTION": ByMajor({15: PgStat_StatFuncEntry}),
    "REPLSLOT": PgStat_StatReplSlotEntry,
    "SUBSCRIPTION": PgStat_StatSubEntry,
    "ARCHIVER": ByMajor({15: PgStat_ArchiverStats}),
    "BGWRITER": ByMajor({15: PgStat_BgWriterStats}),
    "CHECKPOINTER": PgStat_CheckpointerStats,
    "IO": PgStat_IO,
    "SLRU": ByMajor({15: PgStat_SLRUStats}),
    "WAL": PgStat_WalStats,
}
#: Kinds that exist once and lie, unmarked, before the entries; none in 18.
FIXED = ByMajor(
    {
        15: ("ARCHIVER", "BGWRITER", "CHECKPOINTER", "SLRU", "WAL"),
        16: ("ARCHIVER", "BGWRITER", "CHECKPOINTER", "IO", "SLRU", "WAL"),
        18: (),
    }
)

LegacyFile = Struct(
    "format_id" / int32 * "PGSTAT_FILE_FORMAT_ID of 14",
    "rest" / GreedyBytes * "not declared",
)


class _Walk:
    """A position in the file that never passes its end."""

    def __init__(self, data: bytes, file: str) -> None:
        self.data = data
        self.file = file
        self.at = 0

    def take(self, size: int, field: str) -> bytes:
        """The next bytes; CorruptData where they are not all there."""
        if self.at + size > len(self.data):
            raise CorruptData(
                "statistics file ends too early", file=self.file, offset=self.at, field=field
            )
        self.at += size
        return self.data[self.at - size : self.at]


def parse(data: bytes, major: int, *, file: str = PGSTAT_STAT_PERMANENT_FILENAME) -> Container:
    """``format_id``, ``fixed`` and ``entries`` of a file of 15 or later; 14's is one ``rest``."""
    walk = _Walk(data, file)
    format_id = int.from_bytes(walk.take(4, "format_id"), "little")
    if format_id != PGSTAT_FILE_FORMAT_ID[major]:
        raise CorruptData(
            f"statistics file has format 0x{format_id:08X}, "
            f"0x{PGSTAT_FILE_FORMAT_ID[major]:08X} is that of PostgreSQL {major}",
            file=file, offset=0, field="format_id",
        )  # fmt: skip
    if major not in KINDS:
        return Container(LegacyFile.parse(data))
    fixed = ListContainer(
        Container(kind=name, body=BODY[name][major].parse(
            walk.take(BODY[name][major].sizeof(), name)))
        for name in FIXED[major]
    )  # fmt: skip
    entries = ListContainer(_entries(walk, major))
    if walk.at != len(data):
        raise CorruptData("statistics file goes on after its end mark", file=file, offset=walk.at)
    return Container(format_id=format_id, fixed=fixed, entries=entries)


class RawEntry(NamedTuple):
    """One entry, its key and body as they lie."""

    mark: bytes
    kind: str
    key: bytes
    body: bytes
    offset: int


def _raw_entries(walk: _Walk, major: int) -> Iterator[RawEntry]:
    while True:
        start = walk.at
        mark = walk.take(1, "mark")
        if mark == ENTRY_END:
            return
        if mark not in _KEYS or major not in _KEYS[mark]:
            raise CorruptData(f"unknown mark {mark!r}", file=walk.file, offset=start, field="mark")
        key = walk.take(sizeof(_KEYS[mark][major]), "key")
        number = uint32.parse(key[: uint32.sizeof()])
        try:
            name = KINDS[major](number).name
            size = sizeof(BODY[name][major])
        except (ValueError, KeyError):
            raise CorruptData(
                f"unknown kind {number}", file=walk.file, offset=start + 1, field="kind"
            ) from None
        yield RawEntry(mark, name, key, walk.take(size, name), start)


def _entries(walk: _Walk, major: int) -> Iterator[Container]:
    for entry in _raw_entries(walk, major):
        try:
            key = _KEYS[entry.mark][major].parse(entry.key)
            body = BODY[entry.kind][major].parse(entry.body)
        except ConstructError as error:
            raise CorruptData(str(error), file=walk.file, offset=entry.offset) from None
        yield Container(mark=entry.mark, key=key, body=body)


def split(
    data: bytes, major: int, *, file: str = PGSTAT_STAT_PERMANENT_FILENAME
) -> list[RawEntry]:
    """The entries of a file of 18 or later, not decoded; :func:`join` is the inverse."""
    walk = _Walk(data, file)
    format_id = uint32.parse(walk.take(uint32.sizeof(), "format_id"))
    if format_id != PGSTAT_FILE_FORMAT_ID[major] or FIXED[major]:
        raise CorruptData(f"statistics file has format 0x{format_id:08X}", file=file, offset=0)
    return list(_raw_entries(walk, major))


def join(entries: Iterable[RawEntry], major: int) -> bytes:
    """The file of some entries."""
    parts = [uint32.build(PGSTAT_FILE_FORMAT_ID[major])]
    for entry in entries:
        parts += entry.mark, entry.key, entry.body
    return b"".join(parts) + ENTRY_END


_KIND = Struct("kind" / uint32 * "what it counts")
_NAMED = Struct(
    "kind" / uint32 * "what the entry counts", "name" / Raw(NAMEDATALEN) * "the object's name"
)
_KEYS = {
    ENTRY_FIXED: ByMajor({18: _KIND}),
    ENTRY_NAME: ByMajor({15: _NAMED}),
    ENTRY_HASH: PgStat_HashKey,
}


def build(found: Container, major: int) -> bytes:
    """The bytes of a statistics file."""
    if major not in KINDS:
        return bytes(LegacyFile.build(found))
    out = found.format_id.to_bytes(4, "little")
    for item in found.fixed:
        out += BODY[item.kind][major].build(item.body)
    parts = [out]
    for entry in found.entries:
        name = KINDS[major](entry.key.kind).name
        parts += [
            entry.mark,
            _KEYS[entry.mark][major].build(entry.key),
            BODY[name][major].build(entry.body),
        ]
    return b"".join(parts) + ENTRY_END
