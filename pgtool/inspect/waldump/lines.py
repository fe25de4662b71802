"""One record as pg_waldump's text, and as a JSON object with every decoded field."""

from __future__ import annotations

from typing import Any

from formats.units import BLCKSZ, Lsn
from formats.wal.record import FORK_NAMES, IMAGE_BITS, BlockImage, BlockRef, DecodedRecord
from pgtool.wal import rmgr
from pgtool.wal.wording import NAMES_METHOD


def position(lsn: int) -> str:
    """An LSN in the form of a record's line: the low half in eight digits."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:08X}"


def head(rec: DecodedRecord, name: str) -> str:
    """The line's beginning, the same for every record type."""
    return (
        f"rmgr: {name:<11} len (rec/tot): {rec.total_len - rec.fpi_len:6}/{rec.total_len:6}, "
        f"tx: {rec.xid:10}, lsn: {position(rec.lsn)}, prev {position(rec.prev)}, desc: "
    )


def line(rec: DecodedRecord, details: bool = False) -> str:
    """The record's text, with its line end (or lines, one a block reference)."""
    entry = rmgr.entry(rec.major, rec.rmid, rec.info)
    blocks = block_lines(rec) if details else short_blocks(rec)
    return f"{head(rec, entry.rmgr.name)}{entry.name} {rmgr.describe(rec)}{blocks}\n"


def short_blocks(rec: DecodedRecord) -> str:
    """The block references at the end of a record's line."""
    out = []
    for ref in rec.blocks:
        fork = f" fork {FORK_NAMES[ref.fork]}" if ref.fork else ""
        out.append(f", blkref #{ref.id}: rel {ref.spc}/{ref.db}/{ref.rel}{fork} blk {ref.block}")
        if ref.image is not None:
            out.append(" FPW" if ref.image.apply else " FPW for WAL verification")
    return "".join(out)


def block_lines(rec: DecodedRecord) -> str:
    """The block references below a record's line, one a line."""
    return "".join("\n" + _block_line(ref, rec.major) for ref in rec.blocks)


def _block_line(ref: BlockRef, major: int) -> str:
    text = (
        f"\tblkref #{ref.id}: rel {ref.spc}/{ref.db}/{ref.rel} "
        f"fork {FORK_NAMES[ref.fork]} blk {ref.block}"
    )
    image = ref.image
    if image is None:
        return text
    text += (
        f" (FPW{'' if image.apply else ' for WAL verification'}); "
        f"hole: offset: {image.hole_offset}, length: {image.hole_length}"
    )
    if not image.info & IMAGE_BITS[major].compressed:
        return text
    text += f", compression saved: {saved_bytes(image)}"
    return f"{text}, method: {image.compression}" if NAMES_METHOD[major] else text


def saved_bytes(image: BlockImage) -> int:
    """What compression took off the image, hole not counted (unsigned, as it is printed)."""
    return (BLCKSZ - image.hole_length - image.length) & 0xFFFFFFFF


def as_dict(rec: DecodedRecord) -> dict[str, Any]:
    """Everything the record says, for ``--format jsonl``."""
    entry = rmgr.entry(rec.major, rec.rmid, rec.info)
    decoded: dict[str, Any] = {"main": None, "blocks": {}}
    if entry.type is not None:
        decoded = rmgr.fields(rec)
    return {
        "lsn": str(rec.lsn),
        "end": str(rec.end),
        "prev": str(Lsn(rec.prev)),
        "timeline": rec.tli,
        "major": rec.major,
        "rmgr": entry.rmgr.name,
        "rmid": rec.rmid,
        "type": entry.name,
        "info": rec.info,
        "xid": rec.xid,
        "origin": rec.origin,
        "top_xid": rec.top_xid,
        "total_length": rec.total_len,
        "record_length": rec.total_len - rec.fpi_len,
        "fpi_length": rec.fpi_len,
        "crc": f"{rec.crc:08X}",
        "desc": rmgr.describe(rec).encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "main_length": len(rec.main),
        "main": decoded["main"] if decoded["main"] is not None else rec.main.hex(),
        "blocks": [_block_dict(ref, decoded["blocks"], rec.major) for ref in rec.blocks],
    }


def _block_dict(ref: BlockRef, decoded: dict[str, Any], major: int) -> dict[str, Any]:
    image = ref.image
    return {
        "id": ref.id,
        "tablespace": ref.spc,
        "database": ref.db,
        "relation": ref.rel,
        "fork": FORK_NAMES[ref.fork],
        "block": ref.block,
        "will_init": ref.will_init,
        "image": None if image is None else {
            "apply": image.apply,
            "length": image.length,
            "hole_offset": image.hole_offset,
            "hole_length": image.hole_length,
            "info": image.info,
            "compression": image.compression,
        },
        "data_length": ref.data_length,
        "data": decoded.get(str(ref.id), ref.data.hex() if ref.data else None),
    }  # fmt: skip
