"""pg_waldump's words for the records of ``RM_SPGIST_ID``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from formats.derive import reader
from formats.version import ByMajor
from formats.wal.spgist import (
    spgxlogAddLeaf,
    spgxlogAddNode,
    spgxlogMoveLeafs,
    spgxlogPickSplit,
    spgxlogSplitTuple,
    spgxlogVacuumLeaf,
    spgxlogVacuumRedirect,
    spgxlogVacuumRoot,
)
from pgtool.wal.desc.values import catalog_mark

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord
    from pgtool.wal.rmgr import Describe

_add_leaf_row = reader(spgxlogAddLeaf)
_move_leafs_row = reader(spgxlogMoveLeafs)
_add_node_row = reader(spgxlogAddNode)
_split_row = reader(spgxlogSplitTuple)
_picksplit_row = reader(spgxlogPickSplit)
_vacuum_leaf_row = reader(spgxlogVacuumLeaf)
_vacuum_root_row = reader(spgxlogVacuumRoot)
_redirect_row_14 = reader(spgxlogVacuumRedirect[14])
_redirect_row = reader(spgxlogVacuumRedirect[16])


def _marks(*marks: tuple[int, str]) -> str:
    """The words in parentheses whose flag is set."""
    return "".join(f" ({word})" for value, word in marks if value)


def _add_leaf(rec: DecodedRecord) -> str:
    row = _add_leaf_row(rec.main, 0)
    return (
        f"off: {row.offnumLeaf}, headoff: {row.offnumHeadLeaf}, "
        f"parentoff: {row.offnumParent}, nodeI: {row.nodeI}"
    ) + _marks((row.newPage, "newpage"), (row.storesNulls, "nulls"))


def _move_leafs(rec: DecodedRecord) -> str:
    row = _move_leafs_row(rec.main, 0)
    text = f"nmoves: {row.nMoves}, parentoff: {row.offnumParent}, nodeI: {row.nodeI}"
    return text + _marks(
        (row.newPage, "newpage"), (row.replaceDead, "replacedead"), (row.storesNulls, "nulls")
    )


def _add_node(rec: DecodedRecord) -> str:
    row = _add_node_row(rec.main, 0)
    return (
        f"off: {row.offnum}, newoff: {row.offnumNew}, parentBlk: {row.parentBlk}, "
        f"parentoff: {row.offnumParent}, nodeI: {row.nodeI}"
    ) + _marks((row.newPage, "newpage"))


def _split_tuple(rec: DecodedRecord) -> str:
    row = _split_row(rec.main, 0)
    text = f"prefixoff: {row.offnumPrefix}, postfixoff: {row.offnumPostfix}"
    return text + _marks((row.newPage, "newpage"), (row.postfixBlkSame, "same"))


def _picksplit(rec: DecodedRecord) -> str:
    row = _picksplit_row(rec.main, 0)
    return (
        f"ndelete: {row.nDelete}, ninsert: {row.nInsert}, inneroff: {row.offnumInner}, "
        f"parentoff: {row.offnumParent}, nodeI: {row.nodeI}"
    ) + _marks(
        (row.innerIsParent, "innerIsParent"),
        (row.storesNulls, "nulls"),
        (row.isRootSplit, "isRootSplit"),
    )


def _vacuum_leaf(rec: DecodedRecord) -> str:
    row = _vacuum_leaf_row(rec.main, 0)
    return (
        f"ndead: {row.nDead}, nplaceholder: {row.nPlaceholder}, "
        f"nmove: {row.nMove}, nchain: {row.nChain}"
    )


def _vacuum_root(rec: DecodedRecord) -> str:
    return f"ndelete: {_vacuum_root_row(rec.main, 0).nDelete}"


def _vacuum_redirect_14(rec: DecodedRecord) -> str:
    row = _redirect_row_14(rec.main, 0)
    return (
        f"ntoplaceholder: {row.nToPlaceholder}, firstplaceholder: {row.firstPlaceholder}, "
        f"newestredirectxid: {row.snapshotConflictHorizon}"
    )


def _vacuum_redirect_16(rec: DecodedRecord) -> str:
    row = _redirect_row(rec.main, 0)
    return (
        f"ntoplaceholder: {row.nToPlaceholder}, firstplaceholder: {row.firstPlaceholder}, "
        f"snapshotConflictHorizon: {row.snapshotConflictHorizon}"
        f"{catalog_mark(rec, row.isCatalogRel)}"
    )


DESCRIBE: Mapping[str, Describe | ByMajor[Describe]] = {
    "ADD_LEAF": _add_leaf,
    "MOVE_LEAFS": _move_leafs,
    "ADD_NODE": _add_node,
    "SPLIT_TUPLE": _split_tuple,
    "PICKSPLIT": _picksplit,
    "VACUUM_LEAF": _vacuum_leaf,
    "VACUUM_ROOT": _vacuum_root,
    "VACUUM_REDIRECT": ByMajor({14: _vacuum_redirect_14, 16: _vacuum_redirect_16}),
}
