"""Rows that a statement writes: datums of every attribute, values decoded when asked for.

A :class:`Row` stands in the place of a tuple of values for closures of
:mod:`pgtool.sql.executor.scalar`: ``row[i]`` is attribute ``i + 1``; after the attributes
come the row's tableoid, its ctid and the row itself, as :func:`row_scope` says. Values that
are stored compressed or out of line stay as they are until an expression reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.functions.values import RecordValue
from pgtool.sql.executor.scope import Scope

__all__ = ["Row", "RowShape", "row_scope"]

_TABLEOID, _CTID = -6, -1
NAMEDATALEN = 64


class RowShape:
    """What the rows of one relation have in common."""

    def __init__(self, env: Any, relation: Any) -> None:
        self.relation = relation
        self.attributes = relation.attributes
        self.natts = len(self.attributes)
        self.codecs = [
            None if a.attisdropped else env.codec(a.atttypid) for a in self.attributes
        ]
        self.decoders: list[Callable[[bytes], Any]] = [
            bytes if c is None else c.decode for c in self.codecs
        ]
        self.encoders = [None if c is None else encoder(c) for c in self.codecs]
        self.live = [i for i, a in enumerate(self.attributes) if not a.attisdropped]
        self.types = tuple(self.attributes[i].atttypid for i in self.live)
        self.names = tuple(self.attributes[i].attname for i in self.live)
        #: Gives the payload of a value that is stored compressed or out of line.
        self.fetch: Callable[[Any], bytes] = bytes

    def encode(self, index: int, value: Any) -> bytes | None:
        """A value as the datum of an attribute."""
        if value is None:
            return None
        made: bytes = self.encoders[index](value)  # type: ignore[misc]
        return made


def encoder(codec: Any) -> Callable[[Any], bytes]:
    """Value → datum as tuples store it: names at their full width."""
    if codec.is_name:
        encode = codec.encode
        return lambda value: encode(value).ljust(NAMEDATALEN, b"\0")
    made: Callable[[Any], bytes] = codec.encode
    return made


class Row:
    """One row. ``datums`` has an entry for every attribute, None for NULL."""

    __slots__ = ("_values", "datums", "shape", "tid")

    def __init__(self, shape: RowShape, datums: list[Any], tid: Any = None) -> None:
        self.shape = shape
        self.datums = datums
        self.tid = tid
        self._values: dict[int, Any] = {}

    def __getitem__(self, index: int) -> Any:
        values = self._values
        if index in values:
            return values[index]
        shape = self.shape
        if index < shape.natts:
            datum = self.datums[index]
            if datum is not None:
                if type(datum) is not bytes:
                    datum = shape.fetch(datum)
                datum = shape.decoders[index](datum)
            found = datum
        elif index == shape.natts:
            found = shape.relation.oid
        elif index == shape.natts + 1:
            found = self.tid
        else:
            found = self.whole()
        values[index] = found
        return found

    def set(self, index: int, datum: bytes | None) -> None:
        """Change an attribute."""
        self.datums[index] = datum
        self._values.pop(index, None)
        self._values.pop(self.shape.natts + 2, None)

    def whole(self) -> RecordValue:
        """The row as one value."""
        shape = self.shape
        return RecordValue(
            shape.relation.reltype, shape.types, tuple(self[i] for i in shape.live), shape.names
        )


def row_places(natts: int, varno: int, start: int = 0) -> dict[tuple[int, int], int]:
    """Where the columns of a :class:`Row` are, as those of a range table entry."""
    places = {(varno, number): start + number - 1 for number in range(1, natts + 1)}
    places[varno, _TABLEOID] = start + natts
    places[varno, _CTID] = start + natts + 1
    places[varno, 0] = start + natts + 2
    return places


def row_scope(natts: int, varno: int = 1) -> Scope:
    """The scope of expressions over one row: those that a catalog stores have varno 1."""
    return Scope(row_places(natts, varno))


#: How many places a row takes.
EXTRA_PLACES = 3
