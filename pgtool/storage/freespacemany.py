"""Free space of many heap blocks noted at once, as whole arrays: what VACUUM tells the map.

Beside :mod:`pgtool.storage.freespace`, whose pages these are; apart from it because that one
is needed where arrays (and the time to import them) are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from formats.fsm import (
    FP_NODES,
    FSM_CAT_STEP,
    FSM_CATEGORIES,
    MAX_FSM_REQUEST_SIZE,
    NODES_PER_PAGE,
    NON_LEAF_NODES_PER_PAGE,
    SLOTS_PER_FSM_PAGE,
)
from pgtool.storage.freespace import pinned
from pgtool.storage.smgr import RelFileLocator


def record_many(
    pool: Any, where: RelFileLocator, blocks: npt.NDArray[Any], free: npt.NDArray[Any]
) -> None:
    """Note the free bytes of many heap blocks, ascending."""
    if not len(blocks):
        return
    categories = np.minimum(free // FSM_CAT_STEP, FSM_CATEGORIES - 2).astype(np.uint8)
    categories[free >= MAX_FSM_REQUEST_SIZE] = FSM_CATEGORIES - 1
    numbers = blocks // SLOTS_PER_FSM_PAGE
    for number in np.unique(numbers).tolist():
        mine = numbers == number
        buffer = pinned(pool, where, (0, number), True)
        assert buffer is not None
        try:
            nodes = np.frombuffer(buffer.page, np.uint8)[FP_NODES : FP_NODES + NODES_PER_PAGE]
            place = NON_LEAF_NODES_PER_PAGE + blocks[mine] % SLOTS_PER_FSM_PAGE
            if (nodes[place] != categories[mine]).any():
                nodes[place] = categories[mine]
                _rebuild(nodes)
                pool.mark_dirty_hint(buffer)
        finally:
            pool.unpin(buffer)


def _rebuild(nodes: npt.NDArray[np.uint8]) -> None:
    """Make every upper node the maximum of its children, level by level."""
    high = NON_LEAF_NODES_PER_PAGE
    padded = np.zeros(2 * (high + 1) + 1, np.uint8)
    padded[: len(nodes)] = nodes
    level = high + 1 >> 1
    while level:
        first = level - 1
        children = padded[2 * first + 1 : 2 * first + 1 + 2 * level].reshape(-1, 2)
        padded[first : first + level] = children.max(axis=1)
        level >>= 1
    nodes[:high] = padded[:high]
