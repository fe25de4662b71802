"""SQL text → raw parse trees, with PostgreSQL 18's own grammar (libpg_query through postgast).

The only module that knows postgast, so that the parser can be exchanged: its protobuf
messages become the node classes of :mod:`pgtool.nodes`, field by field through their
descriptors. Locations are byte offsets in the UTF-8 text, as in PostgreSQL.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from formats.errors import Unsupported
from pgtool.errors import SqlError
from pgtool.nodes import ddl, enums, exprs, jsonxml, query, raw, raw_enums, utility
from pgtool.nodes.base import (
    Node,
    ValueBitString,
    ValueBoolean,
    ValueFloat,
    ValueInteger,
    ValueString,
)
from pgtool.nodes.raw import A_Const, RawStmt

__all__ = ["parse", "too_deep"]

_MODULES = (exprs, jsonxml, query, raw, ddl, utility)
_CLASSES: dict[str, type[Node]] = {
    name: kind
    for module in _MODULES
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Node)
}
_ENUMS = {**vars(raw_enums), **vars(enums)}
_VALUES: dict[str, Callable[[Any], Node]] = {
    "String": lambda m: ValueString(sval=m.sval),
    "Integer": lambda m: ValueInteger(ival=m.ival),
    "Float": lambda m: ValueFloat(fval=m.fval),
    "Boolean": lambda m: ValueBoolean(boolval=m.boolval),
    "BitString": lambda m: ValueBitString(bsval=m.bsval),
}
_KEYWORDS = {"def": "def_"}
_MESSAGE, _ENUM = 11, 14  # protobuf field types


def parse(text: str) -> list[RawStmt]:
    """The statements of a query text; SqlError 42601 with a position where it does not parse."""
    import postgast
    from google.protobuf.message import DecodeError

    _allow_depth()
    try:
        result = postgast.parse(text)
    except postgast.PgQueryError as error:
        raise _syntax_error(error.message, error.cursorpos, text) from None
    except DecodeError:
        raise too_deep() from None
    try:
        return [_convert(stmt) for stmt in result.stmts]
    except RecursionError:
        raise too_deep() from None


#: Frames of Python that a statement may take: a chain of a thousand operators fits.
MAX_FRAMES = 12000


@cache
def _allow_depth() -> None:
    """Long chains of operators nest deeply, in protobuf's reader and in ours."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), MAX_FRAMES))
    try:
        from google._upb import _message

        _message.SetAllowOversizeProtos(True)
    except ImportError:
        from google.protobuf.internal import decoder

        decoder.SetRecursionLimit(MAX_FRAMES)


def too_deep() -> SqlError:
    """The error for a statement that nests too deeply."""
    return SqlError(
        "stack depth limit exceeded", "54001",
        hint='Increase the configuration parameter "max_stack_depth" (currently 2048kB), after '
        "ensuring the platform's stack depth limit is adequate.",
    )


#: Beginnings of the grammar's messages that are no syntax errors → SQLSTATE.
_SQLSTATES = (
    ("frame start", "42P20"), ("frame end", "42P20"), ("unsafe use of string constant", "22P06"),
    ("cross-database references", "0A000"), ("current database cannot", "0A000"),
    ("stack depth limit exceeded", "54001"),
)  # fmt: skip
_NOT_YET = ("not yet implemented", "is not implemented", "are not implemented")


def _syntax_error(message: str, cursor: int, text: str) -> SqlError:
    """A refusal by the grammar, with the SQLSTATE and hint that libpg_query leaves out.

    ``cursor`` is the place in characters from 1, 0 where there is none.
    """
    before = text[: max(cursor - 1, 0)].encode("utf-8", "replace")
    position = len(before) + 1 if cursor else None
    if message == "invalid Unicode escape" and cursor:
        if text[cursor - 1 : cursor + 1] in ("\\u", "\\U"):
            hint = "Unicode escapes must be \\uXXXX or \\UXXXXXXXX."
            return SqlError(message, "22025", hint=hint, position=position)
        hint = "Unicode escapes must be \\XXXX or \\+XXXXXX."
        return SqlError(message, "42601", hint=hint, position=position)
    code = next((code for start, code in _SQLSTATES if message.startswith(start)), "42601")
    return SqlError(message, "0A000" if message.endswith(_NOT_YET) else code, position=position)


def _convert(message: Any) -> Any:
    """A protobuf message as a node; the ``Node`` wrapper and lists are opened."""
    name = message.DESCRIPTOR.name
    if name == "Node":
        kind = message.WhichOneof("node")
        return _convert(getattr(message, kind)) if kind else None
    if name == "List":
        return [_convert(item) for item in message.items]
    if name == "A_Const":
        return _constant(message)
    if name in _VALUES:
        return _VALUES[name](message)
    cls, fields = _plan(message.DESCRIPTOR)
    made = {}
    for source, target, convert in fields:
        value = convert(message, source)
        if value is not None:
            made[target] = value
    return cls(**made)


def _constant(message: Any) -> A_Const:
    kind = message.WhichOneof("val")
    value = _convert(getattr(message, kind)) if kind else None
    return A_Const(val=value, isnull=message.isnull, location=message.location)


@cache
def _plan(descriptor: Any) -> tuple[type[Node], list[tuple[str, str, Any]]]:
    """How a message type becomes a class: (message field, class field, converter) rows."""
    cls = _CLASSES.get(descriptor.name)
    if cls is None:
        raise Unsupported(f"parse node {descriptor.name}")
    fields = []
    for field in descriptor.fields:
        target = _KEYWORDS.get(field.json_name, field.json_name)
        if target == "xpr":
            continue
        if target not in cls.FIELDS:
            raise Unsupported(f"parse field {descriptor.name}.{field.json_name}")
        fields.append((field.name, target, _converter(field, cls.FIELDS[target])))
    return cls, fields


def _converter(field: Any, kind: str) -> Callable[[Any, str], Any]:
    if kind == "NodeList":
        return lambda message, name: [_convert(item) for item in getattr(message, name)]
    if field.type == _MESSAGE:
        return lambda message, name: (
            _convert(getattr(message, name)) if message.HasField(name) else None
        )
    if field.type == _ENUM:
        names = {value.number: value.name for value in field.enum_type.values}
        codes = {number: _ENUMS[kind].__members__.get(name) for number, name in names.items()}
        return lambda message, name: codes[getattr(message, name)]
    if kind == "String":
        return lambda message, name: getattr(message, name) or None
    if kind == "Char":
        return lambda message, name: getattr(message, name) or "\0"
    return lambda message, name: getattr(message, name)
