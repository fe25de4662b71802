"""pg_waldump's words for the records of ``RM_HEAP_ID``.

Up to 15 values stand bare (``off 1 flags 0x00``); since 16 they are labelled, and flags
are a list in brackets.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from formats.derive import sizeof, struct_of
from formats.units import Oid
from formats.version import ByMajor
from formats.wal.heap import (
    Infobits,
    TruncateFlags,
    xl_heap_confirm,
    xl_heap_delete,
    xl_heap_inplace,
    xl_heap_insert,
    xl_heap_lock,
    xl_heap_truncate,
    xl_heap_update,
)
from pgtool.wal.desc.standby import invalidations
from pgtool.wal.desc.text import number_list
from pgtool.wal.desc.values import scalars

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_INSERT = struct_of(xl_heap_insert).unpack_from
_DELETE = struct_of(xl_heap_delete).unpack_from
_UPDATE = struct_of(xl_heap_update).unpack_from
_LOCK = struct_of(xl_heap_lock).unpack_from
_CONFIRM = struct_of(xl_heap_confirm).unpack_from
_TRUNCATE = struct_of(xl_heap_truncate).unpack_from
_INPLACE = struct_of(xl_heap_inplace[18]).unpack_from


def _named(kind: type[enum.IntFlag]) -> list[tuple[int, str]]:
    """(bit, name without the prefixes that pg_waldump drops) of each flag."""
    out = []
    for flag in kind:
        name = str(flag.name)
        for prefix in ("XLH_TRUNCATE_", "XLHL_XMAX_", "XLHL_"):
            name = name.removeprefix(prefix)
        out.append((int(flag), name))
    return out


def _bare(named: list[tuple[int, str]], bits: int) -> str:
    """Names of the set bits as the older wording has them, a blank after each."""
    return "".join([f"{name} " for bit, name in named if bits & bit])


def _bracketed(named: list[tuple[int, str]], bits: int) -> str:
    """Names of the set bits as the newer wording lists them."""
    return f"[{', '.join([name for bit, name in named if bits & bit])}]"


_INFOBITS, _TRUNCATE_FLAGS = _named(Infobits), _named(TruncateFlags)
#: Text of every value of an infobits byte, old and new wording; bits without a name are silent.
INFOBITS_14 = tuple(_bare(_INFOBITS, bits) for bits in range(256))
INFOBITS = tuple(_bracketed(_INFOBITS, bits) for bits in range(256))


def _insert_14(rec: DecodedRecord) -> str:
    off, flags = _INSERT(rec.main)
    return f"off {off} flags 0x{flags:02X}"


def _insert(rec: DecodedRecord) -> str:
    off, flags = _INSERT(rec.main)
    return f"off: {off}, flags: 0x{flags:02X}"


def _delete_14(rec: DecodedRecord) -> str:
    _xmax, off, infobits, flags = _DELETE(rec.main)
    return f"off {off} flags 0x{flags:02X} {INFOBITS_14[infobits]}"


def _delete(rec: DecodedRecord) -> str:
    xmax, off, infobits, flags = _DELETE(rec.main)
    return f"xmax: {xmax}, off: {off}, infobits: {INFOBITS[infobits]}, flags: 0x{flags:02X}"


def _update_14(rec: DecodedRecord) -> str:
    xmax, off, infobits, flags, new_xmax, new_off = _UPDATE(rec.main)
    return (
        f"off {off} xmax {xmax} flags 0x{flags:02X} {INFOBITS_14[infobits]}"
        f"; new off {new_off} xmax {new_xmax}"
    )


def _update(rec: DecodedRecord) -> str:
    xmax, off, infobits, flags, new_xmax, new_off = _UPDATE(rec.main)
    return (
        f"old_xmax: {xmax}, old_off: {off}, old_infobits: {INFOBITS[infobits]}, "
        f"flags: 0x{flags:02X}, new_xmax: {new_xmax}, new_off: {new_off}"
    )


def _lock_14(rec: DecodedRecord) -> str:
    xmax, off, infobits, flags = _LOCK(rec.main)
    return f"off {off}: xid {xmax}: flags 0x{flags:02X} {INFOBITS_14[infobits]}"


def lock(rec: DecodedRecord) -> str:
    """A row lock; Heap2's lock of an updated row has the same words since 16."""
    xmax, off, infobits, flags = _LOCK(rec.main)
    return f"xmax: {xmax}, off: {off}, infobits: {INFOBITS[infobits]}, flags: 0x{flags:02X}"


def _truncate_14(rec: DecodedRecord) -> str:
    _db, count, flags, _pad = _TRUNCATE(rec.main)
    words = _bare(_TRUNCATE_FLAGS, flags).lower()
    relids = "".join(f" {oid}" for oid in _relids(rec.main, count))
    return f"{words}nrelids {count} relids{relids}"


def _truncate(rec: DecodedRecord) -> str:
    _db, count, flags, _pad = _TRUNCATE(rec.main)
    words = _bracketed(_TRUNCATE_FLAGS, flags)
    relids = number_list(_relids(rec.main, count))
    return f"flags: {words}, nrelids: {count}, relids:{relids}"


def _relids(main: bytes, count: int) -> tuple[int, ...]:
    return scalars(Oid, main, sizeof(xl_heap_truncate), count)


def _confirm_14(rec: DecodedRecord) -> str:
    return f"off {_CONFIRM(rec.main)[0]}"


def _confirm(rec: DecodedRecord) -> str:
    return f"off: {_CONFIRM(rec.main)[0]}"


def _inplace_18(rec: DecodedRecord) -> str:
    off, _pad, db, spc, init_files, _pad2, count = _INPLACE(rec.main)
    at = sizeof(xl_heap_inplace[18])
    messages = invalidations(rec.major, rec.main, at, count, db, spc, bool(init_files))
    return f"off: {off}{messages}"


_updates: ByMajor[Describe] = ByMajor({14: _update_14, 16: _update})

DESCRIBE: Mapping[str, Describe | ByMajor[Describe]] = {
    "INSERT": ByMajor({14: _insert_14, 16: _insert}),
    "DELETE": ByMajor({14: _delete_14, 16: _delete}),
    "UPDATE": _updates,
    "HOT_UPDATE": _updates,
    "TRUNCATE": ByMajor({14: _truncate_14, 16: _truncate}),
    "HEAP_CONFIRM": ByMajor({14: _confirm_14, 16: _confirm}),
    "LOCK": ByMajor({14: _lock_14, 16: lock}),
    "INPLACE": ByMajor({14: _confirm_14, 16: _confirm, 18: _inplace_18}),
}
