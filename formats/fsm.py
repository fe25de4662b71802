"""Free space map pages.

Source: ``storage/freespace``. The fork is a tree of pages, three levels deep, and every
page holds a binary tree of one-byte categories: upper nodes are the maximum of their
two children, the leaves ("slots") stand for heap blocks on the bottom level and for
child pages above. Pages lie in depth-first order, so block 0 is the root. A category
is free bytes divided by 32, rounded down; 255 means that a largest tuple fits.
"""

from __future__ import annotations

from construct import Array, Struct

from formats.derive import offset_of, sizeof
from formats.page import PageHeaderData
from formats.units import BLCKSZ, int32, maxalign, uint8

FSM_TREE_DEPTH = 3
FSM_CATEGORIES = 256
FSM_CAT_STEP = BLCKSZ // FSM_CATEGORIES
SIZE_OF_ITEM_ID = 4
MAX_HEAP_TUPLE_SIZE = BLCKSZ - maxalign(sizeof(PageHeaderData) + SIZE_OF_ITEM_ID)
MAX_FSM_REQUEST_SIZE = MAX_HEAP_TUPLE_SIZE

NODES_PER_PAGE = BLCKSZ - maxalign(sizeof(PageHeaderData)) - int32.sizeof()
NON_LEAF_NODES_PER_PAGE = BLCKSZ // 2 - 1
LEAF_NODES_PER_PAGE = NODES_PER_PAGE - NON_LEAF_NODES_PER_PAGE
SLOTS_PER_FSM_PAGE = LEAF_NODES_PER_PAGE
assert SLOTS_PER_FSM_PAGE == 4069

FSMPage = Struct(
    "header" / PageHeaderData * "page header",
    "fp_next_slot" / int32 * "where the next search on this page starts",
    "fp_nodes" / Array(NODES_PER_PAGE, uint8) * "the binary tree, its leaves last",
)
assert sizeof(FSMPage) == BLCKSZ

FP_NODES = offset_of(FSMPage, "fp_nodes")


def category_to_bytes(category: int) -> int:
    """The free bytes that a category promises at least."""
    return MAX_FSM_REQUEST_SIZE if category == FSM_CATEGORIES - 1 else category * FSM_CAT_STEP


def bytes_to_category(avail: int) -> int:
    """The category that a page with ``avail`` free bytes is recorded with."""
    if avail >= MAX_FSM_REQUEST_SIZE:
        return FSM_CATEGORIES - 1
    return min(avail // FSM_CAT_STEP, FSM_CATEGORIES - 2)


def fsm_block(leaf_page: int, level: int = 0) -> int:
    """The block of the fork where page number ``leaf_page`` of a level lies."""
    leaf = leaf_page * SLOTS_PER_FSM_PAGE**level
    pages = 0
    for _ in range(FSM_TREE_DEPTH):
        pages += leaf + 1
        leaf //= SLOTS_PER_FSM_PAGE
    return pages - level - 1


def locate(heap_block: int) -> tuple[int, int]:
    """(block of the fork, slot on it) that stand for a heap block."""
    page, slot = divmod(heap_block, SLOTS_PER_FSM_PAGE)
    return fsm_block(page), slot


def slot_category(page: bytes | memoryview, slot: int) -> int:
    """The category in a slot of a page."""
    return page[FP_NODES + NON_LEAF_NODES_PER_PAGE + slot]


def slots(page: bytes | memoryview) -> bytes:
    """The categories in all slots of a page."""
    first = FP_NODES + NON_LEAF_NODES_PER_PAGE
    return bytes(page[first : first + SLOTS_PER_FSM_PAGE])
