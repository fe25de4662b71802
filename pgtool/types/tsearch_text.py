"""The text forms of tsvector and tsquery, taken apart, and the stored forms, put together."""

from __future__ import annotations

import itertools
import re
import struct
from typing import NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import SqlError
from pgtool.types.encoding import Encoding

__all__ = [
    "QueryNode", "check_query_wire", "pack_query", "pack_vector", "parse_query", "parse_vector",
    "vector_from_wire",
]  # fmt: skip

_SIZE = struct_of(layout.TSVectorHeader)
_ENTRY = struct_of(layout.WordEntry)
_OPERAND = struct_of(layout.QueryOperand)
_OPERATOR = struct_of(layout.QueryOperator)
_MAX_WORD, _MAX_STRINGS = (1 << 11) - 1, (1 << 20) - 1
_MAX_POSITION, _MAX_POSITIONS = (1 << 14) - 1, 256
_WEIGHT = {b"a": 3, b"*": 3, b"b": 2, b"c": 1, b"d": 0}
Vector = dict[bytes, list[int]]


class QueryNode(NamedTuple):
    """One item of a query: an operator (``oper``, and ``distance`` of a phrase) or, with
    ``oper`` 0, an operand."""

    oper: int
    distance: int
    weight: int
    prefix: bool
    lexeme: bytes


_QUOTED = re.compile(rb"'((?:[^'\\]|''|\\.)*)'", re.S)
_BARE = {
    False: re.compile(rb"((?:[^ \t-\r\\]|\\.)(?:[^ \t-\r:\\]|\\.)*)", re.S),
    True: re.compile(rb"((?:[^ \t-\r:\\!&|()<]|\\.)+)", re.S),
}
_POSITION = re.compile(rb"([0-9]+)([A-Da-d*]*)")


class _Words:
    """Reads words, quoted or not, as both types write them."""

    def __init__(self, text: bytes, encoding: Encoding, type_name: str) -> None:
        self.text = text
        self.shown = encoding.decode(text)
        self.type_name = type_name
        self.at = 0

    def fail(self) -> SqlError:
        return SqlError(f'syntax error in {self.type_name}: "{self.shown}"', "42601")

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in b" \t\n\v\f\r":
            self.at += 1

    def word(self, *, query: bool) -> bytes:
        """The word that begins here."""
        quoted = self.text[self.at : self.at + 1] == b"'"
        match = (_QUOTED if quoted else _BARE[query]).match(self.text, self.at)
        if match is None:
            if not quoted and self.text[self.at : self.at + 1] == b"\\":
                raise self.no_escaped()
            raise self.fail()
        body = match[1]
        self.at = match.end()
        if not quoted and self.text[self.at : self.at + 1] == b"\\":
            raise self.no_escaped()
        if quoted:
            body = re.sub(rb"''|\\(.)", lambda m: m[1] or b"'", body, flags=re.S)
        else:
            body = re.sub(rb"\\(.)", rb"\1", body, flags=re.S)
        if not body:
            raise self.fail()
        return body

    def no_escaped(self) -> SqlError:
        return SqlError(f'there is no escaped character: "{self.shown}"', "42601")


def _merged(positions: list[int]) -> list[int]:
    """Sorted, one for each place with the highest weight, no more than fit."""
    best: dict[int, int] = {}
    for position in positions:
        place = position & _MAX_POSITION
        best[place] = max(best.get(place, 0), position >> 14)
    out: list[int] = []
    for place in sorted(best):
        out.append(best[place] << 14 | place)
        if len(out) >= _MAX_POSITIONS - 1 + 1 or (place == _MAX_POSITION - 1 and len(out) > 1):
            break
    return out


def parse_vector(text: bytes, encoding: Encoding) -> Vector:
    """``'a':1,2B 'b'`` → lexeme → positions with weights."""
    words = _Words(text, encoding, "tsvector")
    out: Vector = {}
    words.skip()
    while words.at < len(text):
        word = words.word(query=False)
        if len(word) >= _MAX_WORD:
            raise SqlError(
                f"word is too long ({len(word)} bytes, max {_MAX_WORD - 1} bytes)", "54000"
            )
        positions = out.setdefault(word, [])
        if text[words.at : words.at + 1] == b":":
            positions += _positions(words)
        words.skip()
    return {word: _merged(out[word]) for word in sorted(out)}


def _positions(words: _Words) -> list[int]:
    out = []
    while words.text[words.at : words.at + 1] in (b":", b","):
        match = _POSITION.match(words.text, words.at + 1)
        if match is None:
            raise words.fail()
        place = min(int(match[1][:12]), _MAX_POSITION)
        if place == 0:
            raise SqlError(f'wrong position info in tsvector: "{words.shown}"', "42601")
        weight = 0
        for letter in match[2].lower():
            if weight:
                raise words.fail()
            weight = _WEIGHT[bytes([letter])]
        out.append(weight << 14 | place)
        words.at = match.end()
    following = words.text[words.at : words.at + 1]
    if following and following not in b" \t\n\v\f\r":
        raise words.fail()
    return out


