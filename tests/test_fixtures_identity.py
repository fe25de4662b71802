"""Parse → build gives the same bytes: every page, small file and WAL record of the fixtures."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from formats import backup, control, postmaster, relmap, slot, slru, timeline, twophase
from formats.pages import build_page, parse_page
from pgtool.wal import rmgr
from tests.fixture_wal import fixture_records, with_wal
from tests.fixtures import Scenario, pages, scenarios

PAGE_KINDS = ("heap", "btree", "hash", "gin", "gist", "spgist", "brin", "sequence", "fsm", "vm",
              "init")


@pytest.mark.parametrize("scenario", [s for s in scenarios() if s.entries(*PAGE_KINDS)], ids=str)
def test_pages(scenario: Scenario) -> None:
    for entry in scenario.entries(*PAGE_KINDS):
        kind = entry["am"] if entry["fork"] == "init" else entry["kind"]
        for block, page in enumerate(pages(scenario.file(entry["path"]))):
            if not any(page):
                continue
            where = f"{entry['path']} block {block} ({kind})"
            assert build_page(parse_page(page, kind)) == page, where


#: Of so many records of a kind in a scenario the insides are tried; the outside of all.
SAME_KIND = 300


@pytest.mark.parametrize("scenario", with_wal(), ids=str)
def test_wal_records(scenario: Scenario) -> None:
    count: Counter[tuple[int, int]] = Counter()
    for raw, record in fixture_records(scenario):
        assert record.build() == raw, record.lsn
        count[record.rmid, record.info] += 1
        if count[record.rmid, record.info] > SAME_KIND:
            continue
        main = rmgr.parse_main(record)
        assert rmgr.build_main(record, main) == record.main, (record.lsn, rmgr.identify(record))
        for block_id, data in rmgr.parse_blocks(record, main).items():
            _check_block(record, main, block_id, data)
    assert count


def _check_block(record: Any, main: Any, block_id: int, data: Any) -> None:
    layout = rmgr.record_type(record).blocks[block_id][record.major]
    built = layout.build(data, **rmgr.block_params(record, main, block_id))
    assert built == record.block(block_id).data, (record.lsn, rmgr.identify(record), block_id)


def _slru(area: slru.Area) -> Callable[[bytes, int], bytes]:
    assert area.page is not None
    layout = area.page
    again = functools.cache(lambda page: layout.build(layout.parse(page)))
    return lambda data, major: b"".join(again(page) for page in pages(data))


#: Kind of small file → its bytes taken apart and put together again.
SMALL: dict[str, Callable[[bytes, int], bytes]] = {
    "control": lambda data, major: control.build(*control.parse(data)),
    "relmap": lambda data, major: relmap.build(relmap.parse(data)),
    "twophase": lambda data, major: twophase.build(twophase.parse(data, major), major),
    "slot": lambda data, major: slot.build(slot.parse(data)),
    "backup_label": lambda data, major: backup.parse_label(data).render(),
    "tablespace_map": lambda data, major: backup.build_tablespace_map(
        backup.parse_tablespace_map(data)),
    "history": lambda data, major: timeline.parse(data).render(),
    "postmaster.pid": lambda data, major: postmaster.parse_pid(data).render(),
    "postmaster.opts": lambda data, major: postmaster.parse_opts(data).render(),
    "xact": _slru(slru.XACT),
    "subtrans": _slru(slru.SUBTRANS),
    "multixact_offsets": _slru(slru.MULTIXACT_OFFSETS),
    "multixact_members": _slru(slru.MULTIXACT_MEMBERS),
    "commit_ts": _slru(slru.COMMIT_TS),
}


@pytest.mark.parametrize("kind", SMALL)
def test_small_files(kind: str) -> None:
    count = 0
    for scenario in scenarios():
        for entry in scenario.entries(kind):
            data = scenario.file(entry["path"])
            assert SMALL[kind](data, scenario.major) == data, (str(scenario), entry["path"])
            count += 1
    assert count


def test_backup_manifests() -> None:
    """A manifest is JSON: its own checksum, which is over the bytes, tells that it was read."""
    for scenario in scenarios():
        for entry in scenario.entries("backup_manifest"):
            manifest = backup.parse_manifest(scenario.file(entry["path"]))
            assert len(manifest.files) > 900, str(scenario)
