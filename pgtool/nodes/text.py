"""``pg_node_tree``: stored text → tree (14 to 18), tree → text (18).

The text is self-describing: ``{TAG :field value …}``, lists in parentheses, ``<>`` for
nothing. Reading goes in two steps: tokens → :class:`Raw` (tags and named raw values,
the same for every major) → the classes of 18, where :mod:`pgtool.nodes.majors` maps what
older majors wrote differently. Writing gives exactly what PostgreSQL 18 itself writes.

Source of the rules: the manual says nothing; facts read off stored trees of each major and
``nodes/outfuncs.c``, ``nodes/read.c``.
"""

from __future__ import annotations

import re
from typing import Any

from formats.errors import CorruptData, Unsupported
from pgtool.nodes import enums, exprs, jsonxml, query
from pgtool.nodes.base import (
    IntList,
    Node,
    OidList,
    ValueBitString,
    ValueBoolean,
    ValueFloat,
    ValueInteger,
    ValueString,
    XidList,
)
from pgtool.nodes.exprs import BoolExpr, Const
from pgtool.nodes.query import RTE_FIELDS, RTE_HEAD, RTE_TAIL, RangeTblEntry

__all__ = ["Raw", "node_to_text", "parse_raw", "text_to_node"]

_TOKEN = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.S)
_UNESCAPE = re.compile(r"\\(.)", re.S)
_NULL = "<>"
_ENUMS = {name: kind for name, kind in vars(enums).items() if isinstance(kind, type)}
_BOOLOPS = {"and": 0, "or": 1, "not": 2}
_BOOLOP_NAMES = {value: name for name, value in _BOOLOPS.items()}
_MAX_DEPTH = 1500
_MODULES = (exprs, jsonxml, query)  # imported for their classes: they register themselves


class Raw:
    """A node as the text has it: its tag and its fields' raw values in order.

    A raw value is a token (str), a :class:`Raw`, a list of raw values (first item ``i``,
    ``o``, ``x`` or ``b`` where it is a list of integers), or the bytes of a datum.
    """

    __slots__ = ("fields", "tag")

    def __init__(self, tag: str, fields: dict[str, Any]) -> None:
        self.tag = tag
        self.fields = fields


def parse_raw(text: str) -> Any:
    """Text → raw value; CorruptData where it is no node tree."""
    reader = _Reader(text)
    try:
        value = reader.value(0)
        if reader.at != len(reader.tokens):
            raise IndexError
    except (IndexError, ValueError) as error:
        raise CorruptData("malformed node tree", field="pg_node_tree") from error
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = _TOKEN.findall(text)
        self.at = 0

    def value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        token = self.tokens[self.at]
        self.at += 1
        if token == "{":
            return self._node(depth + 1)
        if token == "(":
            return self._list(depth + 1)
        if token in (")", "}"):
            raise ValueError(token)
        return token

    def _list(self, depth: int) -> list[Any]:
        out: list[Any] = []
        tokens = self.tokens
        while tokens[self.at] != ")":
            out.append(self.value(depth))
        self.at += 1
        return out

    def _node(self, depth: int) -> Raw:
        tokens = self.tokens
        tag = tokens[self.at]
        self.at += 1
        fields: dict[str, Any] = {}
        while tokens[self.at] != "}":
            name = tokens[self.at]
            if not name.startswith(":"):
                raise ValueError(name)
            self.at += 1
            value = self.value(depth)
            if isinstance(value, str) and tokens[self.at] == "[":
                value = self._datum(int(value))
            fields[name[1:]] = value
        self.at += 1
        return Raw(tag, fields)

    def _datum(self, length: int) -> bytes:
        end = self.tokens.index("]", self.at)
        data = bytes(int(token) & 0xFF for token in self.tokens[self.at + 1 : end])
        self.at = end + 1
        if len(data) < length:
            raise ValueError("short datum")
        return data


def text_to_node(text: str, major: int = 18) -> Any:
    """A stored tree of any major as the classes of 18.

    Returns a :class:`Node`, a list, or None for ``<>``. Raises CorruptData for malformed
    text and Unsupported for a node that pgtool does not know.
    """
    from pgtool.nodes.majors import adapt

    raw = parse_raw(text)
    try:
        return _build(adapt(raw, major))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptData(f"malformed node tree: {error}", field="pg_node_tree") from error


def _build(raw: Any) -> Any:
    if isinstance(raw, Raw):
        return _build_node(raw)
    if isinstance(raw, list):
        return _build_list(raw)
    return None if raw == _NULL else _value_node(raw)


def _build_list(raw: list[Any]) -> list[Any]:
    kind = raw[0] if raw and isinstance(raw[0], str) else ""
    if kind in ("i", "o", "x"):
        made = {"i": IntList, "o": OidList, "x": XidList}[kind]
        return made(int(item) for item in raw[1:])
    return [_build(item) for item in raw]


def _value_node(token: str) -> Node:
    if token.startswith('"') and token.endswith('"') and len(token) >= 2:
        return ValueString(sval=_unescape(token[1:-1]))
    if token in ("true", "false"):
        return ValueBoolean(boolval=token == "true")
    if re.fullmatch(r"[-+]?\d+", token) and abs(int(token)) < 2**31:
        return ValueInteger(ival=int(token))
    if re.match(r"[-+.]?\d|[-+]\.\d", token):
        return ValueFloat(fval=token)
    if token[0] in "bx":
        return ValueBitString(bsval=token)
    raise ValueError(f"token {token!r}")


