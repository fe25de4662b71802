"""The visibility and free space maps of a heap file that was made in one go.

Every page is all-visible and all-frozen; the free space map records what each page has
left, its upper nodes the most that lies below them, as VACUUM leaves it.
"""

from __future__ import annotations

from collections.abc import Sequence

from formats import fsm, vm
from formats.derive import sizeof
from formats.page import SIZE_OF_PAGE_HEADER, PageHeaderData
from formats.units import BLCKSZ
from pgtool.access.heap.bulkpages import page_header

_BITS = int(
    vm.VisibilityMapBits.VISIBILITYMAP_ALL_VISIBLE | vm.VisibilityMapBits.VISIBILITYMAP_ALL_FROZEN
)


def _blank() -> bytearray:
    """An initialised page without line pointers."""
    head = page_header(0, SIZE_OF_PAGE_HEADER, BLCKSZ, BLCKSZ)
    return bytearray(head + bytes(BLCKSZ - sizeof(PageHeaderData)))


def visibility_map(blocks: int) -> list[bytes]:
    """The pages of the map over so many heap pages."""
    out: list[bytearray] = []
    for block in range(blocks):
        number, index = vm.locate(block)
        while len(out) <= number:
            out.append(_blank())
        byte, part = divmod(index, vm.HEAPBLOCKS_PER_BYTE)
        out[number][vm.MAP + byte] |= _BITS << (vm.BITS_PER_HEAPBLOCK * part)
    return [bytes(page) for page in out]


def free_space_map(free: Sequence[int]) -> list[bytes]:
    """The three levels of the map over pages with so many free bytes each."""
    assert len(free) <= fsm.SLOTS_PER_FSM_PAGE, "one bottom page is all that is made here"
    leaf = [fsm.bytes_to_category(size) for size in free]
    pages = []
    for _level in range(fsm.FSM_TREE_DEPTH):
        page = _blank()
        nodes = _tree(leaf)
        page[fsm.FP_NODES : fsm.FP_NODES + len(nodes)] = nodes
        pages.append(bytes(page))
        leaf = [nodes[0]]
    return pages[::-1]


def _tree(leaf: Sequence[int]) -> bytearray:
    """All nodes of a page over its first slots."""
    first = fsm.NON_LEAF_NODES_PER_PAGE
    nodes = bytearray(fsm.NODES_PER_PAGE)
    nodes[first : first + len(leaf)] = bytes(leaf)
    touched = {(first + i - 1) // 2 for i in range(len(leaf))}
    while touched:
        for node in touched:
            below = nodes[2 * node + 1 : 2 * node + 3]
            nodes[node] = max(below)
        touched = {(node - 1) // 2 for node in touched if node}
    return nodes
