"""Where Python's ``re`` gives provably the same answer, let it.

Whether a text has a match at all does not depend on how matches are preferred, so any
expression without back references may be asked of ``re``, as long as backtracking cannot
blow up. Where a match begins, ends and how it is divided is the same only if the
expression is *deterministic*: at every place the next character alone decides which part
takes it. Then there is one way to match, and greedy matching finds the longest.

Both need sets that ``re`` can express: any set for texts that are ASCII, for others those
that list their members.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from pgtool.functions.regex.charset import CharSet
from pgtool.functions.regex.parser import Program
from pgtool.functions.regex.tree import (
    BACKR,
    MIXED,
    SHORTER,
    Alt,
    Anchor,
    Cat,
    Look,
    Node,
    One,
    Rep,
    Sub,
)  # fmt: skip

__all__ = ["Native", "native_of"]

_MAX_POSITIONS = 200
_LONG_TEXT = 1000


class _TooHard(Exception):
    """Not to be given to ``re``."""


def _class(chars: CharSet, *, ascii_only: bool) -> str:
    if ascii_only:
        members = [i for i in range(128) if chr(i) in chars]
        if len(members) == 128:
            return r"[\x00-\x7f]"
        return "[" + "".join([f"\\x{i:02x}" for i in members]) + "]" if members else "(?!)"
    if not chars.is_plain:
        raise _TooHard
    body = "".join([_char(c) for c in sorted(chars.singles)])
    body += "".join([f"{_char(a)}-{_char(b)}" for a, b in chars.ranges])
    if chars.negated:
        body += "".join([_char(c) for c in chars.never])
        return f"[^{body}]" if body else r"[\s\S]"
    return f"[{body}]" if body else "(?!)"


def _char(char: str) -> str:
    return f"\\U{ord(char):08x}"


class _Writer:
    """Writes nodes in Python's syntax."""

    def __init__(self, program: Program, *, ascii_only: bool) -> None:
        self.word = program.word
        self.ascii_only = ascii_only
        self.endless = 0

    def write(self, node: Node, inside: bool = False) -> str:
        if isinstance(node, One):
            return _class(node.chars, ascii_only=self.ascii_only)
        if isinstance(node, Cat):
            return "".join([self.write(item, inside) for item in node.items])
        if isinstance(node, Alt):
            return "(?:" + "|".join([self.write(item, inside) for item in node.items]) + ")"
        if isinstance(node, Rep):
            if inside and not isinstance(node.item, One):
                raise _TooHard
            self.endless += node.high is None or node.high > 8
            body = self.write(node.item, True)
            if inside and node.high != node.low:
                raise _TooHard
            return f"(?:{body}){self.bound(node.low, node.high)}"
        if isinstance(node, Anchor):
            return self.anchor(node.kind)
        raise _TooHard

    @staticmethod
    def bound(low: int, high: int | None) -> str:
        return f"{{{low},{'' if high is None else high}}}"

    def anchor(self, kind: str) -> str:
        plain = {"A": r"\A", "Z": r"\Z", "^": r"(?:\A|(?<=\n))", "$": r"(?:\Z|(?=\n))"}
        if kind in plain:
            return plain[kind]
        word = _class(self.word, ascii_only=self.ascii_only)
        begins, finishes = f"(?<!{word})(?={word})", f"(?<={word})(?!{word})"
        if kind == "<":
            return begins
        return finishes if kind == ">" else f"(?{'!' if kind == 'Y' else ':'}{begins}|{finishes})"


# -- is it deterministic -------------------------------------------------------------------


class _Facts(NamedTuple):
    """Of a part: whether it can be empty, and the positions it can begin and end with."""

    nullable: bool
    first: frozenset[int]
    last: frozenset[int]


class _Determinism:
    """Follows an expression's tree, its captures included; raises _TooHard where it is not."""

    def __init__(self) -> None:
        self.sets: list[int] = []
        self.follow: list[set[int]] = []
        self.empty = _Facts(True, frozenset(), frozenset())

    def node(self, node: Node) -> _Facts:
        if isinstance(node, One):
            if len(self.sets) >= _MAX_POSITIONS:
                raise _TooHard
            self.sets.append(int(node.chars.ascii_table[:128], 2))
            self.follow.append(set())
            own = frozenset((len(self.sets) - 1,))
            return _Facts(False, own, own)
        if isinstance(node, Cat):
            return self.row([partial(self.node, item) for item in node.items])
        if isinstance(node, Alt):
            return self.any_of([self.node(item) for item in node.items])
        if isinstance(node, Rep):
            return self.rounds(lambda: self.node(node.item), node.low, node.high)
        raise _TooHard

    def row(self, parts: list[Callable[[], _Facts]]) -> _Facts:
        out = self.empty
        for part in parts:
            facts: _Facts = part()
            for position in out.last:
                self.follow[position] |= facts.first
            out = _Facts(
                out.nullable and facts.nullable,
                out.first | facts.first if out.nullable else out.first,
                out.last | facts.last if facts.nullable else facts.last,
            )
        return out

    def any_of(self, branches: list[_Facts]) -> _Facts:
        if any(one.nullable for one in branches):
            raise _TooHard
        first = frozenset().union(*[one.first for one in branches])
        return _Facts(False, first, frozenset().union(*[one.last for one in branches]))

    def rounds(self, make: Callable[[], _Facts], low: int, high: int | None) -> _Facts:
        if high is not None and (low, high) != (0, 1):
            if high > 20:
                raise _TooHard
            optional = [lambda: self.rounds(make, 0, 1)] * (high - low)
            facts = self.row([make] * low + optional)
            if facts.nullable and low:
                raise _TooHard
            return facts
        facts = make()
        if facts.nullable:
            raise _TooHard
        if high is None:
            if low > 1:
                raise _TooHard
            for position in facts.last:
                self.follow[position] |= facts.first
        return _Facts(low == 0, facts.first, facts.last)

    def check(self, facts: _Facts) -> None:
        for group in [set(facts.first), *self.follow]:
            seen = 0
            for position in group:
                if seen & self.sets[position]:
                    raise _TooHard
                seen |= self.sets[position]


