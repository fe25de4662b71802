"""JSON objects as rows: json(b)_populate_record(set), json(b)_to_record(set).

A column takes the member of its name: through its type's input function where it is a
scalar, element by element for arrays, member by member for rows. json and jsonb come in by
two small faces, :class:`_Text` and :class:`_Node`, with the same answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from pgtool.errors import SqlError, Unsupported
from pgtool.functions import json as jsontext
from pgtool.functions import jsonbtree as tree
from pgtool.functions.codec import codec_of
from pgtool.functions.jsonvalue import JSON, JSONB, quoted
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import ArrayValue, RecordValue
from pgtool.types.jsonb import jsonb_text

__all__ = ["populate"]

RECORD = 2249


class _Text:
    """A value of a json document."""

    def __init__(self, session: Any, text: str) -> None:
        self.session = session
        self.text = text
        self.shape = text[0] if text[0] in "[{" else ""
        self.is_null = text == "null"
        self.is_string = text[0] == '"'

    def members(self) -> dict[str, Any]:
        """The members by key."""
        found = jsontext.members(self.text)
        return {jsontext.plain(k): _Text(self.session, v) for k, v in found}

    def elements(self) -> list[Any]:
        """The elements."""
        return [_Text(self.session, v) for v in jsontext.elements(self.text)]

    def scalar(self, typid: int) -> str:
        """The text for a type's input function."""
        if not self.is_string:
            return self.text
        body = jsontext.plain(self.text)
        return quoted(body) if typid in (JSON, JSONB) else body


class _Node:
    """A value of a jsonb document."""

    def __init__(self, session: Any, node: Any) -> None:
        self.session = session
        self.node = node
        self.shape = "{" if isinstance(node, dict) else "[" if isinstance(node, list) else ""
        self.is_null = node is None
        self.is_string = isinstance(node, bytes)

    def members(self) -> dict[str, Any]:
        """The members by key."""
        decode = self.session.settings.encoding.decode
        return {decode(k): _Node(self.session, v) for k, v in self.node.items()}

    def elements(self) -> list[Any]:
        """The elements."""
        return [_Node(self.session, v) for v in self.node]

    def scalar(self, typid: int) -> str:
        """The text for a type's input function."""
        if self.shape or typid in (JSON, JSONB):
            data = jsonb_text(tree.pack(self.node))
        else:
            data = self.node if self.is_string else tree.scalar_text(self.node)
        text: str = self.session.settings.encoding.decode(data)
        return text


class Column(NamedTuple):
    """A column to fill; the name of a dropped one is empty."""

    name: str
    typid: int
    typmod: int = -1


def _columns(session: Any, typid: int) -> list[Column]:
    """The columns of a row type that are still there."""
    found = session.types.lookups.attributes(typid, -1)
    if found is None:
        raise SqlError(f"type with OID {typid} is not composite", "42809")
    return [Column(a.attname, a.atttypid, a.atttypmod) for a in found if not a.attisdropped]


def _refuse(value: Any, function: str) -> NoReturn:
    what = "an array" if value.shape else "a scalar"
    raise SqlError(f"cannot call {function} on {what}", "22023")


def _row(
    session: Any, columns: list[Column], typid: int, base: RecordValue | None, value: Any
) -> RecordValue:
    """An object as a row; members that are missing leave the base's."""
    if value.shape != "{":
        _refuse(value, "populate_composite")
    members = value.members()
    if base is not None and not members:
        return base
    old = [None] * len(columns) if base is None else list(base.fields)
    out = []
    for column, before in zip(columns, old):
        found = members.get(column.name)
        if found is None and base is not None:
            out.append(before)
        else:
            out.append(populate(session, column, before, found))
    return RecordValue(
        typid, tuple(c.typid for c in columns), tuple(out), tuple(c.name for c in columns)
    )


def populate(session: Any, column: Column, before: Any, value: Any) -> Any:
    """One column's value; ``value`` is None where there is no such member."""
    info = session.types.info(column.typid)
    is_null = value is None or value.is_null
    if info.typtype == "d":
        inner = column._replace(typid=info.typbasetype, typmod=info.typtypmod)
        made = None if is_null else populate(session, inner, before, value)
        _check_domain(session, column.typid, made)
        return made
    if is_null:
        return None
    if not value.is_string:
        if info.is_true_array:
            return _array(session, column, info.typelem, value)
        if info.typtype == "c":
            columns = _columns(session, info.oid)
            return _row(session, columns, info.oid, before, value)
    if column.typid == JSONB and isinstance(value, _Node):
        return tree.pack(value.node)
    datum = session.types.io_of(column.typid).input(value.scalar(column.typid), column.typmod)
    return codec_of(session.types, column.typid).decode(datum)


def _check_domain(session: Any, typid: int, value: Any) -> None:
    """A domain's constraints."""
    if session.check_domain is None:
        name = session.types.format_type(typid)
        raise Unsupported(f"constraints of domain {name} in a JSON value")
    session.check_domain(typid, value)


# -- arrays -------------------------------------------------------------------------------


