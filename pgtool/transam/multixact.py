"""Multixacts: several transactions in one xmax.

pg_multixact/offsets says where a multixact's members begin, pg_multixact/members holds
them as (xid, status). The members end where the next multixact's begin. Offset 0 is never
a first member, so a zero entry means that the multixact was never recorded.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from formats.errors import CorruptData
from formats.slru import (
    MULTIXACT_MEMBERGROUP_SIZE,
    MULTIXACT_MEMBERS_PER_MEMBERGROUP,
    MULTIXACT_MEMBERS_PER_PAGE,
    MULTIXACT_OFFSETS_PER_PAGE,
    SLRU_PAGES_PER_SEGMENT,
)
from formats.units import BLCKSZ
from pgtool.storage.backend import Backend
from pgtool.transam.slru import SlruDirectory

FIRST_MULTIXACT = 1
MAX_MEMBERS = 1 << 20


class MultiXactStatus(IntEnum):
    """What a member does with the row. From NO_KEY_UPDATE on it changes it."""

    FOR_KEY_SHARE = 0
    FOR_SHARE = 1
    FOR_NO_KEY_UPDATE = 2
    FOR_UPDATE = 3
    NO_KEY_UPDATE = 4
    UPDATE = 5


class Member(NamedTuple):
    """One transaction of a multixact."""

    xid: int
    status: MultiXactStatus

    @property
    def is_update(self) -> bool:
        """Whether it updates or deletes the row, not merely locks it."""
        return self.status >= MultiXactStatus.NO_KEY_UPDATE


class MultiXacts:
    """Members of multixacts, remembered."""

    def __init__(self, backend: Backend, next_multi: int, next_offset: int) -> None:
        self.offsets = SlruDirectory(backend, "pg_multixact/offsets")
        self.member_files = SlruDirectory(backend, "pg_multixact/members")
        self.next_multi = next_multi
        self.next_offset = next_offset
        self._known: dict[int, tuple[Member, ...]] = {}

    def members(self, multi: int) -> tuple[Member, ...]:
        """The members of a multixact; CorruptData where it cannot be one."""
        found = self._known.get(multi)
        if found is None:
            try:
                found = self._read(multi)
            except CorruptData as problem:
                raise CorruptData(
                    f"could not read multixact {multi}: {problem.message}",
                    file=problem.file, offset=problem.offset,
                ) from None  # fmt: skip
            self._known[multi] = found
        return found

    def updater(self, multi: int) -> int:
        """The xid that updated or deleted the row, 0 where all members only lock."""
        for member in self.members(multi):
            if member.is_update:
                return member.xid
        return 0

    def _offset(self, multi: int) -> int:
        page, entry = divmod(multi, MULTIXACT_OFFSETS_PER_PAGE)
        segment, page = divmod(page, SLRU_PAGES_PER_SEGMENT)
        return int.from_bytes(
            self.offsets.one(segment, page * BLCKSZ + 4 * entry, 4), "little"
        )

    def _read(self, multi: int) -> tuple[Member, ...]:
        first = self._offset(multi)
        if first == 0:
            raise CorruptData("it has no members", file=self.offsets.path)
        following = multi + 1 & 0xFFFFFFFF or FIRST_MULTIXACT
        end = self.next_offset if following == self.next_multi else self._offset(following)
        if end == 0 and following != self.next_multi:
            raise CorruptData("its end is not recorded", file=self.offsets.path)
        count = (end - first) & 0xFFFFFFFF
        if not 0 < count <= MAX_MEMBERS:
            raise CorruptData(f"it would have {count} members", file=self.offsets.path)
        found = (self._member(first + i & 0xFFFFFFFF) for i in range(count))
        return tuple(member for member in found if member.xid)

    def _member(self, offset: int) -> Member:
        page, entry = divmod(offset, MULTIXACT_MEMBERS_PER_PAGE)
        segment, page = divmod(page, SLRU_PAGES_PER_SEGMENT)
        group, slot = divmod(entry, MULTIXACT_MEMBERS_PER_MEMBERGROUP)
        at = page * BLCKSZ + group * MULTIXACT_MEMBERGROUP_SIZE
        raw = self.member_files.one(segment, at, MULTIXACT_MEMBERGROUP_SIZE)
        xid_at = MULTIXACT_MEMBERS_PER_MEMBERGROUP + 4 * slot
        xid = int.from_bytes(raw[xid_at : xid_at + 4], "little")
        try:
            return Member(xid, MultiXactStatus(raw[slot]))
        except ValueError:
            raise CorruptData(
                f"member {offset} has status {raw[slot]}",
                file=self.member_files.name_of(segment), offset=at + slot,
            ) from None  # fmt: skip
