"""Parse → build gives the same bytes: every page and every WAL record of the fixtures."""

from __future__ import annotations

from typing import Any

import pytest

from formats.pages import build_page, parse_page
from pgtool.wal import rmgr
from tests.fixture_wal import fixture_records, with_wal
from tests.fixtures import Scenario, pages, scenarios

#: Kinds of relation files whose pages `formats.pages` does not know; extensions' own.
FOREIGN = {"bloom"}
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


@pytest.mark.parametrize("scenario", with_wal(), ids=str)
def test_wal_records(scenario: Scenario) -> None:
    count = 0
    for raw, record in fixture_records(scenario):
        count += 1
        assert record.build() == raw, record.lsn
        main = rmgr.parse_main(record)
        assert rmgr.build_main(record, main) == record.main, (record.lsn, rmgr.identify(record))
        for block_id, data in rmgr.parse_blocks(record, main).items():
            _check_block(record, main, block_id, data)
    assert count


def _check_block(record: Any, main: Any, block_id: int, data: Any) -> None:
    layout = rmgr.record_type(record).blocks[block_id][record.major]
    built = layout.build(data, **rmgr.block_params(record, main, block_id))
    assert built == record.block(block_id).data, (record.lsn, rmgr.identify(record), block_id)
