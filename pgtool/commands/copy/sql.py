"""Rows as INSERT statements, as ``pg_dump --data-only --inserts`` writes them.

Numbers stand bare where the scanner would accept them, booleans are keywords, bit strings
``B'…'``, everything else is a string literal in which only quotes are doubled (so
standard_conforming_strings must be on, which the preamble sees to).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from pgtool.catalog.relation import Relation
from pgtool.commands.copy.forms import Lost, text_of
from pgtool.commands.copy.large import goes_in_pieces, is_null, octets, text_pieces
from pgtool.commands.copy.rows import Cells, cells_of, expand, join, pack, table_of, wrapped
from pgtool.commands.copy.source import OutColumn
from pgtool.types.column import Column, VarColumn
from pgtool.types.names import format_name
from pgtool.types.registry import TypeRegistry

BOOL, BIT, VARBIT = 16, 1560, 1562
NUMBERS = frozenset((20, 21, 23, 26, 700, 701, 1700))
_BARE = table_of(list(b"0123456789 +-eE."))
_QUOTE = 39
IDENTITY_ALWAYS = "a"

PREAMBLE = """\
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
{newer}SET client_encoding = '{encoding}';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

"""
#: From the major on that knows it.
TRANSACTION_TIMEOUT = (17, "SET transaction_timeout = 0;\n")
HEAD = """\
--
-- {what}; Schema: {schema}; Owner: {owner}
--

"""


def preamble(registry: TypeRegistry) -> bytes:
    """What a script of INSERT statements begins with."""
    first, setting = TRANSACTION_TIMEOUT
    newer = setting if registry.settings.major >= first else ""
    return PREAMBLE.format(encoding=registry.settings.encoding.name, newer=newer).encode("ascii")


def head(relation: Relation, what: str, owner: str, registry: TypeRegistry) -> bytes:
    """The comment that names a table or a sequence."""
    text = HEAD.format(
        what=what.format(relation.relname.replace("\n", " ")),
        schema=relation.nspname.replace("\n", " "), owner=owner or "-",
    )  # fmt: skip
    return registry.settings.encoding.encode(text)


class SqlSequence:
    """A sequence's value as a call of setval."""

    def __init__(self, relation: Relation, registry: TypeRegistry, owner: str = "") -> None:
        self.relation = relation
        self.registry = registry
        self.owner = owner

    def begin(self) -> bytes:
        """The comment that names the sequence."""
        return head(self.relation, "Name: {}; Type: SEQUENCE SET", self.owner, self.registry)

    def end(self) -> bytes:
        """Two empty lines."""
        return b"\n\n"

    def rows(self, columns: Sequence[Any], rows: int, unreadable: Any) -> Any:
        """The call, from the columns of the sequence's one row."""
        last, called = (c.datum(0) for c in (columns[0], columns[-1]))
        value = int.from_bytes(last, "little", signed=True)
        name = format_name(
            self.relation.nspname, self.relation.relname, self.registry.settings.major
        ).replace("'", "''")
        word = "true" if any(called) else "false"
        call = f"SELECT pg_catalog.setval('{name}', {value}, {word});\n"
        return self.registry.settings.encoding.encode(call)

    def pieces(self, columns: Sequence[Any], unreadable: Any) -> Iterator[Any]:
        """Never asked for: the row is small."""
        yield self.rows(columns, 1, unreadable)


class SqlInserts:
    """One relation's rows as INSERT statements."""

    def __init__(
        self, relation: Relation, columns: list[OutColumn], registry: TypeRegistry, owner: str = ""
    ) -> None:
        self.relation = relation
        self.columns = columns
        self.registry = registry
        self.owner = owner
        self.kinds = [self._base(c.typid) for c in columns]
        encode = registry.settings.encoding.encode
        name = format_name(relation.nspname, relation.relname, registry.settings.major)
        override = any(
            c.attribute and c.attribute.attidentity == IDENTITY_ALWAYS for c in columns
        )
        self.insert = encode(f"INSERT INTO {name} ") + (
            b"DEFAULT VALUES" if not columns
            else b"OVERRIDING SYSTEM VALUE VALUES (" if override else b"VALUES ("
        )  # fmt: skip

    def _base(self, typid: int) -> int:
        """The type behind a domain."""
        for _ in range(32):
            info = self.registry.info(typid)
            if info.typtype != "d":
                break
            typid = info.typbasetype
        return typid

    def begin(self) -> bytes:
        """The comment that names the table."""
        return head(self.relation, "Data for Name: {}; Type: TABLE DATA", self.owner, self.registry)

    def end(self) -> bytes:
        """Two empty lines."""
        return b"\n\n"

    def rows(self, columns: Sequence[Column], rows: int, unreadable: Any) -> Any:
        """The statements of one batch."""
        if not self.columns:
            return (self.insert + b";\n") * rows
        cells = []
        for i, column in enumerate(columns):
            lost = partial(unreadable, i)
            cells.append(self._cells(i, column, rows, lost))
        return join(cells, rows, b"NULL", b", ", b");\n", self.insert)

    def pieces(self, columns: Sequence[Column], unreadable: Any) -> Iterator[Any]:
        """One statement, piece by piece."""
        yield self.insert
        for i, column in enumerate(columns):
            if i:
                yield b", "
            lost, typid = partial(unreadable, i), self.columns[i].typid
            if not goes_in_pieces(self.registry, typid, column):
                cell = self._cells(i, column, 1, lost)
                yield b"NULL" if is_null(column) else octets(cell)
                continue
            yield b"'"
            for text in text_pieces(self.registry, typid, column, lost):
                yield octets(text).tobytes().replace(b"'", b"''")
            yield b"'"
        yield b");\n"

    def _cells(self, number: int, column: Column, rows: int, lost: Lost) -> Cells:
        if self.columns[number].generated:
            word = VarColumn.of([b"DEFAULT"])
            zero = np.zeros(rows, np.int64)
            return Cells(word.buffer, zero, zero + len(word.buffer), None)
        text = text_of(self.registry, self.columns[number].typid, column, lost)
        return literal(cells_of(text, column.valid, b""), self.kinds[number])


def literal(cell: Cells, typid: int) -> Cells:
    """The cells as SQL literals; NULL rows get the length of the word."""
    packed, offsets = pack(cell)
    everything = np.ones(len(offsets) - 1, bool)
    if typid == BOOL:
        words = VarColumn.of([b"false", b"true"])
        true = np.zeros(len(everything), np.int64)
        some = np.flatnonzero(offsets[1:] > offsets[:-1])
        true[some] = packed[offsets[:-1][some]] == ord("t")
        return _finish(words.buffer, words.start[true], words.length.astype(np.int64)[true], cell)
    if typid in NUMBERS:
        odd = np.flatnonzero(~_BARE[packed])
        which = np.zeros(len(everything), bool)
        which[np.searchsorted(offsets, odd, "right") - 1] = True
        out, target = wrapped(packed, offsets, which, b"'", b"'")
    elif typid in (BIT, VARBIT):
        out, target = wrapped(packed, offsets, everything, b"B'", b"'")
    else:
        hits = np.flatnonzero(packed == _QUOTE)
        if len(hits):
            packed, offsets, _places = expand(packed, offsets, hits, _QUOTE)
        out, target = wrapped(packed, offsets, everything, b"'", b"'")
    return _finish(out, target[:-1], target[1:] - target[:-1], cell)


def _finish(out: Any, start: Any, length: Any, cell: Cells) -> Cells:
    if cell.nulls is not None:
        length = np.where(cell.nulls, len(b"NULL"), length)
    return Cells(out, start, length, cell.nulls)
