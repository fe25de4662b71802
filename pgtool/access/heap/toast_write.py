"""TOAST while writing: large values are compressed, then moved out of line.

A tuple over a quarter of a page is made smaller, the largest value first, by the columns'
storage strategies::

    PLAIN     stays as it is
    EXTENDED  compressed (by the column's method); out of line if that is not enough
    EXTERNAL  out of line, never compressed, so that a part can be read alone
    MAIN      compressed; out of line only where the row would not fit into a page at all

A value out of line is a pointer in the row and chunks in the toast table, each entered in
its index. An update that leaves the value alone keeps the chunks; when the row goes, or the
value is replaced, they are deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from formats.deform import ATTLEN_VARLENA
from formats.derive import struct_of
from formats.fsm import MAX_HEAP_TUPLE_SIZE
from formats.heap import (
    SIZEOF_HEAP_TUPLE_HEADER,
    HeapInfomask,
    header_length,
)
from formats.units import BLCKSZ, Oid, int32, maxalign
from formats.varlena import (
    VARHDRSZ,
    VARHDRSZ_COMPRESSED,
    VARLENA_EXTSIZE_BITS,
    ToastCompressionId,
    ToastPointer,
    VarattForm,
    VarTag,
    pack_plain,
    read_toast_pointer,
    read_varlena,
    varatt_external,
)
from pgtool.access.heap import pageops
from pgtool.access.heap.tuple import (
    SHORT_MAX,
    Datum,
    StoredVarlena,
    deform_tuple,
    fill,
    packable,
    raw_spans,
    with_data,
)
from pgtool.errors import CorruptData, Unsupported
from pgtool.storage import page as bufpage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgtool.access.heap.heapam import HeapRelation
    from pgtool.access.heap.target import ToastTarget
    from pgtool.access.heap.tuple import StoredAttr
    from pgtool.transam.xact import Xact

__all__ = [
    "TOAST_MAX_CHUNK_SIZE", "TOAST_TUPLE_THRESHOLD", "compress", "delete_values", "flattened",
    "has_external", "needed", "toast",
]  # fmt: skip


def _most_per_tuple(tuples: int) -> int:
    """The largest tuples of which so many fit on a page."""
    room = BLCKSZ - maxalign(bufpage.SIZE_OF_PAGE_HEADER + tuples * bufpage.SIZE_OF_ITEM_ID)
    return room // tuples & ~7


TOAST_TUPLE_THRESHOLD = TOAST_TUPLE_TARGET = _most_per_tuple(4)
TOAST_TUPLE_TARGET_MAIN = _most_per_tuple(1)
TOAST_MAX_CHUNK_SIZE = (
    TOAST_TUPLE_THRESHOLD - maxalign(SIZEOF_HEAP_TUPLE_HEADER) - 2 * VARHDRSZ - VARHDRSZ
)
assert (TOAST_TUPLE_THRESHOLD, TOAST_TUPLE_TARGET_MAIN, TOAST_MAX_CHUNK_SIZE) == (2032, 8160, 1996)
assert TOAST_TUPLE_TARGET_MAIN == MAX_HEAP_TUPLE_SIZE

_HASEXTERNAL = int(HeapInfomask.HEAP_HASEXTERNAL)
_EXTERNAL = struct_of(varatt_external)
_OID, _INT4, _U32 = struct_of(Oid), struct_of(int32), struct_of(Oid)
POINTER_SIZE = 2 + _EXTERNAL.size
#: Not worth the trouble below this.
_LEAST = maxalign(POINTER_SIZE)
#: attcompression → (method, its number in the value)
METHODS = {
    "p": ("pglz", ToastCompressionId.TOAST_PGLZ_COMPRESSION_ID),
    "l": ("lz4", ToastCompressionId.TOAST_LZ4_COMPRESSION_ID),
}


def has_external(tup: bytes) -> bool:
    """Whether any value of a tuple is out of line."""
    return bool(pageops.masks_at(tup, 0)[0] & _HASEXTERNAL)


def needed(tup: bytes) -> bool:
    """Whether a new tuple must be looked at: it is large, or has values out of line."""
    return len(tup) > TOAST_TUPLE_THRESHOLD or has_external(tup)


# -- values --------------------------------------------------------------------------------


def compress(payload: bytes, method: str) -> StoredVarlena | None:
    """A value compressed by ``attcompression``'s letter; None where that gains too little."""
    name, number = METHODS[method]
    if name == "pglz":
        from formats import pglz_pack

        packed = pglz_pack.compress(payload)
    else:
        import lz4.block

        packed = lz4.block.compress(payload, store_size=False)
    if packed is None or VARHDRSZ_COMPRESSED + len(packed) >= len(payload) - 2:
        return None
    size = VARHDRSZ_COMPRESSED + len(packed)
    info = len(payload) | number << VARLENA_EXTSIZE_BITS
    return StoredVarlena(_U32.pack(size << 2 | 2) + _U32.pack(info) + packed)


