"""From tokens to the tree: what a regular expression means and how matches are divided.

A branch is read from left to right. As long as nothing in it is *messy* (captures, back
references, or parts that disagree on long or short matches) it stays one leaf; the first
messy atom splits it in what stood before, the atom and the rest, which is read the same
way. So the tree shows exactly those divisions that a match must decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgtool.errors import Unsupported
from pgtool.functions.regex import tree
from pgtool.functions.regex.charset import CLASSES, CharSet
from pgtool.functions.regex.lexer import Flags, Lexer, bad_regex
from pgtool.functions.regex.tree import (
    BACKR,
    CAP,
    LONGER,
    SHORTER,
    Alt,
    Anchor,
    Cat,
    Look,
    Node,
    One,
    Rep,
    Sub,
    combine,
    messy,
    up,
)  # fmt: skip
from pgtool.functions.textcase import Rules

__all__ = ["Program", "parse_regex"]

MAX_SIZE = 100_000
MAX_DEPTH = 150
_NAMES = {
    "NUL": "\0", "BEL": "\a", "alert": "\a", "backspace": "\b", "tab": "\t", "newline": "\n",
    "vertical-tab": "\v", "form-feed": "\f", "carriage-return": "\r", "ESC": "\033", "space": " ",
    "exclamation-mark": "!", "quotation-mark": '"', "number-sign": "#", "dollar-sign": "$",
    "percent-sign": "%", "ampersand": "&", "apostrophe": "'", "left-parenthesis": "(",
    "right-parenthesis": ")", "asterisk": "*", "plus-sign": "+", "comma": ",", "hyphen": "-",
    "hyphen-minus": "-", "period": ".", "full-stop": ".", "slash": "/", "solidus": "/",
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "colon": ":", "semicolon": ";",
    "less-than-sign": "<", "equals-sign": "=", "greater-than-sign": ">", "question-mark": "?",
    "commercial-at": "@", "left-square-bracket": "[", "backslash": "\\", "reverse-solidus": "\\",
    "right-square-bracket": "]", "circumflex": "^", "circumflex-accent": "^", "underscore": "_",
    "low-line": "_", "grave-accent": "`", "left-brace": "{", "left-curly-bracket": "{",
    "vertical-line": "|", "right-brace": "}", "right-curly-bracket": "}", "tilde": "~",
    "DEL": "\x7f",
}  # fmt: skip
_ANCHORS = {"A", "Z", "<", ">", "y", "Y"}


@dataclass(slots=True)
class Program:
    """A parsed expression."""

    root: Sub
    groups: int
    flags: Flags
    word: CharSet


class _Parser:
    """One run over the tokens."""

    def __init__(self, pattern: str, flags: Flags, rules: Rules) -> None:
        self.lexer = Lexer(pattern, flags)
        self.flags = self.lexer.flags
        self.rules = rules
        self.subs: dict[int, Sub | None] = {}
        self.depth = 0
        self.token: tuple[str, Any] = ("end", None)
        self.advance()

    def advance(self) -> None:
        self.token = self.lexer.next()

    def ends(self, stopper: str) -> bool:
        kind = self.token[0]
        return kind in ("end", "|") or kind == stopper

    def expression(self, stopper: str, *, look: bool) -> Sub:
        """Branches up to the stopper, which is left where it is."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unsupported(f"a regular expression nested more than {MAX_DEPTH} deep")
        branches = [self.branch(stopper, look=look)]
        while self.token[0] == "|":
            self.advance()
            branches.append(self.branch(stopper, look=look))
        if stopper == ")" and self.token[0] != ")":
            raise bad_regex("parentheses () not balanced")
        self.depth -= 1
        if len(branches) == 1:
            return branches[0]
        flags = LONGER
        for one in branches:
            flags |= up(flags | one.flags)
        node = Alt([one.node for one in branches])
        return Sub("|", flags, node, branches) if messy(flags) else Sub("=", flags, node)

    def branch(self, stopper: str, *, look: bool) -> Sub:
        """One atom after the other."""
        items: list[Node] = []
        top = Sub("=", 0, Cat(items))
        while not self.ends(stopper):
            condition = self.condition()
            if condition is not None:
                items.append(condition)
                continue
            atom, is_group = self.atom(stopper, look=look)
            low, high, prefer = self.quantifier()
            if low == 0 and high == 0:
                continue
            flags = top.flags | prefer | (atom.flags if atom.op != "b" else BACKR)
            plain = not (is_group and atom.flags & CAP) and atom.op != "b"
            if plain and not messy(up(flags)):
                items.append(_repeated(atom.node, low, high))
                top.flags = flags
                continue
            if self.depth > MAX_DEPTH:
                raise Unsupported(f"a regular expression of more than {MAX_DEPTH} groups in a row")
            if atom.op == "b" and not is_group:
                middle = _repeated_reference(atom, low, high, prefer)
            else:
                middle = _quantified(atom, low, high, prefer)
            head_flags = combine(prefer, atom.flags)
            return self.split(top, items, middle, head_flags, stopper, look=look)
        return top

    def split(
        self, top: Sub, items: list[Node], middle: Sub, head_flags: int, stopper: str, *, look: bool
    ) -> Sub:
        """A branch whose next atom is messy: what was before, the atom, the rest."""
        if self.ends(stopper):
            if not items:
                return middle
            flags = top.flags | combine(top.flags, middle.flags)
            return Sub(".", flags, Cat([top.node, middle.node]), [top, middle])
        self.depth += 1
        rest = self.branch(stopper, look=look)
        self.depth -= 1
        head_flags |= combine(head_flags, rest.flags)
        flags = top.flags | combine(top.flags, head_flags)
        both = Cat([middle.node, rest.node])
        if not items:
            return Sub(".", flags, both, [middle, rest])
        if middle.op == rest.op == "=" and not messy(up(middle.flags | rest.flags)):
            tail = Sub("=", combine(middle.flags, rest.flags), both)
        else:
            tail = Sub(".", head_flags, both, [middle, rest])
        return Sub(".", flags, Cat([top.node, tail.node]), [top, tail])

    # -- atoms -----------------------------------------------------------------------

    def condition(self) -> Node | None:
        """A condition on the place, if the next token is one."""
        kind, value = self.token
        if kind == "^" or kind == "$":
            self.advance()
            return Anchor(kind if self.flags.newline_anchors else "A" if kind == "^" else "Z")
        if kind in _ANCHORS:
            self.advance()
            return Anchor(kind)
        if kind == "look":
            self.advance()
            inner = self.expression(")", look=True)
            self.advance()
            return Look(inner.node, *value)
        return None

    def atom(self, stopper: str, *, look: bool) -> tuple[Sub, bool]:
        """An atom, and whether it stood in parentheses."""
        kind, value = self.token
        if kind in ("*", "+", "?", "{"):
            raise bad_regex("quantifier operand invalid")
        if kind == "(":
            return self.group(bool(value) and not look, look=look), True
        if kind == "backref":
            sub = self.subs.get(value)
            if look or sub is None:
                raise bad_regex("invalid backreference number")
            self.advance()
            node = tree.without_conditions(sub.node)
            return Sub("b", BACKR, node, backno=value), False
        if kind == ")" and self.flags.advanced:
            raise bad_regex("parentheses () not balanced")
        chars = self.char_set(kind, value if kind != ")" else ")")
        self.advance()
        return Sub("=", 0, One(chars)), False

    def group(self, captures: bool, *, look: bool) -> Sub:
        number = 0
        if captures:
            self.lexer.groups += 1
            number = self.lexer.groups
            self.subs[number] = None
        self.advance()
        inner = self.expression(")", look=look)
        self.advance()
        if not captures:
            return inner
        if inner.capno:
            inner = Sub("(", inner.flags, inner.node, [inner])
        inner.flags |= CAP
        inner.capno = number
        self.subs[number] = inner
        return inner

    def quantifier(self) -> tuple[int, int | None, int]:
        """(least, most, preference) of the quantifier that follows, once if there is none."""
        kind, value = self.token
        if kind in ("*", "+", "?"):
            self.advance()
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[kind]
            return low, high, LONGER if value else SHORTER
        if kind == "{":
            self.advance()
            low, most, greedy = value
            return low, most, 0 if greedy is None else LONGER if greedy else SHORTER
        return 1, 1, 0

    # -- sets --------------------------------------------------------------------------

    def new_set(self, *, negated: bool = False) -> CharSet:
        made = CharSet(self.rules, negated=negated, ignore_case=self.flags.ignore_case)
        return made

    def char_set(self, kind: str, value: Any) -> CharSet:
        """The set that one token stands for."""
        if kind == "[":
            return self.bracket(bool(value))
        made = self.new_set(negated=kind == ".")
        if kind == ".":
            made.never = "\n" if self.flags.newline_stops else ""
        elif kind in ("class", "notclass"):
            made.add_class(value, complement=kind == "notclass")
        else:
            made.singles.add(value)
        return made

    def bracket(self, negated: bool) -> CharSet:
        made = self.new_set(negated=negated)
        if negated and self.flags.newline_stops:
            made.never = "\n"
        first = True
        token = self.lexer.bracket(first)
        while token[0] != "]":
            kind, value = token
            if kind == "range":
                raise bad_regex("invalid character range")
            if kind in ("class", "notclass", ":", "="):
                self.add_named(made, kind, value)
                token = self.lexer.bracket(False)
                continue
            low = self.element(value) if kind == "." else value
            token = self.lexer.bracket(False)
            if token[0] != "range":
                made.singles.add(low)
                continue
            kind, value = self.lexer.bracket(False)
            if kind not in ("char", "range", "."):
                raise bad_regex("invalid character range")
            high = self.element(value) if kind == "." else value
            if low > high:
                raise bad_regex("invalid character range")
            made.ranges.append((low, high))
            token = self.lexer.bracket(False)
        return made

    def add_named(self, made: CharSet, kind: str, value: str) -> None:
        if kind == "=":
            made.singles.add(self.element(value))
            return
        if value not in CLASSES:
            raise bad_regex("invalid character class")
        made.add_class(value, complement=kind == "notclass")

    @staticmethod
    def element(name: str) -> str:
        if len(name) == 1:
            return name
        found = _NAMES.get(name)
        if found is None:
            raise bad_regex("invalid collating element")
        return found


