"""Replay of records about pg_xact, pg_multixact and pg_commit_ts: pages begun, sets made,
segments removed."""

from __future__ import annotations

import struct
from typing import Any

from formats.derive import offset_of, reader, struct_of
from formats.slru import (
    COMMIT_TS as COMMIT_TS_AREA,
)
from formats.slru import (
    MULTIXACT_MEMBERGROUP_SIZE,
    MULTIXACT_MEMBERS,
    MULTIXACT_MEMBERS_PER_MEMBERGROUP,
    MULTIXACT_OFFSETS,
    SLRU_PAGES_PER_SEGMENT,
    XACT,
    MultiXactMemberGroup,
)
from formats.wal import clog, commit_ts, multixact
from formats.wal.record import DecodedRecord
from pgtool.transam.redo.state import RecoveryState
from pgtool.transam.xid import multi_precedes, precedes
from pgtool.wal.redo import RedoContext

_CREATE = struct_of(multixact.xl_multixact_create)
_MEMBER = struct_of(multixact.MultiXactMember)
_truncate = reader(multixact.xl_multixact_truncate)
_GROUP_STATUS = offset_of(MultiXactMemberGroup, "status")
_GROUP_XID = offset_of(MultiXactMemberGroup, "xid")


def _pageno(rec: DecodedRecord, layout: Any) -> int:
    return int(struct_of(layout[rec.major]).unpack_from(rec.main, 0)[0])


# -- pg_xact ------------------------------------------------------------------------------


def clog_zero_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A page of pg_xact begins."""
    ctx.instance.clog.zero(_pageno(rec, clog.clog_zeropage))


def clog_truncate(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Segments of pg_xact are not needed any more."""
    page, _oldest, _db = struct_of(clog.xl_clog_truncate[rec.major]).unpack_from(rec.main, 0)
    ctx.instance.clog.remove(xids_before(page, XACT.per_page))


def xids_before(page: int, per_page: int) -> Any:
    """(segment number) → whether all its pages come before ``page``, xids going in circles."""
    cut = page - page % SLRU_PAGES_PER_SEGMENT

    def gone(segment: int) -> bool:
        first = segment * SLRU_PAGES_PER_SEGMENT
        return _page_precedes(first, cut, per_page) and _page_precedes(
            first + SLRU_PAGES_PER_SEGMENT - 1, cut, per_page
        )

    return gone


def _page_precedes(one: int, other: int, per_page: int) -> bool:
    """Whether an area's page comes before another: its first xid before both ends of it."""
    first = one * per_page + 4 & 0xFFFFFFFF
    start = other * per_page + 4 & 0xFFFFFFFF
    last = start + per_page - 1 & 0xFFFFFFFF
    return precedes(first, start) and precedes(first, last)


# -- pg_commit_ts -----------------------------------------------------------------------


def ts_zero_page(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A page of pg_commit_ts begins."""
    ctx.instance.commit_ts.zero(_pageno(rec, commit_ts.commit_ts_zeropage))


def ts_truncate(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Segments of pg_commit_ts are not needed any more."""
    layout = struct_of(commit_ts.xl_commit_ts_truncate[rec.major])
    page, oldest = layout.unpack_from(rec.main, 0)
    state: RecoveryState = ctx.instance
    if state.oldest_commit_ts and precedes(state.oldest_commit_ts, oldest):
        state.oldest_commit_ts = oldest
    state.commit_ts.remove(xids_before(page, COMMIT_TS_AREA.per_page))


# -- pg_multixact -------------------------------------------------------------------------


def zero_offsets(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A page of pg_multixact/offsets begins."""
    ctx.instance.offsets.zero(_pageno(rec, multixact.multixact_zeropage))


def zero_members(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A page of pg_multixact/members begins."""
    ctx.instance.members.zero(_pageno(rec, multixact.multixact_zeropage))


def create(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A new multixact with its members."""
    state: RecoveryState = ctx.instance
    multi, offset, count = _CREATE.unpack_from(rec.main, 0)
    members = [
        _MEMBER.unpack_from(rec.main, _CREATE.size + i * _MEMBER.size) for i in range(count)
    ]
    set_offset(state, multi, offset)
    following = multi + 1 if multi < 0xFFFFFFFF else 1
    after = offset + count & 0xFFFFFFFF
    set_offset(state, following, after or 1, keep_set=True)
    for at, (xid, status) in enumerate(members):
        _set_member(state, offset + at & 0xFFFFFFFF, xid, status)
    state.advance_multi(multi + 1 & 0xFFFFFFFF, after)
    state.advance_past(state.latest(rec.xid, (xid for xid, _status in members)))


def set_offset(
    state: RecoveryState, multi: int, offset: int, *, keep_set: bool = False
) -> None:
    """Where the members of a multixact begin.

    A multixact's end is where the next one begins, so that is noted beforehand; where the
    next page was not begun yet, its record will come.
    """
    number, entry = divmod(multi, MULTIXACT_OFFSETS.per_page)
    if keep_set:
        if not state.offsets.exists(number):
            return
        at = 4 * entry
        if any(state.offsets.read(number)[at : at + 4]):
            return
    state.offsets.change(number)[4 * entry : 4 * entry + 4] = offset.to_bytes(4, "little")


def _set_member(state: RecoveryState, offset: int, xid: int, status: int) -> None:
    number, entry = divmod(offset, MULTIXACT_MEMBERS.per_page)
    group, index = divmod(entry, MULTIXACT_MEMBERS_PER_MEMBERGROUP)
    base = group * MULTIXACT_MEMBERGROUP_SIZE
    page = state.members.change(number)
    page[base + _GROUP_STATUS + index] = status
    struct.pack_into("<I", page, base + _GROUP_XID + 4 * index, xid)


def truncate(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Multixacts and their members are not needed any more."""
    state: RecoveryState = ctx.instance
    data = _truncate(rec.main, 0)
    state.advance_oldest_multi(data.endTruncOff, data.oldestMultiDB)
    first, last = (
        at // MULTIXACT_MEMBERS.per_segment for at in (data.startTruncMemb, data.endTruncMemb)
    )
    most = 0xFFFFFFFF // MULTIXACT_MEMBERS.per_segment
    span = (last - first) % (most + 1)
    state.members.remove(lambda segment: (segment - first) % (most + 1) < span)
    newest = data.endTruncOff - 1 if data.endTruncOff > 1 else 0xFFFFFFFF
    cut = newest // MULTIXACT_OFFSETS.per_segment * MULTIXACT_OFFSETS.per_segment

    def gone(segment: int) -> bool:
        start = segment * MULTIXACT_OFFSETS.per_segment
        end = start + MULTIXACT_OFFSETS.per_segment - 1 & 0xFFFFFFFF
        return multi_precedes(start, cut) and multi_precedes(end, cut)

    state.offsets.remove(gone)


CLOG = {"ZEROPAGE": clog_zero_page, "TRUNCATE": clog_truncate}
COMMIT_TS = {"ZEROPAGE": ts_zero_page, "TRUNCATE": ts_truncate}
MULTIXACT = {
    "ZERO_OFF_PAGE": zero_offsets,
    "ZERO_MEM_PAGE": zero_members,
    "CREATE_ID": create,
    "TRUNCATE_ID": truncate,
}
