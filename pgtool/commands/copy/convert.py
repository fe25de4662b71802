"""Fields of COPY FROM → columns of a type: numbers, dates and plain text all at once.

A :class:`Converter` is made for one column. What its quick way does not know at sight
(spaces, exponents, named months …) goes through the type's input function value by value, so
errors and odd forms are the type's own. Values that were met lately are remembered there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.commands.copy.quickread import reader
from pgtool.errors import SqlError
from pgtool.functions.codec import codec_of
from pgtool.types.column import FixedColumn, VarColumn

__all__ = ["Converter", "FieldError"]

_KEPT = 20000


class FieldError(Exception):
    """A field that its type refuses: which row, and the error."""

    def __init__(self, row: int, error: SqlError) -> None:
        super().__init__(str(error))
        self.row = row
        self.error = error


class Converter:
    """One column's way from text to stored form."""

    def __init__(self, session: Any, typid: int, typmod: int) -> None:
        self.session = session
        registry = session.types
        self.typid, self.typmod = typid, typmod
        info = registry.info(typid)
        self.domain = typid if info.typtype == "d" else 0
        while info.typtype == "d":
            if self.typmod < 0:
                self.typmod = info.typtypmod
            info = registry.info(info.typbasetype)
        self.info = info
        self.io = registry.io_of(info.oid)
        self.codec = codec_of(registry, info.oid)
        self.quick = reader(self.info.typoutput, self.typmod)
        self._known: dict[bytes, bytes] = {}

    def column(self, fields: VarColumn, skipped: Any = None) -> Any:
        """The stored column. FieldError at the first row that cannot be read.

        With ``skipped``, a list, rows that cannot be read are told there and become NULL.
        """
        if self.quick is None or self.domain:
            return self._each(fields, range(len(fields)), None, skipped)
        made, rest = self.quick(fields)
        if not len(rest):
            return made
        return self._each(fields, rest.tolist(), made, skipped)

    def _each(self, fields: VarColumn, rows: Any, made: Any, skipped: Any) -> Any:
        """Some rows (or all) by the input function."""
        found: list[bytes | None] = []
        for row in rows:
            text = fields.datum(row)
            try:
                found.append(self._one(text))
            except SqlError as error:
                if skipped is None:
                    raise FieldError(row, error) from None
                skipped.append(row)
                found.append(None)
        if made is None:
            return self._stored(found)
        if isinstance(made, VarColumn):
            return _patched(made, rows, found)
        # The mask may be the fields' own, which still have to tell what they held.
        valid = None if made.valid is None else made.valid.copy()
        for row, datum in zip(rows, found):
            if datum is not None:
                made.values[row] = np.frombuffer(datum, made.values.dtype)[0]
                continue
            if valid is None:
                valid = np.ones(len(made), bool)
            valid[row] = False
        made.valid = valid
        return made

    def _one(self, text: bytes | None) -> bytes | None:
        if text is None:
            if self.domain:
                self.session.check_domain(self.domain, None)
            return None
        known = self._known.get(text)
        if known is None:
            known = bytes(self.io.input(text, self.typmod))
            if self.domain:
                self.session.check_domain(self.domain, self.codec.decode(known))
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[text] = known
        return known

    def received(self, wire: bytes | None) -> bytes | None:
        """A field of the binary format."""
        if wire is None:
            return self._one(None)
        datum = bytes(self.io.receive(wire, self.typmod))
        if self.domain:
            self.session.check_domain(self.domain, self.codec.decode(datum))
        return datum

    def stored(self, datums: list[bytes | None]) -> Any:
        """Datums as a column."""
        return self._stored(datums)

    def _stored(self, datums: list[bytes | None]) -> Any:
        dtype = self.codec.dtype
        if dtype is None and self.info.typlen > 0:
            dtype = np.dtype(f"V{self.info.typlen}")
        if dtype is None:
            return VarColumn.of(datums)
        size = dtype.itemsize
        raw = b"".join(bytes(size) if d is None else d.ljust(size, b"\0") for d in datums)
        valid = np.fromiter((d is not None for d in datums), np.bool_, len(datums))
        return FixedColumn(np.frombuffer(raw, dtype).copy(), None if valid.all() else valid)


def _patched(column: VarColumn, rows: list[int], found: list[bytes | None]) -> VarColumn:
    """A column with the values of some rows replaced."""
    others = VarColumn.of(found)
    start, length = column.start.copy(), column.length.copy()
    start[rows] = others.start + len(column.buffer)
    length[rows] = others.length
    valid = column.valid
    if others.valid is not None:
        valid = np.ones(len(column), bool) if valid is None else valid.copy()
        valid[rows] = others.valid
    return VarColumn(np.concatenate([column.buffer, others.buffer]), start, length, valid)
