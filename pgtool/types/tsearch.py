"""Text search: tsvector and tsquery.

A tsvector is a sorted table of lexemes with their strings and positions behind it; a
tsquery an expression in prefix order (operator, right operand, left operand) with the
operands' strings behind it.
"""

from __future__ import annotations

import struct

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import CorruptData
from pgtool.types.base import TypeIO
from pgtool.types.tsearch_text import (
    QueryNode,
    check_query_wire,
    pack_query,
    pack_vector,
    parse_query,
    parse_vector,
    vector_from_wire,
)  # fmt: skip

__all__ = ["TsQuery", "TsVector"]

_SIZE = struct_of(layout.TSVectorHeader)
_ENTRY = struct_of(layout.WordEntry)
_NPOS = struct_of(layout.WordEntryPosVector)
_OPERAND = struct_of(layout.QueryOperand)
_OPERATOR = struct_of(layout.QueryOperator)
_WEIGHTS = ("", "C", "B", "A")
_PRIORITY = {layout.OP_OR: 1, layout.OP_AND: 2, layout.OP_PHRASE: 3, layout.OP_NOT: 4}
_MAX_DEPTH = 3000


def _quoted(lexeme: bytes) -> bytes:
    return b"'" + lexeme.replace(b"\\", b"\\\\").replace(b"'", b"''") + b"'"


class TsVector(TypeIO):
    """``tsvector``."""

    def _lexemes(self, datum: bytes) -> list[tuple[bytes, tuple[int, ...]]]:
        (count,) = _SIZE.unpack_from(datum)
        strings = _SIZE.size + _ENTRY.size * count
        if count < 0 or strings > len(datum):
            raise CorruptData(f"tsvector of {count} lexemes", field="size")
        out: list[tuple[bytes, tuple[int, ...]]] = []
        for (word,) in _ENTRY.iter_unpack(datum[_SIZE.size : strings]):
            length, first = word >> 1 & 0x7FF, strings + (word >> 12)
            lexeme = datum[first : first + length]
            positions: tuple[int, ...] = ()
            if word & 1:
                at = (first + length - strings + 1 & ~1) + strings
                (npos,) = _NPOS.unpack_from(datum, at)
                positions = struct.unpack_from(f"<{npos}H", datum, at + _NPOS.size)
            if len(lexeme) != length:
                raise CorruptData("lexeme does not fit", field="entry")
            out.append((lexeme, positions))
        return out

    def _text(self, datum: bytes) -> bytes:
        parts = []
        for lexeme, positions in self._lexemes(datum):
            text = _quoted(lexeme)
            if positions:
                places = ",".join([f"{p & 0x3FFF}{_WEIGHTS[p >> 14]}" for p in positions])
                text += b":" + places.encode("ascii")
            parts.append(text)
        return b" ".join(parts)

    def _send(self, datum: bytes) -> bytes:
        lexemes = self._lexemes(datum)
        parts = [len(lexemes).to_bytes(4, "big")]
        for lexeme, positions in lexemes:
            count = len(positions)
            parts += [lexeme, b"\0", struct.pack(f">H{count}H", count, *positions)]
        return b"".join(parts)

    def _input(self, text: bytes, typmod: int) -> bytes:
        return pack_vector(parse_vector(text, self.settings.encoding))

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return pack_vector(vector_from_wire(wire))


class TsQuery(TypeIO):
    """``tsquery``."""

    def _nodes(self, datum: bytes) -> tuple[list[QueryNode], list[int]]:
        """The items in stored order, and each operator's distance to its left operand."""
        (count,) = _SIZE.unpack_from(datum)
        strings = _SIZE.size + _OPERAND.size * count
        if count < 0 or strings > len(datum):
            raise CorruptData(f"tsquery of {count} items", field="size")
        nodes, lefts = [], []
        for at in range(_SIZE.size, strings, _OPERAND.size):
            kind, weight, prefix, _pad, _crc, value = _OPERAND.unpack_from(datum, at)
            if kind == layout.QI_VAL:
                length, distance = value & 0xFFF, value >> 12
                first = strings + distance
                nodes.append(QueryNode(0, 0, weight, bool(prefix), datum[first : first + length]))
                lefts.append(0)
            elif kind == layout.QI_OPR:
                _kind, oper, apart, left, _pad = _OPERATOR.unpack_from(datum, at)
                if oper not in _PRIORITY:
                    raise CorruptData(f"unknown tsquery operator {oper}", offset=at, field="oper")
                nodes.append(QueryNode(oper, apart, 0, False, b""))
                lefts.append(left)
            else:
                raise CorruptData(f"unknown tsquery item {kind}", offset=at, field="type")
        return nodes, lefts

    def _text(self, datum: bytes) -> bytes:
        nodes, _lefts = self._nodes(datum)
        if not nodes:
            return b""
        at = 0

        def infix(parent: int, right_of_phrase: bool, depth: int) -> bytes:
            nonlocal at
            if depth > _MAX_DEPTH or at >= len(nodes):
                raise CorruptData("tsquery is malformed")
            node = nodes[at]
            at += 1
            if not node.oper:
                return _quoted(node.lexeme) + _flags(node)
            priority = _PRIORITY[node.oper]
            wrap = priority < parent
            if node.oper == layout.OP_NOT:
                text = b"!" + infix(priority, False, depth + 1)
            else:
                is_phrase = node.oper == layout.OP_PHRASE
                wrap |= is_phrase and right_of_phrase
                right = infix(priority, is_phrase, depth + 1)
                left = infix(priority, False, depth + 1)
                text = left + b" " + _operator(node) + b" " + right
            return b"( " + text + b" )" if wrap else text

        return infix(-1, False, 0)

    def _send(self, datum: bytes) -> bytes:
        nodes, _lefts = self._nodes(datum)
        parts = [len(nodes).to_bytes(4, "big")]
        for node in nodes:
            if not node.oper:
                parts += [bytes([1, node.weight, node.prefix]), node.lexeme, b"\0"]
            else:
                parts.append(bytes([2, node.oper]))
                if node.oper == layout.OP_PHRASE:
                    parts.append(struct.pack(">h", node.distance))
        return b"".join(parts)

    def _input(self, text: bytes, typmod: int) -> bytes:
        return pack_query(parse_query(text, self.settings.encoding))

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        return pack_query(check_query_wire(wire))


def _flags(node: QueryNode) -> bytes:
    if not node.weight and not node.prefix:
        return b""
    letters = "".join(letter for bit, letter in ((8, "A"), (4, "B"), (2, "C"), (1, "D"))
                      if node.weight & bit)  # fmt: skip
    return b":" + (b"*" if node.prefix else b"") + letters.encode("ascii")


def _operator(node: QueryNode) -> bytes:
    if node.oper == layout.OP_PHRASE:
        return b"<->" if node.distance == 1 else b"<%d>" % node.distance
    return b"&" if node.oper == layout.OP_AND else b"|"