def _payload(value: bytes) -> bytes:
    """The value itself, of a stored form that is not out of line."""
    if not isinstance(value, StoredVarlena):
        return value
    found = read_varlena(value, 0)
    if found.form is VarattForm.COMPRESSED:
        from pgtool.access.toast import inline_compressed

        return inline_compressed(value)
    return value[found.body : found.end]


def _is_external(value: Datum) -> bool:
    return isinstance(value, StoredVarlena) and value[0] == 1


def _is_compressed(value: Datum) -> bool:
    return isinstance(value, StoredVarlena) and value[0] & 3 == 2


def fetch_value(rel: HeapRelation, value: StoredVarlena) -> StoredVarlena:
    """A value out of line as it is stored: compressed, or plain with its 4-byte header."""
    pointer = read_toast_pointer(value, 0)
    toast = rel.target.toast
    if toast is None or pointer.toastrelid != toast.heap.oid:
        if rel.target.fetch_external is None:
            raise Unsupported(f"a value of toast table {pointer.toastrelid} in another table")
        return rel.target.fetch_external(pointer)
    return _from_chunks(rel, toast, pointer)


def _from_chunks(rel: HeapRelation, toast: ToastTarget, pointer: ToastPointer) -> StoredVarlena:
    chunks = HeapChunks(rel, toast)
    parts = []
    for tid in toast.find_chunks(pointer.valueid):
        tup = chunks.heap.fetch(tid)
        if tup is not None:
            _id, seq, data = deform_tuple(tup, toast.heap.attrs)
            assert seq is not None and data is not None
            parts.append((_INT4.unpack(seq)[0], data))
    data = b"".join(part for _seq, part in sorted(parts))
    if len(data) != pointer.extsize:
        raise CorruptData(
            f"toast value {pointer.valueid} in pg_toast table {toast.heap.oid} has {len(data)} "
            f"bytes instead of {pointer.extsize}"
        )
    if pointer.is_compressed:
        return StoredVarlena(_U32.pack(len(data) + VARHDRSZ << 2 | 2) + data)
    return StoredVarlena(pack_plain(data))


def flattened(rel: HeapRelation, datums: Sequence[Datum]) -> list[Datum]:
    """The datums with those out of line fetched (they stay compressed)."""
    return [
        fetch_value(rel, value) if isinstance(value, StoredVarlena) and value[0] == 1 else value
        for value in datums
    ]


# -- out of line ---------------------------------------------------------------------------


class HeapChunks:
    """The toast table of a table, for its chunks."""

    def __init__(self, rel: HeapRelation, toast: ToastTarget) -> None:
        self.toast = toast
        self.heap = type(rel)(rel.instance, toast.heap)

    def save(self, xact: Xact, value: bytes) -> StoredVarlena:
        """Store a value in chunks; the pointer to it."""
        method = 0
        if _is_compressed(value):
            info = _U32.unpack_from(value, VARHDRSZ)[0]
            raw_size = info & (1 << VARLENA_EXTSIZE_BITS) - 1
            method = info >> VARLENA_EXTSIZE_BITS
            data = value[VARHDRSZ:]
        else:
            data = _payload(value)
            raw_size = len(data)
        new_oid = self.heap.instance.varsup.new_oid
        valueid = new_oid()
        while self.toast.exists(valueid):
            valueid = new_oid()
        key = _OID.pack(valueid)
        attrs = self.toast.heap.attrs
        cid = xact.cid()
        for seq, start in enumerate(range(0, len(data), TOAST_MAX_CHUNK_SIZE)):
            number = _INT4.pack(seq)
            chunk = [key, number, bytes(data[start : start + TOAST_MAX_CHUNK_SIZE])]
            tid = self.heap.insert(xact, _form_chunk(attrs, chunk), cid=cid)
            self.toast.insert_index(xact, [key, number], tid)
        extinfo = len(data) | method << VARLENA_EXTSIZE_BITS
        body = _EXTERNAL.pack(raw_size + VARHDRSZ, extinfo, valueid, self.toast.heap.oid)
        return StoredVarlena(bytes((1, VarTag.VARTAG_ONDISK)) + body)

    def delete(self, xact: Xact, value: bytes, speculative: bool) -> None:
        """Delete a value's chunks."""
        pointer = read_toast_pointer(value, 0)
        if pointer.toastrelid != self.toast.heap.oid:
            return
        for tid in self.toast.find_chunks(pointer.valueid):
            if speculative:
                self.heap.finish_speculative(xact, tid, keep=False)
            else:
                self.heap.delete(xact, tid)


def _form_chunk(attrs: Sequence[StoredAttr], datums: list[bytes]) -> bytes:
    from pgtool.access.heap.tuple import form_tuple

    return form_tuple(attrs, datums)


def external_values(tup: bytes, attrs: Sequence[StoredAttr]) -> list[StoredVarlena]:
    """The pointers in a tuple."""
    if not has_external(tup):
        return []
    return [
        StoredVarlena(tup[span[0] : span[1]])
        for attr, span in zip(attrs, raw_spans(tup, attrs))
        if span is not None and attr.attlen == ATTLEN_VARLENA and tup[span[0]] == 1
    ]


