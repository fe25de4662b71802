"""Heap tuples from datums and back, one at a time.

A datum is the stored bytes of a value: ``attlen`` bytes where the width is fixed, the
payload without its varlena header where it is not, a cstring without its zero byte. A value
that is compressed or out of line has no payload of its own; it travels as a
:class:`StoredVarlena`, header and all, and goes into a tuple as it is. None is NULL.

Forming decides the header of a varlena: the 1-byte form, which needs no alignment, for
short values of columns whose storage allows it. The tuple's own header is left zero but for
the attribute count, the flags that tell what it holds, and ``t_hoff``; transaction fields
are the heap's business.

See :mod:`pgtool.access.heap.deform` for many tuples at once, and
:mod:`pgtool.access.heap.form_columns` for columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from formats.deform import ALIGNMENT, ATTLEN_CSTRING, ATTLEN_VARLENA
from formats.derive import offset_of, struct_of
from formats.heap import (
    MAX_TUPLE_ATTRIBUTE_NUMBER,
    SIZEOF_HEAP_TUPLE_HEADER,
    HeapInfomask,
    HeapTupleHeaderData,
    bitmap_length,
    header_length,
    natts,
)
from formats.units import uint16
from formats.varlena import VARHDRSZ, VarattForm, pack_plain, read_varlena
from pgtool.errors import CorruptData, SqlError

__all__ = [
    "Datum", "StoredAttr", "StoredVarlena", "deform_tuple", "deformer", "fill", "form_tuple",
    "former", "raw_spans", "stored_form", "with_data",
]  # fmt: skip

SHORT_MAX = 126
TOO_MANY_COLUMNS = "54011"
_HEADER = struct_of(HeapTupleHeaderData)
_HASNULL, _HASVARWIDTH, _HASEXTERNAL = (
    int(flag) for flag in (
        HeapInfomask.HEAP_HASNULL, HeapInfomask.HEAP_HASVARWIDTH, HeapInfomask.HEAP_HASEXTERNAL
    )
)  # fmt: skip
_PADDING = tuple(bytes(n) for n in range(8))
_SHORT_HEADERS = [bytes(((size + 1) << 1 | 1,)) for size in range(SHORT_MAX + 1)]
_MASK2_AT, _MASK_AT, _HOFF_AT = (
    offset_of(HeapTupleHeaderData, name) for name in ("t_infomask2", "t_infomask", "t_hoff")
)
_get_u16 = struct_of(uint16).unpack_from
assert _HASNULL < 0x100


class StoredVarlena(bytes):
    """A varlena with its header: compressed, out of line, or in whatever form it was stored."""

    __slots__ = ()


#: A value's stored bytes; None is NULL.
Datum = bytes | None


class StoredAttr(Protocol):
    """What forming needs of pg_attribute."""

    @property
    def attname(self) -> str: ...
    @property
    def attlen(self) -> int: ...
    @property
    def attalign(self) -> str: ...


def packable(attr: StoredAttr) -> bool:
    """Whether short values of the column get the 1-byte header: all but those of PLAIN storage."""
    return getattr(attr, "attstorage", "x") != "p"


def stored_form(value: bytes, may_be_short: bool) -> tuple[bytes, bool]:
    """(bytes with a varlena header, whether they begin at the alignment)."""
    if isinstance(value, StoredVarlena):
        if value[0] & 1:
            return value, False
        if value[0] & 2 or not may_be_short or len(value) - VARHDRSZ > SHORT_MAX:
            return value, True
        value = value[VARHDRSZ:]
    size = len(value)
    if may_be_short and size <= SHORT_MAX:
        return bytes(((size + 1) << 1 | 1,)) + value, False
    return pack_plain(value), True


def fill(attrs: Sequence[StoredAttr], datums: Sequence[Datum]) -> tuple[bytes, int]:
    """(the attributes laid out, flags of t_infomask that they need)."""
    parts: list[bytes] = []
    at = flags = 0
    for attr, value in zip(attrs, datums):
        if value is None:
            flags |= _HASNULL
            continue
        attlen = attr.attlen
        aligned = True
        if attlen == ATTLEN_VARLENA:
            value, aligned = stored_form(value, packable(attr))
            flags |= _HASVARWIDTH
            if value[0] == 1:
                flags |= _HASEXTERNAL
        elif attlen == ATTLEN_CSTRING:
            value += b"\0"
            flags |= _HASVARWIDTH
        elif len(value) != attlen:
            raise CorruptData(f"{len(value)} bytes for {attr.attname}, which has {attlen}")
        if aligned:
            pad = -at & ALIGNMENT[attr.attalign] - 1
            if pad:
                parts.append(_PADDING[pad])
                at += pad
        parts.append(value)
        at += len(value)
    return b"".join(parts), flags


def _bits(datums: Sequence[Datum]) -> bytes:
    bits = 0
    for i, value in enumerate(datums):
        if value is not None:
            bits |= 1 << i
    return bits.to_bytes(bitmap_length(len(datums)), "little")


def form_tuple(attrs: Sequence[StoredAttr], datums: Sequence[Datum]) -> bytes:
    """A heap tuple of these datums, one for each attribute (dropped ones are NULL)."""
    count = len(datums)
    if count > MAX_TUPLE_ATTRIBUTE_NUMBER:
        raise SqlError(
            f"number of columns ({count}) exceeds limit ({MAX_TUPLE_ATTRIBUTE_NUMBER})",
            TOO_MANY_COLUMNS,
        )
    data, flags = fill(attrs, datums)
    hoff = header_length(count, bool(flags & _HASNULL))
    head = _HEADER.pack(0, 0, 0, 0, 0, 0, count, flags, hoff)
    if flags & _HASNULL:
        head += _bits(datums)
    return head + bytes(hoff - len(head)) + data


def former(attrs: Sequence[StoredAttr]) -> Callable[[Sequence[Datum]], bytes]:
    """:func:`form_tuple` for tuples of one table, plain ones at a run."""
    count = len(attrs)
    layout = [(attr.attlen, ALIGNMENT[attr.attalign] - 1, packable(attr)) for attr in attrs]
    hoff = header_length(count, False)
    blank = bytes(hoff - SIZEOF_HEAP_TUPLE_HEADER)

    def form(datums: Sequence[Datum]) -> bytes:
        if len(datums) != count:
            return form_tuple(attrs, datums)
        parts = [b"", blank]
        at = flags = 0
        for (attlen, gap, short), value in zip(layout, datums):
            if attlen > 0:
                if value is None or len(value) != attlen:
                    return form_tuple(attrs, datums)
                pad = -at & gap
                if pad:
                    parts.append(_PADDING[pad])
                    at += pad
                at += attlen
            else:
                if type(value) is not bytes or not short or attlen == ATTLEN_CSTRING or (
                    len(value) > SHORT_MAX
                ):  # fmt: skip
                    return form_tuple(attrs, datums)
                flags = _HASVARWIDTH
                parts.append(_SHORT_HEADERS[len(value)])
                at += len(value) + 1
            parts.append(value)
        parts[0] = _HEADER.pack(0, 0, 0, 0, 0, 0, count, flags, hoff)
        return b"".join(parts)

    return form


def with_data(header: bytes, attrs: Sequence[StoredAttr], datums: Sequence[Datum]) -> bytes:
    """The tuple of other datums under the transaction fields of an old header."""
    formed = form_tuple(attrs, datums)
    xmin, xmax, field3, high, low, number, mask2, mask, _hoff = _HEADER.unpack_from(header, 0)
    _0, _1, _2, _3, _4, _5, new_mask2, new_mask, hoff = _HEADER.unpack_from(formed, 0)
    content = _HASNULL | _HASVARWIDTH | _HASEXTERNAL
    head = _HEADER.pack(
        xmin, xmax, field3, high, low, number, mask2 & ~natts(0xFFFF) | new_mask2,
        mask & ~content | new_mask, hoff,
    )  # fmt: skip
    return head + formed[SIZEOF_HEAP_TUPLE_HEADER:]


def raw_spans(
    tup: bytes | bytearray | memoryview, attrs: Sequence[StoredAttr]
) -> list[tuple[int, int] | None]:
    """[start, end) of each stored attribute, varlena headers included; None where it is NULL.

    Shorter than ``attrs`` where the tuple is older than the last columns.
    """
    *_, mask2, mask, at = _HEADER.unpack_from(tup, 0)
    base, end = at, len(tup)
    count = min(natts(mask2), len(attrs))
    nulls = 0
    if mask & _HASNULL:
        stop = SIZEOF_HEAP_TUPLE_HEADER + bitmap_length(natts(mask2))
        nulls = ~int.from_bytes(tup[SIZEOF_HEAP_TUPLE_HEADER:stop], "little")
    out: list[tuple[int, int] | None] = []
    for i in range(count):
        if nulls >> i & 1:
            out.append(None)
            continue
        attr = attrs[i]
        attlen = attr.attlen
        if attlen != ATTLEN_VARLENA or (at < end and not tup[at] & 1):
            at += base - at & ALIGNMENT[attr.attalign] - 1
        start = at
        if attlen > 0:
            at += attlen
        elif attlen == ATTLEN_VARLENA:
            first = tup[at] if at < end else 1
            if first == 1:
                at = read_varlena(tup, at, end).end
            elif first & 1:
                at += first >> 1
            else:
                at += int.from_bytes(tup[at : at + 4], "little") >> 2
        else:
            at = bytes(tup).find(b"\0", at) + 1
        if not start < at <= end:
            raise CorruptData("attribute does not fit", offset=start, field=attr.attname)
        out.append((start, at))
    return out


def deformer(attrs: Sequence[StoredAttr]) -> Callable[[bytes], list[Datum]]:
    """:func:`deform_tuple` for tuples of one table, plain ones at a run."""
    count = len(attrs)
    layout = [(attr.attlen, ALIGNMENT[attr.attalign] - 1) for attr in attrs]
    plain = all(attlen != ATTLEN_CSTRING for attlen, _gap in layout)

    def deform(tup: bytes) -> list[Datum]:
        if not plain or tup[_MASK_AT] & _HASNULL or natts(_get_u16(tup, _MASK2_AT)[0]) != count:
            return deform_tuple(tup, attrs)
        out: list[Datum] = []
        at, last = tup[_HOFF_AT], len(tup)
        for attlen, gap in layout:
            if attlen > 0:
                at = at + gap & ~gap
                end = at + attlen
            else:
                first = tup[at] if at < last else 1
                if first == 1 or not first & 1:  # not a short one
                    return deform_tuple(tup, attrs)
                end = at + (first >> 1)
                at += 1
            out.append(tup[at:end])
            at = end
        return out if at <= last else deform_tuple(tup, attrs)

    return deform


def deform_tuple(
    tup: bytes | bytearray | memoryview, attrs: Sequence[StoredAttr]
) -> list[Datum]:
    """The datums of a tuple, one for each attribute; columns it is too old for are ``missing``."""
    out: list[Datum] = []
    for attr, span in zip(attrs, raw_spans(tup, attrs)):
        if span is None:
            out.append(None)
            continue
        start, end = span
        if attr.attlen > 0:
            out.append(bytes(tup[start:end]))
        elif attr.attlen == ATTLEN_CSTRING:
            out.append(bytes(tup[start : end - 1]))
        else:
            value = read_varlena(tup, start, end)
            if value.form in (VarattForm.SHORT, VarattForm.PLAIN):
                out.append(bytes(tup[value.body : end]))
            else:
                out.append(StoredVarlena(tup[start:end]))
    out += [getattr(attr, "missing", None) for attr in attrs[len(out) :]]
    return out
