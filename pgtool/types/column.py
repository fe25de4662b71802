"""Column batches: the form in which the heap scan hands values to the types and operators.

A batch is a run of rows (some thousand) of one attribute. Fixed-width types are a numpy
array; variable-width ones are spans into the page chunk they were found in, so nothing is
copied until something must be. A NULL row is False in ``valid`` and its value is
arbitrary; ``valid`` None means that no row is NULL.

Spans are **payloads**: the varlena header is off, and a value that was compressed or out
of line has been fetched by the scan (which then puts it into a buffer of its own).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.storage import ragged

__all__ = ["Column", "FixedColumn", "TextColumn", "VarColumn"]

Valid = npt.NDArray[np.bool_] | None


@dataclass(slots=True)
class FixedColumn:
    """Rows of a fixed-width type: little-endian ``values`` (``V<n>`` where no number fits)."""

    values: npt.NDArray[Any]
    valid: Valid = None

    def __len__(self) -> int:
        return len(self.values)

    def datum(self, row: int) -> bytes | None:
        """The stored bytes of one row, or None for NULL."""
        if self.valid is not None and not self.valid[row]:
            return None
        return self.values[row].tobytes()

    def datums(self) -> list[bytes | None]:
        """:meth:`datum` of every row."""
        size = self.values.itemsize
        raw = self.values.tobytes()
        found: list[bytes | None] = [raw[i : i + size] for i in range(0, len(raw), size)]
        return found if self.valid is None else _where(found, self.valid)


@dataclass(slots=True)
class VarColumn:
    """Rows of a variable-width type: spans of payload in ``buffer``."""

    buffer: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int32]
    valid: Valid = None

    def __len__(self) -> int:
        return len(self.start)

    def datum(self, row: int) -> bytes | None:
        """The payload of one row, or None for NULL."""
        if self.valid is not None and not self.valid[row]:
            return None
        start = int(self.start[row])
        return self.buffer[start : start + int(self.length[row])].tobytes()

    def datums(self) -> list[bytes | None]:
        """:meth:`datum` of every row."""
        view = self.buffer.data
        spans = zip(self.start.tolist(), self.length.tolist())
        found: list[bytes | None] = [bytes(view[start : start + n]) for start, n in spans]
        return found if self.valid is None else _where(found, self.valid)

    @classmethod
    def of(cls, values: list[bytes | None]) -> VarColumn:
        """A column of these values, laid end to end."""
        length = np.fromiter((len(v) if v else 0 for v in values), np.int32, len(values))
        valid = np.fromiter((v is not None for v in values), np.bool_, len(values))
        buffer = np.frombuffer(b"".join(v for v in values if v), np.uint8)
        start = ragged.offsets_of(length)[:-1]
        return cls(buffer, start, length, None if valid.all() else valid)


Column = FixedColumn | VarColumn


def _where(values: list[bytes | None], valid: npt.NDArray[np.bool_]) -> list[bytes | None]:
    """Values, None for those that are NULL."""
    return [value if there else None for value, there in zip(values, valid.tolist())]


@dataclass(slots=True)
class TextColumn:
    """The text (or wire) form of a column: spans of ``buffer``, NULL rows of length 0.

    Not end to end in general: many forms are written into fixed-pitch rows and the span
    picks the used part, so that the consumer's ragged copy is the only copy.
    """

    buffer: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    def tolist(self) -> list[bytes]:
        """Every row as bytes; for tests and small batches."""
        raw = self.buffer.tobytes()
        ends = self.start + self.length
        return [raw[s:e] for s, e in zip(self.start.tolist(), ends.tolist())]

    def packed(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """The rows end to end: (bytes, n + 1 offsets)."""
        return ragged.gather(self.buffer, self.start, self.length)
