"""WAL records of SP-GiST indexes (``RM_SPGIST_ID``).

Source: ``access/spgxlog.h``. All of a record's contents, tuples too, lie in the main data,
unaligned: arrays of line pointers first, tuples after them. Tuples tell their own length.
:data:`spgxlogState` brings what replay needs to know of the moment.

Names are those of the newest major: ``redirectXid`` was ``myXid`` before 17,
``snapshotConflictHorizon`` was ``newestRedirectXid`` before 16.
"""

from __future__ import annotations

from typing import Any

from construct import Struct, this

from formats.spgist import SpGistInnerTupleData, SpGistLeafTupleData
from formats.units import Bool, OffsetNumber, Raw, TransactionId, int8, uint8, uint16
from formats.version import ByMajor
from formats.wal.rmgrs import Counted, RecordType, always, record
from formats.wal.tuples import offsets

# -- tuples --------------------------------------------------------------------------------

SpGistLeafTuple = Struct(
    *SpGistLeafTupleData.subcons,
    "data" / Raw(this.bits.size - SpGistLeafTupleData.sizeof()) * "null bitmap, if any, and keys",
)
SpGistInnerTuple = Struct(
    *SpGistInnerTupleData.subcons,
    "data" / Raw(this.size - SpGistInnerTupleData.sizeof()) * "prefix and nodes",
)

# -- records -------------------------------------------------------------------------------

spgxlogState = Struct(
    "redirectXid" / TransactionId * "xid that redirect tuples get",
    "isBuild" / Bool * "whether the index is just being built",
    "padding" / Raw(3) * "alignment",
)
assert spgxlogState.sizeof() == 8

spgxlogAddLeaf = Struct(
    "newPage" / Bool * "whether the page begins empty",
    "storesNulls" / Bool * "whether it belongs to the tree of nulls",
    "offnumLeaf" / OffsetNumber * "line pointer of the new tuple",
    "offnumHeadLeaf" / OffsetNumber * "head of its chain, 0 if it has none",
    "offnumParent" / OffsetNumber * "line pointer of the parent tuple, 0 if none",
    "nodeI" / uint16 * "node of the parent tuple that leads here",
)
assert spgxlogAddLeaf.sizeof() == 10

spgxlogMoveLeafs = Struct(
    "nMoves" / uint16 * "number of tuples that leave the page",
    "newPage" / Bool * "whether the target page begins empty",
    "replaceDead" / Bool * "whether only a dead tuple is replaced",
    "storesNulls" / Bool * "whether the pages belong to the tree of nulls",
    "padding" / Raw(1) * "alignment",
    "offnumParent" / OffsetNumber * "line pointer of the parent tuple",
    "nodeI" / uint16 * "node of the parent tuple that leads here",
    "padding2" / Raw(2) * "alignment",
    "stateSrc" / spgxlogState * "what replay must know",
)
assert spgxlogMoveLeafs.sizeof() == 20

spgxlogAddNode = Struct(
    "offnum" / OffsetNumber * "line pointer of the tuple that gets a node",
    "offnumNew" / OffsetNumber * "its place on another page, 0 if it stays",
    "newPage" / Bool * "whether that page begins empty",
    "parentBlk" / int8 * "block reference that holds the parent tuple, -1 if none changes",
    "offnumParent" / OffsetNumber * "line pointer of the parent tuple",
    "nodeI" / uint16 * "node of the parent tuple that leads here",
    "padding" / Raw(2) * "alignment",
    "stateSrc" / spgxlogState * "what replay must know",
)
assert spgxlogAddNode.sizeof() == 20

spgxlogSplitTuple = Struct(
    "offnumPrefix" / OffsetNumber * "line pointer of the upper part",
    "offnumPostfix" / OffsetNumber * "line pointer of the lower part",
    "newPage" / Bool * "whether the lower part's page begins empty",
    "postfixBlkSame" / Bool * "whether both parts are on one page",
)
assert spgxlogSplitTuple.sizeof() == 6

spgxlogPickSplit = Struct(
    "isRootSplit" / Bool * "whether the root is split",
    "padding" / Raw(1) * "alignment",
    "nDelete" / uint16 * "number of tuples that leave the source page",
    "nInsert" / uint16 * "number of tuples put on source or target page",
    "initSrc" / Bool * "whether the source page begins empty",
    "initDest" / Bool * "whether the target page begins empty",
    "offnumInner" / OffsetNumber * "line pointer of the new inner tuple",
    "initInner" / Bool * "whether its page begins empty",
    "storesNulls" / Bool * "whether the pages belong to the tree of nulls",
    "innerIsParent" / Bool * "whether the parent tuple is on the inner tuple's page",
    "padding2" / Raw(1) * "alignment",
    "offnumParent" / OffsetNumber * "line pointer of the parent tuple, 0 if none",
    "nodeI" / uint16 * "node of the parent tuple that leads here",
    "padding3" / Raw(2) * "alignment",
    "stateSrc" / spgxlogState * "what replay must know",
)
assert spgxlogPickSplit.sizeof() == 28

