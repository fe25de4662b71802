"""The output formats: each turns batches into bytes, with something before and after.

``copy``, ``csv`` and ``binary`` are the server's COPY, byte for byte; ``sql`` is what
``pg_dump --data-only --inserts`` writes for a table; ``jsonl`` one JSON object a line, as
``row_to_json`` makes it. (Parquet and Arrow are files of their own kind: see arrow.py.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from pgtool.commands.copy import binary
from pgtool.commands.copy.csv import CsvFormat, quote, quoted_pieces
from pgtool.commands.copy.forms import Lost, check_has_wire, text_of, wire_of
from pgtool.commands.copy.large import goes_in_pieces, is_null, octets, text_pieces
from pgtool.commands.copy.rows import cells_of
from pgtool.commands.copy.source import OutColumn
from pgtool.commands.copy.text import NEWLINE, NULL, TAB, TextFormat, escape
from pgtool.types.column import Column
from pgtool.types.registry import TypeRegistry

#: Told (column, row, problem) of a value that cannot be shown; it becomes NULL.
Unreadable = Callable[[int, int, Any], None]


class Format(Protocol):
    """One relation's rows in one format."""

    def begin(self) -> bytes:
        """What comes before the rows."""

    def rows(self, columns: Sequence[Column], rows: int, unreadable: Unreadable) -> Any:
        """The rows of one batch, as something with the buffer protocol."""

    def pieces(self, columns: Sequence[Column], unreadable: Unreadable) -> Iterator[Any]:
        """A batch of one row with a large value, piece by piece."""

    def end(self) -> bytes:
        """What comes after the rows."""


class _Copy:
    """What the COPY formats share."""

    def __init__(
        self, columns: list[OutColumn], registry: TypeRegistry, header: bool = False
    ) -> None:
        self.columns = columns
        self.registry = registry
        self.typids = [c.typid for c in columns]
        self.names = [registry.settings.encoding.encode(c.name) for c in columns]
        self.header = header

    def end(self) -> bytes:
        """Nothing."""
        return b""

    def lost(self, number: int, unreadable: Unreadable) -> Lost:
        """The loss function of one column."""
        return lambda row, problem: unreadable(number, row, problem)


class CopyText(_Copy):
    """COPY … TO … (FORMAT text)."""

    def __init__(
        self, columns: list[OutColumn], registry: TypeRegistry, header: bool = False
    ) -> None:
        super().__init__(columns, registry, header)
        self.form = TextFormat(len(columns))

    def begin(self) -> bytes:
        """The header line, if it is wanted."""
        if not self.header:
            return b""
        from pgtool.commands.copy.text import escape_one

        return b"\t".join(map(escape_one, self.names)) + b"\n"

    def rows(self, columns: Sequence[Column], rows: int, unreadable: Unreadable) -> Any:
        """The lines of one batch."""
        cells = []
        for i, (typid, column) in enumerate(zip(self.typids, columns)):
            text = text_of(self.registry, typid, column, self.lost(i, unreadable))
            cells.append(cells_of(text, column.valid, self.form.null))
        return self.form.rows(cells, rows)

    def pieces(self, columns: Sequence[Column], unreadable: Unreadable) -> Iterator[Any]:
        """One row, piece by piece."""
        for i, (typid, column) in enumerate(zip(self.typids, columns)):
            if i:
                yield TAB
            for text in text_pieces(self.registry, typid, column, self.lost(i, unreadable)):
                cell = cells_of(text, None, NULL)
                yield NULL if is_null(column) else octets(escape(cell))
        yield NEWLINE


class CopyCsv(_Copy):
    """COPY … TO … (FORMAT csv)."""

    def __init__(
        self, columns: list[OutColumn], registry: TypeRegistry, header: bool = False
    ) -> None:
        super().__init__(columns, registry, header)
        self.form = CsvFormat(len(columns))

    def begin(self) -> bytes:
        """The header line, if it is wanted."""
        return self.form.header(self.names) if self.header else b""

    def rows(self, columns: Sequence[Column], rows: int, unreadable: Unreadable) -> Any:
        """The lines of one batch."""
        cells = []
        for i, (typid, column) in enumerate(zip(self.typids, columns)):
            text = text_of(self.registry, typid, column, self.lost(i, unreadable))
            cells.append(cells_of(text, column.valid, self.form.null))
        return self.form.rows(cells, rows)

    def pieces(self, columns: Sequence[Column], unreadable: Unreadable) -> Iterator[Any]:
        """One row, piece by piece."""
        for i, (typid, column) in enumerate(zip(self.typids, columns)):
            if i:
                yield b","
            lost = self.lost(i, unreadable)
            if goes_in_pieces(self.registry, typid, column):
                yield from quoted_pieces(partial(text_pieces, self.registry, typid, column, lost))
                continue
            text = text_of(self.registry, typid, column, lost)
            if not is_null(column):
                yield octets(quote(cells_of(text, None, b""), len(columns) == 1))
        yield b"\n"


class CopyBinary(_Copy):
    """COPY … TO … (FORMAT binary)."""

    def begin(self) -> bytes:
        """Signature, flags, extension length; an error where some type has no binary form."""
        for typid in self.typids:
            check_has_wire(self.registry, typid)
        return binary.HEADER

    def end(self) -> bytes:
        """The trailer."""
        return binary.TRAILER

    def rows(self, columns: Sequence[Column], rows: int, unreadable: Unreadable) -> Any:
        """The tuples of one batch."""
        wires = []
        for i, (typid, column) in enumerate(zip(self.typids, columns)):
            wire = wire_of(self.registry, typid, column, self.lost(i, unreadable))
            wires.append((wire, column.valid))
        return binary.tuples(wires, rows)

    def pieces(self, columns: Sequence[Column], unreadable: Unreadable) -> Iterator[Any]:
        """One tuple, value by value: the wire form of what can be large is what is stored."""
        yield binary.count(len(columns))
        for i, (typid, column) in enumerate(zip(self.typids, columns)):
            wire = wire_of(self.registry, typid, column, self.lost(i, unreadable))
            value = None if is_null(column) else octets(wire)
            yield binary.length(value)
            if value is not None:
                yield value
