"""What the bytes of the maps' pages stand for: heap blocks, in words.

A free space map page is a tree of bytes and a visibility map page two bits a block; the
declarations can say no more. Here each node and byte gets the heap blocks it is about.
"""

from __future__ import annotations

import re

from formats import fsm, vm
from formats.annotate import Leaf

_INDEX = re.compile(r"(\w+)\[(\d+)(?:\.\.(\d+))?\]")


def map_leaf(kind: str, block: int, leaf: Leaf, data: bytes) -> Leaf:
    """The leaf with a line about what it stands for, where the page is a map's."""
    match = _INDEX.fullmatch(leaf.name)
    if match is None or kind not in ("fsm", "vm"):
        return leaf
    first, last = int(match[2]), int(match[3] or match[2])
    if kind == "vm":
        details = _vm_details(block, leaf, data)
        return leaf._replace(doc=_vm_doc(block, first, last), details=details)
    return leaf._replace(doc=_fsm_doc(block, first, last, data[leaf.offset]))


def _vm_doc(block: int, first: int, last: int) -> str:
    start = block * vm.HEAPBLOCKS_PER_PAGE
    low = start + first * vm.HEAPBLOCKS_PER_BYTE
    return f"heap blocks {low} to {start + (last + 1) * vm.HEAPBLOCKS_PER_BYTE - 1}"


def _vm_details(block: int, leaf: Leaf, data: bytes) -> tuple[tuple[str, str], ...]:
    if leaf.size != 1:
        return ()
    index = (leaf.offset - vm.MAP) * vm.HEAPBLOCKS_PER_BYTE
    out = []
    for part in range(vm.HEAPBLOCKS_PER_BYTE):
        bits = vm.status(data, index + part)
        words = [str(flag.name).removeprefix("VISIBILITYMAP_") for flag in vm.VisibilityMapBits
                 if bits & flag]  # fmt: skip
        number = block * vm.HEAPBLOCKS_PER_PAGE + index + part
        out.append((f"block {number}", " ".join(words).lower().replace("_", " ") or "neither"))
    return tuple(out)


def _fsm_doc(block: int, first: int, last: int, category: int) -> str:
    slot = first - fsm.NON_LEAF_NODES_PER_PAGE
    if last < fsm.NON_LEAF_NODES_PER_PAGE:
        return "upper node: the greater of its two children"
    if slot < 0:
        return "upper nodes, then slots"
    end = last - fsm.NON_LEAF_NODES_PER_PAGE
    leaf_page = bottom_page(block)
    if leaf_page is None:
        what, start = "child page", 0
    else:
        what, start = "heap block", leaf_page * fsm.SLOTS_PER_FSM_PAGE
    which = f"{what} {start + slot}" if slot == end else f"{what}s {start + slot} to {start + end}"
    if first != last:
        return f"slots: {which}"
    if category == 0:
        return f"slot: {which}, fewer than {fsm.FSM_CAT_STEP} bytes free"
    return f"slot: {which}, at least {fsm.category_to_bytes(category)} bytes free"


def bottom_page(block: int) -> int | None:
    """The number among the bottom level's pages of a block of the fork; None above it."""
    guess = max(block - fsm.FSM_TREE_DEPTH + 1, 0)
    # Upper pages come before the bottom pages below them, so the number is lower by them.
    above = guess // fsm.SLOTS_PER_FSM_PAGE + 2
    for number in range(max(guess - above, 0), guess + 1):
        if fsm.fsm_block(number) == block:
            return number
    return None