spgxlogVacuumLeaf = Struct(
    "nDead" / uint16 * "number of tuples that become dead",
    "nPlaceholder" / uint16 * "number of tuples that become placeholders",
    "nMove" / uint16 * "number of tuples that move within the page",
    "nChain" / uint16 * "number of tuples whose link changes",
    "stateSrc" / spgxlogState * "what replay must know",
)
assert spgxlogVacuumLeaf.sizeof() == 16

spgxlogVacuumRoot = Struct(
    "nDelete" / uint16 * "number of deleted tuples",
    "padding" / Raw(2) * "alignment",
    "stateSrc" / spgxlogState * "what replay must know",
)
assert spgxlogVacuumRoot.sizeof() == 12

_redirect_fields = (
    "nToPlaceholder" / uint16 * "number of redirects that become placeholders",
    "firstPlaceholder" / OffsetNumber * "first placeholder at the end to remove, 0 if none",
    "snapshotConflictHorizon" / TransactionId * "newest xid of those redirects",
)
spgxlogVacuumRedirect = ByMajor(
    {
        14: Struct(*_redirect_fields),
        16: Struct(
            *_redirect_fields,
            "isCatalogRel" / Bool * "whether its table is a catalog",
            "padding" / Raw(1) * "alignment",
        ),
    }
)
assert [s.sizeof() for s in spgxlogVacuumRedirect.distinct()] == [8, 10]


def _moved(context: Any) -> int:
    """A chain moves whole, with the new tuple; a dead one is not taken along."""
    return 1 if context.replaceDead else int(context.nMoves) + 1


RECORDS = (
    RecordType(
        0x10,
        "ADD_LEAF",
        always(spgxlogAddLeaf, "leafTuple" / SpGistLeafTuple * "the new tuple"),
    ),
    RecordType(
        0x20,
        "MOVE_LEAFS",
        always(
            spgxlogMoveLeafs,
            "toDelete" / offsets(this.nMoves) * "line pointers of tuples that leave",
            "toInsert" / offsets(_moved) * "line pointers on the target page",
            "leafTuples" / Counted(_moved, SpGistLeafTuple) * "the tuples",
        ),
    ),
    RecordType(
        0x30,
        "ADD_NODE",
        always(spgxlogAddNode, "innerTuple" / SpGistInnerTuple * "the tuple with its new node"),
    ),
    RecordType(
        0x40,
        "SPLIT_TUPLE",
        always(
            spgxlogSplitTuple,
            "prefixTuple" / SpGistInnerTuple * "the upper part",
            "postfixTuple" / SpGistInnerTuple * "the lower part",
        ),
    ),
    RecordType(
        0x50,
        "PICKSPLIT",
        always(
            spgxlogPickSplit,
            "toDelete" / offsets(this.nDelete) * "line pointers of tuples that leave",
            "toInsert" / offsets(this.nInsert) * "line pointers of tuples put in",
            "leafPageSelect"
            / Counted(this.nInsert, uint8)
            * "for each, 0: source page, 1: target page",
            "innerTuple" / SpGistInnerTuple * "the new inner tuple",
            "leafTuples" / Counted(this.nInsert, SpGistLeafTuple) * "the tuples put in",
        ),
    ),
    RecordType(
        0x60,
        "VACUUM_LEAF",
        always(
            spgxlogVacuumLeaf,
            "toDead" / offsets(this.nDead) * "line pointers that become dead",
            "toPlaceholder" / offsets(this.nPlaceholder) * "line pointers that become placeholders",
            "moveSrc" / offsets(this.nMove) * "line pointers that tuples move from",
            "moveDest" / offsets(this.nMove) * "line pointers that they move to",
            "chainSrc" / offsets(this.nChain) * "line pointers of tuples that get a new link",
            "chainDest" / offsets(this.nChain) * "the links",
        ),
    ),
    RecordType(
        0x70,
        "VACUUM_ROOT",
        always(
            spgxlogVacuumRoot,
            "toDelete" / offsets(this.nDelete) * "line pointers of deleted tuples",
        ),
    ),
    RecordType(
        0x80,
        "VACUUM_REDIRECT",
        ByMajor(
            {
                major: record(
                    s,
                    "toPlaceholder"
                    / offsets(this.nToPlaceholder)
                    * "line pointers that become placeholders",
                )
                for major, s in spgxlogVacuumRedirect.items()
            }
        ),
    ),
)
