"""The free space map over a pool in memory: what was noted is found, and no more."""

from __future__ import annotations

import random
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from formats.fsm import FSM_CAT_STEP, NODES_PER_PAGE, SLOTS_PER_FSM_PAGE
from formats.units import BLCKSZ
from pgtool.storage import freespace
from pgtool.storage.smgr import ForkNumber, RelFileLocator

WHERE = RelFileLocator(1663, 5, 16384)


class Memory:
    """As much of a buffer pool as the map needs."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.pages: list[Any] | None = None
        self.pins = 0

    def exists(self, where: Any, fork: Any = ForkNumber.MAIN) -> bool:
        return fork is ForkNumber.MAIN or self.pages is not None

    def create(self, where: Any, fork: Any) -> None:
        self.pages = []

    def nblocks(self, where: Any, fork: Any = ForkNumber.MAIN) -> int:
        return self.blocks if fork is ForkNumber.MAIN else len(self.pages or [])

    def extend(self, where: Any, fork: Any, count: int = 1) -> None:
        assert self.pages is not None
        self.pages += [SimpleNamespace(page=bytearray(BLCKSZ)) for _ in range(count)]

    def pin(self, where: Any, block: int, fork: Any) -> Any:
        assert self.pages is not None
        self.pins += 1
        return self.pages[block]

    def unpin(self, buffer: Any) -> None:
        self.pins -= 1

    @contextmanager
    def read(self, where: Any, block: int, fork: Any) -> Any:
        yield self.pin(where, block, fork)

    def mark_dirty_hint(self, buffer: Any) -> None:
        pass


def test_a_page_against_its_definition() -> None:
    """Upper nodes are maxima of their children; a search finds what is there, in turns."""
    rng = random.Random(1)
    page = bytearray(BLCKSZ)
    model = [0] * SLOTS_PER_FSM_PAGE
    for _ in range(3000):
        slot, category = rng.randrange(SLOTS_PER_FSM_PAGE), rng.randrange(256)
        assert freespace.set_category(page, slot, category) == (model[slot] != category)
        model[slot] = category
        wanted = rng.randrange(1, 256)
        found = freespace.search_page(page, wanted, True)
        if found < 0:
            assert max(model) < wanted
        else:
            assert model[found] >= wanted
    nodes = bytes(page[28 : 28 + NODES_PER_PAGE])
    assert not freespace.rebuild(page)
    assert nodes[0] == max(model)
    assert freespace.truncate_slots(page, 100)
    assert freespace.max_category(page) == max(model[:100])


def test_a_search_goes_around() -> None:
    page = bytearray(BLCKSZ)
    for slot in (3, 900, 4000):
        freespace.set_category(page, slot, 50)
    assert [freespace.search_page(page, 50, True) for _ in range(5)] == [3, 900, 4000, 3, 900]


def test_a_promise_without_a_leaf_is_mended() -> None:
    page = bytearray(BLCKSZ)
    page[28] = 200
    assert freespace.search_page(page, 100, False) == -1
    assert freespace.max_category(page) == 0


@pytest.mark.parametrize("blocks", [10, SLOTS_PER_FSM_PAGE + 5, 3 * SLOTS_PER_FSM_PAGE])
def test_the_tree(blocks: int) -> None:
    """Blocks noted are found from the root after a vacuum, and each is given once."""
    rng = random.Random(blocks)
    pool = Memory(blocks)
    chosen = rng.sample(range(blocks), 9)
    assert freespace.search(pool, WHERE, 100) is None
    for block in chosen:
        freespace.record(pool, WHERE, block, 1000)
        assert freespace.recorded(pool, WHERE, block) == 1000 // FSM_CAT_STEP * FSM_CAT_STEP
    freespace.vacuum(pool, WHERE)
    assert freespace.search(pool, WHERE, 1001) is None
    found = []
    block = freespace.search(pool, WHERE, 900)
    while block is not None:
        found.append(block)
        block = freespace.record_and_search(pool, WHERE, block, 0, 900)
    assert sorted(found) == sorted(chosen)
    assert pool.pins == 0


def test_blocks_beyond_the_end_are_forgotten() -> None:
    pool = Memory(10)
    for block in (5, 20):
        freespace.record(pool, WHERE, block, 1000)
    freespace.vacuum(pool, WHERE)
    assert freespace.search(pool, WHERE, 500) == 5
    assert freespace.record_and_search(pool, WHERE, 5, 0, 500) is None
    assert freespace.recorded(pool, WHERE, 20) == 0
