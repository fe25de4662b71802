"""Values inside attributes: the layouts of the built-in data types that have structure.

Each declaration is a value's fixed beginning *without* its varlena header; what follows
it (elements, digits, strings) is told by the fields. ``ALIGN_BASE`` is where a payload
begins relative to the value: alignment inside a value counts from its 4-byte header.

Sources: ``utils/array.h``, ``numeric.c``, ``utils/jsonb.h``, ``utils/jsonpath.h``,
``tsearch/ts_type.h``, ``utils/rangetypes.h``, ``utils/multirangetypes.h``,
``utils/geo_decls.h``, ``utils/inet.h``, ``utils/varbit.h``, ``utils/acl.h``,
``utils/timestamp.h``, ``statistics/statistics.h``.
"""

from __future__ import annotations

from construct import Array, Struct

from formats.itemptr import ItemPointerData
from formats.units import (
    BitFields,
    FullTransactionId,
    Oid,
    Raw,
    float8,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)  # fmt: skip
from formats.version import ByMajor

#: Bytes of varlena header before a payload's first byte.
ALIGN_BASE = 4
NAMEDATALEN = 64
MAXDIM = 6

ArrayType = Struct(
    "ndim" / int32 * "number of dimensions; 0 for an empty array",
    "dataoffset" / int32 * "offset of the elements, header included; 0 if there is no null bitmap",
    "elemtype" / Oid * "type of the elements",
)
#: int2vector and oidvector: an array of one dimension, header and bounds together.
VectorType = Struct(
    "ndim" / int32 * "always 1",
    "dataoffset" / int32 * "always 0: no null bitmap",
    "elemtype" / Oid * "type of the elements",
    "dim1" / int32 * "number of elements",
    "lbound1" / int32 * "always 0",
)
DatumTupleHeader = Struct(
    "datum_typmod" / int32 * "type modifier; -1, or the number of a registered row type",
    "datum_typeid" / Oid * "composite type",
    "t_ctid" / ItemPointerData * "unused in a value",
    "t_infomask2" / uint16 * "number of attributes",
    "t_infomask" / uint16 * "whether there are nulls",
    "t_hoff" / uint8 * "offset of the first attribute, varlena header included",
)
assert DatumTupleHeader.sizeof() == 23 - ALIGN_BASE

RangeType = Struct("rangetypid" / Oid * "range type; bounds follow, flags are the last byte")
MultirangeType = Struct(
    "multirangetypid" / Oid * "multirange type",
    "rangeCount" / uint32 * "number of ranges; items, flags and bounds follow",
)
RANGE_EMPTY, RANGE_LB_INC, RANGE_UB_INC, RANGE_LB_INF, RANGE_UB_INF = 1, 2, 4, 8, 16
MULTIRANGE_ITEM_OFF_BIT = 0x80000000
MULTIRANGE_ITEM_OFFSET_STRIDE = 4

# numeric: the first word tells which of three headers it is.
NumericHeader = Struct("n_header" / uint16 * "sign and form in the top bits")
NumericLong = Struct(
    "n_sign_dscale" / uint16 * "sign in the top two bits, display scale in the others",
    "n_weight" / int16 * "weight of the first digit, in powers of 10000",
)
NUMERIC_SIGN_MASK = 0xC000
NUMERIC_POS, NUMERIC_NEG, NUMERIC_SHORT, NUMERIC_SPECIAL = 0x0000, 0x4000, 0x8000, 0xC000
NUMERIC_NAN, NUMERIC_PINF, NUMERIC_NINF = 0xC000, 0xD000, 0xF000
NUMERIC_EXT_SIGN_MASK = 0xF000
NUMERIC_DSCALE_MASK = 0x3FFF
NUMERIC_SHORT_SIGN_MASK = 0x2000
NUMERIC_SHORT_DSCALE_SHIFT, NUMERIC_SHORT_DSCALE_MAX = 7, 63
NUMERIC_SHORT_WEIGHT_SIGN_MASK, NUMERIC_SHORT_WEIGHT_MASK = 0x40, 0x3F
NBASE, DEC_DIGITS = 10000, 4
NUMERIC_WIRE_HEADER = ">hhHH"  # ndigits, weight, sign, dscale; then the digits

Interval = Struct(
    "time" / int64 * "microseconds",
    "day" / int32 * "days",
    "month" / int32 * "months and years",
)
TimeTzADT = Struct(
    "time" / int64 * "microseconds since midnight",
    "zone" / int32 * "seconds west of UTC",
)
InetHeader = Struct(
    "family" / uint8 * "2 for IPv4, 3 for IPv6",
    "bits" / uint8 * "bits of the netmask; the address follows in network order",
)
VarBit = Struct("bit_len" / int32 * "number of bits; they follow, highest bit first")
Point = Struct("x" / float8 * "x", "y" / float8 * "y")
PathHeader = Struct(
    "npts" / int32 * "number of points",
    "closed" / int32 * "whether the last point joins the first",
    "dummy" / Raw(4) * "alignment",
)
PolygonHeader = Struct(
    "npts" / int32 * "number of points",
    "boundbox" / Array(4, float8) * "high x, high y, low x, low y",
)

