"""The meta page of a btree: where the root is and how high the tree."""

from __future__ import annotations

from typing import Any

from formats.derive import reader
from formats.nbtree import BTREE_MAGIC, BTREE_METAPAGE, BTREE_MIN_VERSION, BTREE_VERSION
from formats.nbtree import BTMetaPageData as MetaLayout
from formats.page import SIZE_OF_PAGE_HEADER
from pgtool.errors import CorruptData
from pgtool.storage.smgr import RelationFile

_read = reader(MetaLayout)


def read_meta(file: RelationFile) -> Any:
    """The meta page's fields; CorruptData where it is none."""
    page = file.read_block(BTREE_METAPAGE)
    meta = _read(page, SIZE_OF_PAGE_HEADER)
    if meta.btm_magic != BTREE_MAGIC:
        raise CorruptData(f"btree magic is {meta.btm_magic:#x}", block=BTREE_METAPAGE,
                          field="btm_magic")  # fmt: skip
    if not BTREE_MIN_VERSION <= meta.btm_version <= BTREE_VERSION:
        raise CorruptData(f"btree version {meta.btm_version}", block=BTREE_METAPAGE,
                          field="btm_version")  # fmt: skip
    return meta


def tree_height(database: Any, relation: Any) -> int:
    """Level of the (fast) root: 0 where the root is a leaf."""
    return int(read_meta(database.cluster.directory.file(relation.locator)).btm_level)