def _repeated(node: Node, low: int, high: int | None) -> Node:
    return node if low == high == 1 else Rep(node, low, high)


def _repeated_reference(atom: Sub, low: int, high: int | None, prefer: int) -> Sub:
    """A back reference counts its rounds itself."""
    flags = atom.flags | combine(prefer, atom.flags)
    node = _repeated(atom.node, low, high)
    return Sub("b", flags, node, backno=atom.backno, low=low, high=high)


def _quantified(atom: Sub, low: int, high: int | None, prefer: int) -> Sub:
    """A messy atom under its quantifier."""
    flags = combine(prefer, atom.flags)
    own = atom.flags & (LONGER | SHORTER | tree.MIXED)
    if low == high == 1 and (not prefer or not own or prefer == own):
        return atom
    node = _repeated(atom.node, low, high)
    if not atom.flags & (CAP | BACKR):
        return Sub("=", flags, node)
    if low > 0 and not atom.flags & BACKR:
        # Only the last round's captures show: the rounds before it need not be divided.
        before = Rep(atom.node, low - 1, None if high is None else high - 1)
        leaf = Sub("=", flags & (LONGER | SHORTER), before)
        return Sub(".", flags, Cat([before, atom.node]), [leaf, atom], rounds=(low, high))
    return Sub("*", flags, node, [atom], low=low, high=high)


def parse_regex(pattern: str, flags: Flags, rules: Rules) -> Program:
    """Parse; SqlError 2201B where the expression is wrong."""
    parser = _Parser(pattern, flags, rules)
    root = parser.expression("end", look=False)
    if parser.token[0] != "end":
        raise bad_regex("parentheses () not balanced")
    if tree.size_of(root.node) > MAX_SIZE:
        raise bad_regex("regular expression is too complex")
    word = CharSet(rules)
    word.add_class("word")
    return Program(root, parser.lexer.groups, parser.flags, word)