class _Divided:
    """Writes a deterministic expression with its groups."""

    def __init__(self, program: Program) -> None:
        self.writer = _Writer(program, ascii_only=True)
        self.facts = _Determinism()
        self.head = ""
        self.tail = ""

    def trimmed(self, sub: Sub) -> Sub:
        """The tree without conditions at its very beginning and end."""
        leaves = [sub]
        while leaves[-1].op == ".":
            leaves.append(leaves[-1].children[0])
        first = leaves[-1].node
        if leaves[-1].op == "=" and isinstance(first, Cat):
            items = list(first.items)
            while items and isinstance(anchor := items[0], Anchor):
                self.head += self.writer.anchor(anchor.kind)
                items.pop(0)
            replaced: Sub = _with_node(leaves[-1], Cat(items))
            for parent in reversed(leaves[:-1]):
                replaced = Sub(parent.op, parent.flags, parent.node,
                               [replaced, *parent.children[1:]], parent.capno)  # fmt: skip
            sub = replaced
        return self._trim_end(sub)

    def _trim_end(self, sub: Sub) -> Sub:
        if sub.capno:
            return sub
        if sub.op == ".":
            last = self._trim_end(sub.children[-1])
            return Sub(".", sub.flags, sub.node, [*sub.children[:-1], last])
        if sub.op == "=" and isinstance(sub.node, Cat):
            items = list(sub.node.items)
            while items and isinstance(anchor := items[-1], Anchor):
                self.tail = self.writer.anchor(anchor.kind) + self.tail
                items.pop()
            return _with_node(sub, Cat(items))
        return sub

    def write(self, sub: Sub, inside: bool = False) -> tuple[str, _Facts]:
        text, facts = self._body(sub, inside)
        return (f"({text})" if sub.capno else f"(?:{text})"), facts

    def _body(self, sub: Sub, inside: bool) -> tuple[str, _Facts]:
        if sub.op == "=":
            return self.writer.write(sub.node), self.facts.node(sub.node)
        if sub.op == "(":
            return self.write(sub.children[0], inside)
        if sub.op == ".":
            if inside:
                raise _TooHard
            made: list[str] = []

            def part(child: Sub) -> _Facts:
                text, facts = self.write(child)
                made.append(text)
                return facts

            facts = self.facts.row([partial(part, child) for child in sub.children])
            return "".join(made), facts
        raise _TooHard


def _with_node(sub: Sub, node: Node) -> Sub:
    return Sub(sub.op, sub.flags, node, sub.children, sub.capno)


# -- the outcome -----------------------------------------------------------------------------


@dataclass(slots=True)
class Native:
    """What of an expression ``re`` can do; None where it cannot."""

    test_ascii: re.Pattern[str] | None
    test_any: re.Pattern[str] | None
    divide_ascii: re.Pattern[str] | None
    longest: int

    def tester(self, text: str) -> re.Pattern[str] | None:
        """The pattern that tells whether this text has a match."""
        if len(text) > self.longest:
            return None
        return self.test_any or (self.test_ascii if text.isascii() else None)

    def divider(self, text: str) -> re.Pattern[str] | None:
        """The pattern that finds and divides matches in this text."""
        return self.divide_ascii if len(text) <= self.longest and text.isascii() else None


def _test(program: Program, *, ascii_only: bool) -> tuple[re.Pattern[str] | None, int]:
    writer = _Writer(program, ascii_only=ascii_only)
    try:
        if program.root.flags & BACKR or _has_look(program.root.node):
            return None, 0
        return re.compile(writer.write(program.root.node)), writer.endless
    except (_TooHard, re.error, OverflowError):
        return None, 0


def _has_look(node: Node) -> bool:
    if isinstance(node, (Cat, Alt)):
        return any(_has_look(item) for item in node.items)
    return isinstance(node, Look) or (isinstance(node, Rep) and _has_look(node.item))


def _divide(program: Program) -> re.Pattern[str] | None:
    root = program.root
    if root.flags & (BACKR | MIXED | SHORTER):
        return None
    made = _Divided(program)
    try:
        text, facts = made.write(made.trimmed(root))
        made.facts.check(facts)
        return re.compile(made.head + text + made.tail)
    except (_TooHard, re.error, OverflowError):
        return None


def native_of(program: Program) -> Native:
    """Translate what can be translated."""
    test_ascii, endless = _test(program, ascii_only=True)
    test_any, _ = _test(program, ascii_only=False)
    longest = 1 << 30 if not endless else _LONG_TEXT if endless < 3 else _LONG_TEXT // 10
    return Native(test_ascii, test_any, _divide(program), longest)
