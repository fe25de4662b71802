"""Damaged input ends in a decoded result or in CorruptData or Unsupported; in nothing else.

Seeded and bounded. `PGTOOL_FUZZ` is the number of mutations in all (3,000 unless set; the
acceptance run takes 100,000). Each must end soon, and all together in bounded memory.
"""

from __future__ import annotations

import functools
import os
import random
import re
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from formats import backup, control, postmaster, relmap, slot, slru, timeline, twophase
from formats.errors import CorruptData, PgtoolError, Unsupported, UserError
from formats.pages import parse_page
from formats.wal.record import decode
from pgtool.inspect.functions import FUNCTIONS
from pgtool.inspect.rawpage import RawPage
from pgtool.wal import rmgr
from pgtool.wal.reader import WalReader
from pgtool.wal.source import SegmentDirectory, WalReadError, segment_info
from tests.fixture_wal import fixture_records, with_wal
from tests.fixtures import pages, scenarios
from tests.mutations import ANY_SIZE, SAME_SIZE, damaged

TOTAL = int(os.environ.get("PGTOOL_FUZZ", "3000"))
LONGEST_SECONDS = 5.0
MORE_MEMORY_MB = 300
PAGE_KINDS = ("heap", "btree", "hash", "gin", "gist", "spgist", "brin", "sequence", "fsm", "vm")
#: Which share of the mutations goes where.
SHARES = {"pages": 30, "functions": 20, "records": 30, "segments": 8, "control": 6, "small": 6}
LSN = re.compile(r"[0-9A-F]+/[0-9A-F]+|offset \d+")


