"""The fast walk set up for what pg_waldump's options ask: filters, text, counts."""

from __future__ import annotations

from formats.wal import record as wal_record
from pgtool.inspect.waldump.filters import Filter
from pgtool.inspect.waldump.lines import line
from pgtool.wal.fast import FastWalk, make_walker
from pgtool.wal.reader import WalReader
from pgtool.wal.walk import COMPILED


def usable(fmt: str, stats: str | None, save_fullpage: str | None) -> bool:
    """Whether the fast walk can do this, and is the faster way here.

    For counting it always is; for text where it is compiled.
    """
    if save_fullpage is not None or (fmt != "text" and stats is None):
        return False
    return COMPILED or stats is not None


def make_quick(
    reader: WalReader, chosen: Filter, action: int, details: bool, limit: int
) -> FastWalk:
    """A fast walk from the reader's position on."""
    major = reader.major

    def describe(data: bytes, lsn: int, end: int) -> bytes:
        rec = wal_record.decode(data, lsn, end, major)
        return line(rec, details).encode("utf-8", "surrogateescape")

    walker = make_walker(reader.source, action, details, describe)
    if chosen.rmids is not None:
        walker.rmids = bytes(rmid in chosen.rmids for rmid in range(256))
    if chosen.xid is not None:
        walker.by_xid, walker.want_xid = True, chosen.xid
    if chosen.relation is not None:
        walker.by_relation = True
        walker.spc, walker.db, walker.rel = chosen.relation
    walker.block = -1 if chosen.block is None else chosen.block
    walker.fork = -1 if chosen.fork is None else chosen.fork
    walker.fullpage = chosen.fullpage
    walker.limit = max(0, limit)
    return FastWalk(reader, walker)
