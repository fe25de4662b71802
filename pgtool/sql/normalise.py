"""Statements that differ only in their literals, told by their text.

:func:`normalise` puts ``$1 …`` in the place of numbers and strings and gives their values:
the *skeleton* is what a plan is kept under. A literal's type goes with it (a number is
int4, int8 or numeric by its digits; a string takes the type that its use gives it), so a
skeleton with its types means what each of its statements means. Texts in which this would
not hold are not normalised: those with clauses where a number is a position, literals with
a type before them, other kinds of strings, comments, several statements.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Literal", "Matched", "Normalised", "Pattern", "normalise", "pattern_of"]

INT4, INT8, NUMERIC, UNKNOWN = 23, 20, 1700, 0
MAX_TEXT = 4000
_VERB = re.compile(r"\s*(?:insert|update|delete|select)\b", re.I)
#: What makes a text unfit: its literals may mean something else than a value.
_UNFIT = re.compile(
    r"--|/\*|\$|\\|;(?!\s*$)|\b(?:order|group|limit|offset|fetch|distinct|over|union|intersect"
    r"|except|values\s*\(.*\)\s*,\s*\(|interval|extract|with|window|having)\b",
    re.I | re.S,
)
_TOKEN = re.compile(
    r"""(?P<name>"(?:[^"]|"")*")|(?P<word>[A-Za-z_\x80-\U0010ffff]\w*)(?:(?=\s*(?P<quote>')))?
    |(?P<string>'(?:[^']|'')*')|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?P<tail>\w)?)""",
    re.X,
)
_INT4_MAX, _INT8_MAX = 2**31 - 1, 2**63 - 1
#: Words that may stand right before a string without being its type.
_BEFORE = frozenset((
    "and", "or", "not", "like", "ilike", "in", "between", "set", "values", "where", "select",
    "then", "when", "else", "is", "from", "returning", "by", "any", "all", "some", "case",
    "similar", "to", "escape", "as",
))  # fmt: skip


class Literal(NamedTuple):
    """A literal: its text without quotes, its type (0: unknown), its place in the text."""

    text: str
    typid: int
    start: int


class Normalised(NamedTuple):
    """The skeleton, the types of its parameters, and the literals."""

    skeleton: str
    types: tuple[int, ...]
    literals: list[Literal]

    @property
    def texts(self) -> Sequence[str]:
        """The texts of the literals."""
        return [literal.text for literal in self.literals]


class Matched:
    """The same of a text that a pattern told."""

    __slots__ = ("match", "skeleton", "types")

    def __init__(self, pattern: Pattern, match: re.Match[str]) -> None:
        self.skeleton = pattern.skeleton
        self.types = pattern.types
        self.match = match

    @property
    def texts(self) -> Sequence[str]:
        """See :class:`Normalised`."""
        return self.match.groups()

    @property
    def literals(self) -> list[Literal]:
        """See :class:`Normalised`."""
        start, types = self.match.start, self.types
        return [
            # A string begins with its quote.
            Literal(found, types[i], start(i + 1) - (types[i] == UNKNOWN))
            for i, found in enumerate(self.match.groups())
        ]


class Pattern(NamedTuple):
    """What texts of one skeleton look like where their literals are plain ones."""

    expression: re.Pattern[str]
    skeleton: str
    types: tuple[int, ...]

    def read(self, text: str) -> Matched | None:
        """The same as :func:`normalise` gives, None where the text is another."""
        match = self.expression.fullmatch(text)
        return None if match is None else Matched(self, match)


def pattern_of(text: str, found: Normalised | Matched) -> Pattern | None:
    """The pattern of a text that was normalised.

    It takes numbers that are int4 at sight and strings without quotes and backslashes in them.
    """
    parts: list[str] = []
    at = 0
    for literal in found.literals:
        match = _TOKEN.match(text, literal.start)
        if match is None or literal.typid not in (INT4, UNKNOWN):
            return None
        parts.append(re.escape(text[at : literal.start]))
        parts.append(r"(\d{1,9})" if literal.typid == INT4 else r"(?:'([^'\\]*)')")
        at = match.end()
    parts.append(re.escape(text[at:]))
    return Pattern(re.compile("".join(parts), re.A), found.skeleton, found.types)


def normalise(text: str) -> Normalised | None:
    """A text's skeleton; None where it has none."""
    if len(text) > MAX_TEXT or not _VERB.match(text) or _UNFIT.search(text):
        return None
    parts: list[str] = []
    literals: list[Literal] = []
    at = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if match["word"] is not None:
            if match["quote"] is not None and match["word"].lower() not in _BEFORE:
                return None
            continue
        if kind == "name":
            continue
        if match["string"] is not None:
            literal = Literal(match["string"][1:-1].replace("''", "'"), UNKNOWN, match.start())
        else:
            found = _number(match)
            if found is None:
                return None
            literal = found
        parts += (text[at : match.start()], f"${len(literals) + 1}")
        literals.append(literal)
        at = match.end()
    if not literals:
        return None
    parts.append(text[at:])
    return Normalised("".join(parts), tuple(one.typid for one in literals), literals)


def _number(match: re.Match[str]) -> Literal | None:
    text = match["number"]
    if match["tail"] is not None:
        return None
    if text.isdigit():
        value = int(text)
        if value <= _INT4_MAX:
            return Literal(text, INT4, match.start())
        if value == _INT4_MAX + 1 or value == _INT8_MAX + 1:
            return None  # a minus sign before it would be a part of the constant
        return Literal(text, INT8 if value <= _INT8_MAX else NUMERIC, match.start())
    return Literal(text, NUMERIC, match.start())
