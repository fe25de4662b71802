"""Nothing is missing: every record type and every kind of page stands in a fixture.

What cannot be provoked is named here with the reason, and only that: an exception that
occurs after all makes the test fail too.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from formats.version import MAJORS
from pgtool.wal.rmgr import RMGRS, identify
from tests.fixture_wal import fixture_records, with_wal
from tests.fixtures import pages, scenarios

#: (manager, record) → why no fixture has it; a set of majors where it concerns only some.
ABSENT: dict[tuple[str, str], tuple[str, set[int]]] = {
    ("XLOG", "NOOP"): ("no server writes it", set(MAJORS)),
    ("Generic", "Generic"): ("this major's test server has no contrib extension", {16}),
}


@pytest.mark.parametrize("major", MAJORS, ids=[f"pg{m}" for m in MAJORS])
def test_every_record_type(major: int) -> None:
    wanted = {(r.name, kind.name) for r in RMGRS for kind in r.records if kind.known_in(major)}
    absent = {name for name, (_, majors) in ABSENT.items() if major in majors}
    seen: set[tuple[str, str]] = set()
    flagged = {(r.name, name): kind.name for r in RMGRS for kind in r.records
               for name in kind.names().values() if kind.known_in(major)}
    for scenario in with_wal(major):
        for _, record in fixture_records(scenario):
            manager = RMGRS[record.rmid].name
            seen.add((manager, flagged.get((manager, identify(record)), identify(record))))
    assert sorted(wanted - seen - absent) == []
    assert sorted(seen & absent) == [], "an exception that occurs is none"


def _heap(page: bytes) -> set[str]:
    from formats.page import ItemIdData, PageHeaderData

    head = PageHeaderData.parse(page)
    states = {0: "unused", 1: "normal", 2: "redirect", 3: "dead"}
    out = set()
    for at in range(24, head.pd_lower, 4):
        out.add("heap: " + states[int(ItemIdData.parse(page[at:at + 4]).lp_flags)])
    return out


def _flags(prefix: str, offset: int, size: int, names: dict[int, str]) -> Callable[
        [bytes], set[str]]:
    def look(page: bytes) -> set[str]:
        value = int.from_bytes(page[offset:offset + size], "little")
        return {f"{prefix}: {name}" for bit, name in names.items() if value & bit}

    return look


#: Where each access method says what a page is: (offset from the page's end, bits).
LOOK: dict[str, Callable[[bytes], set[str]]] = {
    "heap": _heap,
    "btree": _flags("btree", 8192 - 4, 2, {1: "leaf", 2: "root", 4: "deleted", 8: "meta",
                                           64: "has garbage"}),
    "hash": _flags("hash", 8192 - 4, 2, {1: "overflow", 2: "bucket", 4: "bitmap", 8: "meta"}),
    "gin": _flags("gin", 8192 - 2, 2, {1: "data", 2: "leaf", 4: "deleted", 8: "meta", 16: "list",
                                       128: "compressed"}),
    "gist": _flags("gist", 8192 - 4, 2, {1: "leaf", 2: "deleted"}),
    "spgist": _flags("spgist", 8192 - 8, 2, {1: "meta", 4: "leaf", 8: "nulls"}),
}
BRIN_TYPES = {0xF091: "brin: meta", 0xF092: "brin: revmap", 0xF093: "brin: regular"}
WANTED = {
    "heap: unused", "heap: normal", "heap: redirect", "heap: dead",
    "btree: leaf", "btree: root", "btree: deleted", "btree: meta", "btree: has garbage",
    "hash: overflow", "hash: bucket", "hash: bitmap", "hash: meta",
    "gin: data", "gin: leaf", "gin: deleted", "gin: meta", "gin: list", "gin: compressed",
    "gist: leaf", "gist: deleted", "spgist: meta", "spgist: leaf", "spgist: nulls",
    "brin: meta", "brin: revmap", "brin: regular", "sequence", "fsm", "vm",
}
KINDS_OF_FILE = {
    "control", "relmap", "xact", "subtrans", "multixact_offsets", "multixact_members",
    "commit_ts", "twophase", "slot", "pgstat", "backup_label", "tablespace_map",
    "backup_manifest", "history", "postmaster.pid", "postmaster.opts", "version", "replorigin",
}
#: 14 keeps its statistics in other files, which are no part of pgtool's formats.
FILES_ABSENT = {14: set[str]()}


@pytest.mark.parametrize("major", MAJORS, ids=[f"pg{m}" for m in MAJORS])
def test_every_page_type(major: int) -> None:
    seen: set[str] = set()
    for scenario in scenarios(major):
        for entry in scenario.entries(*LOOK, "brin", "sequence", "fsm", "vm"):
            kind = entry["kind"]
            for page in pages(scenario.file(entry["path"])):
                if kind == "brin":
                    seen.add(BRIN_TYPES[int.from_bytes(page[-2:], "little")])
                elif kind in LOOK:
                    seen |= LOOK[kind](page)
                else:
                    seen.add(kind)
    assert sorted(WANTED - seen) == []


@pytest.mark.parametrize("major", MAJORS, ids=[f"pg{m}" for m in MAJORS])
def test_every_kind_of_file(major: int) -> None:
    seen = {e["kind"] for s in scenarios(major) for e in s.entries()}
    assert sorted(KINDS_OF_FILE - seen - FILES_ABSENT.get(major, set())) == []


def test_fixtures_stay_small() -> None:
    from tests.fixtures import ROOT

    assert sum(p.stat().st_size for p in ROOT.rglob("*") if p.is_file()) < 20_000_000
