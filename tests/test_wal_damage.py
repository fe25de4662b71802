"""Damaged WAL: every reading ends, in one line that says where, and fast and plain agree.

Two kinds of damage: bytes changed anywhere (page headers, lengths, truncation), which the
checks of the reader must catch, and bytes changed inside a record whose checksum is then
made right again, which reach the decoding and the descriptions.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.derive import offset_of
from formats.units import Lsn
from formats.wal.page import XLOG_BLCKSZ, parse_segment_name
from formats.wal.record import SIZE_OF_XLOG_RECORD, XLogRecord
from pgtool.errors import PgtoolError
from pgtool.inspect.waldump import dump as dump_module
from pgtool.inspect.waldump.dump import Options
from pgtool.inspect.waldump.target import Target
from pgtool.wal.reader import WalReader
from pgtool.wal.source import SegmentDirectory, WalReadError, segment_info
from pgtool.wal.walk import checksum
from tests import waldump_workload
from tests.conftest import need
from tests.servers import cluster
from tests.test_waldump_fast import shown

pytestmark = pytest.mark.server
CRC_AT = offset_of(XLogRecord, "xl_crc")
RMID_AT, INFO_AT = offset_of(XLogRecord, "xl_rmid"), offset_of(XLogRecord, "xl_info")
RAW_ROUNDS, RECORD_ROUNDS = 300, 700


@pytest.fixture(scope="module", params=(14, 18), ids=("pg14", "pg18"))
def segments(request: pytest.FixtureRequest) -> Iterator[list[tuple[str, bytes]]]:
    """(name, bytes) of the segments that a small workload wrote."""
    need(request.param)
    conf = {**waldump_workload.CONF, "wal_level": "logical"}
    with cluster(request.param, initdb_args=["--wal-segsize=1"], conf=conf, start=False) as server:
        waldump_workload.run(server, waldump_workload.Workload("damage", 1))
        paths = waldump_workload.bounds(server.wal)[0]
        yield [(path.name, path.read_bytes()) for path in paths]


def both_ways(
    target: Target, options: Options, monkeypatch: pytest.MonkeyPatch
) -> tuple[bytes, str]:
    with monkeypatch.context() as patch:
        patch.setattr(dump_module, "usable", lambda *_: False)
        plain = shown(target, options)
        if options.fmt == "text":
            patch.setattr(dump_module, "usable", lambda *_: True)
            assert shown(target, options) == plain
    return plain


def change(rnd: random.Random, data: bytearray, at: int) -> None:
    data[at] = rnd.choice([data[at] ^ 1 << rnd.randrange(8), rnd.randrange(256), 0, 255])


def test_bytes_anywhere(
    segments: list[tuple[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rnd = random.Random(3)
    texts = set()
    for _ in range(RAW_ROUNDS):
        for name, data in segments[1:3]:
            damaged = bytearray(data)
            for _ in range(rnd.randrange(4)):
                page = XLOG_BLCKSZ * rnd.randrange(8)
                change(rnd, damaged, page + rnd.choice([rnd.randrange(40), rnd.randrange(8192)]))
            if rnd.random() < 0.1:
                del damaged[rnd.randrange(len(damaged)) :]
            (tmp_path / name).write_bytes(damaged)
        try:
            info = segment_info(str(tmp_path), segments[1][0])
        except PgtoolError as error:
            assert "\n" not in str(error)
            continue
        _tli, segno = parse_segment_name(segments[1][0], info.segment_size)
        start = segno * info.segment_size
        target = Target(str(tmp_path), info, 1, Lsn(start), Lsn(start + 70_000))
        options = rnd.choice([Options(), Options(stats="record"), Options(bkp_details=True)])
        texts.add(both_ways(target, options, monkeypatch)[1].split(":")[-1].split(" at ")[0])
    assert len(texts) > 5


def test_records_with_a_right_checksum(
    segments: list[tuple[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rnd = random.Random(4)
    for name, data in segments:
        (tmp_path / name).write_bytes(data)
    info = segment_info(str(tmp_path), segments[0][0])
    records = _by_kind(tmp_path, segments[0][0])
    for _ in range(RECORD_ROUNDS):
        lsn, length = rnd.choice(records[rnd.choice(sorted(records))])
        segno, offset = divmod(lsn, info.segment_size)
        name = next(n for n, _ in segments if parse_segment_name(n, info.segment_size)[1] == segno)
        original = dict(segments)[name]
        record = bytearray(original[offset : offset + length])
        for _ in range(rnd.randrange(1, 4)):
            inside = rnd.randrange(SIZE_OF_XLOG_RECORD, length) if length > 24 else INFO_AT
            change(rnd, record, rnd.choice([INFO_AT, inside, inside, inside]))
        record[CRC_AT : CRC_AT + 4] = checksum(bytes(record)).to_bytes(4, "little")
        (tmp_path / name).write_bytes(original[:offset] + record + original[offset + length :])
        target = Target(str(tmp_path), info, 1, Lsn(lsn), Lsn(lsn + length))
        for options in (Options(), Options(bkp_details=True), Options(fmt="jsonl")):
            assert "\n" not in both_ways(target, options, monkeypatch)[1]
        (tmp_path / name).write_bytes(original)


def _by_kind(directory: Path, first: str) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """(resource manager, opcode) → place and length of records that lie on one page."""
    info = segment_info(str(directory), first)
    source = SegmentDirectory(str(directory), info, 1)
    reader = WalReader(source)
    reader.find_next(parse_segment_name(first, info.segment_size)[1] * info.segment_size)
    out: dict[tuple[int, int], list[tuple[int, int]]] = {}
    try:
        while (raw := reader.read_raw()) is not None:
            if raw.lsn % XLOG_BLCKSZ + len(raw.data) <= XLOG_BLCKSZ:
                kind = raw.data[RMID_AT], raw.data[INFO_AT] & 0xF0
                out.setdefault(kind, []).append((int(raw.lsn), len(raw.data)))
    except WalReadError:
        pass
    source.close()
    return out
