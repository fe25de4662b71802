"""Where a new tuple goes: a page with room for it, pinned.

First the page that the last insertion into the relation used, then what the free space map
knows, then a new page at the end. A page that turns out too full is noted in the map, so
the next one does not try it. ``fillfactor`` reserves room on every page but an empty one.

Bulk loads (:class:`BulkInsert`) keep their own page and extend the relation by many pages at
once, which they fill themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from formats.fsm import MAX_HEAP_TUPLE_SIZE
from formats.units import maxalign
from pgtool.errors import SqlError
from pgtool.storage import freespace
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer, BufferPool
from pgtool.storage.smgr import RelFileLocator

if TYPE_CHECKING:
    from pgtool.access.heap.target import HeapTarget

PROGRAM_LIMIT_EXCEEDED = "54000"
#: A page this empty takes a tuple whatever the fillfactor says.
NEARLY_EMPTY = (
    MAX_HEAP_TUPLE_SIZE - bufpage.MAX_HEAP_TUPLES_PER_PAGE // 8 * bufpage.SIZE_OF_ITEM_ID
)
MAX_EXTEND = 64



@dataclass(slots=True)
class BulkInsert:
    """The state of one bulk load: its page, and the new pages it has yet to fill."""

    block: int | None = None
    next_free: int | None = None
    last_free: int = 0
    extended_by: int = 0


def forget_target(pool: BufferPool, where: RelFileLocator) -> None:
    """The relation was cut or emptied."""
    pool.targets.pop(where, None)


def set_target(pool: BufferPool, where: RelFileLocator, block: int) -> None:
    """The block that the next insertion tries first."""
    pool.targets[where] = block


def check_size(length: int) -> None:
    """SqlError where no page could ever hold the tuple."""
    if maxalign(length) > MAX_HEAP_TUPLE_SIZE:
        raise SqlError(
            f"row is too big: size {maxalign(length)}, maximum size {MAX_HEAP_TUPLE_SIZE}",
            PROGRAM_LIMIT_EXCEEDED,
        )


def _wanted(target: HeapTarget, length: int) -> int:
    """The free bytes that a page must have."""
    reserved = target.reserved
    if length + reserved > NEARLY_EMPTY:
        return max(length, NEARLY_EMPTY)
    return length + reserved


def page_for(
    pool: BufferPool, target: HeapTarget, length: int, *, bulk: BulkInsert | None = None,
    use_fsm: bool = True, pages: int = 1,
) -> Buffer:  # fmt: skip
    """A pinned page with room for a tuple of ``length`` bytes; it is initialised.

    ``pages`` is how many of them the caller will need.
    """
    check_size(length)
    found = existing_page(pool, target, length, bulk=bulk, use_fsm=use_fsm)
    if found is not None:
        return found
    return _extend(pool, target.locator, pool.targets, bulk, pages, use_fsm)


def existing_page(
    pool: BufferPool, target: HeapTarget, length: int, *, bulk: BulkInsert | None = None,
    use_fsm: bool = True,
) -> Buffer | None:  # fmt: skip
    """Like :func:`page_for`, but None where the relation would have to be extended."""
    where, size = target.locator, maxalign(length)
    wanted = _wanted(target, size)
    targets = pool.targets
    block = _first_choice(pool, where, targets, wanted, bulk, use_fsm)
    while block is not None:
        buffer = pool.pin(where, block)
        page = buffer.page
        if bufpage.is_new(page):
            bufpage.init(page)
            pool.mark_dirty(buffer)
        free = bufpage.heap_free_space(page)
        if wanted <= free:
            targets[where] = block
            if bulk is not None:
                bulk.block = block
            return buffer
        pool.unpin(buffer)
        if bulk is not None and bulk.next_free is not None:
            if use_fsm:  # somebody may have narrower rows
                freespace.record(pool, where, block, free)
            block = bulk.next_free
            bulk.next_free = block + 1 if block < bulk.last_free else None
        elif use_fsm:
            block = freespace.record_and_search(pool, where, block, free, wanted)
        else:
            block = None
    return None


def _first_choice(
    pool: BufferPool, where: RelFileLocator, targets: dict[RelFileLocator, int], wanted: int,
    bulk: BulkInsert | None, use_fsm: bool,
) -> int | None:  # fmt: skip
    if bulk is not None and bulk.block is not None:
        return bulk.block
    nblocks = pool.nblocks(where)
    block: int | None = targets.get(where)
    if block is not None and block < nblocks:
        return block
    block = freespace.search(pool, where, wanted) if use_fsm else None
    if block is None and nblocks:
        block = nblocks - 1
    return block


def _extend(
    pool: BufferPool, where: RelFileLocator, targets: dict[RelFileLocator, int],
    bulk: BulkInsert | None, pages: int, use_fsm: bool,
) -> Buffer:  # fmt: skip
    """New pages at the end; the first of them, initialised and pinned."""
    count = max(pages, 1)
    if bulk is not None:
        count = max(count, bulk.extended_by)
    count = min(count, MAX_EXTEND)
    first = pool.extend(where, count=count)
    if bulk is not None:
        bulk.extended_by = min(bulk.extended_by + count, MAX_EXTEND)
        bulk.next_free = first + 1 if count > 1 else None
        bulk.last_free = first + count - 1
        bulk.block = first
    elif count > 1 and use_fsm:
        for block in range(first + 1, first + count):
            freespace.record(pool, where, block, MAX_HEAP_TUPLE_SIZE)
        freespace.vacuum(pool, where, first, first + count)
    buffer = pool.zeroed(where, first)
    bufpage.init(buffer.page)
    pool.mark_dirty(buffer)
    targets[where] = first
    return buffer


def release(pool: Any, bulk: BulkInsert, target: HeapTarget) -> None:
    """The load is over: pages that it did not get to fill are there for others."""
    if bulk.next_free is not None:
        for block in range(bulk.next_free, bulk.last_free + 1):
            freespace.record(pool, target.locator, block, MAX_HEAP_TUPLE_SIZE)
        freespace.vacuum(pool, target.locator, bulk.next_free, bulk.last_free + 1)
        bulk.next_free = None
