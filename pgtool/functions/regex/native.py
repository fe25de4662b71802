"""Where Python's ``re`` gives provably the same answer, let it.

Whether a text has a match at all does not depend on how matches are preferred, so any
expression without back references may be asked of ``re``, as long as backtracking cannot
blow up. Where a match begins, ends and how it is divided is the same only if the
expression is *deterministic*: at every place the next character alone decides which part
takes it. Then there is one way to match, and greedy matching finds the longest.

``re`` is given sets as lists of their members. Beyond ASCII characters differ only in
which of the expression's sets they belong to, so one of each kind stands for all: the
text is translated by an :class:`Alphabet`, and sets list those stand-ins.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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

__all__ = ["Native"]

_MAX_POSITIONS = 200
_LONG_TEXT = 1000
_MAX_KINDS = 64
_STAND_INS = 0xE000


class _TooHard(Exception):
    """Not to be given to ``re``."""


class Alphabet(dict[int, str]):
    """Code point → the character that stands for its kind; ASCII stands for itself."""

    def __init__(self, sets: list[CharSet]) -> None:
        super().__init__()
        self.sets = sets
        self.numbers = {id(chars): i for i, chars in enumerate(sets)}
        self.kinds: dict[tuple[bool, ...], str] = {}

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if code >= 128:
            kind = tuple([char in chars for chars in self.sets])
            char = self.kinds.setdefault(kind, chr(_STAND_INS + len(self.kinds)))
        self[code] = char
        return char

    def members(self, chars: CharSet) -> list[int]:
        """The codes that a set lists."""
        number = self.numbers[id(chars)]
        ascii_members = [i for i in range(128) if chr(i) in chars]
        return ascii_members + [ord(c) for kind, c in self.kinds.items() if kind[number]]

    def bits(self, chars: CharSet) -> int:
        """The same as a set of bits."""
        out = 0
        for code in self.members(chars):
            out |= 1 << (code if code < 128 else code - _STAND_INS + 128)
        return out

    def written(self, chars: CharSet) -> str:
        """The set in Python's syntax."""
        members = self.members(chars)
        return "[" + "".join([f"\\u{i:04x}" for i in members]) + "]" if members else "(?!)"


def _sets(node: Node) -> list[CharSet]:
    if isinstance(node, One):
        return [node.chars]
    if isinstance(node, (Cat, Alt)):
        return [chars for item in node.items for chars in _sets(item)]
    return _sets(node.item) if isinstance(node, (Rep, Look)) else []


class _Writer:
    """Writes nodes in Python's syntax."""

    def __init__(self, program: Program, alphabet: Alphabet) -> None:
        self.word = program.word
        self.alphabet = alphabet
        self.endless = 0

    def write(self, node: Node, inside: bool = False) -> str:
        if isinstance(node, One):
            return self.alphabet.written(node.chars)
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
        word = self.alphabet.written(self.word)
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

    def __init__(self, alphabet: Alphabet) -> None:
        self.alphabet = alphabet
        self.sets: list[int] = []
        self.follow: list[set[int]] = []
        self.empty = _Facts(True, frozenset(), frozenset())

    def node(self, node: Node) -> _Facts:
        if isinstance(node, One):
            if len(self.sets) >= _MAX_POSITIONS:
                raise _TooHard
            self.sets.append(self.alphabet.bits(node.chars))
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

    def __init__(self, program: Program, alphabet: Alphabet) -> None:
        self.writer = _Writer(program, alphabet)
        self.facts = _Determinism(alphabet)
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
        if sub.capno or sub.rounds is not None:
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

    def rounds(self, sub: Sub) -> tuple[str, _Facts]:
        """A group under a quantifier: its last round is what it stands for, in ``re`` too."""
        atom = sub.children[-1]
        low, high = sub.rounds or (sub.low, sub.high)
        if atom.op != "=" or not atom.capno:
            raise _TooHard
        text = ""

        def one() -> _Facts:
            nonlocal text
            text, facts = self.write(atom)
            return facts

        facts = self.facts.rounds(one, low, high)
        return f"(?:{text}){self.writer.bound(low, high)}", facts

    def _body(self, sub: Sub, inside: bool) -> tuple[str, _Facts]:
        if sub.op == "*" or sub.rounds is not None:
            return self.rounds(sub)
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


def _has_look(node: Node) -> bool:
    if isinstance(node, (Cat, Alt)):
        return any(_has_look(item) for item in node.items)
    return isinstance(node, Look) or (isinstance(node, Rep) and _has_look(node.item))


class Native:
    """What of an expression ``re`` can do, for the kinds of characters seen so far."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.alphabet = Alphabet([*_sets(program.root.node), program.word])
        self.kinds = -1
        self.longest = 0
        self.test: re.Pattern[str] | None = None
        self.divide: re.Pattern[str] | None = None
        self.renew()

    def renew(self) -> None:
        """Write the patterns anew for an alphabet that has grown."""
        self.kinds = len(self.alphabet.kinds)
        self.test = self.divide = None
        if self.kinds <= _MAX_KINDS and not _has_look(self.program.root.node):
            self.test, self.divide = self._test(), self._divide()

    def _test(self) -> re.Pattern[str] | None:
        writer = _Writer(self.program, self.alphabet)
        if self.program.root.flags & BACKR:
            return None
        try:
            made = re.compile(writer.write(self.program.root.node))
        except (_TooHard, re.error, OverflowError):
            return None
        few = _LONG_TEXT if writer.endless < 3 else _LONG_TEXT // 10
        self.longest = few if writer.endless else 1 << 30
        return made

    def _divide(self) -> re.Pattern[str] | None:
        root = self.program.root
        if root.flags & (BACKR | MIXED | SHORTER):
            return None
        made = _Divided(self.program, self.alphabet)
        try:
            text, facts = made.write(made.trimmed(root))
            made.facts.check(facts)
            return re.compile(made.head + text + made.tail)
        except (_TooHard, re.error, OverflowError):
            return None

    def translated(self, text: str) -> str:
        """The text as the patterns want it."""
        if text.isascii():
            return text
        made = text.translate(self.alphabet)
        if len(self.alphabet.kinds) != self.kinds:
            self.renew()
        return made
