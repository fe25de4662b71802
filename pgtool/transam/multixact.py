"""Multixacts: several transactions in one xmax.

pg_multixact/offsets says where a multixact's members begin, pg_multixact/members holds
them as (xid, status). The members end where the next multixact's begin. Offset 0 is never
a first member, so a zero entry means that the multixact was never recorded.
"""

from __future__ import annotations

from typing import NamedTuple

from formats.errors import CorruptData
from formats.slru import (
    FIRST_MULTIXACT_ID,
    MULTIXACT_MEMBERS,
    MULTIXACT_OFFSETS,
    MultiXactStatus,
    multixact_member,
    multixact_offset,
)
from pgtool.storage.backend import Backend
from pgtool.transam.slru import SlruDirectory

MAX_MEMBERS = 1 << 20


class Member(NamedTuple):
    """One transaction of a multixact."""

    xid: int
    status: MultiXactStatus

    @property
    def is_update(self) -> bool:
        """Whether it updates or deletes the row, not merely locks it."""
        return self.status >= MultiXactStatus.MultiXactStatusNoKeyUpdate


class MultiXacts:
    """Members of multixacts, remembered."""

    def __init__(self, backend: Backend, major: int, next_multi: int, next_offset: int) -> None:
        self.offsets = SlruDirectory(backend, MULTIXACT_OFFSETS, major)
        self.member_files = SlruDirectory(backend, MULTIXACT_MEMBERS, major)
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
        return multixact_offset(*self.offsets.page(multi))

    def _read(self, multi: int) -> tuple[Member, ...]:
        first = self._offset(multi)
        if first == 0:
            raise CorruptData("it has no members", file=self.offsets.area.directory)
        following = multi + 1 & 0xFFFFFFFF or FIRST_MULTIXACT_ID
        end = self.next_offset if following == self.next_multi else self._offset(following)
        if end == 0 and following != self.next_multi:
            raise CorruptData("its end is not recorded", file=self.offsets.area.directory)
        count = (end - first) & 0xFFFFFFFF
        if not 0 < count <= MAX_MEMBERS:
            raise CorruptData(f"it would have {count} members", file=self.offsets.area.directory)
        found = (self._member(first + i & 0xFFFFFFFF) for i in range(count))
        return tuple(member for member in found if member.xid)

    def _member(self, offset: int) -> Member:
        xid, status = multixact_member(*self.member_files.page(offset))
        try:
            return Member(xid, MultiXactStatus(status))
        except ValueError:
            raise CorruptData(
                f"member {offset} has status {status}",
                file=self.member_files.name_of(MULTIXACT_MEMBERS.locate(offset).segment),
            ) from None
