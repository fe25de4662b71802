"""Row versions without the values of columns that were dropped, for a table that is rewritten.

A dropped column's values stay in the rows until then; so do their chunks in the TOAST table,
which is why the values that rows still lead to are collected in ``values``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.varlena import read_toast_pointer
from pgtool.access.heap.tuple import Datum, StoredVarlena, deformer, with_data
from pgtool.storage.ragged import offsets_of

__all__ = ["Reformer"]

Ints = npt.NDArray[Any]


class Reformer:
    """Forms the tuples of one table anew."""

    def __init__(self, attributes: Sequence[Any]) -> None:
        self.attributes = attributes
        self.dropped = [i for i, a in enumerate(attributes) if a.attisdropped]
        self.values: set[int] = set()
        self._deform = deformer(attributes)

    def reform(self, buffer: Ints, start: Ints, end: Ints, most: int) -> tuple[Ints, Ints, Ints]:
        """(buffer, starts, lengths) of the tuples; one over ``most`` bytes stays as it was."""
        view = buffer.data
        parts = []
        for at, stop in zip(start.tolist(), end.tolist()):
            old = bytes(view[at:stop])
            datums = self._deform(old)
            kept = list(datums)
            for i in self.dropped:
                kept[i] = None
            new = with_data(old, self.attributes, kept)
            fits = len(new) <= most
            self._collect(kept if fits else datums)
            parts.append(new if fits else old)
        length = np.fromiter(map(len, parts), np.int64, len(parts))
        return np.frombuffer(b"".join(parts), np.uint8), offsets_of(length)[:-1], length

    def _collect(self, datums: Sequence[Datum]) -> None:
        for value in datums:
            if isinstance(value, StoredVarlena) and value[0] == 1:
                self.values.add(read_toast_pointer(value, 0).valueid)
