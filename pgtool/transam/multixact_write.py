"""pg_multixact while running: new multixacts, their limits, their place on disk.

A new multixact takes the next number and, in pg_multixact/members, the slots behind the
last one's. Its record is written first; then its offset, the next one's (where its members
end) and the members. The same set of members is not made twice while it is remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from construct import Container

from formats.derive import offset_of, sizeof, struct_of
from formats.slru import (
    FIRST_MULTIXACT_ID,
    MULTIXACT_MEMBERGROUP_SIZE,
    MULTIXACT_MEMBERS,
    MULTIXACT_MEMBERS_PER_MEMBERGROUP,
    MULTIXACT_OFFSETS,
    SLRU_PAGES_PER_SEGMENT,
    MultiXactMemberGroup,
    MultiXactStatus,
)
from formats.units import MultiXactOffset, TransactionId
from formats.wal import multixact as records
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import CorruptData, SqlError
from pgtool.storage.backend import WritableBackend
from pgtool.transam.multixact import Member, MultiXacts
from pgtool.transam.slru import SlruBuffers
from pgtool.transam.xid import multi_precedes, precedes
from pgtool.wal.insert import Record, Wal

PROGRAM_LIMIT_EXCEEDED = "54000"
STOP_MARGIN, WARN_MARGIN = 3_000_000, 40_000_000
REMEMBERED = 256
_MASK = 0xFFFFFFFF
_ZERO_OFF, _ZERO_MEM, _CREATE, _TRUNCATE = (
    opcode(records.RECORDS, name)
    for name in ("ZERO_OFF_PAGE", "ZERO_MEM_PAGE", "CREATE_ID", "TRUNCATE_ID")
)
_OFFSET, _XID = struct_of(MultiXactOffset), struct_of(TransactionId)
_STATUS_AT, _XID_AT = (offset_of(MultiXactMemberGroup, name) for name in ("status", "xid"))
_truncate = struct_of(records.xl_multixact_truncate).pack
_create = struct_of(records.xl_multixact_create).pack
_member = struct_of(records.MultiXactMember).pack
assert sizeof(MultiXactMemberGroup) == MULTIXACT_MEMBERGROUP_SIZE


def _following(multi: int) -> int:
    return multi + 1 & _MASK or FIRST_MULTIXACT_ID


class RunningMultiXacts(MultiXacts):
    """Multixacts of a running instance."""

    def __init__(
        self, backend: WritableBackend, major: int, wal: Wal, checkpoint: Container
    ) -> None:
        super().__init__(
            backend, major, int(checkpoint.nextMulti), int(checkpoint.nextMultiOffset)
        )
        self.wal = wal
        self.offset_buffers = SlruBuffers(backend, MULTIXACT_OFFSETS, major, wal.flush)
        self.member_buffers = SlruBuffers(backend, MULTIXACT_MEMBERS, major, wal.flush)
        self.offsets, self.member_files = self.offset_buffers, self.member_buffers
        self.oldest_multi = int(checkpoint.oldestMulti)
        self.oldest_multi_db = int(checkpoint.oldestMultiDB)
        self.oldest_offset: int | None = None
        self.database_name: Callable[[int], str | None] = lambda oid: None
        self.warn: Callable[[str, str], None] = lambda message, hint: None
        #: The only backend there is may go past the stop limit, to vacuum.
        self.single_user = False
        self._pack_page = struct_of(records.multixact_zeropage[major]).pack
        self._made: OrderedDict[tuple[Member, ...], int] = OrderedDict()

    def areas(self) -> list[SlruBuffers]:
        """What a checkpoint writes."""
        return [self.offset_buffers, self.member_buffers]

    def startup(self) -> None:
        """The pages of the next multixact and its members exist and are blank from there."""
        multi, offset = self.next_multi, self.next_offset
        if not self.offset_buffers.has_page(multi // MULTIXACT_OFFSETS.per_page):
            self.offset_buffers.zero_page(multi // MULTIXACT_OFFSETS.per_page)
        data, index, page = self.offset_buffers.place(multi)
        at = index * _OFFSET.size
        if _OFFSET.unpack_from(data, at)[0] != offset or any(data[at + _OFFSET.size :]):
            _OFFSET.pack_into(data, at, offset)
            data[at + _OFFSET.size :] = bytes(len(data) - at - _OFFSET.size)
            self.offset_buffers.touch(page)
        if offset % MULTIXACT_MEMBERS.per_page and self.member_buffers.has_page(
            offset // MULTIXACT_MEMBERS.per_page
        ):
            data, index, page = self.member_buffers.place(offset)
            xid_at = _member_places(index)[1]
            if any(data[xid_at:]):
                data[xid_at:] = bytes(len(data) - xid_at)
                self.member_buffers.touch(page)
        try:
            self.oldest_offset = self._offset(self.oldest_multi) or None
        except CorruptData:
            self.oldest_offset = None

    def members(self, multi: int) -> tuple[Member, ...]:
        """The members of a multixact; CorruptData where it cannot be one."""
        if multi not in self._known and not precedes(multi, self.next_multi):
            raise CorruptData(
                f"MultiXactId {multi} has not been created yet -- apparent wraparound"
            )
        return super().members(multi)

    # -- making -------------------------------------------------------------------------

    def create(self, members: Sequence[Member]) -> int:
        """A multixact of these members; SqlError where there is no room for another."""
        key = tuple(sorted(members))
        found = self._made.get(key)
        if found is not None:
            self._made.move_to_end(key)
            return found
        if sum(member.is_update for member in key) > 1:
            raise CorruptData("new multixact has more than one updating member")
        self._check_limits(len(key))
        multi, offset = self.next_multi, self.next_offset or 1
        slots = len(key) + (not self.next_offset)
        self._extend_offsets(_following(multi))
        self._extend_members(self.next_offset, slots)
        with self.wal.critical():
            data = _create(multi, offset, len(key)) + b"".join(_member(*m) for m in key)
            lsn = self.wal.insert(Record(RmgrId.RM_MULTIXACT_ID, _CREATE, data))
            self.record(multi, offset, key, lsn)
            self.next_multi = _following(multi)
            self.next_offset = self.next_offset + slots & _MASK
        self._known[multi] = key
        self._made[key] = multi
        if len(self._made) > REMEMBERED:
            self._made.popitem(last=False)
        return multi

    def expand(self, multi: int, member: Member, alive: Callable[[Member], bool]) -> int:
        """A multixact of the members of ``multi`` that are ``alive``, and one more."""
        old = self.members(multi)
        if member in old:
            return multi
        return self.create([*(m for m in old if alive(m)), member])

    def record(self, multi: int, offset: int, members: Sequence[Member], lsn: int) -> None:
        """Put a multixact into the files; redo does the same."""
        self._set_offset(multi, offset, lsn)
        end = offset + len(members) & _MASK
        self._set_offset(_following(multi), end or 1, lsn)
        for i, (xid, status) in enumerate(members):
            data, index, page = self.member_buffers.place(offset + i & _MASK)
            status_at, xid_at = _member_places(index)
            data[status_at] = status
            _XID.pack_into(data, xid_at, xid)
            self.member_buffers.touch(page, lsn)

    def _set_offset(self, multi: int, offset: int, lsn: int) -> None:
        data, index, page = self.offset_buffers.place(multi)
        _OFFSET.pack_into(data, index * _OFFSET.size, offset)
        self.offset_buffers.touch(page, lsn)

    def _extend_offsets(self, multi: int) -> None:
        if multi % MULTIXACT_OFFSETS.per_page and multi != FIRST_MULTIXACT_ID:
            return
        page = multi // MULTIXACT_OFFSETS.per_page
        if not self.offset_buffers.has_page(page) or multi != FIRST_MULTIXACT_ID:
            self._begin_page(self.offset_buffers, page, _ZERO_OFF)

    def _extend_members(self, offset: int, count: int) -> None:
        """Begin every page that the slots reach first."""
        per_page = MULTIXACT_MEMBERS.per_page
        for at in range(offset, offset + count):
            slot = at & _MASK
            if slot % per_page == 0:
                self._begin_page(self.member_buffers, slot // per_page, _ZERO_MEM)

    def _begin_page(self, area: SlruBuffers, page: int, code: int) -> None:
        area.zero_page(page)
        lsn = self.wal.insert(Record(RmgrId.RM_MULTIXACT_ID, code, self._pack_page(page)))
        area.touch(page, lsn)

    # -- limits -------------------------------------------------------------------------

    # -- forgetting ---------------------------------------------------------------------

    def truncate(self, oldest: int, database: int) -> None:
        """Forget multixacts before ``oldest``: no row names one of them any more."""
        before = self.oldest_multi
        if not multi_precedes(before, oldest):
            self.oldest_multi_db = database
            return
        numbers = self.offset_buffers.segments()
        pages = [n * SLRU_PAGES_PER_SEGMENT * MULTIXACT_OFFSETS.per_page for n in numbers]
        earliest = min(pages, key=lambda first: (first - before + (1 << 31)) & _MASK, default=0)
        first, last = self._begin_of(before), self._begin_of(oldest)
        if first is None or last is None or multi_precedes(oldest, earliest or FIRST_MULTIXACT_ID):
            self.set_oldest(oldest, database)
            return
        data = _truncate(database, before, oldest, first, last)
        with self.wal.critical():
            record = Record(RmgrId.RM_MULTIXACT_ID, _TRUNCATE, data)
            self.wal.flush(self.wal.insert(record))
            self.set_oldest(oldest, database)
            self.member_buffers.remove_segments(_members_between(first, last))
            self.offset_buffers.remove_segments(_offsets_before(oldest))

    def _begin_of(self, multi: int) -> int | None:
        """Where the members of a multixact begin; None where that cannot be found out."""
        if multi == self.next_multi:
            return self.next_offset
        try:
            return self._offset(multi) or None
        except CorruptData:
            return None

    def set_oldest(self, oldest: int, database: int) -> None:
        """The oldest multixact that any row names, and a database that has it."""
        self.oldest_multi, self.oldest_multi_db = oldest, database
        self.oldest_offset = self._begin_of(oldest)

    def _check_limits(self, count: int) -> None:
        wrap = self.oldest_multi + (_MASK >> 1) & _MASK
        multi = self.next_multi
        if not precedes(multi, wrap - WARN_MARGIN & _MASK):
            self._near_wrap(multi, wrap)
        if self.oldest_offset is None:
            return
        span = MULTIXACT_MEMBERS.per_segment
        stop = self.oldest_offset - self.oldest_offset % span - span & _MASK
        room = stop - self.next_offset & _MASK
        if room < count:
            raise SqlError(
                'multixact "members" limit exceeded', PROGRAM_LIMIT_EXCEEDED,
                f"This command would create a multixact with {count} members, but the remaining "
                f"space is only enough for {max(room - 1, 0)} member{'' if room == 2 else 's'}.",
                f"Execute a database-wide VACUUM in database with OID {self.oldest_multi_db} with "
                'reduced "vacuum_multixact_freeze_min_age" and "vacuum_multixact_freeze_table_age" '
                "settings.",
            )  # fmt: skip

    def _near_wrap(self, multi: int, wrap: int) -> None:
        name = self.database_name(self.oldest_multi_db)
        place = f'"{name}"' if name is not None else f"with OID {self.oldest_multi_db}"
        hint = (
            "Execute a database-wide VACUUM in that database.\n"
            "You might also need to commit or roll back old prepared transactions."
        )
        if not self.single_user and not precedes(multi, wrap - STOP_MARGIN & _MASK):
            raise SqlError(
                "database is not accepting commands that assign new MultiXactIds to avoid "
                f"wraparound data loss in database {place}",
                PROGRAM_LIMIT_EXCEEDED, hint=hint,
            )  # fmt: skip
        left = wrap - multi & _MASK
        self.warn(
            f"database {place} must be vacuumed before {left} more "
            f"MultiXactId{' is' if left == 1 else 's are'} used", hint,
        )  # fmt: skip


def _members_between(start: int, end: int) -> Callable[[int], bool]:
    """Which segments of members hold nothing from ``end`` on."""
    span = MULTIXACT_MEMBERS.per_segment
    most = _MASK // span
    first, last = start // span, end // span
    count = (last - first) % (most + 1)
    return lambda page: (page // SLRU_PAGES_PER_SEGMENT - first) % (most + 1) < count


def _offsets_before(oldest: int) -> Callable[[int], bool]:
    """Which segments of offsets hold nothing from the one before ``oldest`` on."""
    span = MULTIXACT_OFFSETS.per_segment
    newest = oldest - 1 if oldest > FIRST_MULTIXACT_ID else _MASK
    cut = newest // span * span

    def unwanted(page: int) -> bool:
        first = page * MULTIXACT_OFFSETS.per_page
        return multi_precedes(first, cut) and multi_precedes(first + span - 1 & _MASK, cut)

    return unwanted


def _member_places(index: int) -> tuple[int, int]:
    """(status byte, xid) of a member within its page."""
    group, at = divmod(index, MULTIXACT_MEMBERS_PER_MEMBERGROUP)
    base = group * MULTIXACT_MEMBERGROUP_SIZE
    return base + _STATUS_AT + at, base + _XID_AT + _XID.size * at


__all__ = ["Member", "MultiXactStatus", "RunningMultiXacts"]
