"""TOAST: the payloads of compressed and out-of-line values.

A value that lies out of line is a row of chunks ``(chunk_id, chunk_seq, chunk_data)`` in
the relation's TOAST table. :class:`ToastTable` scans that table once, page runs at a time,
and keeps for each chunk only (chunk_id, chunk_seq, where its data lie in the file): values
of a batch are then found by binary search and read in the order of the file. The TOAST
index is not needed, so a damaged one does no harm.

Invariants: the chunks of a value are numbered from 0 without a gap, all but the last hold
TOAST_MAX_CHUNK_SIZE bytes, and together they hold exactly the size that the pointer says.
What breaks this is reported with chunk_id and chunk number; the value is then lost.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from formats import compression
from formats.derive import offset_of
from formats.units import BLCKSZ
from formats.varlena import (
    VARHDRSZ,
    VARHDRSZ_COMPRESSED,
    VARLENA_EXTSIZE_BITS,
    VARLENA_EXTSIZE_MASK,
    ToastCompressionId,
    ToastPointer,
    read_toast_pointer,
    va_compressed,
)
from pgtool.access.damage import Damage
from pgtool.access.heap.columns import dtype_of
from pgtool.access.heap.deform import Attr, Places, walk
from pgtool.access.heap.page import Tuples
from pgtool.errors import CorruptData, Unsupported
from pgtool.storage.smgr import RelationFile

#: The three columns that every TOAST table has.
TOAST_ATTRS = (
    Attr("chunk_id", 4, "i", 1), Attr("chunk_seq", 4, "i", 2), Attr("chunk_data", -1, "i", 3),
)  # fmt: skip
_METHODS = {
    ToastCompressionId.TOAST_PGLZ_COMPRESSION_ID: "pglz",
    ToastCompressionId.TOAST_LZ4_COMPRESSION_ID: "lz4",
}
_TCINFO = offset_of(va_compressed, "va_tcinfo")
#: Compressed chunks begin with the word that inline ones have behind their header.
_TCINFO_SIZE = VARHDRSZ_COMPRESSED - VARHDRSZ
#: No compression method packs tighter than this (lz4's limit).
MAX_RATIO = 256
#: Runs of chunks closer together than this are read with one call.
_GAP = 16 * BLCKSZ
_READ = 8 << 20


def decompress(data: bytes, method: int, rawsize: int) -> bytes | memoryview:
    """The raw value of compressed bytes; CorruptData or Unsupported otherwise."""
    try:
        name = _METHODS[ToastCompressionId(method)]
    except ValueError:
        raise CorruptData(f"unknown compression method {method}", field="va_tcinfo") from None
    if rawsize > MAX_RATIO * len(data):
        raise CorruptData(f"{len(data)} compressed bytes cannot hold {rawsize}", field="va_tcinfo")
    return compression.decompress_view(name, data, rawsize)


def inline_compressed(value: bytes) -> bytes:
    """The payload of a value whose 4-byte header says it is compressed, header included."""
    info = int.from_bytes(value[_TCINFO : _TCINFO + 4], "little")
    return bytes(decompress(
        value[VARHDRSZ_COMPRESSED:], info >> VARLENA_EXTSIZE_BITS, info & VARLENA_EXTSIZE_MASK
    ))  # fmt: skip


@dataclass(slots=True)
class _Chunks:
    """All chunks of a TOAST table, by (chunk_id, chunk_seq)."""

    ident: npt.NDArray[np.uint32]
    seq: npt.NDArray[np.int32]
    place: npt.NDArray[np.int64]
    length: npt.NDArray[np.int16]


class ToastTable:
    """One TOAST table, indexed when its first value is asked for.

    ``aborted`` tells for a chunk's tuples which ones an aborted transaction wrote.
    """

    def __init__(
        self, oid: int, file: RelationFile, checksums: bool, chunk_size: int, keep: Any,
        damage: Damage,
    ) -> None:  # fmt: skip
        self.oid = oid
        self.file = file
        self.checksums = checksums
        self.chunk_size = chunk_size
        self.keep = keep
        self.damage = damage

    @cached_property
    def chunks(self) -> _Chunks:
        """The index over the chunks."""
        from pgtool.access.heap.scan import HeapScan

        idents, seqs, places, lengths = [], [], [], []
        scan = HeapScan(
            self.file, TOAST_ATTRS, self.keep, None, self.checksums, self.damage
        )
        u4, i4 = np.dtype("<u4"), dtype_of(TOAST_ATTRS[1])
        for found in scan.runs(reuse=True):
            tuples, columns = walk(found, TOAST_ATTRS, (0, 1, 2), self.damage)
            data = columns[2]
            assert data.length is not None
            words = tuples.buffer[: len(tuples.buffer) // 4 * 4]
            idents.append(words.view(u4)[columns[0].start >> 2])
            seqs.append(words.view(i4)[columns[1].start >> 2])
            places.append(data.start + tuples.first_block * BLCKSZ)
            lengths.append(data.length.astype(np.int16))
        if not idents:
            return _Chunks(*(np.zeros(0, t) for t in ("<u4", "<i4", "<i8", "<i2")))
        ident, seq = np.concatenate(idents), np.concatenate(seqs)
        place, length = np.concatenate(places), np.concatenate(lengths)
        key = ident.astype(np.uint64) << np.uint64(32) | seq.view(np.uint32)
        if not (key[1:] > key[:-1]).all():
            order = np.argsort(key, kind="stable")
            ident, seq, place, length = ident[order], seq[order], place[order], length[order]
        return _Chunks(ident, seq, place, length)

    def find(self, pointer: ToastPointer) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(places, lengths) of a value's chunks in order; CorruptData where they are not whole."""
        chunks = self.chunks
        low = int(np.searchsorted(chunks.ident, np.uint32(pointer.valueid), "left"))
        high = int(np.searchsorted(chunks.ident, np.uint32(pointer.valueid), "right"))
        wanted = -(-pointer.extsize // self.chunk_size)
        seq = chunks.seq[low:high]
        if high - low != wanted or (wanted and not np.array_equal(seq, np.arange(wanted))):
            low, high = self._repair(low, high, wanted, pointer)
        length = chunks.length[low:high].astype(np.int64)
        last = pointer.extsize - (wanted - 1) * self.chunk_size
        wrong = length != self.chunk_size
        if wanted:
            wrong[-1] = length[-1] != last
        if wrong.any():
            n = int(np.flatnonzero(wrong)[0])
            raise CorruptData(
                f"unexpected size {int(length[n])} of chunk {n} of {wanted} for toast value "
                f"{pointer.valueid} in pg_toast table {self.oid}",
                file=self.file.path, block=int(chunks.place[low + n]) // BLCKSZ,
                offset=int(chunks.place[low + n]) % BLCKSZ, field="chunk_data",
            )  # fmt: skip
        return chunks.place[low:high], length

    def _repair(self, low: int, high: int, wanted: int, pointer: ToastPointer) -> tuple[int, int]:
        """Say which chunk is missing or too many."""
        present = set(self.chunks.seq[low:high].tolist())
        missing = [n for n in range(min(wanted, len(present) + 1)) if n not in present]
        if missing:
            message = f"missing chunk number {missing[0]}"
        elif len(present) < high - low:
            message = "duplicate chunks"
        else:
            message = f"unexpected chunk number {max(present)} (expected {wanted} chunks)"
        raise CorruptData(
            f"{message} for toast value {pointer.valueid} in pg_toast table {self.oid}",
            file=self.file.path, field="chunk_seq",
        )  # fmt: skip

    def read(self, pointers: list[ToastPointer]) -> list[bytes | CorruptData]:
        """The values of many pointers, decompressed; an error in place of a lost one."""
        return [
            found if isinstance(found, (bytes, CorruptData)) else bytes(found)
            for found in self.views(pointers)
        ]

    def views(self, pointers: list[ToastPointer]) -> list[bytes | memoryview | CorruptData]:
        """The same; values that were not compressed are views of what was read."""
        out: list[bytes | memoryview | CorruptData] = [b""] * len(pointers)
        places, lengths, owner = [], [], []
        for i, pointer in enumerate(pointers):
            try:
                place, length = self.find(pointer)
            except CorruptData as problem:
                out[i] = problem
                continue
            places.append(place)
            lengths.append(length)
            owner.append(i)
        if not owner:
            return out
        stored = self._read_places(np.concatenate(places), np.concatenate(lengths))
        at = 0
        for i, length in zip(owner, lengths):
            size = int(length.sum())
            data = stored[at : at + size]
            at += size
            pointer = pointers[i]
            if not pointer.is_compressed:
                out[i] = data.data
                continue
            packed = data[_TCINFO_SIZE:].tobytes()
            if len(owner) == 1:  # perhaps a very large value: it is not held twice
                del stored, data
            try:
                out[i] = decompress(packed, pointer.method, pointer.rawsize)
            except (CorruptData, Unsupported) as problem:
                out[i] = CorruptData(
                    f"toast value {pointer.valueid} in pg_toast table {self.oid}: {problem}",
                    file=self.file.path, field="chunk_data",
                )  # fmt: skip
        return out

    def _read_places(
        self, place: npt.NDArray[np.int64], length: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint8]:
        """The bytes at these places of the relation, end to end in the order given."""
        from pgtool.storage import ragged

        target = ragged.offsets_of(length)
        out = np.empty(int(target[-1]), np.uint8)
        order = np.argsort(place, kind="stable")
        first, last = place[order], place[order] + length[order]
        segment_bytes = self.file.relseg_size * BLCKSZ
        elsewhere = first[1:] // segment_bytes != first[:-1] // segment_bytes
        apart = np.flatnonzero((first[1:] - last[:-1] > _GAP) | elsewhere)
        borders = [0, *(apart + 1).tolist(), len(order)]
        for low, high in itertools.pairwise(borders):
            while low < high:
                top = int(np.searchsorted(last[low:high], first[low] + _READ)) + low
                top = max(top, low + 1)
                self._read_group(order[low:top], place, length, target, out)
                low = top
        return out

    def _read_group(
        self, rows: npt.NDArray[np.int64], place: npt.NDArray[np.int64],
        length: npt.NDArray[np.int64], target: npt.NDArray[np.int64], out: npt.NDArray[np.uint8],
    ) -> None:  # fmt: skip
        from pgtool.storage import ragged

        start = int(place[rows[0]])
        size = int((place[rows] + length[rows]).max()) - start
        number, offset = divmod(start, self.file.relseg_size * BLCKSZ)
        path = self.file.path if number == 0 else f"{self.file.path}.{number}"
        buffer = np.empty(size, np.uint8)
        if self.file.backend.readinto(path, offset, buffer.data) != size:
            raise CorruptData("file ends before its block does", file=path)
        ragged.copy_spans(out, target[:-1][rows], buffer, place[rows] - start, length[rows])


class Detoaster:
    """Implements the scan's ``Fetch`` for one relation."""

    def __init__(self, table: ToastTable | None) -> None:
        self.table = table

    def __call__(
        self, tuples: Tuples, attr: Attr, place: Places, damage: Damage
    ) -> list[bytes | memoryview | None]:
        """One payload for each special row; lost ones are reported and None."""
        assert place.special is not None and place.length is not None
        out: list[bytes | memoryview | None] = []
        pointers: list[ToastPointer] = []
        slots: list[int] = []
        for slot, row in enumerate(place.special.tolist()):
            start = int(place.start[row])
            raw = tuples.buffer[start : start + int(place.length[row])].tobytes()
            value: bytes | None = None
            try:
                if raw[0] != 1:
                    value = inline_compressed(raw)
                else:
                    pointer = read_toast_pointer(raw, 0)
                    self._check(pointer)
                    pointers.append(pointer)
                    slots.append(slot)
            except (CorruptData, Unsupported) as problem:
                self._lost(tuples, row, attr, str(problem), damage)
            out.append(value)
        if pointers:
            assert self.table is not None
            for slot, found in zip(slots, self.table.views(pointers)):
                if isinstance(found, CorruptData):
                    self._lost(tuples, int(place.special[slot]), attr, str(found), damage)
                else:
                    out[slot] = found
        return out

    def _check(self, pointer: ToastPointer) -> None:
        if self.table is None:
            raise CorruptData("out-of-line value in a relation without a TOAST table")
        if pointer.toastrelid != self.table.oid:
            raise CorruptData(
                f"out-of-line value points to TOAST table {pointer.toastrelid}, "
                f"the relation's is {self.table.oid}"
            )

    @staticmethod
    def _lost(tuples: Tuples, row: int, attr: Attr, message: str, damage: Damage) -> None:
        damage(tuples.corrupt(row, message, attr.attname))