def mutations(part: str) -> range:
    return range(max(20, TOTAL * SHARES[part] // 100))


def survive(act: Callable[[], Any], what: Callable[[], str]) -> str:
    """Run it on damaged input: how it ended."""
    began = time.monotonic()
    try:
        act()
        end = "decoded"
    except CorruptData as error:
        place = (error.file, error.block, error.offset, error.field)
        assert any(p is not None for p in place) or LSN.search(str(error)), (
            f"{what()}: no place in: {error}")
        end = "corrupt"
    except (Unsupported, UserError, WalReadError):
        end = "refused"
    except Exception as error:
        raise AssertionError(f"{what()}: {type(error).__name__}: {error}") from error
    seconds = time.monotonic() - began
    assert seconds < LONGEST_SECONDS, f"{what()} took {seconds:.1f} s"
    return end


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MORE_MEMORY_MB * 1024, f"{grown // 1024} MB more"


@functools.cache
def all_pages() -> list[tuple[int, str, str, int, bytes]]:
    """(major, kind, file, block, bytes): of each kind up to some tens of pages."""
    rng = random.Random(1)
    by_kind: dict[str, list[tuple[int, str, str, int, bytes]]] = {}
    for scenario in scenarios():
        for entry in scenario.entries(*PAGE_KINDS):
            name = f"{scenario}/{entry['path']}"
            for block, page in enumerate(pages(scenario.file(entry["path"]))):
                if any(page):
                    by_kind.setdefault(entry["kind"], []).append(
                        (scenario.major, entry["kind"], name, block, page))
    return [p for found in by_kind.values() for p in rng.sample(found, min(80, len(found)))]


def test_pages() -> None:
    ends = set()
    for number in mutations("pages"):
        rng = random.Random(f"pages {number}")
        _, kind, name, block, page = rng.choice(all_pages())
        data = damaged(page, rng, ANY_SIZE)
        kind = kind if rng.random() < 0.8 else None
        ends.add(survive(lambda d=data, k=kind: parse_page(d, k),
                         lambda n=number, f=name, b=block: f"pages {n}: {f} block {b}"))
    assert {"decoded", "corrupt"} <= ends


def test_pageinspect_functions() -> None:
    ends = set()
    for number in mutations("functions"):
        rng = random.Random(f"functions {number}")
        major, kind, name, block, page = rng.choice(all_pages())
        data = damaged(page, rng, SAME_SIZE)
        function = _function_for(kind, major, rng)

        def act(data: bytes = data, function: Any = function, block: int = block,
                major: int = major) -> None:
            raw = RawPage(data, block, major, fetch=lambda n: data)
            for _ in function.rows(raw):
                pass

        ends.add(survive(act, lambda n=number, f=name, b=block, w=function.name:
                         f"functions {n}: {w} of {f} block {b}"))
    assert {"decoded", "corrupt"} <= ends


PREFIX = {"heap": "heap_", "btree": "bt_", "hash": "hash_", "gin": "gin_", "gist": "gist_",
          "spgist": "spgist_", "brin": "brin_", "sequence": "heap_", "fsm": "fsm_", "vm": "page_"}


def _function_for(kind: str, major: int, rng: random.Random) -> Any:
    prefix = PREFIX[kind] if rng.random() < 0.9 else ""
    names = [n for n, f in sorted(FUNCTIONS.items())
             if n.startswith(prefix) and major in f.columns]
    return FUNCTIONS[rng.choice(names)]


@functools.cache
def sample_records() -> list[tuple[bytes, Any]]:
    """Some records of every type of every major."""
    found: dict[tuple[int, int, int], list[tuple[bytes, Any]]] = {}
    for scenario in with_wal():
        for raw, record in fixture_records(scenario):
            place = found.setdefault((record.major, record.rmid, record.info & 0xF0), [])
            if len(place) < 4:
                place.append((raw, record))
    return [r for some in found.values() for r in some]


def test_wal_records() -> None:
    """Past the CRC: a record whose inside contradicts itself."""
    ends = set()
    for number in mutations("records"):
        rng = random.Random(f"records {number}")
        raw, record = rng.choice(sample_records())
        data = damaged(raw, rng)

        def act(data: bytes = data, record: Any = record) -> None:
            again = decode(data, record.lsn, record.end, record.major, record.tli)
            rmgr.identify(again)
            rmgr.describe(again)
            rmgr.fields(again)
            for block in again.blocks:
                if block.image is not None:
                    _restore(block)

        ends.add(survive(act, lambda n=number, r=record:
                         f"records {n}: {r.major} {rmgr.identify(r)} at {r.lsn}"))
    assert {"decoded", "corrupt"} <= ends


def _restore(block: Any) -> None:
    try:
        block.image.page()
    except CorruptData as error:
        raise error.at(block=block.block) from error  # an image does not know whose it is


def test_wal_segments(tmp_path: Path) -> None:
    """The reader stops at the first thing that is wrong, and says why."""
    candidates = [(s, t) for s in with_wal() for t in s.wal_tags()]
    for number in mutations("segments"):
        rng = random.Random(f"segments {number}")
        scenario, tag = rng.choice(candidates)
        wal = {n: d for n, d in scenario.wal(tag).items() if n.startswith("00000001")}
        name = rng.choice(sorted(wal))
        for path in tmp_path.iterdir():
            path.unlink()
        bad = damaged(wal[name][:65536 * rng.choice((1, 4))], rng)
        (tmp_path / name).write_bytes(bad)
        survive(lambda d=str(tmp_path), n=name: _read_wal(d, n),
                lambda n=number, s=scenario, f=name: f"segments {n}: {s} {f}")


def _read_wal(directory: str, name: str) -> None:
    info = segment_info(directory, name)
    source = SegmentDirectory(directory, info, 1)
    try:
        reader = WalReader(source)
        start = (int(name[8:16], 16) << 32) + int(name[16:], 16) * info.segment_size
        if reader.find_next(start) is None:
            return
        for _ in range(300):
            record = reader.read()
            if record is None:
                assert reader.error is not None
                return
            rmgr.describe(record)
    except PgtoolError as error:
        assert str(error)
    finally:
        source.close()


def test_control_files() -> None:
    files = [(s, e, s.file(e["path"])) for s in scenarios() for e in s.entries("control")]
    ends = set()
    for number in mutations("control"):
        rng = random.Random(f"control {number}")
        scenario, entry, whole = rng.choice(files)
        data = damaged(whole[:rng.choice((320, 8192))], rng)
        ends.add(survive(lambda d=data: control.parse(d),
                         lambda n=number, s=scenario, e=entry: f"control {n}: {s} {e['path']}"))
    assert "corrupt" in ends


def _slru(area: slru.Area) -> Callable[[bytes, int], object]:
    layout = area.page
    assert layout is not None
    return lambda data, major: [layout.parse(page) for page in pages(data) if len(page) == 8192]


SMALL: dict[str, Callable[[bytes, int], object]] = {
    "relmap": lambda data, major: relmap.parse(data),
    "twophase": twophase.parse,
    "slot": lambda data, major: slot.parse(data),
    "backup_label": lambda data, major: backup.parse_label(data),
    "tablespace_map": lambda data, major: backup.parse_tablespace_map(data),
    "backup_manifest": lambda data, major: backup.parse_manifest(data),
    "history": lambda data, major: timeline.parse(data),
    "postmaster.pid": lambda data, major: postmaster.parse_pid(data),
    "postmaster.opts": lambda data, major: postmaster.parse_opts(data),
    "multixact_members": _slru(slru.MULTIXACT_MEMBERS),
    "commit_ts": _slru(slru.COMMIT_TS),
}


@pytest.mark.parametrize("kind", SMALL)
def test_small_files(kind: str) -> None:
    files = [(s, e, s.file(e["path"])) for s in scenarios() for e in s.entries(kind)]
    for number in range(max(20, len(mutations("small")) // len(SMALL))):
        rng = random.Random(f"{kind} {number}")
        scenario, entry, whole = rng.choice(files)
        data = damaged(whole[:16384], rng)
        survive(lambda d=data, s=scenario: SMALL[kind](d, s.major),
                lambda n=number, s=scenario, e=entry: f"{kind} {n}: {s} {e['path']}")
