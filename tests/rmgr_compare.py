"""All records of some resource managers in a cluster's WAL, beside what pg_waldump says."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
from collections import Counter

from formats.wal.record import BlockRef, DecodedRecord
from pgtool.errors import CorruptData
from pgtool.wal import rmgr
from tests.servers import Server
from tests.test_rmgr_cluster import check_layouts, records, waldump

#: Records of each type whose layouts are tried in full; all are compared as text.
SAMPLE = 60
#: No server writes it: a HOT update needs its old version on the same page.
NEVER = {"HOT_UPDATE+INIT"}
#: Records of each type that are damaged, and how often each.
DAMAGED, TIMES = 6, 8


def compare(server: Server, rmids: set[int]) -> Counter[tuple[str, str]]:
    """Compare every record's text with the real tool's, some records' layouts with their bytes."""
    run = server.segments()
    lines = waldump(server, run) if server.has_tool("pg_waldump") else None
    seen: Counter[tuple[str, str]] = Counter()
    rng = random.Random(server.major)
    for rec in records(run):
        if rec.rmid not in rmids:
            continue
        found = rmgr.entry(rec.major, rec.rmid, rec.info)
        seen[found.rmgr.name, found.name] += 1
        words = f"{rmgr.identify(rec)} {rmgr.describe(rec)}"
        if lines is not None:
            assert real_words(lines, rec) == words
        if seen[found.rmgr.name, found.name] <= SAMPLE:
            check_layouts(rec)
        if seen[found.rmgr.name, found.name] <= DAMAGED:
            for _ in range(TIMES):
                check_damaged(damaged(rec, rng))
    return seen


def real_words(lines: dict[str, tuple[str, str]], rec: DecodedRecord) -> str:
    lsn = f"{rec.lsn >> 32:X}/{rec.lsn & 0xFFFFFFFF:08X}"
    return str(lines[lsn][1].partition(", blkref #")[0])


def wanted(major: int, rmids: set[int]) -> set[tuple[str, str]]:
    """Every record type, and every name it goes by, that can occur."""
    return {
        (manager.name, name)
        for manager in rmgr.RMGRS
        if manager.id in rmids
        for kind in manager.records
        if kind.known_in(major)
        for name in kind.names().values()
        if name not in NEVER
    }


def damaged(rec: DecodedRecord, rng: random.Random) -> DecodedRecord:
    """The record with bits flipped in, or bytes cut off, its main data or a block's data."""
    out = dataclasses.replace(rec, blocks=[dataclasses.replace(ref) for ref in rec.blocks])
    parts: list[DecodedRecord | BlockRef] = [out, *(ref for ref in out.blocks if ref.data)]
    for _ in range(rng.randrange(1, 4)):
        part = rng.choice(parts)
        name = "main" if isinstance(part, DecodedRecord) else "data"
        data = bytearray(getattr(part, name))
        if data and rng.random() < 0.8:
            at = rng.randrange(min(len(data), 64))
            data[at] = rng.choice((data[at] ^ 1 << rng.randrange(8), 0xFF, 0))
        else:
            del data[rng.randrange(len(data) + 1) :]
        setattr(part, name, bytes(data))
    return out


def check_damaged(rec: DecodedRecord) -> None:
    """Damage gives another result, which still builds to its bytes, or CorruptData."""
    for ask in (rmgr.describe, rmgr.fields):
        with contextlib.suppress(CorruptData):
            json.dumps(ask(rec))
    try:
        main = rmgr.parse_main(rec)
        blocks = rmgr.parse_blocks(rec, main)
    except CorruptData as error:
        assert f"record at {rec.lsn}" in str(error)
        return
    assert rmgr.build_main(rec, main) == rec.main
    for block_id, data in blocks.items():
        layout = rmgr.record_type(rec).blocks[block_id][rec.major]
        ref = rec.block(block_id)
        assert ref is not None
        assert layout.build(data, **rmgr.block_params(rec, main, block_id)) == ref.data
