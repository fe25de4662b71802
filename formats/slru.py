"""SLRU areas: small per-transaction records in numbered segment files.

Sources: ``access/transam/{slru,clog,subtrans,multixact,commit_ts}.c``. Every area is an
array indexed by a 32-bit ID that wraps around, cut into pages of BLCKSZ bytes and
segments of 32 pages; segment files carry their number in hexadecimal as their name.
Pages have no header and no checksum.

================  ==============  ===========================================
area              indexed by      entry
================  ==============  ===========================================
pg_xact           transaction     two bits of status, lowest bits first
pg_subtrans       transaction     the parent transaction, or 0
offsets           multixact       where its members start; 0 if never made
members           member offset   status byte and transaction, in groups of four
pg_commit_ts      transaction     commit time stamp and replication origin
================  ==============  ===========================================

An ID becomes a place by :meth:`Area.locate`; the layouts of whole pages below it give
parse → build identity.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import NamedTuple

from construct import Array, Construct, Struct

from formats.derive import offset_of, sizeof
from formats.units import (
    BLCKSZ,
    BitFields,
    Choice,
    MultiXactOffset,
    Raw,
    RepOriginId,
    TimestampTz,
    TransactionId,
    uint8,
)
from formats.version import ByMajor

SLRU_PAGES_PER_SEGMENT = 32
FIRST_MULTIXACT_ID = 1


class XidStatus(enum.IntEnum):
    """The two bits of a transaction in pg_xact."""

    TRANSACTION_STATUS_IN_PROGRESS = 0
    TRANSACTION_STATUS_COMMITTED = 1
    TRANSACTION_STATUS_ABORTED = 2
    TRANSACTION_STATUS_SUB_COMMITTED = 3


class MultiXactStatus(enum.IntEnum):
    """What a member does to the tuple: four lock strengths, two kinds of update."""

    MultiXactStatusForKeyShare = 0
    MultiXactStatusForShare = 1
    MultiXactStatusForNoKeyUpdate = 2
    MultiXactStatusForUpdate = 3
    MultiXactStatusNoKeyUpdate = 4
    MultiXactStatusUpdate = 5


#: The names that pg_get_multixact_members() gives.
MULTIXACT_STATUS_NAMES = {
    MultiXactStatus.MultiXactStatusForKeyShare: "keysh",
    MultiXactStatus.MultiXactStatusForShare: "sh",
    MultiXactStatus.MultiXactStatusForNoKeyUpdate: "fornokeyupd",
    MultiXactStatus.MultiXactStatusForUpdate: "forupd",
    MultiXactStatus.MultiXactStatusNoKeyUpdate: "nokeyupd",
    MultiXactStatus.MultiXactStatusUpdate: "upd",
}

CLOG_BITS_PER_XACT = 2
CLOG_XACTS_PER_BYTE = 4
CLOG_XACTS_PER_PAGE = BLCKSZ * CLOG_XACTS_PER_BYTE
SUBTRANS_XACTS_PER_PAGE = BLCKSZ // sizeof(TransactionId)
MULTIXACT_OFFSETS_PER_PAGE = BLCKSZ // sizeof(MultiXactOffset)
MULTIXACT_MEMBERS_PER_MEMBERGROUP = 4

XactByte = BitFields(uint8, xid_0=2, xid_1=2, xid_2=2, xid_3=2)
XactPage = Array(BLCKSZ, XactByte)

SubTransPage = Array(SUBTRANS_XACTS_PER_PAGE, TransactionId)

MultiXactOffsetsPage = Array(MULTIXACT_OFFSETS_PER_PAGE, MultiXactOffset)

MultiXactMemberGroup = Struct(
    "status" / Array(4, Choice(uint8, MultiXactStatus)) * "what each of the four does",
    "xid" / Array(4, TransactionId) * "the four transactions; 0 where there is none",
)
MULTIXACT_MEMBERGROUP_SIZE = sizeof(MultiXactMemberGroup)
assert MULTIXACT_MEMBERGROUP_SIZE == 20
MULTIXACT_MEMBERGROUPS_PER_PAGE = BLCKSZ // MULTIXACT_MEMBERGROUP_SIZE
MULTIXACT_MEMBERS_PER_PAGE = MULTIXACT_MEMBERGROUPS_PER_PAGE * MULTIXACT_MEMBERS_PER_MEMBERGROUP
MultiXactMembersPage = Struct(
    "groups" / Array(MULTIXACT_MEMBERGROUPS_PER_PAGE, MultiXactMemberGroup),
    "unused" / Raw(BLCKSZ % MULTIXACT_MEMBERGROUP_SIZE) * "too short for a group",
)
assert sizeof(MultiXactMembersPage) == BLCKSZ

CommitTimestampEntry = Struct(
    "time" / TimestampTz * "when the transaction committed; 0 if not recorded",
    "nodeid" / RepOriginId * "replication origin it came from; 0 if local",
)
SIZE_OF_COMMIT_TS_ENTRY = sizeof(CommitTimestampEntry)
assert SIZE_OF_COMMIT_TS_ENTRY == 10
COMMIT_TS_XACTS_PER_PAGE = BLCKSZ // SIZE_OF_COMMIT_TS_ENTRY
CommitTsPage = Struct(
    "entries" / Array(COMMIT_TS_XACTS_PER_PAGE, CommitTimestampEntry),
    "unused" / Raw(BLCKSZ % SIZE_OF_COMMIT_TS_ENTRY) * "too short for an entry",
)
assert sizeof(CommitTsPage) == BLCKSZ


_SHORT = ByMajor({14: False})


class Place(NamedTuple):
    """Where an ID's entry lies: segment number, page in it, index in the page."""

    segment: int
    page: int
    entry: int