# jsonb: a tree of containers; a header word, one JEntry per child, then the children.
JsonbContainer = Struct("header" / uint32 * "number of children; what the container is")
JB_CMASK, JB_FSCALAR, JB_FOBJECT, JB_FARRAY = 0x0FFFFFFF, 0x10000000, 0x20000000, 0x40000000
JENTRY_OFFLENMASK, JENTRY_TYPEMASK, JENTRY_HAS_OFF = 0x0FFFFFFF, 0x70000000, 0x80000000
JENTRY_ISSTRING, JENTRY_ISNUMERIC, JENTRY_ISBOOL_FALSE = 0, 0x10000000, 0x20000000
JENTRY_ISBOOL_TRUE, JENTRY_ISNULL, JENTRY_ISCONTAINER = 0x30000000, 0x40000000, 0x50000000
JB_OFFSET_STRIDE = 32

JsonPathHeader = Struct("header" / uint32 * "version 1, and the lax flag in the top bit")
JSONPATH_VERSION, JSONPATH_LAX = 1, 0x80000000

TSVectorHeader = Struct("size" / int32 * "number of lexemes; their WordEntry rows follow")
WordEntry = Struct(
    "entry"
    / BitFields(uint32, haspos=1, len=11, pos=20)
    * "whether positions follow the lexeme, its length, its place among the strings",
)
WordEntryPosVector = Struct("npos" / uint16 * "number of positions, which follow")
TSQueryHeader = Struct("size" / int32 * "number of QueryItem rows; the operands' strings follow")
QueryOperand = Struct(
    "type" / int8 * "1: an operand",
    "weight" / uint8 * "bits D, C, B, A of the weights searched; 0 for any",
    "prefix" / uint8 * "whether any lexeme that begins so will do",
    "padding" / Raw(1) * "alignment",
    "valcrc" / int32 * "CRC of the string",
    "value"
    / BitFields(uint32, length=12, distance=20)
    * "length of the string and its place among the strings",
)
QueryOperator = Struct(
    "type" / int8 * "2: an operator",
    "oper" / int8 * "1 not, 2 and, 3 or, 4 phrase",
    "distance" / int16 * "lexemes apart, for phrase",
    "left" / uint32 * "distance of the left operand in items; the right one comes next",
    "padding" / Raw(4) * "unused",
)
assert QueryOperand.sizeof() == 12
QI_VAL, QI_OPR = 1, 2
OP_NOT, OP_AND, OP_OR, OP_PHRASE = 1, 2, 3, 4

PgSnapshot = Struct(
    "nxip" / uint32 * "number of transactions in progress; they follow",
    "xmin" / FullTransactionId * "all older ones are finished",
    "xmax" / FullTransactionId * "this one and all younger ones had not begun",
)

_AclItem12 = Struct(
    "ai_grantee" / Oid * "role that has the privileges; 0 for all",
    "ai_grantor" / Oid * "role that granted them",
    "ai_privs" / BitFields(uint32, privs=16, goptions=16) * "privileges; grant options",
)
_AclItem16 = Struct(
    "ai_grantee" / Oid * "role that has the privileges; 0 for all",
    "ai_grantor" / Oid * "role that granted them",
    "ai_privs" / BitFields(uint64, privs=32, goptions=32) * "privileges; grant options",
)
AclItem = ByMajor({14: _AclItem12, 16: _AclItem16})
ACL_ALL_RIGHTS_STR = ByMajor({14: "arwdDxtXUCTc", 15: "arwdDxtXUCTcsA", 17: "arwdDxtXUCTcsAm"})

#: pg_ndistinct, pg_dependencies, pg_mcv_list: header, then items one after the other, unaligned.
ExtendedStatsHeader = Struct(
    "magic" / uint32 * "which kind",
    "type" / uint32 * "always 1",
    "nitems" / uint32 * "number of items",
)
STATS_NDISTINCT_MAGIC, STATS_DEPS_MAGIC = 0xA352BFA4, 0xB4549A2C
NDistinctItem = Struct(
    "ndistinct" / float8 * "distinct combinations",
    "nattributes" / int32 * "number of attributes; their int16 numbers follow",
)
DependencyItem = Struct(
    "degree" / float8 * "share of rows that agree",
    "nattributes" / int16 * "number of attributes; the last depends on the others",
)
STATS_MCV_MAGIC, STATS_MCVLIST_MAX_ITEMS = 0xE1A651C2, 10000
#: After the header: the number of dimensions, a type each, a DimensionInfo each, the values of
#: each dimension, then the items: null flags, frequencies, uint16 numbers of values.
MCVDimensions = Struct("ndimensions" / int16 * "number of columns and expressions")
DimensionInfo = Struct(
    "nvalues" / int32 * "different values",
    "nbytes" / int32 * "bytes of them here",
    "nbytes_aligned" / int32 * "bytes of them in memory",
    "typlen" / int32 * "length of the type",
    "typbyval" / uint8 * "whether it is passed by value",
    "padding" / Raw(3) * "alignment",
)
MCVFrequencies = Struct(
    "frequency" / float8 * "share of rows",
    "base_frequency" / float8 * "share if the columns were independent",
)
BloomFilter = Struct(
    "flags" / uint16 * "unused",
    "nhashes" / uint8 * "number of hash functions",
    "padding" / Raw(1) * "alignment",
    "nbits" / uint32 * "bits in the bitmap",
    "nbits_set" / uint32 * "of these, set",
)
SerializedRanges = Struct(
    "typid" / Oid * "type of the values",
    "nranges" / int32 * "number of ranges: two values each",
    "nvalues" / int32 * "number of single values; all follow one after the other, unaligned",
    "maxvalues" / int32 * "how many values the summary may hold",
)
