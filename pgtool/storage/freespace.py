"""The free space map: which page has room for a tuple, kept as a tree of trees.

The layout is :mod:`formats.fsm`'s. Searching starts at the root and follows nodes that
promise enough; what a leaf promises may be stale in either direction, so whoever uses the
answer looks at the heap page, corrects the map and asks again
(:func:`record_and_search`). Nothing of this is logged: changes are hints, a wrong map costs
time and no row, and VACUUM (:func:`vacuum`) puts the upper levels right.

Page functions are pure: of the page's bytes, a slot, a category.
"""

from __future__ import annotations

import struct
from typing import Any

from formats.derive import offset_of
from formats.fsm import (
    FP_NODES,
    FSM_CAT_STEP,
    FSM_CATEGORIES,
    FSM_TREE_DEPTH,
    LEAF_NODES_PER_PAGE,
    MAX_FSM_REQUEST_SIZE,
    NODES_PER_PAGE,
    NON_LEAF_NODES_PER_PAGE,
    SLOTS_PER_FSM_PAGE,
    FSMPage,
    bytes_to_category,
    category_to_bytes,
    fsm_block,
    slot_category,
)
from pgtool.errors import UserError
from pgtool.storage import page as bufpage
from pgtool.storage import pageedit
from pgtool.storage.smgr import ForkNumber, RelFileLocator

_FSM = ForkNumber.FSM
_NEXT_SLOT = offset_of(FSMPage, "fp_next_slot")
_I32 = struct.Struct("<i")
_ROOT_LEVEL = FSM_TREE_DEPTH - 1
_MAX_RESTARTS = 10000

#: (level, number of the page within it): level 0 has a slot for each heap block.
Address = tuple[int, int]
_ROOT: Address = (_ROOT_LEVEL, 0)

# -- pages ---------------------------------------------------------------------------------


def max_category(page: Any) -> int:
    """The best that any slot of the page promises."""
    return int(page[FP_NODES])


def set_category(page: bytearray, slot: int, category: int) -> bool:
    """Note a slot's category and its parents' maxima; whether anything changed."""
    return bool(pageedit.set_category(page, slot, category))


def rebuild(page: bytearray) -> bool:
    """Make every upper node the maximum of its children; whether anything changed."""
    return bool(pageedit.rebuild(page))


def truncate_slots(page: bytearray, slots: int) -> bool:
    """Forget every slot from number ``slots`` on; whether anything changed."""
    start = FP_NODES + NON_LEAF_NODES_PER_PAGE + slots
    end = FP_NODES + NODES_PER_PAGE
    changed = any(page[start:end])
    if changed:
        page[start:end] = bytes(end - start)
        rebuild(page)
    return changed


def search_page(page: bytearray, category: int, advance: bool) -> int:
    """A slot that promises at least ``category``, -1 if none; searches take turns.

    The next search begins at the slot found, or behind it with ``advance``, so that
    several inserters fill different pages.
    """
    while page[FP_NODES] >= category:
        target = _I32.unpack_from(page, _NEXT_SLOT)[0]
        if not 0 <= target < LEAF_NODES_PER_PAGE:
            target = 0
        node = NON_LEAF_NODES_PER_PAGE + target
        while node and page[FP_NODES + node] < category:
            node += 1  # the right neighbour, around the corner the level's first
            if node & node + 1 == 0:
                node = (node - 1) >> 1
            node = (node - 1) >> 1
        node = _descend(page, node, category)
        if node >= 0:
            slot = node - NON_LEAF_NODES_PER_PAGE
            _I32.pack_into(page, _NEXT_SLOT, slot + advance)
            return slot
        rebuild(page)  # an upper node promised what no leaf has: a torn page
    return -1


def _descend(page: Any, node: int, category: int) -> int:
    """The first leaf below a node that promises enough, -1 where none does after all."""
    while node < NON_LEAF_NODES_PER_PAGE:
        node = 2 * node + 1
        if node >= NODES_PER_PAGE or page[FP_NODES + node] < category:
            node += 1
            if node >= NODES_PER_PAGE or page[FP_NODES + node] < category:
                return -1
    return node


# -- the tree ------------------------------------------------------------------------------


