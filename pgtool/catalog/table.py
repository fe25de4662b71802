"""System catalogs read whole: columns of small tables, decoded once.

A catalog's rows are kept as columns: numpy arrays for fixed-width attributes, lists of
payloads for variable-width ones. Names are decoded when they are asked for. Even
pg_attribute of a database with many thousand tables is so a few arrays and not objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.access.heap.scan import HeapScan
from pgtool.types.column import FixedColumn
from pgtool.types.encoding import Encoding

BOOL, CHAR, NAME, TEXT = 16, 18, 19, 25
FLOAT4, FLOAT8 = 700, 701
_UNSIGNED = {26: "<u4", 24: "<u4", 28: "<u4", 5069: "<u8", 3220: "<u8"}
_VIEWS = {BOOL: "?", CHAR: "S1", NAME: "S64", FLOAT4: "<f4", FLOAT8: "<f8", **_UNSIGNED}
_INTS = {1: "i1", 2: "<i2", 4: "<i4", 8: "<i8"}


def _places(batch: Any) -> list[tuple[int, int]]:
    """The (block, line pointer) of each row of a batch."""
    tuples = batch.tuples
    blocks = (
        tuples.page + tuples.first_block if tuples.scattered is None
        else tuples.scattered[tuples.page]
    )  # fmt: skip
    return list(zip(blocks.tolist(), tuples.offnum.tolist(), strict=True))


class CatalogTable:
    """The rows of one catalog.

    ``types`` gives the type OID of each attribute by name (in order).
    """

    def __init__(
        self,
        scan: HeapScan,
        types: dict[str, int],
        encoding: Encoding,
        wanted: set[str] | None = None,
    ) -> None:
        self.encoding = encoding
        self.types = types
        #: Where each row lies: (block, line pointer).
        self.tids: list[tuple[int, int]] = []
        self._placed: dict[tuple[int, int], int] | None = None
        self._fresh = True
        numbers = {a.attname: i for i, a in enumerate(scan.attrs)}
        names = [n for n in types if n in numbers and (wanted is None or n in wanted)]
        parts: dict[str, list[Any]] = {name: [] for name in names}
        nulls: dict[str, list[Any]] = {name: [] for name in names}
        self.rows = 0
        for batch in scan.batches([numbers[name] for name in names]):
            self.rows += len(batch)
            self.tids += _places(batch)
            for name, column in zip(names, batch.columns):
                if isinstance(column, FixedColumn):
                    parts[name].append(column.values)
                    valid = column.valid
                    nulls[name].append(np.ones(len(column), bool) if valid is None else valid)
                else:
                    parts[name] += [column.datum(i) for i in range(len(column))]
        self._widths = {name: scan.attrs[numbers[name]].attlen for name in names}
        self.columns: dict[str, Any] = {}
        self.valid: dict[str, npt.NDArray[np.bool_]] = {}
        for name in names:
            if scan.attrs[numbers[name]].attlen > 0:
                whole = np.concatenate(parts[name]) if parts[name] else np.zeros(0, "u1")
                view = _VIEWS.get(types[name])
                self.columns[name] = whole.view(view) if view and len(whole) else whole
                self.valid[name] = np.concatenate(nulls[name]) if nulls[name] else np.zeros(0, bool)
            else:
                self.columns[name] = parts[name]
        self._indexes: dict[str, dict[Any, int]] = {}

    def __len__(self) -> int:
        return self.rows

    def get(self, row: int, name: str) -> Any:
        """One value: int, float, bool, str (name, text, "char") or raw payload; None is NULL."""
        value = self.columns[name][row]
        if name not in self.valid:
            return self.encoding.decode(value) if value and self.types[name] == TEXT else value
        if not self.valid[name][row]:
            return None
        if isinstance(value, bytes):
            return self.encoding.decode(value)
        return value.item() if value.dtype.kind != "V" else value.tobytes()

    def row(self, row: int) -> dict[str, Any]:
        """One row as a dict."""
        return {name: self.get(row, name) for name in self.columns}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in range(self.rows):
            yield self.row(row)

    def has(self, name: str) -> bool:
        """Whether this major's catalog has the column."""
        return name in self.columns

    def change(
        self, removed: list[tuple[int, int]], added: list[tuple[tuple[int, int], dict[str, Any]]],
    ) -> None:  # fmt: skip
        """Take out the rows at these places and append others, given as datums by column name.

        For the writer of a catalog, who knows what changed: the catalog need not be read again.
        """
        places = sorted(p for p in map(self.place, removed) if p is not None)
        if self._fresh:
            # It was read after some of the rows had been written.
            gone = set(removed)
            added = [item for item in added if item[0] in gone or self.place(item[0]) is None]
            self._fresh = False
        if places:
            self._take_out(places)
        if added:
            for name, column in self.columns.items():
                datums = [row[name] for _tid, row in added]
                if name not in self.valid:
                    column.extend(datums)
                    continue
                there = [d is not None for d in datums]
                self.columns[name] = self._longer(name, column, datums)
                self.valid[name] = np.concatenate([self.valid[name], np.array(there, bool)])
            if self._placed is not None:
                first = len(self.tids)
                self._placed.update((tid, first + i) for i, (tid, _row) in enumerate(added))
            self.tids += [tid for tid, _row in added]
        self.rows = len(self.tids)
        self._indexes.clear()

    def _take_out(self, places: list[int]) -> None:
        for name, column in self.columns.items():
            if name in self.valid:
                self.columns[name] = np.delete(column, places)
                self.valid[name] = np.delete(self.valid[name], places)
            else:
                for place in reversed(places):
                    del column[place]
        for place in reversed(places):
            del self.tids[place]
        self._placed = None

    def place(self, tid: tuple[int, int]) -> int | None:
        """The number of the row that lies there."""
        if self._placed is None:
            self._placed = {found: i for i, found in enumerate(self.tids)}
        return self._placed.get(tid)

    def _longer(self, name: str, column: Any, datums: list[bytes | None]) -> Any:
        size = self._widths[name]
        data = b"".join(d if d is not None else bytes(size) for d in datums)
        if not len(column):
            return np.frombuffer(data, _VIEWS.get(self.types[name]) or _INTS.get(size, f"V{size}"))
        return np.concatenate([column, np.frombuffer(data, column.dtype)])

    def index(self, name: str) -> dict[Any, int]:
        """Value → row of a unique column of numbers."""
        if name not in self._indexes:
            self._indexes[name] = {v: i for i, v in enumerate(self.columns[name].tolist())}
        return self._indexes[name]

    def find(self, name: str, value: Any) -> int | None:
        """The row whose unique column has this value."""
        return self.index(name).get(value)
