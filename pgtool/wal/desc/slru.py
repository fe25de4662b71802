"""Descriptions of the records about SLRU pages: CLOG, CommitTs and MultiXact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.derive import sizeof, struct_of
from formats.slru import MULTIXACT_STATUS_NAMES
from formats.version import MAJORS
from formats.wal import clog, commit_ts, multixact
from pgtool.wal.desc.text import items

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_CLOG_PAGE = {m: struct_of(clog.clog_zeropage[m]).unpack_from for m in MAJORS}
_CLOG_TRUNCATE = {m: struct_of(clog.xl_clog_truncate[m]).unpack_from for m in MAJORS}
_TS_PAGE = {m: struct_of(commit_ts.commit_ts_zeropage[m]).unpack_from for m in MAJORS}
_TS_TRUNCATE = {m: struct_of(commit_ts.xl_commit_ts_truncate[m]).unpack_from for m in MAJORS}
_MULTI_PAGE = {m: struct_of(multixact.multixact_zeropage[m]).unpack_from for m in MAJORS}
_CREATE = struct_of(multixact.xl_multixact_create).unpack_from
_CREATE_SIZE = sizeof(multixact.xl_multixact_create)
_MEMBER = struct_of(multixact.MultiXactMember)
_MULTI_TRUNCATE = struct_of(multixact.xl_multixact_truncate).unpack_from

#: A member whose status has no name reads so.
UNKNOWN_STATUS = "unk"
_STATUS = {int(status): name for status, name in MULTIXACT_STATUS_NAMES.items()}


def _clog_zeropage(rec: DecodedRecord) -> str:
    return f"page {_CLOG_PAGE[rec.major](rec.main)[0]}"


def _clog_truncate(rec: DecodedRecord) -> str:
    page, oldest, _db = _CLOG_TRUNCATE[rec.major](rec.main)
    return f"page {page}; oldestXact {oldest}"


def _commit_ts_zeropage(rec: DecodedRecord) -> str:
    return str(_TS_PAGE[rec.major](rec.main)[0])


def _commit_ts_truncate(rec: DecodedRecord) -> str:
    page, oldest = _TS_TRUNCATE[rec.major](rec.main)
    return f"pageno {page}, oldestXid {oldest}"


def _multixact_zeropage(rec: DecodedRecord) -> str:
    return str(_MULTI_PAGE[rec.major](rec.main)[0])


def _multixact_create(rec: DecodedRecord) -> str:
    multi, offset, count = _CREATE(rec.main)
    members = "".join(
        f"{xid} ({_STATUS.get(status, UNKNOWN_STATUS)}) "
        for xid, status in items(_MEMBER, rec.main, _CREATE_SIZE, count)
    )
    return f"{multi} offset {offset} nmembers {count}: {members}"


def _multixact_truncate(rec: DecodedRecord) -> str:
    _db, start, end, start_member, end_member = _MULTI_TRUNCATE(rec.main)
    return f"offsets [{start}, {end}), members [{start_member}, {end_member})"


CLOG: dict[str, Describe] = {"ZEROPAGE": _clog_zeropage, "TRUNCATE": _clog_truncate}
COMMIT_TS: dict[str, Describe] = {
    "ZEROPAGE": _commit_ts_zeropage,
    "TRUNCATE": _commit_ts_truncate,
}
MULTIXACT: dict[str, Describe] = {
    "ZERO_OFF_PAGE": _multixact_zeropage,
    "ZERO_MEM_PAGE": _multixact_zeropage,
    "CREATE_ID": _multixact_create,
    "TRUNCATE_ID": _multixact_truncate,
}
