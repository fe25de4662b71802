"""The rows of ``*.tsv``: cells become the values that forming a tuple takes.

The heading names the columns: ``name[:kind][=default]``. A ``type`` is a name of pg_type, a
``proc`` a name of pg_proc (or an OID where several have that name), ``types`` a list of
type names. The default ``@column`` repeats another column. An empty cell is the default,
``\\N`` NULL, ``''`` the empty text.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from formats.varlena import pack_plain
from pgtool.catalog.genesis.declared import Catalog, catalogs, read_text
from pgtool.errors import CorruptData

Convert = Callable[[str], Any]
Row = list[Any]

OID, TEXT, INT2, CHAR, ACLITEM, NAME, REGPROC = 26, 25, 21, 18, 1033, 19, 24
_ARRAY = struct_of(layout.ArrayType)
_VECTOR = struct_of(layout.VectorType)
_BOUNDS = struct.Struct("<ii")
_ESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n"}


class Type(NamedTuple):
    """What of pg_type other rows are derived from."""

    oid: int
    name: str
    typlen: int
    byval: bool
    align: str
    storage: str
    collation: int


def array(elemtype: int, items: Sequence[bytes]) -> bytes:
    """The payload of an array of one dimension; items come in stored form, aligned."""
    if not items:
        return _ARRAY.pack(0, 0, elemtype)
    return _ARRAY.pack(1, 0, elemtype) + _BOUNDS.pack(len(items), 1) + b"".join(items)


def text_array(items: Sequence[str]) -> bytes:
    """The payload of a text[]."""
    plain = [pack_plain(item.encode()) for item in items]
    return array(TEXT, [item + bytes(-len(item) % 4) for item in plain])


def numbers(elemtype: int, code: str, items: Sequence[int]) -> bytes:
    """The payload of an array of fixed width."""
    return array(elemtype, [struct.pack(f"<{len(items)}{code}", *items)]) if not items else (
        _ARRAY.pack(1, 0, elemtype)
        + _BOUNDS.pack(len(items), 1)
        + struct.pack(f"<{len(items)}{code}", *items)
    )  # fmt: skip


def vector(elemtype: int, code: str, items: Sequence[int]) -> bytes:
    """The payload of an oidvector or int2vector."""
    head = _VECTOR.pack(1, 0, elemtype, len(items), 0)
    return head + struct.pack(f"<{len(items)}{code}", *items)


def _list(text: str) -> list[str]:
    """The elements of an array's text; only what catalogs hold."""
    body = text[1:-1]
    if not body:
        return []
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|([^,]+)', body)
    return [re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in parts]


def _unescaped(text: str) -> bytes:
    text = "" if text == "''" else text
    if "\\" in text:
        text = re.sub(r"\\[\\tn]", lambda m: _ESCAPES[m[0]], text)
    return text.encode()


def _char(text: str) -> int:
    return 0 if text == "''" else ord(text)


CONVERT: dict[str, Convert] = {
    "oid": int, "int2": int, "int4": int, "regproc": int, "float4": float,
    "bool": lambda v: v == "t", "char": _char, "name": _unescaped, "text": _unescaped,
    "_text": lambda v: text_array(_list(v)),
    "_char": lambda v: array(CHAR, [_char(c).to_bytes(1, "little") for c in _list(v)]),
    "_oid": lambda v: numbers(OID, "I", [int(i) for i in _list(v)]),
    "_int2": lambda v: numbers(INT2, "h", [int(i) for i in _list(v)]),
    "int2vector": lambda v: vector(INT2, "h", [int(i) for i in v.split()]),
}  # fmt: skip


class Facts:
    """All fact tables, read on demand."""

    def __init__(self) -> None:
        self.types: dict[str, Type] = {}
        self.procs: dict[str, int] = {}
        self._lines: dict[str, list[list[str]]] = {}
        self._vectors: dict[str, bytes] = {}
        self._name_types()
        self._name_procs()

    def _raw(self, name: str) -> list[list[str]]:
        if name not in self._lines:
            text = read_text(f"{name}.tsv")
            self._lines[name] = [line.split("\t") for line in text.split("\n")[:-1]]
        return self._lines[name]

    def _name_types(self) -> None:
        head, *rows = self._raw("pg_type")
        column = {cell.partition(":")[0].partition("=")[0]: i for i, cell in enumerate(head)}
        default = [cell.partition("=")[2] for cell in head]
        picked = ("oid", "typname", "typlen", "typbyval", "typalign", "typstorage", "typcollation")
        at = [column[name] for name in picked]
        for row in rows:
            cells = [(row[i] if i < len(row) else "") or default[i] for i in at]
            oid, name, size, byval, align, storage, collation = cells
            self.types[name] = Type(
                int(oid), name, int(size), byval == "t", align, storage, int(collation)
            )
        for catalog in catalogs().values():
            pairs = ((catalog.rowtype, catalog.name), (catalog.array, f"_{catalog.name}"))
            for number, name in pairs:
                self.types[name] = Type(number, name, -1, False, "d", "x", 0)

    def _name_procs(self) -> None:
        head, *rows = self._raw("pg_proc")
        default = head[1].partition("=")[2]
        for row in rows:
            self.procs[row[1] or default] = int(row[0])

    def proc(self, text: str) -> int:
        """A function by name or number."""
        return int(text) if text.isdigit() else self.procs[text]

    def type_oid(self, text: str) -> int:
        """A type by name; ``0`` is none."""
        return 0 if text == "0" else self.types[text].oid

    def _types(self, text: str) -> list[int]:
        return [] if text == "-" else [self.types[t].oid for t in text.split()]

    def _convert(self, kind: str, type_: str) -> Convert:
        if kind == "type":
            return self.type_oid
        if kind == "proc":
            return self.proc
        if kind == "types":
            return self._argument_types if type_ == "oidvector" else (
                lambda v: numbers(OID, "I", self._types(v))
            )  # fmt: skip
        return CONVERT.get(type_, _unescaped)

    def _argument_types(self, text: str) -> bytes:
        if text not in self._vectors:
            self._vectors[text] = vector(OID, "I", self._types(text))
        return self._vectors[text]

    def rows(self, catalog: Catalog) -> list[Row]:
        """The rows of a catalog, a value for each of its columns; what is left out is None."""
        head, *lines = self._raw(catalog.name)
        names = catalog.names
        types = {c.name: c.type for c in catalog.columns}
        template: Row = [None] * len(names)
        plan: list[tuple[int, Convert]] = []
        repeats: list[tuple[int, int]] = []
        for i, cell in enumerate(head):
            left, _, default = cell.partition("=")
            column, _, kind = left.partition(":")
            if column not in types:
                raise CorruptData(f'"{column}" is no column of {catalog.name}')
            at = names.index(column)
            convert = self._convert(kind, types[column])
            plan.append((at, convert))
            if default.startswith("@"):
                repeats.append((at, names.index(default[1:])))
            elif default and default != "\\N":
                template[at] = convert(default)
            assert i + 1 == len(plan)
        out = []
        for line in lines:
            row = template.copy()
            for (at, convert), cell in zip(plan, line):
                if cell:
                    row[at] = None if cell == "\\N" else convert(cell)
            for at, source in repeats:
                if row[at] is None:
                    row[at] = row[source]
            out.append(row)
        return out
