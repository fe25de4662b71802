"""Descriptions of the Storage resource manager's records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.derive import struct_of
from formats.wal import smgr
from pgtool.wal.desc.text import relation_path

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_CREATE = struct_of(smgr.xl_smgr_create).unpack_from
_TRUNCATE = struct_of(smgr.xl_smgr_truncate).unpack_from


def _create(rec: DecodedRecord) -> str:
    spc, db, rel, fork = _CREATE(rec.main)
    return relation_path(rec.major, spc, db, rel, fork)


def _truncate(rec: DecodedRecord) -> str:
    blocks, spc, db, rel, flags = _TRUNCATE(rec.main)
    return f"{relation_path(rec.major, spc, db, rel)} to {blocks} blocks flags {flags}"


DESCRIBE: dict[str, Describe] = {"CREATE": _create, "TRUNCATE": _truncate}
