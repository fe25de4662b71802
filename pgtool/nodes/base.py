"""What a node is: named fields with kinds, and generic walking, copying and comparing.

A class lists its fields as annotations, in the order in which PostgreSQL 18 writes them;
the annotation names the field's kind (how its text reads and writes), the value its
default. Source of names and order: ``nodes/primnodes.h``, ``nodes/parsenodes.h``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeAlias, dataclass_transform

# Kinds. Each is a plain Python type; the name tells the text form.
Oid: TypeAlias = int
Index: TypeAlias = int
Location: TypeAlias = int  # offset into a query text; written as -1
Char: TypeAlias = str
Float: TypeAlias = float
String: TypeAlias = str | None
Bitmapset: TypeAlias = frozenset[int]
Datum: TypeAlias = bytes | None
NodeRef: TypeAlias = Any
NodeList: TypeAlias = list[Any]

#: Default of a list field; every node gets a list of its own.
EMPTY: list[Any] = []


class IntList(list[int]):
    """A List of integers, written ``(i 1 2)``."""


class OidList(list[int]):
    """A List of OIDs, written ``(o 1 2)``."""


class XidList(list[int]):
    """A List of transaction ids, written ``(x 1 2)``."""


@dataclass_transform(kw_only_default=True)
class Node:
    """Base of all nodes. Constructed by keyword; missing fields take their defaults."""

    TAG: ClassVar[str] = ""
    FIELDS: ClassVar[dict[str, str]] = {}
    EQUAL_IGNORE: ClassVar[tuple[str, ...]] = ()
    BY_TAG: ClassVar[dict[str, type[Node]]] = {}
    _LISTS: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.TAG = cls.__name__.upper()
        own = {
            name: str(kind)
            for name, kind in cls.__dict__.get("__annotations__", {}).items()  # noqa: RUF063
            if not str(kind).startswith("ClassVar")
        }
        cls.FIELDS = {**cls.FIELDS, **own}
        cls._LISTS = tuple(name for name, kind in cls.FIELDS.items() if kind == "NodeList")
        Node.BY_TAG[cls.TAG] = cls

    def __init__(self, **fields: Any) -> None:
        for name in self._LISTS:
            if name not in fields:
                fields[name] = []
        unknown = fields.keys() - self.FIELDS.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {sorted(unknown)}")
        self.__dict__.update(fields)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        """Structural equality as PostgreSQL's: locations and display hints do not count."""
        if type(self) is not type(other):
            return NotImplemented
        return all(
            getattr(self, name) == getattr(other, name)
            for name, kind in self.FIELDS.items()
            if kind != "Location" and kind != "CoercionForm" and name not in self.EQUAL_IGNORE
        )

    __hash__ = object.__hash__

    def copy(self, **changes: Any) -> Any:
        """A shallow copy with some fields replaced; lists are copied one level deep."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        for name in self._LISTS:
            value = self.__dict__.get(name)
            if value is not None:
                new.__dict__[name] = type(value)(value)
        new.__dict__.update(changes)
        return new

    def children(self) -> Iterator[Node]:
        """The nodes directly below, lists of any depth opened."""
        for name, kind in self.FIELDS.items():
            if kind in ("NodeRef", "NodeList"):
                yield from _nodes_in(getattr(self, name))


def _nodes_in(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _nodes_in(item)


def walk(value: Any) -> Iterator[Any]:
    """Every node of a tree (or list), outer before inner."""
    stack = list(_nodes_in(value))[::-1]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(list(node.children())[::-1])


def mutate(value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply ``change`` to the children of a node or the items of a list; a new node back.

    ``change`` gets each child and returns its replacement; it calls :func:`mutate` itself
    where it wants to go deeper. Untouched subtrees are shared.
    """
    if isinstance(value, list):
        return type(value)(_mutated(item, change) for item in value)
    if not isinstance(value, Node):
        return value
    changes = {}
    for name, kind in value.FIELDS.items():
        if kind in ("NodeRef", "NodeList"):
            old = getattr(value, name)
            new = _mutated(old, change)
            if new is not old:
                changes[name] = new
    return value.copy(**changes) if changes else value


def _mutated(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        new = [_mutated(item, change) for item in value]
        return value if all(a is b for a, b in zip(new, value, strict=True)) else type(value)(new)
    return change(value) if isinstance(value, Node) else value


class ValueInteger(Node):
    """An Integer value node; written as the bare number."""

    ival: int = 0


class ValueFloat(Node):
    """A Float value node: a number too large for an integer or with a fraction, as text."""

    fval: String = None


class ValueBoolean(Node):
    """A Boolean value node; written ``true`` or ``false``."""

    boolval: bool = False


class ValueString(Node):
    """A String value node; written between double quotes."""

    sval: str = ""


class ValueBitString(Node):
    """A BitString value node; written ``b0101`` or ``x0f``."""

    bsval: str = ""


def strings(values: list[Any]) -> list[Any]:
    """The texts of a list of String nodes (None where an element is NULL)."""
    return [value.sval if value is not None else None for value in values]