@dataclass(frozen=True)
class Area:
    """One SLRU area: its directory, how many entries a page holds, how a page is laid out.

    ``long_names`` tells which majors name the segments with 15 digits instead of four
    or more. ``page`` is None where no layout is declared.
    """

    name: str
    directory: str
    per_page: int
    page: Construct | None
    long_names: ByMajor[bool] = _SHORT

    @property
    def per_segment(self) -> int:
        """Entries in a full segment."""
        return self.per_page * SLRU_PAGES_PER_SEGMENT

    def locate(self, number: int) -> Place:
        """The place of the entry of an ID."""
        page, entry = divmod(number, self.per_page)
        return Place(*divmod(page, SLRU_PAGES_PER_SEGMENT), entry)

    def first_id(self, segment: int, page: int = 0) -> int:
        """The ID whose entry comes first on a page."""
        return (segment * SLRU_PAGES_PER_SEGMENT + page) * self.per_page

    def path(self, segment: int, major: int) -> str:
        """The segment's file below the data directory."""
        digits = 15 if self.long_names[major] else 4
        return f"{self.directory}/{segment:0{digits}X}"

    def segment_of(self, name: str, major: int) -> int | None:
        """The segment number that a file name stands for; None where it is no segment's."""
        shape = _LONG_NAME if self.long_names[major] else _SHORT_NAME
        return int(name, 16) if shape.fullmatch(name) else None


_SHORT_NAME = re.compile(r"[0-9A-F]{4,6}")
_LONG_NAME = re.compile(r"[0-9A-F]{15}")

XACT = Area("xact", "pg_xact", CLOG_XACTS_PER_PAGE, XactPage)
SUBTRANS = Area("subtrans", "pg_subtrans", SUBTRANS_XACTS_PER_PAGE, SubTransPage)
MULTIXACT_OFFSETS = Area(
    "multixact offsets",
    "pg_multixact/offsets",
    MULTIXACT_OFFSETS_PER_PAGE,
    MultiXactOffsetsPage,
)
MULTIXACT_MEMBERS = Area(
    "multixact members",
    "pg_multixact/members",
    MULTIXACT_MEMBERS_PER_PAGE,
    MultiXactMembersPage,
)
COMMIT_TS = Area("commit_ts", "pg_commit_ts", COMMIT_TS_XACTS_PER_PAGE, CommitTsPage)
#: Declared for their names; their contents do not outlive the server.
SERIAL = Area("serial", "pg_serial", BLCKSZ // 8, None)
NOTIFY = Area("notify", "pg_notify", 1, None, ByMajor({14: False, 17: True}))

AREAS = (XACT, SUBTRANS, MULTIXACT_OFFSETS, MULTIXACT_MEMBERS, COMMIT_TS, SERIAL, NOTIFY)


def xact_status(page: bytes | memoryview, entry: int) -> int:
    """The two status bits of an entry of a pg_xact page (an :class:`XidStatus` value)."""
    byte, index = divmod(entry, CLOG_XACTS_PER_BYTE)
    return page[byte] >> (CLOG_BITS_PER_XACT * index) & 3


def subtrans_parent(page: bytes | memoryview, entry: int) -> int:
    """The parent in an entry of a pg_subtrans page."""
    return _u32(page, entry * 4)


def multixact_offset(page: bytes | memoryview, entry: int) -> int:
    """The first member's offset in an entry of an offsets page."""
    return _u32(page, entry * 4)


_GROUP_STATUS = offset_of(MultiXactMemberGroup, "status")
_GROUP_XID = offset_of(MultiXactMemberGroup, "xid")


def multixact_member(page: bytes | memoryview, entry: int) -> tuple[int, int]:
    """(transaction, status) in an entry of a members page."""
    group, index = divmod(entry, MULTIXACT_MEMBERS_PER_MEMBERGROUP)
    base = group * MULTIXACT_MEMBERGROUP_SIZE
    return _u32(page, base + _GROUP_XID + 4 * index), page[base + _GROUP_STATUS + index]


_NODEID = offset_of(CommitTimestampEntry, "nodeid")


def commit_timestamp(page: bytes | memoryview, entry: int) -> tuple[int, int]:
    """(time, origin) in an entry of a pg_commit_ts page."""
    base = entry * SIZE_OF_COMMIT_TS_ENTRY
    time = int.from_bytes(page[base : base + 8], "little", signed=True)
    return time, int.from_bytes(page[base + _NODEID : base + SIZE_OF_COMMIT_TS_ENTRY], "little")


def _u32(page: bytes | memoryview, at: int) -> int:
    return int.from_bytes(page[at : at + 4], "little")
