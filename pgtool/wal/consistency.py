"""Comparing replayed pages with the images that ``wal_consistency_checking`` leaves in WAL.

A server run with that setting puts the page as it was after the change behind every change.
After replay both are blanked as their access method says, and must then be equal.
"""

from __future__ import annotations

from formats.wal.record import FORK_NAMES, DecodedRecord, XLogRecordFlags
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage
from pgtool.wal import rmgr
from pgtool.wal.redo import RedoContext, mask_function

_CHECK = int(XLogRecordFlags.XLR_CHECK_CONSISTENCY)


def check(rec: DecodedRecord, context: RedoContext) -> int:
    """Compare the pages of a record just replayed; how many there were. CorruptData if unequal."""
    if not rec.info & _CHECK:
        return 0
    mask = mask_function(rec.major, rec.rmid)
    if mask is None:
        return 0
    compared = 0
    for ref in rec.blocks:
        if ref.image is None or ref.image.apply:
            continue
        buffer = context.pool.get((ref.spc, ref.db, ref.rel, ref.fork, ref.block))
        if buffer is None or bufpage.lsn(buffer.page) > rec.end:
            continue
        replayed, original = bytearray(buffer.page), bytearray(ref.image.page())
        mask(replayed, ref.block)
        mask(original, ref.block)
        compared += 1
        if replayed != original:
            at = next(i for i in range(len(original)) if original[i] != replayed[i])
            found = rmgr.entry(rec.major, rec.rmid, rec.info)
            raise CorruptData(
                f"inconsistent page found after {found.rmgr.name} {found.name} at {rec.lsn}, "
                f"forknum {FORK_NAMES[ref.fork]}, blkno {ref.block}",
                file=context.pool.path((ref.spc, ref.db, ref.rel, ref.fork)),
                block=ref.block, offset=at,
            )  # fmt: skip
    return compared