def pack_vector(vector: Vector) -> bytes:
    """Lexemes (in order) and positions → stored form."""
    entries, strings = [], bytearray()
    for lexeme, positions in vector.items():
        entries.append(
            _ENTRY.pack(bool(positions) | len(lexeme) << 1 | len(strings) << 12 & 0xFFFFFFFF)
        )
        strings += lexeme
        if positions:
            strings += bytes(len(strings) % 2)
            strings += struct.pack(f"<{1 + len(positions)}H", len(positions), *positions)
        if len(strings) > _MAX_STRINGS:
            raise SqlError(
                f"string is too long for tsvector ({len(strings)} bytes, max {_MAX_STRINGS} bytes)",
                "54000",
            )
    return _SIZE.pack(len(entries)) + b"".join(entries) + bytes(strings)


def _wire_string(wire: bytes, at: int) -> tuple[bytes, int]:
    end = wire.index(b"\0", at)
    return wire[at:end], end + 1


def vector_from_wire(wire: bytes) -> Vector:
    """The wire form → lexeme → positions, in order."""
    count, at = int.from_bytes(wire[:4], "big"), 4
    out: Vector = {}
    if count > len(wire):
        raise SqlError("invalid size of tsvector", "XX000")
    for _ in range(count):
        lexeme, at = _wire_string(wire, at)
        if not lexeme:
            raise SqlError("invalid tsvector: empty lexeme", "XX000")
        (npos,) = struct.unpack_from(">H", wire, at)
        positions = list(struct.unpack_from(f">{npos}H", wire, at + 2))
        at += 2 + 2 * npos
        if any(b & 0x3FFF <= a & 0x3FFF for a, b in itertools.pairwise(positions)):
            raise SqlError("position information is misordered", "XX000")
        out[lexeme] = positions
    return {lexeme: out[lexeme] for lexeme in sorted(out)}


_CRC_TABLE: list[int] = []


def _legacy_crc(data: bytes) -> int:
    """The CRC that tsquery has always used: the usual table, run the other way."""
    if not _CRC_TABLE:
        for byte in range(256):
            value = byte
            for _ in range(8):
                value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
            _CRC_TABLE.append(value)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc >> 24 ^ byte) & 0xFF] ^ crc << 8 & 0xFFFFFFFF
    return crc ^ 0xFFFFFFFF


_PRIORITY = {layout.OP_OR: 1, layout.OP_AND: 2, layout.OP_PHRASE: 3, layout.OP_NOT: 4}
_SYMBOL = {b"&": layout.OP_AND, b"|": layout.OP_OR}
_PHRASE = re.compile(rb"<(?:-|([0-9]+))>(?=.)", re.S)
_MODIFIERS = re.compile(rb":([A-Da-d*]*)")
_MAX_NESTING = 500
_STACK = 32


