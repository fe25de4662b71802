"""Index tuples from datums and back: btree's leaf tuples, and what pivots keep of them.

An :class:`IndexShape` knows the attributes of one index as pg_attribute has them. A datum
is the stored value without varlena header; a value that is compressed or out of line comes
as a subclass of bytes, header included (``access.heap.tuple.StoredVarlena``). Compressed
values stay as they are, values out of line are fetched. Long values are compressed where
that pays, short ones get the 1-byte header, unless the attribute's storage is plain.

Invariant: a tuple's size is a multiple of MAXALIGN and fits the 13 bits of ``t_info``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from formats.compression import decompress
from formats.deform import ALIGNMENT, ATTLEN_CSTRING, ATTLEN_VARLENA, Attribute, spans
from formats.heap import null_flags
from formats.itup import (
    INDEX_ATTRIBUTE_BITMAP_SIZE,
    INDEX_SIZE_MASK,
    SIZEOF_INDEX_TUPLE,
    IndexInfo,
    data_offset,
)
from formats.units import maxalign
from formats.varlena import (
    VARHDRSZ,
    VARHDRSZ_COMPRESSED,
    VARLENA_EXTSIZE_BITS,
    ToastCompressionId,
    VarattForm,
    pack_plain,
    pack_short,
    read_varlena,
)
from pgtool.access.btree.tuples import is_pivot, key_size, natts, pack_tid
from pgtool.errors import SqlError, Unsupported

__all__ = ["TOAST_INDEX_TARGET", "IndexAttribute", "IndexShape"]

#: Values above this size are compressed: a sixteenth of the longest heap tuple.
TOAST_INDEX_TARGET = (8192 - 24 - 8) // 16
_MAX_SHORT = 126
_NULLS, _VAR = int(IndexInfo.INDEX_NULL_MASK), int(IndexInfo.INDEX_VAR_MASK)
#: The high byte of t_info.
_INFO_HIGH = 7
_PROGRAM_LIMIT_EXCEEDED = "54000"
_METHODS = {
    "p": ("pglz", ToastCompressionId.TOAST_PGLZ_COMPRESSION_ID),
    "l": ("lz4", ToastCompressionId.TOAST_LZ4_COMPRESSION_ID),
}
_BY_ID = {int(number): name for name, number in _METHODS.values()}

Compress = Callable[[str, bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class IndexAttribute:
    """What pg_attribute says about an index's column."""

    attlen: int
    attalign: str
    attstorage: str = "p"
    attcompression: str = ""
    attname: str = ""


def pglz_or_lz4(method: str, payload: bytes) -> bytes | None:
    """A compressed payload, or None where compression does not pay."""
    if method == "lz4":
        import lz4.block

        out: bytes | None = lz4.block.compress(payload, store_size=False)
    else:
        from formats.pglz_pack import compress

        out = compress(payload)
    return out


def is_compressed(raw: bytes) -> bool:
    """Whether a stored value is compressed, in line."""
    return raw[0] & 3 == 2


