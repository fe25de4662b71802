"""Replay of records that rewrite pages without an access method: sequences, generic WAL."""

from __future__ import annotations

from formats.derive import struct_of
from formats.sequence import SEQ_MAGIC, SequenceSpecial
from formats.units import BLCKSZ
from formats.wal import generic, seq
from formats.wal.record import DecodedRecord
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.storage.bufmask import mask_page_lsn_and_checksum, mask_unused_space
from pgtool.wal.redo import RedoContext

_SPECIAL = struct_of(SequenceSpecial)
_FRAGMENT = struct_of(generic.generic_fragment)
_SEQUENCE_AT = seq.xl_seq_rec.sizeof()


def init_sequence(page: bytearray, data: bytes) -> None:
    """A sequence's page with its only row."""
    bufpage.init(page, _SPECIAL.size)
    page[BLCKSZ - _SPECIAL.size :] = SEQ_MAGIC.to_bytes(_SPECIAL.size, "little")
    bufpage.must_add_item(page, data, 1)


def sequence(rec: DecodedRecord, ctx: RedoContext) -> None:
    """A sequence's page, made anew."""
    buf = ctx.needed(rec, 0, init=True)
    if buf is not None:
        init_sequence(buf.page, rec.main[_SEQUENCE_AT:])
        ctx.done(buf, rec)


def apply_fragments(page: bytearray, data: bytes) -> None:
    """Overwrite byte ranges; the hole of the page is zero afterwards."""
    at = 0
    while at + _FRAGMENT.size <= len(data):
        offset, length = _FRAGMENT.unpack_from(data, at)
        at += _FRAGMENT.size
        if offset + length > BLCKSZ or at + length > len(data):
            raise CorruptData(f"generic record changes {length} bytes at {offset}")
        page[offset : offset + length] = data[at : at + length]
        at += length
    low, high, _end = bufpage.bounds(page)
    if low < high <= BLCKSZ:
        page[low:high] = bytes(high - low)


def generic_redo(rec: DecodedRecord, ctx: RedoContext) -> None:
    """Byte ranges of up to four pages."""
    for ref in rec.blocks:
        buf = ctx.needed(rec, ref.id)
        if buf is not None:
            apply_fragments(buf.page, ref.data)
            ctx.done(buf, rec)


def mask(page: bytearray, block: int) -> None:
    """Blank what replay need not restore."""
    mask_page_lsn_and_checksum(page)
    mask_unused_space(page)


SEQUENCE = {"LOG": sequence}
GENERIC = {"Generic": generic_redo}