def _unescape(token: str) -> str:
    return _UNESCAPE.sub(r"\1", token) if "\\" in token else token


def _build_node(raw: Raw) -> Node:
    cls = Node.BY_TAG.get(raw.tag)
    if cls is None:
        raise Unsupported(f"node {raw.tag} in a stored tree")
    kinds = cls.FIELDS
    made = {}
    for name, value in raw.fields.items():
        kind = kinds.get(name)
        if kind is None:
            raise Unsupported(f"field {name} of node {raw.tag} in a stored tree")
        made[name] = _field(cls, name, kind, value)
    return cls(**made)


def _field(cls: type[Node], name: str, kind: str, value: Any) -> Any:
    if kind == "NodeRef":
        return _build(value)
    if kind == "NodeList":
        return [] if value == _NULL else _build_list(value)
    if kind in ("int", "Oid", "Index"):
        return int(value)
    if kind == "bool":
        return value == "true"
    if kind == "Location":
        return int(value)
    if kind == "String":
        return None if value == _NULL else "" if value == '""' else _unescape(value)
    if kind == "Char":
        return "\0" if value == _NULL else _unescape(value)
    if kind == "Bitmapset":
        return frozenset() if value == _NULL else frozenset(int(item) for item in value[1:])
    if kind == "Datum":
        return None if value == _NULL else value
    if kind == "Float":
        return float(value)
    if cls is BoolExpr:
        return enums.BoolExprType(_BOOLOPS[value])
    return _ENUMS[kind](int(value))


def node_to_text(value: Any) -> str:
    """The text that PostgreSQL 18 stores for a tree."""
    out: list[str] = []
    _write(value, out)
    return "".join(out)


def _escape(text: str) -> str:
    head = "\\" if re.match(r'[<"0-9]|[-+][0-9.]', text) else ""
    return head + re.sub(r"([ \n\t(){}\\])", r"\\\1", text)


def _write_token(text: str | None) -> str:
    return _NULL if text is None else '""' if text == "" else _escape(text)


def _write(value: Any, out: list[str]) -> None:
    if value is None:
        out.append(_NULL)
    elif isinstance(value, list):
        _write_list(value, out)
    elif isinstance(value, ValueString):
        out.append(f'"{_escape(value.sval) if value.sval else ""}"')
    elif isinstance(value, ValueInteger):
        out.append(str(value.ival))
    elif isinstance(value, ValueFloat):
        out.append(str(value.fval))
    elif isinstance(value, ValueBoolean):
        out.append("true" if value.boolval else "false")
    elif isinstance(value, ValueBitString):
        out.append(value.bsval)
    else:
        _write_node(value, out)


def _write_list(value: list[Any], out: list[str]) -> None:
    if not value:
        out.append(_NULL)
        return
    if isinstance(value, (IntList, OidList, XidList)):
        letter = "i" if isinstance(value, IntList) else "o" if isinstance(value, OidList) else "x"
        out.append(f"({letter}{''.join(f' {item}' for item in value)})")
        return
    out.append("(")
    for i, item in enumerate(value):
        if i:
            out.append(" ")
        _write(item, out)
    out.append(")")


def _write_node(node: Node, out: list[str]) -> None:
    out.append("{" + node.TAG)
    names: Any = node.FIELDS
    if isinstance(node, RangeTblEntry):
        names = (*RTE_HEAD, *RTE_FIELDS[node.rtekind], *RTE_TAIL)
    elif isinstance(node, Const):
        names = _CONST_ORDER
    for name in names:
        out.append(f" :{name} ")
        _write_field(node, name, node.FIELDS[name], out)
    out.append("}")


#: A Const writes its value last.
_CONST_ORDER = (
    "consttype", "consttypmod", "constcollid", "constlen", "constbyval", "constisnull",
    "location", "constvalue",
)  # fmt: skip


def _write_field(node: Node, name: str, kind: str, out: list[str]) -> None:
    value = getattr(node, name)
    if kind in ("NodeRef", "NodeList"):
        _write(value, out)
    elif kind == "bool":
        out.append("true" if value else "false")
    elif kind == "Location":
        out.append("-1")
    elif kind == "String":
        out.append(_write_token(value))
    elif kind == "Char":
        out.append(_NULL if value == "\0" else _escape(value))
    elif kind == "Bitmapset":
        out.append(f"(b{''.join(f' {member}' for member in sorted(value))})")
    elif kind == "Datum":
        out.append(_NULL if value is None else _datum_text(node, value))
    elif kind == "Float":
        out.append(f"{value:.17g}" if value != int(value) else str(int(value)))
    elif isinstance(node, BoolExpr) and name == "boolop":
        out.append(_BOOLOP_NAMES[int(value)])
    else:
        out.append(str(int(value)))


def _datum_text(node: Node, value: bytes) -> str:
    assert isinstance(node, Const)
    length = node.constlen if node.constbyval else len(value)
    body = "".join(f"{byte - 256 if byte > 127 else byte} " for byte in value)
    return f"{length} [ {body}]"
