"""The declared catalogs: ``catalogs.txt`` and ``views.txt`` as objects.

A line that begins at the margin names a relation; the indented lines below it are its
columns and indexes. See ``tests/make_initdb_data.py`` for how they come about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

FIRST_UNPINNED = 12000
#: A view takes as many: itself, its array type, its row type, its rule.
OIDS_OF_VIEW = 4


@dataclass
class Column:
    """A column: its type by name, and marks."""

    name: str
    type: str
    notnull: bool = False
    readable: bool = False
    typmod: int = -1
    collation: int | None = None


@dataclass
class Index:
    """An index; ``keys`` are (column, operator class) by name."""

    name: str
    oid: int
    primary: bool
    unique: bool
    keys: list[tuple[str, str]]


@dataclass
class Catalog:
    """A catalog table."""

    name: str
    oid: int
    rowtype: int
    array: int
    toast: int = 0
    toast_index: int = 0
    shared: bool = False
    mapped: bool = False
    secret: bool = False
    columns: list[Column] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)

    def number(self, column: str) -> int:
        """attnum of a column."""
        return self.names.index(column) + 1

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.columns]


@dataclass
class View:
    """A system view: what others may do with it, its options and columns.

    OIDs follow from the view's place among the views, so that stored queries know them.
    """

    name: str
    oid: int
    grants: list[str]
    options: list[str]
    columns: list[Column] = field(default_factory=list)

    @property
    def array(self) -> int:
        return self.oid + 1

    @property
    def rowtype(self) -> int:
        return self.oid + 2

    @property
    def rule(self) -> int:
        return self.oid + 3


def read_text(name: str) -> str:
    """A data file of the package."""
    where = resources.files("pgtool.catalog") / "data" / "initdb" / name
    return where.read_text(encoding="utf-8")


def read_bytes(name: str) -> bytes:
    """A data file that is no text."""
    return (resources.files("pgtool.catalog") / "data" / "initdb" / name).read_bytes()


def _blocks(text: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """(words of the heading, words of each line below it)."""
    head: list[str] = []
    below: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("  "):
            below.append(line.split())
            continue
        if head:
            yield head, below
        head, below = line.split(), []
    if head:
        yield head, below


@cache
def catalogs() -> dict[str, Catalog]:
    """All catalog tables by name."""
    out = {}
    for (name, oid, *marks), below in _blocks(read_text("catalogs.txt")):
        pairs = {m.partition("=")[0]: m.partition("=")[2].split(",") for m in marks}
        rowtype, array = map(int, pairs["type"])
        toast, toast_index = map(int, pairs.get("toast", (0, 0)))
        made = Catalog(name, int(oid), rowtype, array, toast, toast_index)
        made.shared = "shared" in pairs
        made.mapped = made.shared or "mapped" in pairs
        made.secret = "secret" in pairs
        for words in below:
            if words[0] == "index":
                made.indexes.append(_index(words))
            else:
                notnull, readable = "not-null" in words, "readable" in words
                made.columns.append(Column(words[0], words[1], notnull, readable))
        out[name] = made
    return out


def _index(words: list[str]) -> Index:
    _, name, oid, kind, *keys = words
    pairs = [(k.partition(":")[0], k.partition(":")[2]) for k in keys]
    return Index(name, int(oid), kind == "primary", kind != "plain", pairs)


@cache
def views() -> list[View]:
    """All system views, in the order of their making."""
    out: list[View] = []
    for (name, *marks), below in _blocks(read_text("views.txt")):
        options = [m for m in marks if m.startswith("security_barrier")]
        oid = FIRST_UNPINNED + OIDS_OF_VIEW * len(out)
        view = View(name, oid, [m for m in marks if m not in options], options)
        for column, type_, *more in below:
            typmod = next((int(m[7:]) for m in more if m.startswith("typmod=")), -1)
            made = Column(column, type_, typmod=typmod)
            made.collation = 950 if '"C"' in more else None
            view.columns.append(made)
        out.append(view)
    return out
