"""Variable-length values: the four header forms and the TOAST pointer.

Source: ``varatt.h``, ``access/toast_compression.h``. The low bits of the first byte tell
the form (little-endian machines):

=========== ==================== ==========================================
``......00`` 4-byte, plain        length (header included) in the upper 30 bits
``......10`` 4-byte, compressed   the same; then ``va_tcinfo``; then the data
``.......1`` 1-byte               length (header included) in the upper 7 bits
``00000001`` external             a tag byte follows that tells what kind
=========== ==================== ==========================================

4-byte forms begin at the type's alignment, 1-byte forms anywhere; a zero byte where a
value could begin is padding. The compression method shares a word with the raw size
(``va_tcinfo``) or with the stored size (``va_extinfo``), its top two bits, since 14.
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from construct import Struct

from formats.derive import struct_of
from formats.errors import CorruptData
from formats.units import BitFields, Choice, Oid, int32, uint8, uint32

VARHDRSZ = 4
VARHDRSZ_SHORT = 1
VARHDRSZ_EXTERNAL = 2
VARHDRSZ_COMPRESSED = 8
VARLENA_EXTSIZE_BITS = 30
VARLENA_EXTSIZE_MASK = (1 << VARLENA_EXTSIZE_BITS) - 1


class VarattForm(enum.Enum):
    """How a value is stored."""

    PLAIN = "4-byte header"
    COMPRESSED = "4-byte header, compressed"
    SHORT = "1-byte header"
    EXTERNAL = "external"


class VarTag(enum.IntEnum):
    """``va_tag`` of an external value. Only ONDISK is ever found on disk."""

    VARTAG_INDIRECT = 1
    VARTAG_EXPANDED_RO = 2
    VARTAG_EXPANDED_RW = 3
    VARTAG_ONDISK = 18


class ToastCompressionId(enum.IntEnum):
    """The two bits that name a compression method."""

    TOAST_PGLZ_COMPRESSION_ID = 0
    TOAST_LZ4_COMPRESSION_ID = 1


varattrib_4b = Struct(
    "va_header" / BitFields(uint32, form=2, length=30) * "form bits and length, header included",
)
va_compressed = Struct(
    "va_header" / BitFields(uint32, form=2, length=30) * "form bits and length, header included",
    "va_tcinfo" / BitFields(uint32, rawsize=30, method=2) * "size when decompressed, and method",
)
varattrib_1b = Struct(
    "va_header" / BitFields(uint8, form=1, length=7) * "form bit and length, header included",
)
varattrib_1b_e = Struct(
    "va_header" / uint8 * "always 1: an external value",
    "va_tag" / Choice(uint8, VarTag) * "kind of the pointer that follows",
)
varatt_external = Struct(
    "va_rawsize" / int32 * "size of the original value, 4-byte header included",
    "va_extinfo" / BitFields(uint32, extsize=30, method=2) * "stored size without header; method",
    "va_valueid" / Oid * "chunk_id of the value in the TOAST table",
    "va_toastrelid" / Oid * "OID of the TOAST table",
)
assert varattrib_4b.sizeof() == VARHDRSZ
assert va_compressed.sizeof() == VARHDRSZ_COMPRESSED
assert varattrib_1b.sizeof() == VARHDRSZ_SHORT
assert varattrib_1b_e.sizeof() == VARHDRSZ_EXTERNAL
assert varatt_external.sizeof() == 16

_EXTERNAL = struct_of(varatt_external)

#: Bytes that follow the tag byte, by tag.
VARTAG_SIZE = {
    VarTag.VARTAG_INDIRECT: 8,
    VarTag.VARTAG_EXPANDED_RO: 8,
    VarTag.VARTAG_EXPANDED_RW: 8,
    VarTag.VARTAG_ONDISK: varatt_external.sizeof(),
}


class Varlena(NamedTuple):
    """Where one value lies: [start, end) of the buffer, its payload from ``body``.

    ``rawsize`` is the size of the original value without header; ``method`` the
    compression method's number where the form is COMPRESSED, else None.
    """

    form: VarattForm
    start: int
    body: int
    end: int
    rawsize: int
    method: int | None


class ToastPointer(NamedTuple):
    """``varatt_external``, unpacked: sizes without headers."""

    rawsize: int
    extsize: int
    method: int
    valueid: int
    toastrelid: int

    @property
    def is_compressed(self) -> bool:
        """Whether the stored bytes are compressed (then shorter than the raw ones)."""
        return self.extsize < self.rawsize


def _word(buffer: Any, offset: int, end: int) -> int:
    if offset + 4 > end:
        raise CorruptData("value ends inside its header", offset=offset, field="va_header")
    return int.from_bytes(buffer[offset : offset + 4], "little")


def read_varlena(buffer: Any, start: int, end: int | None = None) -> Varlena:
    """The value whose header begins at ``start`` and which must end by ``end``.

    CorruptData where the header is impossible or the value does not fit.
    """
    end = len(buffer) if end is None else end
    if not 0 <= start < end:
        raise CorruptData("no room for a value", offset=start, field="va_header")
    first = buffer[start]
    method = None
    if first == 1:
        return _read_external(buffer, start, end)
    if first & 1:
        size = first >> 1
        out = Varlena(VarattForm.SHORT, start, start + 1, start + size, size - 1, None)
    else:
        size = _word(buffer, start, end) >> 2
        out = Varlena(VarattForm.PLAIN, start, start + 4, start + size, size - 4, None)
        if first & 2:
            info = _word(buffer, start + 4, end)
            method = info >> VARLENA_EXTSIZE_BITS
            raw = info & VARLENA_EXTSIZE_MASK
            out = Varlena(VarattForm.COMPRESSED, start, start + 8, start + size, raw, method)
    if not out.body <= out.end <= end:
        message = f"value of {size} bytes does not fit into {end - start}"
        raise CorruptData(message, offset=start, field="va_header")
    return out


def _read_external(buffer: Any, start: int, end: int) -> Varlena:
    if start + VARHDRSZ_EXTERNAL > end:
        raise CorruptData("value ends inside its header", offset=start, field="va_tag")
    try:
        tag = VarTag(buffer[start + 1])
    except ValueError:
        raise CorruptData(
            f"unknown vartag {buffer[start + 1]}", offset=start + 1, field="va_tag"
        ) from None
    body = start + VARHDRSZ_EXTERNAL
    stop = body + VARTAG_SIZE[tag]
    if stop > end:
        raise CorruptData(f"{tag.name} does not fit", offset=start, field="va_tag")
    raw = stop - body
    if tag is VarTag.VARTAG_ONDISK:
        raw = read_toast_pointer(buffer, start).rawsize
    return Varlena(VarattForm.EXTERNAL, start, body, stop, raw, None)


def read_toast_pointer(buffer: Any, start: int) -> ToastPointer:
    """The on-disk TOAST pointer whose external header begins at ``start``.

    CorruptData where it is another kind of pointer or its sizes contradict each other.
    """

    def corrupt(message: str) -> CorruptData:
        return CorruptData(message, offset=start, field="varatt_external")

    raw = bytes(buffer[start : start + VARHDRSZ_EXTERNAL + varatt_external.sizeof()])
    if len(raw) < VARHDRSZ_EXTERNAL + varatt_external.sizeof() or raw[0] != 1:
        raise corrupt("not a TOAST pointer")
    if raw[1] != VarTag.VARTAG_ONDISK:
        raise corrupt(f"vartag {raw[1]} never lies on disk")
    rawsize, info, valueid, toastrelid = _EXTERNAL.unpack_from(raw, VARHDRSZ_EXTERNAL)
    extsize = info & VARLENA_EXTSIZE_MASK
    if rawsize < VARHDRSZ or extsize > rawsize - VARHDRSZ:
        raise corrupt(f"TOAST pointer stores {extsize} bytes of a value of {rawsize}")
    return ToastPointer(
        rawsize - VARHDRSZ, extsize, info >> VARLENA_EXTSIZE_BITS, valueid, toastrelid
    )


def pack_short(payload: bytes) -> bytes:
    """A value with 1-byte header; the payload may have at most 126 bytes."""
    assert len(payload) + 1 <= 0x7F
    return bytes([(len(payload) + 1) << 1 | 1]) + payload


def pack_plain(payload: bytes) -> bytes:
    """A value with plain 4-byte header."""
    return ((len(payload) + VARHDRSZ) << 2).to_bytes(4, "little") + payload
