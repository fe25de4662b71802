"""Values of types that the extensions delivered with PostgreSQL, and pgvector, add.

As in :mod:`formats.datum` a declaration is a value's fixed beginning without its varlena
header; alignment inside a value counts from that header.

Sources: ``contrib/hstore/hstore.h``, ``contrib/ltree/ltree.h``, ``contrib/cube/cubedata.h``,
``contrib/seg/segdata.h``, and pgvector's ``vector.h``, ``halfvec.h``, ``sparsevec.h``.
"""

from __future__ import annotations

from construct import Struct

from formats.units import float4, int16, int32, uint8, uint16, uint32

HStore = Struct("size_" / uint32 * "number of pairs, and a flag; entries and strings follow")
HS_FLAG_NEWVERSION, HS_COUNT_MASK = 0x80000000, 0x0FFFFFFF
HEntry = Struct("entry" / uint32 * "where a key or value ends among the strings, and two flags")
HENTRY_ISNULL, HENTRY_POSMASK = 0x40000000, 0x3FFFFFFF

LTree = Struct("numlevel" / uint16 * "number of labels; they follow")
LTreeLevel = Struct("len" / uint16 * "bytes of the label, which follows")
LQuery = Struct(
    "numlevel" / uint16 * "number of levels",
    "firstgood" / uint16 * "leading levels that are single labels",
    "flag" / uint16 * "whether a level is negated",
)
LQueryLevel = Struct(
    "totallen" / uint16 * "bytes of the level with its variants",
    "flag" / uint16 * "negated, counted",
    "numvar" / uint16 * "number of variants; 0 is any label",
    "low" / uint16 * "least repetitions",
    "high" / uint16 * "most repetitions",
)
LQL_NOT, LQL_COUNT = 0x10, 0x20
LTREE_MAX_LEVELS = 0xFFFF
LQueryVariant = Struct(
    "val" / int32 * "hash of the name",
    "len" / uint16 * "bytes of the name",
    "flag" / uint8 * "how it matches; the name follows",
)
LVAR_ANYEND, LVAR_INCASE, LVAR_SUBLEXEME = 1, 2, 4
LTxtQuery = Struct("size" / int32 * "number of items; they and the operands follow")
LTxtQueryItem = Struct(
    "type" / int16 * "an operand or an operator",
    "left" / int16 * "distance to the left operand's item",
    "val" / int32 * "the operator's character, or the operand's hash",
    "flag" / uint8 * "how an operand matches",
    "length" / uint8 * "bytes of the operand",
    "distance" / uint16 * "where the operand is among the operands",
)
LTXT_VAL, LTXT_OPR = 2, 3

Cube = Struct("header" / uint32 * "number of dimensions, and whether it is a point")
CUBE_POINT_BIT, CUBE_DIM_MASK = 0x80000000, 0x7FFFFFFF
Seg = Struct(
    "lower" / float4 * "lower boundary", "upper" / float4 * "upper boundary",
    "l_sigd" / uint8 * "significant digits of the lower boundary",
    "u_sigd" / uint8 * "significant digits of the upper boundary",
    "l_ext" / uint8 * "the character before the lower boundary",
    "u_ext" / uint8 * "the character before the upper boundary",
)  # fmt: skip
assert Seg.sizeof() == 12

#: vector and halfvec.
Vector = Struct(
    "dim" / int16 * "number of dimensions", "unused" / int16 * "reserved, zero; elements follow"
)
SparseVec = Struct(
    "dim" / int32 * "number of dimensions",
    "nnz" / int32 * "number of elements that are not zero",
    "unused" / int32 * "reserved, zero; indices and then values follow",
)