class _ArrayOf:
    """JSON arrays within each other, as one array of as many dimensions."""

    def __init__(self, session: Any, column: Column, elemtype: int) -> None:
        self.session = session
        self.column = column
        self.element = Column(column.name, elemtype, column.typmod)
        self.depth = 0
        self.lengths: list[int] = []
        self.items: list[Any] = []

    def level(self, value: Any, number: int, place: list[int]) -> None:
        """One array at a depth (from 1); ``place`` are the indexes that led to it."""
        if value.shape != "[":
            raise self.expected(place)
        inner = value.elements()
        if not self.depth and (not inner or inner[0].shape != "["):
            self.depth = number
            self.lengths = [-1] * number
        for index, one in enumerate(inner):
            if self.depth and number >= self.depth:
                self.items.append(populate(self.session, self.element, None, one))
            else:
                self.level(one, number + 1, [*place, index])
        if self.lengths[number - 1] == -1 or number == 1:
            self.lengths[number - 1] = len(inner)
        elif self.lengths[number - 1] != len(inner):
            raise SqlError(
                "malformed JSON array", "22P02",
                "Multidimensional arrays must have sub-arrays with matching dimensions.",
            )  # fmt: skip

    def expected(self, place: list[int]) -> SqlError:
        """The error of something else where an array should be."""
        key = f'key "{self.column.name}"'
        if place:
            indexes = "".join([f"[{index}]" for index in place])
            hint = f"See the array element {indexes} of {key}."
        else:
            hint = f"See the value of {key}."
        return SqlError("expected JSON array", "22P02", None, hint)


def _array(session: Any, column: Column, elemtype: int, value: Any) -> ArrayValue:
    maker = _ArrayOf(session, column, elemtype)
    maker.level(value, 1, [])
    if not maker.items:
        return ArrayValue(elemtype, (), (), [])
    return ArrayValue(elemtype, tuple(maker.lengths), (1,) * maker.depth, maker.items)


# -- functions ----------------------------------------------------------------------------


def _document(call: Call, document: Any) -> Any:
    """A json or jsonb argument by its face."""
    if isinstance(document, str):
        return _Text(call.session, jsontext.Scan(call, document).text)
    return _Node(call.session, tree.unpack(document))


def _shape(call: Call, name: str, base: RecordValue | None) -> tuple[int, list[Column]]:
    """The type and columns of the rows to make."""
    session = call.session
    columns = [Column(*one) for one in call.columns]
    if "populate" not in name:
        if not columns:
            raise SqlError(
                f"could not determine row type for result of {name}", "0A000", None,
                "Call the function in the FROM clause using a column definition list.",
            )  # fmt: skip
        return RECORD, columns
    typid = call.argtypes[0]
    info = session.types.info(typid)
    while info.typtype == "d":
        info = session.types.info(info.typbasetype)
    if info.typtype == "c":
        return info.oid, _columns(session, info.oid)
    if typid != RECORD:
        raise SqlError(f"first argument of {name} must be a row type", "42804")
    if columns and base is None:
        return RECORD, columns
    if base is None:
        raise SqlError(
            f"could not determine row type for result of {name}", "22023", None,
            "Provide a non-null record argument, or call the function in the FROM clause "
            "using a column definition list.",
        )  # fmt: skip
    return RECORD, [Column(n, t) for n, t in zip(base.names, base.fieldtypes)]


def _record(call: Call, name: str, base: RecordValue | None, document: Any) -> Any:
    typid, columns = _shape(call, name, base)
    if document is None:
        return base
    made = _row(call.session, columns, typid, base, _document(call, document))
    if "populate" in name and call.argtypes[0] not in (typid, RECORD):
        _check_domain(call.session, call.argtypes[0], made)
    return made


def _recordset(call: Call, name: str, base: RecordValue | None, document: Any) -> Iterator[Any]:
    typid, columns = _shape(call, name, base)
    if document is None:
        return
    value = _document(call, document)
    if value.shape != "[":
        if isinstance(value, _Node):
            raise SqlError(f"cannot call {name} on a non-array", "22023")
        what = "an object" if value.shape else "a scalar"
        raise SqlError(f"cannot call {name} on {what}", "22023")
    for one in value.elements():
        if one.shape != "{":
            raise SqlError(f"argument of {name} must be an array of objects", "22023")
        made = _row(call.session, columns, typid, base, one)
        if "populate" in name and call.argtypes[0] not in (typid, RECORD):
            _check_domain(call.session, call.argtypes[0], made)
        yield made


def _register() -> None:
    for kind in ("json", "jsonb"):
        name = f"{kind}_populate_record"
        builtin(name, call=True)(
            lambda call, base, document, _text=False, name=name: _record(
                call, name, base, document)
        )  # fmt: skip
        builtin(name + "set", call=True, returns_set=True)(
            lambda call, base, document, _text=False, name=name + "set": _recordset(
                call, name, base, document)
        )  # fmt: skip
        name = f"{kind}_to_record"
        builtin(name, call=True)(
            lambda call, document, name=name: _record(call, name, None, document)
        )
        builtin(name + "set", call=True, returns_set=True)(
            lambda call, document, name=name + "set": _recordset(call, name, None, document)
        )


_register()


@builtin("jsonb_populate_record_valid", call=True)
def jsonb_populate_record_valid(call: Call, base: RecordValue | None, document: Any) -> bool:
    try:
        _record(call, "jsonb_populate_record", base, document)
    except SqlError as error:
        if error.sqlstate == "42804":
            raise
        return False
    return True