def _needed_category(size: int) -> int:
    if size > MAX_FSM_REQUEST_SIZE:
        raise UserError(f"invalid FSM request size {size}")
    return min((size + FSM_CAT_STEP - 1) // FSM_CAT_STEP, FSM_CATEGORIES - 1) or 1


def pinned(pool: Any, where: RelFileLocator, address: Address, extend: bool) -> Any | None:
    """The page of an address, None where the map does not reach so far."""
    level, number = address
    block = fsm_block(number, level)
    if not pool.exists(where, _FSM):
        if not extend:
            return None
        pool.create(where, _FSM)
    have = pool.nblocks(where, _FSM)
    if block >= have:
        if not extend:
            return None
        pool.extend(where, _FSM, block + 1 - have)
    buffer = pool.pin(where, block, _FSM)
    if bufpage.is_new(buffer.page):
        bufpage.init(buffer.page)
    return buffer


def _set_and_search(
    pool: Any, where: RelFileLocator, address: Address, slot: int, category: int, wanted: int
) -> int:
    """Note a slot's category; a slot of that page that promises ``wanted``, -1 if none or 0."""
    buffer = pinned(pool, where, address, True)
    assert buffer is not None
    try:
        if set_category(buffer.page, slot, category):
            pool.mark_dirty_hint(buffer)
        return search_page(buffer.page, wanted, address[0] == 0) if wanted else -1
    finally:
        pool.unpin(buffer)


def search(pool: Any, where: RelFileLocator, size: int) -> int | None:
    """A block that should have room for ``size`` bytes, None if the map knows of none."""
    return _search(pool, where, _needed_category(size))


def _search(pool: Any, where: RelFileLocator, category: int) -> int | None:
    address = _ROOT
    for _ in range(_MAX_RESTARTS):
        level, number = address
        slot, best = -1, 0
        buffer = pinned(pool, where, address, False)
        if buffer is not None:
            slot = search_page(buffer.page, category, level == 0)
            best = max_category(buffer.page)
            pool.unpin(buffer)
        if slot >= 0 and level:
            address = (level - 1, number * SLOTS_PER_FSM_PAGE + slot)
        elif slot >= 0:
            block = number * SLOTS_PER_FSM_PAGE + slot
            if block < pool.nblocks(where):
                return block
            _set_and_search(pool, where, address, slot, 0, 0)  # beyond the relation's end
            address = _ROOT
        elif level == _ROOT_LEVEL:
            return None
        else:  # the parent promised too much
            parent, place = divmod(number, SLOTS_PER_FSM_PAGE)
            _set_and_search(pool, where, (level + 1, parent), place, best, 0)
            address = _ROOT
    return None


def record(pool: Any, where: RelFileLocator, block: int, free: int) -> None:
    """Note the free bytes of a heap block (on the lowest level only)."""
    page, slot = divmod(block, SLOTS_PER_FSM_PAGE)
    _set_and_search(pool, where, (0, page), slot, bytes_to_category(free), 0)


def record_and_search(
    pool: Any, where: RelFileLocator, block: int, free: int, size: int
) -> int | None:
    """Note the free bytes of a block, and find another one with room for ``size``, nearby first."""
    page, slot = divmod(block, SLOTS_PER_FSM_PAGE)
    wanted = _needed_category(size)
    found = _set_and_search(pool, where, (0, page), slot, bytes_to_category(free), wanted)
    if found >= 0:
        near = page * SLOTS_PER_FSM_PAGE + found
        if near < pool.nblocks(where):
            return near
        _set_and_search(pool, where, (0, page), found, 0, 0)
    return _search(pool, where, wanted)


def recorded(pool: Any, where: RelFileLocator, block: int) -> int:
    """The free bytes that the map promises for a block."""
    page, slot = divmod(block, SLOTS_PER_FSM_PAGE)
    buffer = pinned(pool, where, (0, page), False)
    if buffer is None:
        return 0
    try:
        return category_to_bytes(slot_category(buffer.page, slot))
    finally:
        pool.unpin(buffer)


def vacuum(pool: Any, where: RelFileLocator, start: int = 0, end: int | None = None) -> None:
    """Tell the upper levels what the lowest says of blocks [start, end)."""
    if end is None or end > start:
        _vacuum_page(pool, where, _ROOT, start, end)


def _vacuum_page(
    pool: Any, where: RelFileLocator, address: Address, start: int, end: int | None
) -> int | None:
    """The best category below an address, None where the map does not reach so far."""
    level, number = address
    buffer = pinned(pool, where, address, False)
    if buffer is None:
        return None
    try:
        if level:
            span = SLOTS_PER_FSM_PAGE**level  # heap blocks below one slot
            first = number * SLOTS_PER_FSM_PAGE
            low = max(start // span - first, 0)
            high = SLOTS_PER_FSM_PAGE - 1
            if end is not None:
                high = min((end - 1) // span - first, high)
            reached = True
            for slot in range(low, high + 1):
                best = None
                if reached:
                    best = _vacuum_page(pool, where, (level - 1, first + slot), start, end)
                    reached = best is not None
                if slot_category(buffer.page, slot) != (best or 0) and set_category(
                    buffer.page, slot, best or 0
                ):
                    pool.mark_dirty_hint(buffer)
        _I32.pack_into(buffer.page, _NEXT_SLOT, 0)
        return max_category(buffer.page)
    finally:
        pool.unpin(buffer)


def prepare_truncate(pool: Any, where: RelFileLocator, nblocks: int) -> tuple[int, Any] | None:
    """What a cut of the heap at ``nblocks`` means for the map.

    (blocks that the map keeps, its last page, pinned, whose slots beyond are to be forgotten
    by :func:`truncate_slots`; None where no page need be cut); None where there is no map,
    or it is short enough.
    """
    if not pool.exists(where, _FSM):
        return None
    page, slot = divmod(nblocks, SLOTS_PER_FSM_PAGE)
    block = fsm_block(page)
    have = pool.nblocks(where, _FSM)
    if slot:
        buffer = pinned(pool, where, (0, page), False)
        return None if buffer is None else (block + 1, buffer)
    return None if have <= block else (block, None)