def delete_values(
    rel: HeapRelation, xact: Xact, tup: bytes, *, speculative: bool = False
) -> None:
    """A row has gone: delete its values out of line."""
    toast = rel.target.toast
    if toast is None or not has_external(tup):
        return
    chunks = HeapChunks(rel, toast)
    for value in external_values(tup, rel.target.attrs):
        chunks.delete(xact, value, speculative)


# -- one tuple -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Column:
    """One value of a tuple being toasted."""

    attr: StoredAttr
    index: int
    storage: str
    left_alone: bool = False
    incompressible: bool = False


class _Toaster:
    """The values of one tuple while they are made smaller."""

    def __init__(self, rel: HeapRelation, xact: Xact, datums: list[Datum]) -> None:
        self.rel = rel
        self.xact = xact
        self.datums = datums
        self.attrs = rel.target.attrs
        self.columns = [
            _Column(attr, i, getattr(attr, "attstorage", "x"))
            for i, attr in enumerate(self.attrs)
            if attr.attlen == ATTLEN_VARLENA and datums[i] is not None
        ]
        toast = rel.target.toast
        self.chunks = None if toast is None else HeapChunks(rel, toast)
        hoff = header_length(len(datums), any(value is None for value in datums))
        self.room = (rel.target.toast_tuple_target or TOAST_TUPLE_TARGET) - hoff
        self.room_main = TOAST_TUPLE_TARGET_MAIN - hoff

    def keep_or_fetch(self, old: list[Datum]) -> list[StoredVarlena]:
        """Values that come out of line stay if the old row has the same; else they are fetched.

        The old row's pointers that the new one no longer has come back.
        """
        gone: list[StoredVarlena] = []
        for column in self.columns:
            value = self.datums[column.index]
            if _is_external(value):
                assert isinstance(value, StoredVarlena)
                if column.index < len(old) and old[column.index] == value:
                    column.left_alone = True
                    continue
                fetched = fetch_value(self.rel, value)
                plain = column.storage == "p" or not _is_compressed(fetched)
                self.datums[column.index] = _payload(fetched) if plain else fetched
            column.left_alone = column.storage == "p"
        for i, value in enumerate(old):
            if isinstance(value, StoredVarlena) and value[0] == 1 and self.datums[i] != value:
                gone.append(value)
        return gone

    def too_large(self, room: int) -> bool:
        """Whether the attributes do not fit yet."""
        return len(fill(self.attrs, self.datums)[0]) > room

    def _size(self, column: _Column) -> int:
        value = self.datums[column.index]
        assert value is not None
        if isinstance(value, StoredVarlena):
            return len(value)
        short = packable(column.attr) and len(value) <= SHORT_MAX
        return len(value) + (1 if short else VARHDRSZ)

    def largest(self, storages: str, to_compress: bool) -> _Column | None:
        """The largest value that can still be made smaller."""
        best, most = None, _LEAST
        for column in self.columns:
            value = self.datums[column.index]
            if column.left_alone or column.storage not in storages or _is_external(value):
                continue
            if to_compress and (column.incompressible or _is_compressed(value)):
                continue
            size = self._size(column)
            if size > most:
                best, most = column, size
        return best

    def compress(self, column: _Column) -> None:
        """Try to compress a value."""
        value = self.datums[column.index]
        assert value is not None
        own = getattr(column.attr, "attcompression", "")
        method = own or self.rel.target.default_compression[0]
        packed = compress(_payload(value), method)
        if packed is None:
            column.incompressible = True
        else:
            self.datums[column.index] = packed

    def move_out(self, column: _Column) -> None:
        """Put a value out of line."""
        value = self.datums[column.index]
        assert value is not None and self.chunks is not None
        self.datums[column.index] = self.chunks.save(self.xact, value)

    def shrink(self) -> None:
        """The four rounds: compress and move what is huge, move the rest, then MAIN likewise."""
        movable = self.chunks is not None
        while self.too_large(self.room) and (column := self.largest("xe", True)) is not None:
            if column.storage == "x":
                self.compress(column)
            else:
                column.incompressible = True
            if movable and self._size(column) > self.room:
                self.move_out(column)
        while movable and self.too_large(self.room) and (
            column := self.largest("xe", False)
        ) is not None:  # fmt: skip
            self.move_out(column)
        while self.too_large(self.room) and (column := self.largest("m", True)) is not None:
            self.compress(column)
        while movable and self.too_large(self.room_main) and (
            column := self.largest("m", False)
        ) is not None:  # fmt: skip
            self.move_out(column)


def toast(rel: HeapRelation, xact: Xact, tup: bytes, old: bytes | None) -> bytes:
    """The tuple with large values made smaller; ``old`` is the version that it replaces."""
    attrs = rel.target.attrs
    datums = deform_tuple(tup, attrs)
    before = [] if old is None else deform_tuple(old, attrs)
    work = _Toaster(rel, xact, list(datums))
    gone = work.keep_or_fetch(before)
    work.shrink()
    if work.chunks is not None:
        for value in gone:
            work.chunks.delete(xact, value, False)
    return tup if work.datums == datums else with_data(tup, attrs, work.datums)
