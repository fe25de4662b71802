"""Questions about documents over a whole column: ``@>``, ``?``, ``=``, ``@?`` and ``@@``.

The right side is a constant. Members are found as :mod:`pgtool.functions.jsonbcolumns`
finds them; only rows with a shape that is not looked for (an array where lax mode would
go into it, a container to compare) are answered by the scalar form.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from formats import datum as layout
from pgtool.functions import jsonbtree as tree
from pgtool.functions.jsonb import contains, jsonb_exists
from pgtool.functions.jsonbcolumns import (
    Found,
    Ints,
    constant_of,
    find_member,
    lone_numbers,
    numbers_of,
    words_at,
)
from pgtool.functions.jsonpathfuncs import jsonb_path_exists_opr, jsonb_path_match_opr
from pgtool.functions.jsonpathtree import Item, path_of
from pgtool.functions.registry import Call, find, vector
from pgtool.functions.scaled import scaled_column
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.jsonb import NumericDatum
from pgtool.types.numeric import numeric_decimal

__all__: list[str] = []

Mask = npt.NDArray[np.bool_]
_WORD = 4
_COMPARISONS: dict[str, Any] = {
    "Equal": np.equal, "NotEqual": np.not_equal, "Less": np.less, "Greater": np.greater,
    "LessOrEqual": np.less_equal, "GreaterOrEqual": np.greater_equal,
}  # fmt: skip


def _headers(column: VarColumn) -> Ints | None:
    if (column.length < _WORD).any():
        return None
    return words_at(column.buffer, column.start.astype(np.int64))


def _rows(column: VarColumn, rows: Any) -> VarColumn:
    return VarColumn(column.buffer, column.start[rows], column.length[rows])


def _equal_bytes(buffer: Any, start: Ints, length: Ints, wanted: bytes) -> Mask:
    """Rows whose bytes are these."""
    hit = length == len(wanted)
    rows = np.flatnonzero(hit)
    for i, byte in enumerate(wanted):
        if not len(rows):
            break
        rows = rows[buffer[start[rows] + i] == byte]
    out = np.zeros(len(hit), bool)
    out[rows] = True
    return out


# -- numbers ------------------------------------------------------------------------------


def _compared(numbers: VarColumn, compare: Any, wanted: Decimal) -> Mask:
    """Stored numerics against one number."""
    scaled = scaled_column(numbers)
    if scaled is not False and wanted.is_finite():
        exact = wanted.scaleb(scaled.scale)
        if abs(exact) < 1 << 62:
            whole = int(exact)
            if whole == exact:
                out: Mask = compare(scaled.values, whole)
                return out
            # Between two whole numbers: twice the value against the odd number there.
            between = 2 * (whole if exact > 0 else whole - 1) + 1
            if not len(scaled.values) or int(np.abs(scaled.values).max()) < 1 << 61:
                out = compare(2 * scaled.values, between)
                return out
    known: dict[bytes, bool] = {}
    found = np.zeros(len(numbers), bool)
    for row in range(len(numbers)):
        datum = numbers.datum(row) or b""
        answer = known.get(datum)
        if answer is None:
            answer = known[datum] = bool(compare(numeric_decimal(datum), wanted))
        found[row] = answer
    return found


# -- containment and existence ------------------------------------------------------------


def _same(buffer: Any, found: Found, wanted: Any) -> Mask | None:
    """Rows whose member contains a value."""
    kind = found.kind
    if wanted is None or isinstance(wanted, bool):
        literal = tree.NULL if wanted is None else tree.TRUE if wanted else tree.FALSE
        return kind == literal
    if isinstance(wanted, bytes):
        return (kind == tree.STRING) & _equal_bytes(buffer, found.start, found.length, wanted)
    is_number = isinstance(wanted, NumericDatum)
    out = np.zeros(len(kind), bool)
    rows = np.flatnonzero(kind == (tree.NUMERIC if is_number else tree.CONTAINER))
    if not len(rows):
        return out
    start, length = found.start[rows], found.length[rows]
    if is_number:
        numbers = numbers_of(buffer, start, length)
        if numbers is None:
            return None
        out[rows] = _compared(numbers, np.equal, numeric_decimal(wanted.datum))
        return out
    part = VarColumn(buffer, start, length.astype(np.int32))
    if isinstance(wanted, dict):
        inside = _contain(part, wanted)
        if inside is None:
            return None
        out[rows] = inside
    else:
        out[rows] = [contains(tree.unpack(part.datum(i) or b""), wanted) for i in range(len(part))]
    return out


def _contain(column: VarColumn, wanted: dict[bytes, Any]) -> Mask | None:
    """Rows that contain an object; None where they must be done one by one."""
    headers = _headers(column)
    if headers is None:
        return None
    out: Mask = (headers & layout.JB_FOBJECT) != 0
    for key, value in wanted.items():
        rows = np.flatnonzero(out)
        if not len(rows):
            break
        found = find_member(_rows(column, rows), key)
        hit = None if found is None else _same(column.buffer, found, value)
        if hit is None:
            return None
        out[rows[~hit]] = False
    return out


def _contains(column: Any, wanted: Any) -> Any:
    constant = constant_of(wanted)
    node = None if constant is None else tree.unpack(constant)
    found = _contain(column, node) if isinstance(node, dict) else None
    return NotImplemented if found is None else found


@vector("jsonb_contains")
def jsonb_contains_v(column: Any, wanted: Any) -> Any:
    return _contains(column, wanted)


@vector("jsonb_contained")
def jsonb_contained_v(wanted: Any, column: Any) -> Any:
    return _contains(column, wanted)


@vector("jsonb_exists", call=True)
def jsonb_exists_v(call: Call, column: Any, key: Any) -> Any:
    wanted = constant_of(key)
    headers = _headers(column)
    if wanted is None or headers is None:
        return NotImplemented
    found = find_member(column, wanted)
    if found is None:
        return NotImplemented
    out = found.kind != -1
    text = call.session.settings.encoding.decode(wanted)
    for row in np.flatnonzero((headers & layout.JB_FOBJECT) == 0).tolist():
        out[row] = jsonb_exists(call, column.datum(row), text)
    return out


_TYPES = {tree.NULL: "null", tree.STRING: "string", tree.NUMERIC: "number",
          tree.TRUE: "boolean", tree.FALSE: "boolean"}  # fmt: skip
_NAMES = ("object", "array", "null", "string", "number", "boolean")


@vector("jsonb_typeof")
def jsonb_typeof_v(column: Any) -> Any:
    headers = _headers(column)
    if headers is None:
        return NotImplemented
    scalars = np.flatnonzero(headers & layout.JB_FSCALAR)
    which = np.where(headers & layout.JB_FOBJECT, 0, 1)
    if (column.length[scalars] < 2 * _WORD).any():
        return NotImplemented
    kinds = words_at(column.buffer, column.start[scalars].astype(np.int64) + _WORD)
    kinds &= layout.JENTRY_TYPEMASK
    for kind in np.unique(kinds).tolist():
        if kind not in _TYPES:
            return NotImplemented
        which[scalars[kinds == kind]] = _NAMES.index(_TYPES[kind])
    names = VarColumn.of([name.encode("ascii") for name in _NAMES])
    return VarColumn(names.buffer, names.start[which], names.length[which])


# -- equality -----------------------------------------------------------------------------


def _equal(call: Call, column: Any, wanted: Any) -> Any:
    constant = constant_of(wanted)
    headers = _headers(column)
    if constant is None or headers is None:
        return NotImplemented
    start, length = column.start.astype(np.int64), column.length.astype(np.int64)
    out = _equal_bytes(column.buffer, start, length, constant)
    # Equal values have equal headers; numbers may be stored with more or fewer decimals.
    open_ = ~out & (headers == tree.header_of(constant))
    node = tree.unpack(constant)
    if isinstance(node, (bytes, bool, type(None))):
        return out
    rows = np.flatnonzero(open_)
    numbers = lone_numbers(_rows(column, rows)) if isinstance(node, NumericDatum) else None
    if numbers is not None:
        out[rows] = _compared(numbers, np.equal, tree.decimal_of(node))
        return out
    scalar = find("jsonb_eq").scalar
    known: dict[bytes, bool] = {}
    for row in np.flatnonzero(open_).tolist():
        datum = column.datum(row)
        answer = known.get(datum)
        if answer is None:
            answer = known[datum] = bool(scalar(call, datum, constant))
        out[row] = answer
    return out


@vector("jsonb_eq", call=True)
def jsonb_eq_v(call: Call, column: Any, wanted: Any) -> Any:
    return _equal(call, column, wanted)


@vector("jsonb_ne", call=True)
def jsonb_ne_v(call: Call, column: Any, wanted: Any) -> Any:
    found = _equal(call, column, wanted)
    return found if found is NotImplemented else ~found


# -- paths --------------------------------------------------------------------------------


def _keys(item: Item | None, root: str) -> tuple[list[bytes], Item | None] | None:
    """The member steps at the beginning of a path, and what comes after them."""
    if item is None or item.kind != root:
        return None
    keys = []
    item = item.next
    while item is not None and item.kind == "Key":
        keys.append(item.value)
        item = item.next
    return keys, item


class _Walk:
    """Rows still on the way, and those that lax mode would take into an array."""

    def __init__(self, column: VarColumn) -> None:
        self.column = column
        self.rows: Ints = np.arange(len(column))
        self.start: Ints = column.start.astype(np.int64)
        self.length: Ints = column.length.astype(np.int64)
        self.kind: Ints = np.full(len(column), tree.CONTAINER, np.int64)
        self.by_row: list[Ints] = []

    def keep(self, where: Mask) -> None:
        """Only some of the rows go on."""
        self.rows, self.kind = self.rows[where], self.kind[where]
        self.start, self.length = self.start[where], self.length[where]

    def leave(self, where: Mask) -> None:
        """Some rows are answered by the scalar form."""
        self.by_row.append(self.rows[where])
        self.keep(~where)

    def step(self, key: bytes) -> bool:
        """Into a member; False where the rows must be done one by one."""
        self.keep(self.kind == tree.CONTAINER)
        part = VarColumn(self.column.buffer, self.start, self.length.astype(np.int32))
        headers = _headers(part)
        if headers is None:
            return False
        objects = (headers & layout.JB_FOBJECT) != 0
        self.leave(~objects)
        if not len(self.rows):
            return True
        found = find_member(_rows(part, objects), key)
        if found is None:
            return False
        self.start, self.length, self.kind = found.start, found.length, found.kind
        self.keep(found.kind != -1)
        return True

    def compare(self, item: Item, literal: Any) -> Mask | None:
        """Which of the rows compare so; those of other types are left."""
        number = isinstance(literal, Decimal)
        self.leave(self.kind != (tree.NUMERIC if number else tree.STRING))
        if not number:
            same = _equal_bytes(self.column.buffer, self.start, self.length, literal)
            return same if item.kind == "Equal" else ~same
        numbers = numbers_of(self.column.buffer, self.start, self.length)
        if numbers is None:
            return None
        return _compared(numbers, _COMPARISONS[item.kind], literal)


def _comparison(item: Item | None, root: str) -> tuple[list[bytes], Any] | None:
    """A comparison of members with a literal: their keys, the literal."""
    if item is None or item.kind not in _COMPARISONS or item.next is not None:
        return None
    left, literal = _keys(item.args[0], root), item.args[1]
    if left is None or left[1] is not None or literal is None or literal.next is not None:
        return None
    if literal.kind == "Numeric" or (
        literal.kind == "String" and item.kind in ("Equal", "NotEqual")
    ):
        return left[0], literal.value
    return None


def _walked(column: VarColumn, keys: list[bytes]) -> _Walk | None:
    walk = _Walk(column)
    return walk if all(walk.step(key) for key in keys) else None


def _answers(call: Call, walk: _Walk, hits: Ints, path: bytes, scalar: Any) -> FixedColumn:
    out = np.zeros(len(walk.column), bool)
    valid = np.ones(len(out), bool)
    out[hits] = True
    for rows in walk.by_row:
        for row in rows.tolist():
            answer = scalar(call, walk.column.datum(row), path)
            out[row], valid[row] = bool(answer), answer is not None
    return FixedColumn(out, None if valid.all() else valid)


@vector("jsonb_path_exists_opr", call=True)
def jsonb_path_exists_opr_v(call: Call, column: Any, path: Any) -> Any:
    constant = constant_of(path)
    made = None if constant is None else path_of(constant)
    steps = _keys(made.first, "Root") if made is not None and made.lax else None
    if constant is None or steps is None or not steps[0]:
        return NotImplemented
    keys, rest = steps
    if rest is None:
        walk = _walked(column, keys)
        hits = None if walk is None else walk.rows
    else:
        wanted = _comparison(rest.args[0], "Current") if rest.kind == "Filter" else None
        if wanted is None or rest.next is not None:
            return NotImplemented
        walk = _walked(column, keys)
        if walk is None or not all(walk.step(key) for key in wanted[0]):
            return NotImplemented
        hit = walk.compare(rest.arg(), wanted[1])
        hits = None if hit is None else walk.rows[hit]
    if walk is None or hits is None:
        return NotImplemented
    return _answers(call, walk, hits, constant, jsonb_path_exists_opr)


@vector("jsonb_path_match_opr", call=True)
def jsonb_path_match_opr_v(call: Call, column: Any, path: Any) -> Any:
    constant = constant_of(path)
    made = None if constant is None else path_of(constant)
    wanted = _comparison(made.first, "Root") if made is not None and made.lax else None
    if made is None or constant is None or wanted is None or not wanted[0]:
        return NotImplemented
    walk = _walked(column, wanted[0])
    hit = None if walk is None else walk.compare(made.first, wanted[1])
    if walk is None or hit is None:
        return NotImplemented
    return _answers(call, walk, walk.rows[hit], constant, jsonb_path_match_opr)
