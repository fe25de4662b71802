"""Transaction status, subtransactions, multixacts and commit times, as their files lie.

Rows come straight from the SLRU pages: unlike :mod:`pgtool.transam` nothing is concluded
here, a transaction that a crash ended is still "in progress". Without a range, what the
files hold is shown: from the first entry of the oldest segment to the last one that was
ever set or, by pg_control, could have been. IDs wrap around, so their order is the
distance from the next one to be assigned.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from formats import slru
from formats.errors import CorruptData, UserError
from formats.slru import SLRU_PAGES_PER_SEGMENT, Area, XidStatus
from formats.units import BLCKSZ, BOOTSTRAP_XID, FIRST_NORMAL_XID, FROZEN_XID
from pgtool.inspect import controldata
from pgtool.storage.backend import Backend, ReadOnly

IDS = 1 << 32
_HALF = 1 << 31
REMEMBERED = 10_000
_EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)

Range = tuple[int, int]
Row = tuple[Any, ...]


class Files:
    """The pages of one area, the last one read being kept."""

    def __init__(self, backend: Backend, area: Area, major: int) -> None:
        self.backend = backend
        self.area = area
        self.major = major
        self._kept: tuple[tuple[int, int], bytes] | None = None

    def segments(self) -> dict[int, int]:
        """Segment number → whole pages in its file."""
        out: dict[int, int] = {}
        try:
            names = self.backend.list(self.area.directory)
        except FileNotFoundError:
            raise UserError(f'directory "{self.area.directory}" does not exist') from None
        for name in names:
            number = self.area.segment_of(name, self.major)
            if number is not None:
                size = self.backend.size(self.area.path(number, self.major))
                out[number] = min(size // BLCKSZ, SLRU_PAGES_PER_SEGMENT)
        return out

    def page(self, segment: int, page: int) -> bytes:
        """One page; CorruptData where the file is too short, UserError where it is missing."""
        if self._kept is None or self._kept[0] != (segment, page):
            path = self.area.path(segment, self.major)
            try:
                data = self.backend.read(path, page * BLCKSZ, BLCKSZ)
            except FileNotFoundError:
                raise UserError(f'file "{path}" does not exist') from None
            if len(data) != BLCKSZ:
                raise CorruptData(
                    f"read too few bytes: {len(data)} of {BLCKSZ}", file=path, offset=page * BLCKSZ
                )
            self._kept = ((segment, page), data)
        return self._kept[1]

    def entry(self, number: int) -> tuple[bytes, int]:
        """(page, index in it) of an ID."""
        place = self.area.locate(number)
        return self.page(place.segment, place.page), place.entry

    def spans(self, following: int) -> list[tuple[int, int]]:
        """(first ID, number of IDs) of every segment, oldest first."""
        found = [
            (self.area.first_id(segment), pages * self.area.per_page)
            for segment, pages in self.segments().items()
            if pages and self.area.first_id(segment) < IDS
        ]
        return sorted(found, key=lambda span: distance(span[0], following))


def distance(number: int, following: int) -> int:
    """How far an ID lies before (negative) or behind the next one to be assigned."""
    return (number - following + _HALF) % IDS - _HALF


@dataclass(frozen=True)
class Kind:
    """A table over one area: ``row`` gives the cells after the ID, ``is_set`` what counts."""

    area: Area
    columns: tuple[str, ...]
    row: Callable[[bytes, int], Row]
    is_set: Callable[[bytes, int], bool]
    sparse: bool


_STATUS = {
    XidStatus.TRANSACTION_STATUS_IN_PROGRESS: "in progress",
    XidStatus.TRANSACTION_STATUS_COMMITTED: "committed",
    XidStatus.TRANSACTION_STATUS_ABORTED: "aborted",
    XidStatus.TRANSACTION_STATUS_SUB_COMMITTED: "sub-committed",
}


def _status(page: bytes, entry: int) -> Row:
    return (_STATUS[XidStatus(slru.xact_status(page, entry))],)


def _parent(page: bytes, entry: int) -> Row:
    return (slru.subtrans_parent(page, entry),)


def _commit(page: bytes, entry: int) -> Row:
    moment, origin = slru.commit_timestamp(page, entry)
    return (timestamp(moment), origin) if moment else (None, None)


def timestamp(microseconds: int) -> str:
    """A TimestampTz as the server shows it in UTC; the bare number where it has no date."""
    try:
        moment = _EPOCH + datetime.timedelta(microseconds=microseconds)
    except OverflowError:
        return str(microseconds)
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}+00"


KINDS = {
    "xact": Kind(
        slru.XACT, ("xid", "status"), _status, lambda p, e: slru.xact_status(p, e) != 0, False
    ),
    "subtrans": Kind(
        slru.SUBTRANS, ("xid", "parent"), _parent,
        lambda p, e: slru.subtrans_parent(p, e) != 0, True,
    ),
    "commit_ts": Kind(
        slru.COMMIT_TS, ("xid", "timestamp", "roident"), _commit,
        lambda p, e: slru.commit_timestamp(p, e)[0] != 0, True,
    ),
}  # fmt: skip
MULTIXACT_COLUMNS = ("multixact", "xid", "mode")


class Slrus:
    """The SLRU areas of one data directory."""

    def __init__(self, pgdata: str) -> None:
        self.backend: Backend = ReadOnly(pgdata)
        self.major, control = controldata.load_checked(pgdata)
        self.checkpoint = control.checkPointCopy
        self.next_xid = int(self.checkpoint.nextXid) % IDS

    def rows(self, name: str, asked: Range | None) -> Iterator[Row]:
        """Rows of ``xact``, ``subtrans`` or ``commit_ts`` for a range of xids, or for all."""
        kind = KINDS[name]
        files = Files(self.backend, kind.area, self.major)
        if asked is not None:
            for xid in range(asked[0], asked[1] + 1):
                yield (xid, *self._one(kind, files, xid))
            return
        for first, stop in self._existing(kind, files, self.next_xid):
            for xid in range(max(first, FIRST_NORMAL_XID), stop):
                page, entry = files.entry(xid)
                if not kind.sparse or kind.is_set(page, entry):
                    yield (xid, *kind.row(page, entry))

    def _one(self, kind: Kind, files: Files, xid: int) -> Row:
        if kind.area is slru.XACT and xid in (BOOTSTRAP_XID, FROZEN_XID):
            return (_STATUS[XidStatus.TRANSACTION_STATUS_COMMITTED],)  # by definition
        try:
            return kind.row(*files.entry(xid))
        except UserError as error:
            raise UserError(
                f"could not access {kind.area.name} entry of transaction {xid}: {error}"
            ) from None
        except CorruptData as error:
            error.message = (
                f"could not access {kind.area.name} entry of transaction {xid}: {error.message}"
            )
            raise

    def _existing(self, kind: Kind, files: Files, following: int) -> Iterator[Range]:
        """Half-open ranges of IDs to show, cut off behind the last one that can be meant."""
        spans = files.spans(following)
        while spans:
            first, count = spans[-1]
            last = self._last_set(kind, files, first, count)
            if last is None and distance(first, following) >= 0:
                spans.pop()  # wholly in the future and never touched
                continue
            floor = first + max(0, min(count, distance(following, first)))
            spans[-1] = (first, max(floor, first if last is None else last + 1) - first)
            break
        for first, count in spans:
            yield first, min(first + count, IDS)

    def _last_set(self, kind: Kind, files: Files, first: int, count: int) -> int | None:
        """The last ID in a segment whose entry is not empty."""
        for start in range(first + count - kind.area.per_page, first - 1, -kind.area.per_page):
            page, _ = files.entry(start)
            if not page.strip(b"\0"):
                continue
            for entry in range(kind.area.per_page - 1, -1, -1):
                if kind.is_set(page, entry):
                    return start + entry
        return None

    def multixacts(self, asked: Range | None) -> Iterator[Row]:
        """One row for each member of the multixacts of a range, or of all that exist."""
        from pgtool.transam.multixact import MultiXacts

        following = int(self.checkpoint.nextMulti)
        offset = int(self.checkpoint.nextMultiOffset)
        files = Files(self.backend, slru.MULTIXACT_OFFSETS, self.major)
        if asked is not None and asked[0] == asked[1]:
            self._must_exist(files, asked[0], following)
        for i, multi in enumerate(self._multis(files, asked, following)):
            if i % REMEMBERED == 0:  # it keeps what it has read
                members = MultiXacts(self.backend, self.major, following, offset)
            for member in members.members(multi):
                mode = slru.MULTIXACT_STATUS_NAMES[slru.MultiXactStatus(int(member.status))]
                yield multi, member.xid, mode

    def _must_exist(self, files: Files, multi: int, following: int) -> None:
        try:
            page, entry = files.entry(multi)
            made = slru.multixact_offset(page, entry) != 0 and multi != 0
        except (UserError, CorruptData):
            made = False
        if not made or (multi == following and not self._has_members(files, multi)):
            state = "has not been created yet" if distance(multi, following) >= 0 else (
                "does no longer exist"
            )  # fmt: skip
            raise UserError(f"MultiXactId {multi} {state}")

    def _multis(self, files: Files, asked: Range | None, following: int) -> Iterator[int]:
        """Multixacts that were made: their offset is set, and so is their first member."""
        for first, count in files.spans(following):
            low, high = max(first, slru.FIRST_MULTIXACT_ID), min(first + count, IDS)
            if asked is not None:
                low, high = max(low, asked[0]), min(high, asked[1] + 1)
            for multi in range(low, high):
                page, entry = files.entry(multi)
                if slru.multixact_offset(page, entry) == 0:
                    continue
                # From some minor release on the offset of the next one is already there.
                if distance(multi, following) < 0 or self._has_members(files, multi):
                    yield multi

    def _has_members(self, files: Files, multi: int) -> bool:
        page, entry = files.entry(multi)
        offset = slru.multixact_offset(page, entry)
        members = Files(self.backend, slru.MULTIXACT_MEMBERS, self.major)
        try:
            return slru.multixact_member(*members.entry(offset))[0] != 0
        except (UserError, CorruptData):
            return False
