"""Input and output functions as functions: what a call of ``textin`` or ``int4out`` gives.

Casts through text do not come here (the executor takes the types' own way); this is for
who calls them by name and for array, range and domain input that names the type.
"""

from __future__ import annotations

from typing import Any

from pgtool.functions.codec import NAMEDATALEN, codec_of
from pgtool.functions.registry import Call, builtin

INPUT = (
    "aclitemin", "bit_in", "boolin", "box_in", "bpcharin", "byteain", "cash_in", "charin", "cidin",
    "cidr_in", "circle_in", "date_in", "float4in", "float8in", "inet_in", "int2in",
    "int2vectorin", "int4in", "int8in", "interval_in", "json_in", "jsonb_in", "jsonpath_in",
    "line_in", "lseg_in", "macaddr8_in", "macaddr_in", "namein", "numeric_in", "oidin",
    "oidvectorin", "path_in", "pg_lsn_in", "pg_snapshot_in", "point_in", "poly_in",
    "regclassin", "regcollationin", "regconfigin", "regdictionaryin", "regnamespacein",
    "regoperatorin", "regoperin", "regprocedurein", "regprocin", "regrolein", "regtypein",
    "textin", "tidin", "time_in", "timestamp_in", "timestamptz_in", "timetz_in", "tsqueryin",
    "tsvectorin", "uuid_in", "varbit_in", "varcharin", "xid8in", "xidin", "xml_in",
)  # fmt: skip
#: Input functions whose second argument names the type.
TYPED_INPUT = ("array_in", "enum_in", "multirange_in", "range_in", "record_in")
OUTPUT = (
    "aclitemout", "anyarray_out", "anyenum_out", "array_out", "bit_out", "boolout", "box_out",
    "bpcharout", "byteaout", "cash_out", "charout", "cidout", "cidr_out", "circle_out",
    "date_out", "enum_out", "float4out", "float8out", "inet_out", "int2out", "int2vectorout",
    "int4out", "int8out", "interval_out", "json_out", "jsonb_out", "jsonpath_out", "line_out",
    "lseg_out", "macaddr8_out", "macaddr_out", "multirange_out", "nameout", "numeric_out",
    "oidout", "oidvectorout", "path_out", "pg_lsn_out", "pg_node_tree_out", "pg_snapshot_out",
    "point_out", "poly_out", "range_out", "record_out", "regclassout", "regcollationout",
    "regconfigout", "regdictionaryout", "regnamespaceout", "regoperatorout", "regoperout",
    "regprocedureout", "regprocout", "regroleout", "regtypeout", "textout", "tidout", "time_out",
    "timestamp_out", "timestamptz_out", "timetz_out", "tsqueryout", "tsvectorout", "uuid_out",
    "varbit_out", "varcharout", "xid8out", "xidout", "xml_out",
)  # fmt: skip


@builtin(*INPUT, call=True)
def read_text(call: Call, text: str, typelem: int = 0, typmod: int = -1) -> Any:
    """Text to value."""
    return _read(call, text, call.rettype, typmod)


@builtin(*TYPED_INPUT, call=True)
def read_typed(call: Call, text: str, typid: int, typmod: int = -1) -> Any:
    """Text to value of a type that is given; for arrays it is the element's."""
    types = call.session.types
    info = types.info(typid)
    is_array = types.info(call.rettype).is_true_array or call.rettype == _ANYARRAY
    return _read(call, text, info.typarray if is_array else typid, typmod)


_ANYARRAY = 2277


def _read(call: Call, text: str, typid: int, typmod: int) -> Any:
    types = call.session.types
    return codec_of(types, typid).decode(types.io_of(typid).input(text, typmod))


@builtin(*OUTPUT, call=True)
def write_text(call: Call, value: Any) -> str:
    """Value to text."""
    types, typid = call.session.types, call.argtypes[0]
    codec = codec_of(types, typid)
    datum = codec.encode(value)
    if codec.is_name:
        datum = datum.ljust(NAMEDATALEN, b"\0")
    return str(types.io_of(typid).output(datum))


@builtin("void_out")
def void_out(value: bytes) -> str:
    """The text of nothing."""
    return ""


@builtin("cstring_in", "cstring_out")
def unchanged(value: str) -> str:
    """Text is its own text form."""
    return value


@builtin("void_in")
def void_in(value: str) -> bytes:
    """Nothing."""
    return bytes(4)
