"""Descriptions of ReplicationOrigin, LogicalMessage, Generic and Sequence records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from formats.derive import reader, sizeof, struct_of
from formats.errors import CorruptData
from formats.units import Lsn
from formats.wal import generic, logicalmsg, replorigin, seq

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_SET = reader(replorigin.xl_replorigin_set)
_DROP = struct_of(replorigin.xl_replorigin_drop).unpack_from
_MESSAGE = reader(logicalmsg.xl_logical_message)
_MESSAGE_SIZE = sizeof(logicalmsg.xl_logical_message)
_FRAGMENT = struct_of(generic.generic_fragment)
_SEQUENCE = struct_of(seq.xl_seq_rec).unpack_from


def _origin_set(rec: DecodedRecord) -> str:
    row = _SET(rec.main, 0)
    return f"set {row.node_id}; lsn {Lsn(row.remote_lsn)}; force: {row.force}"


def _origin_drop(rec: DecodedRecord) -> str:
    return f"drop {_DROP(rec.main)[0]}"


def _message(rec: DecodedRecord) -> str:
    row = _MESSAGE(rec.main, 0)
    start = _MESSAGE_SIZE + row.prefix_size
    if start + row.message_size > len(rec.main):
        raise CorruptData("the message does not fit into the record", field="message_size")
    prefix = rec.main[_MESSAGE_SIZE:start].partition(b"\0")[0]
    payload = rec.main[start : start + row.message_size]
    kind = "transactional" if row.transactional else "non-transactional"
    return (
        f'{kind}, prefix "{prefix.decode("utf-8", "surrogateescape")}"; '
        f"payload ({row.message_size} bytes): {payload.hex(' ').upper()}"
    )


def _generic(rec: DecodedRecord) -> str:
    at, ranges = 0, []
    while at < len(rec.main):
        offset, length = _FRAGMENT.unpack_from(rec.main, at)
        at += _FRAGMENT.size + length
        ranges.append(f"offset {offset}, length {length}")
    return "; ".join(ranges)


def _sequence(rec: DecodedRecord) -> str:
    spc, db, rel = _SEQUENCE(rec.main)
    return f"rel {spc}/{db}/{rel}"


ORIGIN: dict[str, Describe] = {"SET": _origin_set, "DROP": _origin_drop}
MESSAGE: dict[str, Describe] = {"MESSAGE": _message}
GENERIC: dict[str, Describe] = {"Generic": _generic}
SEQUENCE: dict[str, Describe] = {"LOG": _sequence}
