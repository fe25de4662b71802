"""What statistics and BRIN indexes store: made by the server only, shown as text.

pg_ndistinct and pg_dependencies print as JSON-like text; a bloom summary of BRIN as a
line of counts. None of them can be written by a user.
"""

from __future__ import annotations

import re
import struct

from formats import datum as layout
from formats.derive import struct_of
from formats.varlena import read_varlena
from pgtool.errors import CorruptData, SqlError
from pgtool.types.base import AsciiIO
from pgtool.types.inner import datum_at, quoted

__all__ = ["BrinBloom", "BrinMinmaxMulti", "Dependencies", "NDistinct"]

_HEAD = struct_of(layout.ExtendedStatsHeader)
_NDISTINCT = struct_of(layout.NDistinctItem)
_DEPENDENCY = struct_of(layout.DependencyItem)
_BLOOM = struct_of(layout.BloomFilter)
_MINMAX = struct_of(layout.SerializedRanges)
_ARRAY_SPECIAL = re.compile(rb'["\\{}, \t-\r]|\A[nN][uU][lL][lL]\Z').search


class _ServerMade(AsciiIO):
    def _send(self, datum: bytes) -> bytes:
        return datum

    def _parse(self, text: str, typmod: int) -> bytes:
        raise SqlError(f"cannot accept a value of type {self.info.name}", "0A000")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return self._parse("", typmod)


def _items(datum: bytes, magic: int, item: struct.Struct) -> list[tuple[float, tuple[int, ...]]]:
    found, kind, count = _HEAD.unpack_from(datum)
    if found != magic or kind != 1:
        raise CorruptData(f"extended statistics of kind 0x{found:08X}, type {kind}", field="magic")
    out, at = [], _HEAD.size
    for _ in range(min(count, len(datum))):
        value, natts = item.unpack_from(datum, at)
        if not 0 <= natts <= len(datum):
            raise CorruptData(f"extended statistics over {natts} attributes", field="nattributes")
        at += item.size
        out.append((value, struct.unpack_from(f"<{natts}h", datum, at)))
        at += 2 * natts
    return out


class NDistinct(_ServerMade):
    """``pg_ndistinct``."""

    def _ascii(self, datum: bytes) -> str:
        items = _items(datum, layout.STATS_NDISTINCT_MAGIC, _NDISTINCT)
        parts = [f'"{", ".join(map(str, atts))}": {int(value)}' for value, atts in items]
        return "{" + ", ".join(parts) + "}"


class Dependencies(_ServerMade):
    """``pg_dependencies``."""

    def _ascii(self, datum: bytes) -> str:
        items = _items(datum, layout.STATS_DEPS_MAGIC, _DEPENDENCY)
        parts = [
            f'"{", ".join(map(str, atts[:-1]))} => {atts[-1]}": {degree:f}'
            for degree, atts in items
        ]
        return "{" + ", ".join(parts) + "}"


class BrinBloom(_ServerMade):
    """``pg_brin_bloom_summary``."""

    def _ascii(self, datum: bytes) -> str:
        _flags, nhashes, _pad, nbits, nset = _BLOOM.unpack_from(datum)
        return f"{{mode: hashed  nhashes: {nhashes}  nbits: {nbits}  nbits_set: {nset}}}"


class BrinMinmaxMulti(_ServerMade):
    """``pg_brin_minmax_multi_summary``: ranges and single values of the indexed type."""

    def output(self, datum: bytes) -> str:
        """The text form as str; the values need not be ASCII."""
        return self.settings.encoding.decode(self.text(datum))

    def _text(self, datum: bytes) -> bytes:
        typid, nranges, nvalues, maxvalues = _MINMAX.unpack_from(datum)
        if not 0 <= nranges <= len(datum) or not 0 <= nvalues <= len(datum):
            raise CorruptData(f"summary of {nranges} ranges and {nvalues} values")
        io = self.registry.io_of(typid)
        at, texts = _MINMAX.size, []
        for _ in range(2 * nranges + nvalues):
            end = at + io.info.typlen
            if io.info.typlen == -1:
                end = read_varlena(datum, at).end
            elif io.info.typlen == -2:
                end = datum.index(b"\0", at) + 1
            texts.append(io.text(datum_at(datum, at, end, io.info.typlen)))
            at = end
        out = b"{nranges: %d  nvalues: %d  maxvalues: %d" % (nranges, nvalues, maxvalues)
        pairs = [b" ... ".join(texts[i : i + 2]) for i in range(0, 2 * nranges, 2)]
        for label, items in ((b"ranges", pairs), (b"values", texts[2 * nranges :])):
            if items:
                quoted_items = [quoted(item, _ARRAY_SPECIAL, False) for item in items]
                out += b" " + label + b": {" + b",".join(quoted_items) + b"}"
        return out + b"}"