class _QueryParser:
    """Operator precedence: operands as they come, operators when a weaker one follows."""

    def __init__(self, text: bytes, encoding: Encoding) -> None:
        self.words = _Words(text, encoding, "tsquery")
        self.out: list[QueryNode] = []

    def reduce(self, stack: list[tuple[int, int]], oper: int) -> None:
        while stack:
            top = _PRIORITY[stack[-1][0]]
            mine = _PRIORITY[oper]
            if mine > top or (oper == layout.OP_NOT and mine >= top):
                return
            op, distance = stack.pop()
            self.out.append(QueryNode(op, distance, 0, False, b""))

    def group(self, depth: int) -> None:
        """Everything to the closing parenthesis, or to the end."""
        words, text = self.words, self.words.text
        stack: list[tuple[int, int]] = []
        want_operand = True
        if depth > _MAX_NESTING:
            raise SqlError("stack depth limit exceeded", "54001")
        while True:
            words.skip()
            char = text[words.at : words.at + 1]
            if not char:
                break
            if want_operand:
                want_operand = self.operand(char, stack, depth)
                continue
            if char == b")":
                if not depth:
                    raise words.fail()
                words.at += 1
                self.reduce(stack, layout.OP_OR)
                return
            oper, distance = self.operator(char)
            self.reduce(stack, oper)
            self.push(stack, oper, distance)
            want_operand = True
        if depth or (want_operand and (stack or self.out)):
            raise words.fail() if not want_operand else self.no_operand()
        self.reduce(stack, layout.OP_OR)

    def no_operand(self) -> SqlError:
        return SqlError(f'no operand in tsquery: "{self.words.shown}"', "42601")

    def push(self, stack: list[tuple[int, int]], oper: int, distance: int) -> None:
        if len(stack) >= _STACK:
            raise SqlError("tsquery stack too small", "XX000")
        stack.append((oper, distance))

    def operand(self, char: bytes, stack: list[tuple[int, int]], depth: int) -> bool:
        """One operand, or a prefix of one; whether an operand is still wanted."""
        words = self.words
        if char == b"!":
            words.at += 1
            self.reduce(stack, layout.OP_NOT)
            self.push(stack, layout.OP_NOT, 0)
            return True
        if char == b"(":
            words.at += 1
            self.group(depth + 1)
            return False
        if char in b":&|)<":
            raise words.fail()
        lexeme = words.word(query=True)
        weight, prefix = 0, False
        match = _MODIFIERS.match(words.text, words.at)
        if match:
            words.at = match.end()
            letters = match[1].lower()
            prefix = b"*" in letters
            weight = sum(bit for bit, letter in ((8, b"a"), (4, b"b"), (2, b"c"), (1, b"d"))
                         if letter in letters)  # fmt: skip
        if len(lexeme) >= _MAX_WORD:
            raise SqlError(f'word is too long in tsquery: "{words.shown}"', "54000")
        self.out.append(QueryNode(0, 0, weight, prefix, lexeme))
        return False

    def operator(self, char: bytes) -> tuple[int, int]:
        words = self.words
        if char in _SYMBOL:
            words.at += 1
            return _SYMBOL[char], 0
        match = _PHRASE.match(words.text, words.at)
        if match is None:
            raise words.fail()
        distance = int((match[1] or b"1")[:12])
        if distance > 1 << 14:
            raise SqlError(
                "distance in phrase operator must be an integer value between zero and "
                f"{1 << 14} inclusive", "22023",
            )  # fmt: skip
        words.at = match.end()
        return layout.OP_PHRASE, distance


def parse_query(text: bytes, encoding: Encoding) -> list[QueryNode]:
    """``'a' & !'b'`` → the items in postfix order."""
    parser = _QueryParser(text, encoding)
    parser.group(0)
    return parser.out


def check_query_wire(wire: bytes) -> list[QueryNode]:
    """The wire form → the items in postfix order."""
    count, at = int.from_bytes(wire[:4], "big"), 4
    nodes: list[QueryNode] = []
    if count > len(wire):
        raise SqlError("invalid size of tsquery", "XX000")
    for _ in range(count):
        kind = wire[at]
        if kind == layout.QI_VAL:
            weight, prefix = wire[at + 1], wire[at + 2]
            lexeme, at = _wire_string(wire, at + 3)
            nodes.append(QueryNode(0, 0, weight, bool(prefix), lexeme))
        elif kind == layout.QI_OPR:
            oper, distance = wire[at + 1], 0
            at += 2
            if oper not in _PRIORITY:
                raise SqlError(f"invalid tsquery: unrecognized operator type {oper}", "XX000")
            if oper == layout.OP_PHRASE:
                (distance,) = struct.unpack_from(">h", wire, at)
                at += 2
            nodes.append(QueryNode(oper, distance, 0, False, b""))
        else:
            raise SqlError(f"unrecognized tsquery node type: {kind}", "XX000")
    return nodes[::-1]


def pack_query(postfix: list[QueryNode]) -> bytes:
    """Items in postfix order → stored form: reversed, each operator with its left operand."""
    sizes: list[int] = []
    items: list[bytes] = []
    strings = bytearray()
    for node in postfix:
        if node.oper:
            if len(sizes) < (1 if node.oper == layout.OP_NOT else 2):
                raise SqlError("malformed tsquery: operand not found", "XX000")
            right = sizes.pop()
            left = 1 if node.oper == layout.OP_NOT else right + 1
            total = right + 1 if node.oper == layout.OP_NOT else right + sizes.pop() + 1
            sizes.append(total)
            items.append(_OPERATOR.pack(layout.QI_OPR, node.oper, node.distance, left, bytes(4)))
            continue
        sizes.append(1)
        place = len(node.lexeme) | len(strings) << 12
        crc = struct.unpack("<i", struct.pack("<I", _legacy_crc(node.lexeme)))[0]
        items.append(_OPERAND.pack(layout.QI_VAL, node.weight, node.prefix, b"\0", crc, place))
        strings += node.lexeme + b"\0"
        if len(strings) > _MAX_STRINGS:
            raise SqlError("tsquery is too large", "54000")
    if len(sizes) > 1:
        raise SqlError("malformed tsquery: extra nodes", "XX000")
    return _SIZE.pack(len(items)) + b"".join(reversed(items)) + bytes(strings)
