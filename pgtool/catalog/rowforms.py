"""Values of catalog rows → datums: the reverse of what :class:`~pgtool.catalog.syscache.SysCache`
reads.

A catalog row in Python is a dict of column names: numbers, str for name, text and
``"char"``, tuples for vectors and arrays (None for a NULL element), text for node trees.
Bytes are taken to be a datum already. What a type cannot hold is a mistake of the caller.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import Unsupported
from pgtool.types.arrays import ArrayValue, pack_array
from pgtool.types.encoding import Encoding
from pgtool.types.info import TypeInfo

__all__ = ["AclItem", "encode_value"]

_VECTOR = struct_of(layout.VectorType)
_FIXED = {
    16: "<?", 20: "<q", 21: "<h", 23: "<i", 24: "<I", 26: "<I", 28: "<I", 29: "<I", 700: "<f",
    701: "<d", 1184: "<q", 3220: "<Q", 2205: "<I", 2206: "<I",
}  # fmt: skip
_CHAR, _NAME, _TEXT, _NODE_TREE, _ACLITEM = 18, 19, 25, 194, 1033
#: Vector type → (element type, struct code).
_VECTORS = {22: (21, "h"), 30: (26, "I")}
#: Array type → element type.
_ARRAYS = {1005: 21, 1007: 23, 1028: 26, 1021: 700, 1002: 18, 1009: 25, 1034: 1033, 1003: 19}
#: Types with a varlena header whose payload is text in the database's encoding; ndistinct and
#: its kin come as bytes.
_TEXTS = (_TEXT, _NODE_TREE)

AclItem = tuple[int, int, int]


def encode_value(typid: int, value: Any, encoding: Encoding, info: Callable[[int], TypeInfo],
                 major: int) -> bytes | None:  # fmt: skip
    """The datum of one value; ``info`` gives pg_type's facts of an element type."""
    if value is None or isinstance(value, bytes):
        return value
    code = _FIXED.get(typid)
    if code is not None:
        return struct.pack(code, value)
    if typid == _CHAR:
        return encoding.encode(value)[:1] or b"\0"
    if typid == _NAME:
        return encoding.encode(value)[: layout.NAMEDATALEN - 1].ljust(layout.NAMEDATALEN, b"\0")
    if typid in _TEXTS:
        return encoding.encode(value)
    if typid == _ACLITEM:
        grantee, grantor, rights = value
        return struct_of(layout.AclItem[major]).pack(grantee, grantor, rights)
    if typid in _VECTORS:
        element, letter = _VECTORS[typid]
        body = struct.pack(f"<{len(value)}{letter}", *value)
        return _VECTOR.pack(1, 0, element, len(value), 0) + body
    if typid in _ARRAYS:
        element = _ARRAYS[typid]
        items = [encode_value(element, item, encoding, info, major) for item in value]
        made = ArrayValue(element, [len(items)], [1], items)
        return pack_array(made, info(element))
    raise Unsupported(f"writing a catalog column of type {typid}")
