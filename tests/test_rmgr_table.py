"""The resource manager table: sound as data, and calm when the bytes are not."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from construct import Adapter, Construct, Renamed, Struct

from formats.units import Lsn
from formats.version import MAJORS, ByMajor
from formats.wal.record import BkpBlockFlags, BlockRef, DecodedRecord
from formats.wal.rmgrs import Counted, RecordType
from pgtool.errors import CorruptData, Unsupported
from pgtool.wal import rmgr

ROUNDS = 12
NASTY = (0, 1, 0x7F, 0x80, 0xFF)


def record(
    major: int, rmid: int, info: int, main: bytes = b"", blocks: tuple[bytes, ...] = ()
) -> DecodedRecord:
    flags = int(BkpBlockFlags.BKPBLOCK_HAS_DATA)
    refs = [
        BlockRef(i, 1663, 5, 16384 + i, 0, i, flags, None, len(data), data)
        for i, data in enumerate(blocks)
    ]
    return DecodedRecord(
        Lsn(0x1000028), Lsn(0x1000100), Lsn(0), major, 1, 24 + len(main), 7, info, rmid, 0,
        b"\0\0", refs, [], main=main,
    )  # fmt: skip


def record_types() -> list[tuple[rmgr.Rmgr, RecordType]]:
    return [(manager, kind) for manager in rmgr.RMGRS for kind in manager.records]


def test_ids_are_a_row() -> None:
    assert [manager.id for manager in rmgr.RMGRS] == list(range(22))


@pytest.mark.parametrize("major", MAJORS)
def test_an_opcode_means_one_thing(major: int) -> None:
    for manager in rmgr.RMGRS:
        taken: dict[int, str] = {}
        for kind in manager.records:
            if not kind.known_in(major):
                continue
            for info, name in kind.names().items():
                assert info not in taken, f"{manager.name} {info:#x}: {name}, {taken[info]}"
                taken[info] = name


def test_every_record_type_is_described() -> None:
    for manager in rmgr.RMGRS:
        assert set(manager.describe) == {kind.name for kind in manager.records}, manager.name
        for kind in manager.records:
            how = manager.describe[kind.name]
            for major in MAJORS:
                if kind.known_in(major) and isinstance(how, ByMajor):
                    assert major in how


def named_fields(con: object, seen: set[int]) -> Iterator[tuple[str, bool]]:
    """(name, whether it has a doc line) of every named field below a layout."""
    if id(con) in seen or not isinstance(con, Construct) or isinstance(con, Adapter):
        return
    seen.add(id(con))
    if isinstance(con, Renamed):
        inner = con.subcon
        yield str(con.name), bool(con.docs or (isinstance(inner, Renamed) and inner.docs))
        while isinstance(inner, Renamed):
            inner = inner.subcon
        yield from named_fields(inner, seen)
    elif isinstance(con, Struct):
        for sub in con.subcons:
            yield from named_fields(sub, seen)
    else:
        for part in vars(con).values():
            yield from named_fields(part, seen)


def test_every_field_has_a_doc_line() -> None:
    seen: set[int] = set()
    for manager, kind in record_types():
        for layouts in (kind.main, *kind.blocks.values()):
            for layout in layouts.distinct():
                for name, documented in named_fields(layout, seen):
                    assert documented, f"{manager.name} {kind.name}: {name}"


def test_unknown_opcode_is_shown_and_refused() -> None:
    rec = record(18, 7, 0x50)
    assert rmgr.identify(rec) == "UNKNOWN (50)"
    assert rmgr.describe(rec) == ""
    for ask in (rmgr.record_type, rmgr.fields):
        with pytest.raises(Unsupported, match=r"RelMap UNKNOWN \(50\) at 0/1000028"):
            ask(rec)


def test_flag_that_does_not_belong() -> None:
    """The real tool masks the flag before it words the record, not before it names it."""
    rec = record(18, 17, 0x80 | 0x30, b"\7\0")
    assert rmgr.identify(rec) == "UNKNOWN (b0)"
    assert rmgr.describe(rec) == "offnum 7"
    with pytest.raises(Unsupported):
        rmgr.record_type(rec)


def test_custom_resource_managers() -> None:
    rec = record(15, 133, 0x30, b"anything")
    assert rmgr.rmgr_of(133, 15).name == "custom133"
    assert rmgr.identify(rec) == "UNKNOWN (30)"
    assert rmgr.describe(rec) == "rmid: 133"
    with pytest.raises(Unsupported):
        rmgr.rmgr_of(133, 14)
    with pytest.raises(Unsupported):
        rmgr.rmgr_of(22, 18)


def test_database_opcodes_moved() -> None:
    assert [rmgr.entry(14, 4, op).name for op in (0x00, 0x10)] == ["CREATE", "DROP"]
    assert [rmgr.entry(15, 4, op).name for op in (0x00, 0x10, 0x20)] == [
        "CREATE_FILE_COPY", "CREATE_WAL_LOG", "DROP",
    ]  # fmt: skip
    assert rmgr.entry(16, 0, 0xE0).type is None
    assert rmgr.entry(17, 0, 0xE0).name == "CHECKPOINT_REDO"


def test_counts_are_checked_before_use() -> None:
    rec = record(18, 1, 0x50, b"\1\0\0\0\xff\xff\xff\x7f" + bytes(8))
    for ask in (rmgr.describe, rmgr.fields):
        with pytest.raises(CorruptData, match="Transaction ASSIGNMENT record at 0/1000028"):
            ask(rec)
    with pytest.raises(Exception, match="items do not fit"):
        Counted(-1, Struct()).parse(b"abc")


def some_bytes(rng: random.Random, most: int) -> bytes:
    size = rng.randrange(most)
    if rng.random() < 0.5:
        return bytes(rng.choice(NASTY) for _ in range(size))
    return bytes(rng.randrange(256) if rng.random() < 0.2 else 0 for _ in range(size))


@pytest.mark.parametrize("major", MAJORS)
def test_any_bytes_decode_or_are_corrupt(major: int) -> None:
    """Arbitrary data in every record type: a result that gives the bytes back, or CorruptData."""
    rng = random.Random(major)
    for manager in rmgr.RMGRS:
        for kind in manager.records:
            if not kind.known_in(major):
                continue
            for info in kind.names():
                for _ in range(ROUNDS):
                    blocks = tuple(some_bytes(rng, 120) for _ in range(rng.randrange(4)))
                    check(record(major, manager.id, info, some_bytes(rng, 120), blocks))


def check(rec: DecodedRecord) -> None:
    for ask in (rmgr.describe, rmgr.fields):
        try:
            json.dumps(ask(rec))
        except CorruptData as error:
            assert " record at 0/1000028" in str(error)
    try:
        main = rmgr.parse_main(rec)
    except CorruptData:
        return
    assert rmgr.build_main(rec, main) == rec.main
    try:
        blocks = rmgr.parse_blocks(rec, main)
    except CorruptData:
        return
    for block_id, data in blocks.items():
        layout = rmgr.record_type(rec).blocks[block_id][rec.major]
        built = layout.build(data, **rmgr.block_params(rec, main, block_id))
        ref = rec.block(block_id)
        assert ref is not None and built == ref.data
