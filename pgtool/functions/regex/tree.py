"""What a parsed regular expression consists of.

Two views of the same thing. :class:`Node` and its kinds are the plain regular expression:
what strings a part can match. :class:`Sub` is the tree that a match is taken apart by: it
has nodes only where it matters how a part of the string is divided (captures, back
references, changes between preferring long and short matches), the rest is one leaf.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pgtool.functions.regex.charset import CharSet

__all__ = [
    "BACKR",
    "CAP",
    "LONGER",
    "MIXED",
    "SHORTER",
    "Alt",
    "Anchor",
    "Cat",
    "Look",
    "Node",
    "One",
    "Rep",
    "Sub",
    "combine",
    "messy",
    "up",
]  # fmt: skip

#: What is true of a part or of something in it.
LONGER, SHORTER, MIXED, CAP, BACKR = 1, 2, 4, 8, 16


def up(flags: int) -> int:
    """What of the parts' flags is true of the whole."""
    mixed = MIXED if flags & LONGER and flags & SHORTER else 0
    return flags & (MIXED | CAP | BACKR) | mixed


def messy(flags: int) -> int:
    """Whether it matters how a match is divided."""
    return flags & (MIXED | CAP | BACKR)


def combine(first: int, second: int) -> int:
    """The flags of two parts in a row: the first one's preference counts."""
    both = LONGER | SHORTER
    return up(first | second) | (first & both or second & both)


class Node:
    """A plain regular expression."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class One(Node):
    """One character out of a set."""

    chars: CharSet


@dataclass(slots=True, eq=False)
class Cat(Node):
    """One after the other; nothing where there are no items."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Alt(Node):
    """Any of several."""

    items: list[Node]


@dataclass(slots=True, eq=False)
class Rep(Node):
    """From ``low`` to ``high`` times, without end where high is None."""

    item: Node
    low: int
    high: int | None


@dataclass(slots=True, eq=False)
class Anchor(Node):
    """A condition on a place: ^ $ with line ends or without, beginning or end of a word."""

    kind: str


@dataclass(slots=True, eq=False)
class Look(Node):
    """A condition on what follows a place or leads up to it."""

    item: Node
    ahead: bool
    positive: bool


@dataclass(slots=True, eq=False)
class Sub:
    """A part that a match is divided by: ``op`` is = (leaf), . (two in a row), | or * or b."""

    op: str
    flags: int
    node: Node
    children: list[Sub] = field(default_factory=list)
    capno: int = 0
    backno: int = 0
    low: int = 1
    high: int | None = 1
    #: (least, most) rounds where "." stands for an atom repeated: those before, the last.
    rounds: tuple[int, int | None] | None = None


def size_of(node: Node) -> int:
    """How large the node is with its repetitions written out."""
    if isinstance(node, (Cat, Alt)):
        return 1 + sum(size_of(item) for item in node.items)
    if isinstance(node, Rep):
        return 1 + size_of(node.item) * max(1, node.low, node.high or 0)
    return 1 + size_of(node.item) if isinstance(node, Look) else 1


def without_conditions(node: Node) -> Node:
    """A copy that no place can refuse."""
    if isinstance(node, Cat):
        return Cat([without_conditions(item) for item in node.items])
    if isinstance(node, Alt):
        return Alt([without_conditions(item) for item in node.items])
    if isinstance(node, Rep):
        return Rep(without_conditions(node.item), node.low, node.high)
    return Cat() if isinstance(node, (Anchor, Look)) else node