class IndexShape:
    """The attributes of an index, and its tuples."""

    def __init__(
        self, attributes: Sequence[IndexAttribute], nkeyatts: int | None = None, *,
        default_compression: str = "p", compress: Compress = pglz_or_lz4,
        fetch: Callable[[bytes], bytes] | None = None,
    ) -> None:  # fmt: skip
        """``fetch`` gives the payload of a value out of line."""
        self.attributes = tuple(attributes)
        self.natts = len(self.attributes)
        self.nkeyatts = self.natts if nkeyatts is None else nkeyatts
        self.layout = [Attribute(a.attlen, a.attalign, a.attname) for a in self.attributes]
        self.default_compression = default_compression
        self.compress = compress
        self.fetch = fetch
        self._one_fixed = self._fixed_struct()

    def _fixed_struct(self) -> struct.Struct | None:
        """Tuples without NULLs of fixed-width attributes: one struct for them all."""
        code, at = "<6sH", 0
        for attribute in self.attributes:
            if attribute.attlen <= 0:
                return None
            width = ALIGNMENT[attribute.attalign]
            gap = -at % width
            code += f"{gap}x{attribute.attlen}s"
            at += gap + attribute.attlen
        return struct.Struct(f"{code}{-at % 8}x")

    # -- forming ----------------------------------------------------------------------------

    def form(self, datums: Sequence[bytes | None], tid: int = 0) -> bytes:
        """The tuple of these datums."""
        fixed = self._one_fixed
        if fixed is not None and None not in datums:
            return fixed.pack(pack_tid(tid), fixed.size, *datums)
        raws = [
            None if datum is None else self._stored(attribute, datum)
            for attribute, datum in zip(self.attributes, datums)
        ]
        out = self.form_raw(raws, tid)
        if out is None:
            size = SIZEOF_INDEX_TUPLE + sum(len(raw) for raw in raws if raw is not None)
            raise SqlError(
                f"index row requires {maxalign(size)} bytes, maximum size is {INDEX_SIZE_MASK}",
                _PROGRAM_LIMIT_EXCEEDED,
            )
        return out

    def _stored(self, attribute: IndexAttribute, datum: bytes) -> bytes:
        """A datum with whatever header it is stored with."""
        if attribute.attlen == ATTLEN_CSTRING:
            return datum.split(b"\0", 1)[0] + b"\0"
        if attribute.attlen != ATTLEN_VARLENA:
            return datum
        if type(datum) is not bytes:
            if is_compressed(datum):
                return datum
            datum = self.payload(attribute, datum)
        size = len(datum)
        packable = attribute.attstorage != "p"
        if size <= _MAX_SHORT and packable:
            return pack_short(datum)
        if size + VARHDRSZ > TOAST_INDEX_TARGET and attribute.attstorage in "xm":
            return self.compressed(attribute, datum) or pack_plain(datum)
        return pack_plain(datum)

    def compressed(self, attribute: IndexAttribute, datum: bytes) -> bytes | None:
        """A value compressed, header included; None where that does not pay."""
        method, number = _METHODS[attribute.attcompression or self.default_compression]
        packed = self.compress(method, datum)
        if packed is None or len(packed) + VARHDRSZ_COMPRESSED >= len(datum) - 2:
            return None
        word = (len(packed) + VARHDRSZ_COMPRESSED) << 2 | 2
        info = len(datum) | number << VARLENA_EXTSIZE_BITS
        return struct.pack("<II", word, info) + packed

    def form_raw(self, raws: Sequence[bytes | None], tid: int = 0) -> bytes | None:
        """The tuple of stored values, headers included; None where it is too long."""
        info = 0
        body = bytearray()
        bitmap = 0
        for number, (attribute, raw) in enumerate(zip(self.attributes, raws)):
            if raw is None:
                info |= _NULLS
                continue
            bitmap |= 1 << number
            if attribute.attlen < 0:
                info |= _VAR
            if attribute.attlen != ATTLEN_VARLENA or not raw[0] & 1:
                body += bytes(-len(body) % ALIGNMENT[attribute.attalign])
            body += raw
        head = SIZEOF_INDEX_TUPLE
        bits = b""
        if info & _NULLS:
            head = maxalign(head + INDEX_ATTRIBUTE_BITMAP_SIZE)
            bits = bitmap.to_bytes(INDEX_ATTRIBUTE_BITMAP_SIZE, "little")
        size = maxalign(head + len(body))
        if size > INDEX_SIZE_MASK:
            return None
        out = bytearray(size)
        out[:6] = pack_tid(tid)
        out[6:8] = (info | size).to_bytes(2, "little")
        out[8 : 8 + len(bits)] = bits
        out[head : head + len(body)] = body
        return bytes(out)

    # -- taking apart -----------------------------------------------------------------------

    def raws(self, tup: bytes) -> list[bytes | None]:
        """The stored values of a tuple, as many as it has."""
        count = natts(tup, self.natts)
        info = int.from_bytes(tup[6:8], "little")
        end = info & INDEX_SIZE_MASK
        if not is_pivot(tup):
            end = key_size(tup)
        nulls: list[bool] = []
        if info & _NULLS:
            bits = tup[SIZEOF_INDEX_TUPLE : SIZEOF_INDEX_TUPLE + INDEX_ATTRIBUTE_BITMAP_SIZE]
            nulls = null_flags(bits, self.natts)[:count]
        start = data_offset(info)
        places = spans(tup, start, end, self.layout[:count], nulls)
        return [None if place is None else bytes(tup[place[0] : place[1]]) for place in places]

    def datums(self, tup: bytes) -> list[bytes | None]:
        """The datums of a tuple, headers off, decompressed."""
        return [
            None if raw is None else self.payload(attribute, raw)
            for attribute, raw in zip(self.attributes, self.raws(tup))
        ]

    def payload(self, attribute: IndexAttribute, raw: bytes) -> bytes:
        """A stored value without its header."""
        if attribute.attlen >= 0:
            return raw
        if attribute.attlen == ATTLEN_CSTRING:
            return raw[:-1]
        if raw[0] & 1 and raw[0] != 1:
            return raw[1:]
        value = read_varlena(raw, 0)
        if value.form is VarattForm.COMPRESSED:
            assert value.method is not None
            return decompress(_BY_ID[value.method], raw[value.body : value.end], value.rawsize)
        if value.form is VarattForm.EXTERNAL:
            if self.fetch is None:
                raise Unsupported("an index entry of a value out of line")
            return self.fetch(raw)
        return bytes(raw[value.body : value.end])

    # -- pivots -----------------------------------------------------------------------------

    def same_images(self, one: bytes, other: bytes) -> int:
        """1 + the number of leading key attributes whose bytes are the same."""
        count = 0
        if self.natts == 1 and self._one_fixed is not None and (
            one[_INFO_HIGH] | other[_INFO_HIGH]
        ) & _NULLS >> 8 == 0:
            end = SIZEOF_INDEX_TUPLE + self.attributes[0].attlen
            return 1 + (one[SIZEOF_INDEX_TUPLE:end] == other[SIZEOF_INDEX_TUPLE:end])
        if not (one[_INFO_HIGH] ^ other[_INFO_HIGH]) & _NULLS >> 8 and (
            one[SIZEOF_INDEX_TUPLE : key_size(one)] == other[SIZEOF_INDEX_TUPLE : key_size(other)]
        ):
            return self.nkeyatts + 1
        for attribute, a, b in zip(
            self.attributes[: self.nkeyatts], self.raws(one), self.raws(other)
        ):
            if a != b and (
                a is None or b is None or attribute.attlen >= 0
                or self.payload(attribute, a) != self.payload(attribute, b)
            ):
                break
            count += 1
        return count + 1

    def truncated(self, tup: bytes, keep: int) -> bytes:
        """A leaf tuple with its first attributes only (and its ``t_tid``), no posting list."""
        if keep >= self.natts:
            return self._without_posting(tup)
        raws = self.raws(tup)[:keep]
        out = self.form_raw(raws)
        assert out is not None
        return tup[:6] + out[6:]

    @staticmethod
    def _without_posting(tup: bytes) -> bytes:
        size = key_size(tup)
        info = int.from_bytes(tup[6:8], "little") & ~INDEX_SIZE_MASK | size
        return tup[:6] + info.to_bytes(2, "little") + tup[8:size]
