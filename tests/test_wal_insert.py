"""WAL insertion: the bytes a server wrote come out again; what we write is read back."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from formats.units import BLCKSZ
from formats.version import XLOG_PAGE_MAGIC
from formats.wal import logicalmsg, xlog
from formats.wal.page import XLOG_BLCKSZ, parse_segment_name
from formats.wal.record import DecodedRecord, XLogRecordFlags
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import Panic
from pgtool.storage.backend import Directory
from pgtool.storage.bufmgr import Buffer, BufferTag
from pgtool.storage.smgr import ForkNumber, RelFileLocator
from pgtool.wal import assemble as assembling
from pgtool.wal import insert, sign
from pgtool.wal.compress import compressor
from pgtool.wal.insert import Record, Wal
from pgtool.wal.reader import WalReader
from pgtool.wal.source import SegmentDirectory, SegmentInfo, any_segment_info
from pgtool.wal.writer import WalWriter
from tests.fixtures import Scenario, scenarios
from tests.installs import client

SWITCH = opcode(xlog.RECORDS, "SWITCH")
CHECK = int(XLogRecordFlags.XLR_CHECK_CONSISTENCY)
MESSAGE = opcode(logicalmsg.RECORDS, "MESSAGE")
MB = 1 << 20
SCENARIOS = [s for s in scenarios(18) if s.name not in ("standby", "torn")]


def make(path: Path, start: int, *, size: int = MB, sysid: int = 7, **options: object) -> Wal:
    (path / "pg_wal").mkdir(parents=True, exist_ok=True)
    writer = WalWriter(Directory(str(path)), major=18, tli=1, sysid=sysid, segment_size=size)
    writer.start(start)
    return Wal(writer, 18, **options)  # type: ignore[arg-type]


def read_all(path: Path, start: int, size: int = MB, sysid: int = 7) -> list[DecodedRecord]:
    info = SegmentInfo(size, 18, XLOG_PAGE_MAGIC[18], sysid)
    reader = WalReader(SegmentDirectory(str(path / "pg_wal"), info, 1), sysid=sysid)
    found = reader.find_next(start)
    assert found is not None, reader.error
    out = []
    while (record := reader.read()) is not None:
        out.append(record)
    return out


# -- a server's WAL, written anew ----------------------------------------------------------


def rewrite(wal: Wal, rec: DecodedRecord) -> None:
    """Insert the record that ``rec`` is."""
    if rec.rmid == RmgrId.RM_XLOG_ID and rec.info == SWITCH:
        wal.switch()
        return
    record = Record(rec.rmid, rec.info & ~CHECK, rec.main)
    wal.consistency = frozenset({rec.rmid}) if rec.info & CHECK else frozenset()
    for ref in rec.blocks:
        where = RelFileLocator(ref.spc, ref.db, ref.rel)
        page = bytearray(BLCKSZ)
        image = ref.image
        if image is not None:
            page[:] = image.page()
        buffer = Buffer(BufferTag(where, ForkNumber(ref.fork), ref.block), page)
        applied = image is not None and image.apply
        if not applied:
            buffer.set_lsn(wal.redo_lsn + 1)
        if image is not None and not applied:  # the image that only checks keeps the page's LSN
            page[:] = image.page()
        record.block(
            ref.id, buffer, ref.data, standard=image is not None and bool(image.hole_length),
            will_init=ref.will_init, force_image=applied, no_image=not applied,
            keep_data=applied and ref.has_data,
        )  # fmt: skip
    if rec.top_xid is not None:
        wal.pending_top[rec.xid] = rec.top_xid
    wal.insert(record, rec.xid)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_servers_wal_comes_out_again(scenario: Scenario, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    (theirs / "pg_wal").mkdir(parents=True)
    segments = scenario.wal()
    for name, data in segments.items():
        (theirs / "pg_wal" / name).write_bytes(data)
    info = any_segment_info(str(theirs / "pg_wal"), sorted(segments))
    first = parse_segment_name(min(segments), info.segment_size)[1] * info.segment_size
    records = read_all(theirs, first, info.segment_size, info.sysid)
    wal = make(ours, first, size=info.segment_size, sysid=info.sysid)
    page = int(records[0].lsn) % XLOG_BLCKSZ
    wal.writer._pages[:] = segments[min(segments)][:page]
    wal.writer.end = int(records[0].lsn)
    wal.prev = int(records[0].prev)
    for rec in records:
        if rec.origin is not None:  # of a replicated session; we have none
            break
        used = {r.image.compression for r in rec.blocks if r.image} - {None}
        wal._compress = compressor(used.pop() if used else "off", 18)
        rewrite(wal, rec)
        assert wal.prev == rec.lsn and wal.end == rec.end, rec
    wal.flush_all()
    end = wal.end
    for name, data in segments.items():
        at = parse_segment_name(name, info.segment_size)[1] * info.segment_size
        upto = min(end - at, len(data))
        if upto > 0:
            assert (ours / "pg_wal" / name).read_bytes()[:upto] == data[:upto], name


# -- what we write is read back ------------------------------------------------------------


def message(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def test_records_of_all_sizes_cross_pages_and_segments(tmp_path: Path) -> None:
    rng = random.Random(5)
    sizes = [0, 1, 255, 256, *(rng.randrange(9000) for _ in range(300)), 3 * MB, 8192, 70000]
    wal = make(tmp_path, 5 * MB)
    wal.prev = 5 * MB - 100
    ends = []
    for seed, size in enumerate(sizes):
        ends.append(wal.insert(Record(RmgrId.RM_LOGICALMSG_ID, MESSAGE, message(size, seed)), seed))
        if seed % 50 == 0:
            wal.flush(ends[-1])
            assert wal.flushed == ends[-1]
        if seed == 120:
            assert wal.switch() % MB == 0 and wal.switch() == wal.end
    wal.flush_all()
    found = [rec for rec in read_all(tmp_path, 5 * MB) if rec.rmid == RmgrId.RM_LOGICALMSG_ID]
    assert [len(rec.main) for rec in found] == sizes
    assert all(rec.main == message(size, n) and rec.xid == n
               for n, (rec, size) in enumerate(zip(found, sizes, strict=True)))  # fmt: skip
    assert [rec.end for rec in found] == ends
    names = sorted(p.name for p in (tmp_path / "pg_wal").iterdir())
    assert all((tmp_path / "pg_wal" / name).stat().st_size == MB for name in names)
    install, program = client("pg_waldump", 18)
    (tmp_path / "pg_wal").chmod(0o755)
    out = subprocess.run(
        [str(program), "-z", *(str(tmp_path / "pg_wal" / n) for n in (names[0], names[-1]))],
        env=install.env(), capture_output=True, text=True, check=False)
    assert "invalid record length" in out.stderr or not out.stderr, out.stderr


@pytest.mark.parametrize("method", ["off", "pglz", "lz4"])
def test_images(method: str, tmp_path: Path) -> None:
    wal = make(tmp_path, MB, compression=method)
    wal.prev = MB - 100
    where = RelFileLocator(1663, 5, 16384)
    rng = random.Random(3)
    pages = []
    for number, (lower, upper) in enumerate([(24, 8192), (40, 4000), (4000, 4000), (0, 0)]):
        page = bytearray(rng.choice(b"ab cd") for _ in range(BLCKSZ))
        page[12:16] = lower.to_bytes(2, "little") + upper.to_bytes(2, "little")
        if lower < upper:
            page[lower:upper] = bytes(upper - lower)
        wal.log_newpage(where, ForkNumber.MAIN, number, page)
        pages.append(bytes(page))
    wal.flush_all()
    found = read_all(tmp_path, MB)
    assert len(found) == 4
    for rec, page in zip(found, pages, strict=True):
        image = rec.blocks[0].image
        assert image is not None and image.page()[8:] == page[8:]
        assert image.compression == (None if method == "off" or image.length < 100 else method)


def test_images_follow_the_redo_pointer(tmp_path: Path) -> None:
    wal = make(tmp_path, MB)
    wal.prev = MB - 100
    buffer = Buffer(BufferTag(RelFileLocator(1663, 5, 9), ForkNumber.MAIN, 0), bytearray(BLCKSZ))
    wal.redo_lsn = wal.insert_lsn
    for _ in range(2):
        wal.insert(Record(10, 0, b"x").block(0, buffer, b"data"))
        assert buffer.lsn == wal.end
    wal.redo_lsn = wal.end
    wal.insert(Record(10, 0, b"x").block(0, buffer, b"data"))
    wal.full_page_writes = False
    wal.redo_lsn = wal.end
    wal.insert(Record(10, 0, b"x").block(0, buffer, b"data"))
    wal.flush_all()
    images = [rec.blocks[0].image is not None for rec in read_all(tmp_path, MB)]
    assert images == [True, False, True, False]


def test_a_failure_in_a_critical_section_is_a_panic(tmp_path: Path) -> None:
    wal = make(tmp_path, MB)
    wal.prev = MB - 100
    with pytest.raises(Panic, match="broken"), wal.critical():
        raise ValueError("broken")
    wal.insert(Record(RmgrId.RM_XLOG_ID, 0x20))
    with pytest.raises(Panic):
        wal.flush_all()
    with pytest.raises(Panic):
        wal.writer.backend.write("pg_wal/x", 0, b"")


# -- put together in one go --------------------------------------------------------------------


def plain_assemble() -> object:
    """The module as it is where nothing is compiled."""
    source = Path(assembling.__file__).with_name("assemble.py")
    module = ModuleType("assemble_plain")
    exec(compile(source.read_text(), str(source), "exec"), module.__dict__)
    return module.assemble


def random_record(rng: random.Random, buffers: list[Buffer]) -> Record:
    record = Record(rng.randrange(1, 20), rng.randrange(16) << 4,
                    rng.randbytes(rng.choice([0, 3, 255, 256, 900, 9000])))  # fmt: skip
    for number in rng.sample(range(32), rng.randrange(4)):
        record.block(number, rng.choice(buffers), rng.randbytes(rng.choice([0, 8, 300, 8000])),
                     will_init=rng.random() < 0.2, force_image=rng.random() < 0.05,
                     no_image=rng.random() < 0.2, keep_data=rng.random() < 0.2,
                     set_lsn=rng.random() < 0.8)  # fmt: skip
    return record


def test_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that are assembled at once are those that are put together part by part."""
    ways = {"as built": assembling.assemble, "plain": plain_assemble(), "parts": lambda *_: 0}
    written: list[tuple[bytes, list[int]]] = []
    for name, way in ways.items():
        monkeypatch.setattr(insert, "assemble", way)
        rng = random.Random(6)
        wal = make(tmp_path / name, MB)
        buffers = [
            Buffer(BufferTag(RelFileLocator(1663, 5, 16384 + i % 2), ForkNumber(i % 3), 1 << i),
                   bytearray(BLCKSZ))
            for i in range(6)
        ]  # fmt: skip
        for _ in range(300):
            wal.insert(random_record(rng, buffers), rng.randrange(1 << 32))
        wal.redo_lsn = wal.end
        for _ in range(50):
            wal.insert(random_record(rng, buffers), 7)
        wal.flush_all()
        found = b"".join(p.read_bytes() for p in sorted((tmp_path / name / "pg_wal").iterdir()))
        written.append((found, [buffer.lsn for buffer in buffers]))
    assert written[0] == written[1] == written[2]


def test_records_signed_together_are_signed_alike_compiled_or_not() -> None:
    rng = np.random.default_rng(3)
    size = rng.integers(24, 9000, 50)
    begin = np.concatenate([[0], np.cumsum((size + 7) & ~7)])
    prev = rng.integers(1, 1 << 40, 50)
    stream = rng.integers(0, 256, int(begin[-1]), np.uint8)
    plain = stream.copy()
    sign.sign(stream, begin[:-1], size, prev)
    sign._sign(plain.data, begin[:-1], size, prev)
    assert (stream == plain).all()
