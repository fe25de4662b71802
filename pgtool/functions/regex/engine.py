"""Matching with sets of places.

A set of places in the text is one integer, a bit for each place. A part of the
expression carries a set of places where it may begin into the set of places where it
may end, all at once, so the work is bounded by the expression's size times the text's:
there is nothing to backtrack. The same is done from right to left with everything
reversed, which gives the places where a part may begin.

Where a match begins and ends follows from that. How it is divided is decided from the
outside in: of two parts in a row the first takes as much as it can, or as little where it
prefers short matches, of alternatives the first that fits is taken. Only back references
can fail then and are tried again elsewhere, a bounded number of times.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgtool.errors import Unsupported
from pgtool.functions.regex.charset import CharSet, fold
from pgtool.functions.regex.parser import Program
from pgtool.functions.regex.tree import (
    BACKR,
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

__all__ = ["Matcher", "Spans"]

Spans = list[tuple[int, int]]
_MAX_STEPS = 2_000_000
_NOWHERE = (-1, -1)


class Matcher:
    """One expression on one text."""

    def __init__(self, program: Program, text: str) -> None:
        self.program = program
        self.text = text
        self.length = len(text)
        self.full = (1 << self.length + 1) - 1
        self.ascii = text.encode("ascii") if text.isascii() else None
        self.masks: dict[tuple[int, bool], int] = {}
        self.conditions: dict[tuple[int, bool], int] = {}
        self.steps = 0
        self.starts: int | None = None

    # -- sets of places -----------------------------------------------------------------

    def mask(self, chars: CharSet, back: bool) -> int:
        """The places before the characters of a set, in one direction."""
        key = (id(chars), back)
        found = self.masks.get(key)
        if found is None:
            found = self.masks[key] = self._mask(chars, back)
        return found

    def _mask(self, chars: CharSet, back: bool) -> int:
        if not self.length:
            return 0
        if self.ascii is not None:
            row = self.ascii.translate(chars.ascii_table)
            return int(row if back else row[::-1], 2)
        text = self.text.translate(chars)
        return int(text if back else text[::-1], 2)

    def reverse(self, places: int) -> int:
        """The same places counted from the other end."""
        return int(f"{places:0{self.length + 1}b}"[::-1], 2)

    def run(self, node: Node, places: int, back: bool) -> int:
        """Where the node leads to from some places, in one direction."""
        if not places:
            return 0
        if isinstance(node, One):
            return (places & self.mask(node.chars, back)) << 1
        if isinstance(node, Cat):
            for item in reversed(node.items) if back else node.items:
                places = self.run(item, places, back)
            return places
        if isinstance(node, Alt):
            out = 0
            for item in node.items:
                out |= self.run(item, places, back)
            return out
        if isinstance(node, Rep):
            return self.repeat(node, places, back)
        return places & self.condition(node, back)

    def repeat(self, node: Rep, places: int, back: bool) -> int:
        item = node.item
        for _ in range(node.low):
            places = self.run(item, places, back)
            if not places:
                return 0
        if node.high is None and isinstance(item, One):
            mask = self.mask(item.chars, back)
            return ((((places & mask) + mask) ^ mask) | places) & self.full
        out = new = places
        left = -1 if node.high is None else node.high - node.low
        while new and left:
            new = self.run(item, new, back) & ~out
            out |= new
            left -= 1
        return out

    def condition(self, node: Node, back: bool) -> int:
        """The places where a condition holds."""
        key = (id(node), back)
        found = self.conditions.get(key)
        if found is None:
            if back:
                found = self.reverse(self.condition(node, False))
            elif isinstance(node, Anchor):
                found = self.anchor(node.kind)
            else:
                assert isinstance(node, Look)
                found = self.run(node.item, self.full, node.ahead)
                found = self.reverse(found) if node.ahead else found
                found = found if node.positive else self.full & ~found
            self.conditions[key] = found
        return found

    def anchor(self, kind: str) -> int:
        end = 1 << self.length
        if kind == "A":
            return 1
        if kind == "Z":
            return end
        if kind in "^$":
            row = "".join(["1" if c == "\n" else "0" for c in reversed(self.text)])
            lines = int(row or "0", 2)
            return 1 | lines << 1 if kind == "^" else end | lines
        word = self.mask(self.word, False)
        before, after = word << 1, word
        if kind == "<":
            return after & ~before
        if kind == ">":
            return before & ~after
        edge = before ^ after
        return edge if kind == "y" else self.full & ~edge

    @property
    def word(self) -> CharSet:
        """The characters of words."""
        return self.program.word

    # -- matches -------------------------------------------------------------------------

    def test(self) -> bool:
        """Whether there is a match anywhere."""
        if self.program.root.flags & BACKR:
            return self.search(0) is not None
        return bool(self.run(self.program.root.node, self.full, False))

    def search(self, start: int) -> Spans | None:
        """The first match from ``start`` on: the places of the whole and of each group."""
        root = self.program.root
        if self.starts is None:
            self.starts = self.reverse(self.run(root.node, self.full, True))
        starts = self.starts >> start << start
        while starts:
            lowest = starts & -starts
            starts ^= lowest
            begin = lowest.bit_length() - 1
            ends = self.run(root.node, lowest, False)
            for end in places_of(ends, shortest=bool(root.flags & SHORTER)):
                spans: Spans = [_NOWHERE] * (self.program.groups + 1)
                if self.divide(root, begin, end, spans):
                    spans[0] = (begin, end)
                    return spans
        return None

    def leads(self, node: Node, begin: int, end: int) -> bool:
        """Whether a node matches exactly that part."""
        return bool(self.run(node, 1 << begin, False) >> end & 1)

    def before(self, node: Node, end: int) -> int:
        """The places from which a node leads to ``end``."""
        return self.reverse(self.run(node, 1 << self.length - end, True))

    def divide(self, sub: Sub, begin: int, end: int, spans: Spans) -> bool:
        """Find what each group of a part that matches [begin, end) stands for."""
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise Unsupported("a regular expression whose back references take too long")
        if sub.op == "=":
            done = True
        elif sub.op == "(":
            done = self.divide(sub.children[0], begin, end, spans)
        elif sub.op == ".":
            done = self.divide_two(sub, begin, end, spans)
        elif sub.op == "|":
            done = any(self.alternative(one, begin, end, spans) for one in sub.children)
        elif sub.op == "*":
            done = self.divide_rounds(sub, begin, end, spans)
        else:
            done = self.same_again(sub, begin, end, spans)
        if done and sub.capno:
            spans[sub.capno] = (begin, end)
        return done

    def alternative(self, one: Sub, begin: int, end: int, spans: Spans) -> bool:
        """Try one alternative; nothing stays of one that failed."""
        if not self.leads(one.node, begin, end):
            return False
        if self.divide(one, begin, end, spans):
            return True
        forget(one, spans)
        return False

    def divide_two(self, sub: Sub, begin: int, end: int, spans: Spans) -> bool:
        left, right = sub.children
        middles = self.run(left.node, 1 << begin, False) & self.before(right.node, end)
        for middle in places_of(middles, shortest=bool(left.flags & SHORTER)):
            forget(left, spans)
            forget(right, spans)
            if self.divide(left, begin, middle, spans) and self.divide(right, middle, end, spans):
                return True
        return False

    def divide_rounds(self, sub: Sub, begin: int, end: int, spans: Spans) -> bool:
        if sub.children[0].flags & SHORTER and sub.low == 0 and begin == end:
            forget(sub, spans)
            return True
        if not sub.children[0].flags & BACKR and sub.low == 0:
            self.last_round(sub, begin, end, spans)
            return True
        if self.round(sub, begin, end, 1, spans):
            return True
        forget(sub, spans)
        return sub.low == 0 and begin == end

    def last_round(self, sub: Sub, begin: int, end: int, spans: Spans) -> None:
        """Rounds that cannot fail: only the last one's groups show."""
        child = sub.children[0]
        forget(sub, spans)
        at, number = begin, 0
        useful = self.before(Rep(child.node, 0, None), end) & (1 << end + 1) - 1
        while True:
            number += 1
            if sub.high is not None:
                left = Rep(child.node, 0, sub.high - number)
                useful = self.before(left, end) & (1 << end + 1) - 1
            ends = self.run(child.node, 1 << at, False) & useful
            if begin < end:
                ends &= ~(1 << at)
            stop = next(places_of(ends, shortest=bool(child.flags & SHORTER)), -1)
            if stop < 0:
                return
            if stop == end:
                self.divide(child, at, stop, spans)
                return
            at = stop

    def round(self, sub: Sub, at: int, end: int, number: int, spans: Spans) -> bool:
        """Match round ``number`` and those after it."""
        child = sub.children[0]
        least = max(sub.low, 1)
        most = max(least, end if sub.high is None else sub.high)
        left = None if sub.high is None else most - number
        if sub.high is not None and number > most:
            return False
        useful = self.before(Rep(child.node, max(0, least - number), left), end)
        ends = self.run(child.node, 1 << at, False) & useful & ((1 << end + 1) - 1)
        for stop in places_of(ends, shortest=bool(child.flags & SHORTER)):
            needs_empty = number < least and least - number >= end - stop
            if stop == at and stop != end and not needs_empty:
                continue
            forget(child, spans)
            if not self.divide(child, at, stop, spans):
                continue
            if stop == end and number >= least:
                return True
            if (stop > at or number < least) and self.round(sub, stop, end, number + 1, spans):
                return True
        return False

    def same_again(self, sub: Sub, begin: int, end: int, spans: Spans) -> bool:
        """A back reference: the group's text, as often as the quantifier says."""
        first, last = spans[sub.backno]
        if first < 0:
            return False
        size = last - first
        high = sub.high
        if size == 0:
            return begin == end and (high is None or sub.low <= high)
        if begin == end:
            return sub.low == 0
        count, rest = divmod(end - begin, size)
        if rest or count < sub.low or (high is not None and count > high):
            return False
        wanted = self.text[first:last] * count
        found = self.text[begin:end]
        if not self.program.flags.ignore_case:
            return wanted == found
        rules = self.word.rules
        return all(set(fold(a, rules)) & set(fold(b, rules)) for a, b in zip(wanted, found))


def forget(sub: Sub, spans: Spans) -> None:
    """Take back what the groups of a part stood for."""
    if sub.capno:
        spans[sub.capno] = _NOWHERE
    for child in sub.children:
        forget(child, spans)


def places_of(places: int, *, shortest: bool) -> Iterator[int]:
    """The places of a set, from the first or from the last."""
    while places:
        if shortest:
            lowest = places & -places
            yield lowest.bit_length() - 1
            places ^= lowest
        else:
            top = places.bit_length() - 1
            yield top
            places ^= 1 << top
