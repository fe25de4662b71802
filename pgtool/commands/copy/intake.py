"""COPY FROM's input: rows of fields, a block at a time, out of text or CSV.

A :class:`Block` holds some thousand lines as columns of fields: spans of one buffer, no
copies where nothing needs one. Separators are found all at once; only fields with escapes
or inner quotes are looked at one by one. What the quick way cannot tell (a line with too
many fields, a bare carriage return, an escaped line end) is gone through line by line, in
:mod:`.lines`, which words the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.commands.copy.lines import check_header, header_names, slow_block, unescape
from pgtool.commands.copy.options import CopyOptions
from pgtool.errors import SqlError
from pgtool.types.column import VarColumn

__all__ = ["Block", "blocks"]

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
NEWLINE, RETURN, BACKSLASH = 10, 13, 92
BLOCK_BYTES = 1 << 21
END = b"\\."
INVALID_ENCODING = "22021"


@dataclass
class Block:
    """Lines as columns of fields. ``defaults`` are masks of fields that say DEFAULT."""

    n: int
    columns: list[VarColumn]
    defaults: list[Any]
    #: The number of the first line, and each row's line of text, for errors.
    first_line: int
    line: Callable[[int], bytes]
    #: Line number of each row where lines and rows differ (quoted line ends), else None.
    numbers: list[int] | None = None
    #: (row, column, error): the form of the last row is wrong from a column on, or that of the
    #: line behind it (then the row is n).
    failure: tuple[int, int, SqlError] | None = None

    def head(self, n: int) -> Block:
        """The first rows, with which nothing is wrong in form."""
        columns = [
            VarColumn(c.buffer, c.start[:n], c.length[:n], None if c.valid is None else c.valid[:n])
            for c in self.columns
        ]
        defaults = [
            None if mask is None or not mask[:n].any() else mask[:n] for mask in self.defaults
        ]
        return replace(self, n=n, columns=columns, defaults=defaults, failure=None)

    def line_number(self, row: int) -> int:
        """The line that a row ends on."""
        return self.first_line + row if self.numbers is None else self.numbers[row]


def blocks(
    source: Iterator[bytes], options: CopyOptions, width: int, name: str, columns: list[str]
) -> Iterator[Block]:
    """The rows of an input. ``name`` is the table's, for errors, as are its ``columns``."""
    reader = _Reader(options, width, name, columns)
    pieces, size = [], 0
    for piece in source:
        pieces.append(piece)
        size += len(piece)
        if size < BLOCK_BYTES:
            continue
        data = b"".join(pieces)
        cut = reader.whole(data)
        if cut:
            yield from reader.read(data[:cut])
            if reader.ended:
                return
        pieces, size = [data[cut:]], len(data) - cut
    if size:
        yield from reader.read(b"".join(pieces))


class _Reader:
    def __init__(
        self, options: CopyOptions, width: int, name: str, columns: list[str]
    ) -> None:
        self.options = options
        self.column_names = columns
        self.csv = options.format == "csv"
        self.width = width
        self.name = name
        self.delimiter = options.delimiter.encode()[0]
        self.null = options.null.encode()
        self.default = None if options.default is None else options.default.encode()
        self.quote = options.quote.encode()[0]
        #: Whether NULL is decided by more than the field's text and quotes.
        self.forced = any(options.force_null) or any(options.force_not_null)
        self.line = 1
        self.skip_header = bool(options.header)
        self.ended = False

    def whole(self, data: bytes) -> int:
        """How many bytes of the data are whole lines."""
        if not self.csv:
            return data.rfind(b"\n") + 1
        buffer = np.frombuffer(data, np.uint8)
        outside = self._outside(buffer)
        ends = np.flatnonzero((buffer == NEWLINE) & outside)
        return int(ends[-1]) + 1 if len(ends) else 0

    def _outside(self, buffer: Bytes) -> Any:
        """Which bytes of CSV lie outside of quotes."""
        marks = buffer == self.quote
        return (np.cumsum(marks) & 1) == 0

    def read(self, data: bytes) -> Iterator[Block]:
        """The rows of some whole lines."""
        _check_encoding(data, self.name, self.line)
        if self.skip_header:
            self.skip_header = False
            data = self._header(data)
            if not data:
                return
        data = self._until_end(data)
        if not data:
            return
        if not data.endswith(b"\n"):
            data += b"\n"
        block = self._quick(data)
        if block is None:
            block = slow_block(self, data)
        self.line += block.n if block.numbers is None else data.count(b"\n")
        if block.n or block.failure is not None:
            yield block

    def _header(self, data: bytes) -> bytes:
        end = data.find(b"\n")
        end = len(data) if end < 0 else end + 1
        if self.options.header == "match":
            found = header_names(self, data[:end])
            check_header(found, self.column_names, self.name, data[:end])
        self.line += 1
        return data[end:]

    def _until_end(self, data: bytes) -> bytes:
        """What stands before the end marker."""
        if self.csv or b"\\" not in data or END not in data:
            return data
        at = 0 if data.startswith((b"\\.\n", b"\\.\r\n")) or data == END else data.find(b"\n\\.\n")
        if at < 0:
            at = data.find(b"\n\\.\r\n")
        if at < 0 and data.endswith(b"\n\\."):
            at = len(data) - 3
        if at < 0:
            return data
        self.ended = True
        return data[:at + 1] if at else b""

    # -- the quick way ----

    def _quick(self, data: bytes) -> Block | None:
        buffer: Bytes = np.frombuffer(data, np.uint8)
        is_end = buffer == NEWLINE
        separators = (buffer == self.delimiter) | is_end
        quoted = self.csv and self.options.quote.encode() in data
        if quoted:
            if self.options.escape != self.options.quote:
                return None
            separators &= self._outside(buffer)
        places = np.flatnonzero(separators)
        width = max(self.width, 1)
        if len(places) % width:
            return None
        ends = places.reshape(-1, width)
        last = ends[:, -1]
        if not (buffer[last] == NEWLINE).all() or (
            width > 1 and (buffer[ends[:, :-1]] == NEWLINE).any()
        ):
            return None
        starts = np.empty_like(ends)
        starts[:, 0] = np.concatenate([[0], last[:-1] + 1])
        starts[:, 1:] = ends[:, :-1] + 1
        lengths = ends - starts
        if b"\r" in data:
            before = buffer[np.maximum(last - 1, 0)] == RETURN
            if not before.all() or data.count(b"\r") != len(last):
                return None
            lengths[:, -1] -= 1
        if not self.csv and b"\\" in data:
            return self._escaped(data, buffer, starts, lengths, places)
        columns, defaults = [], []
        for i in range(self.width):
            column, default = self._column(i, buffer, starts[:, i], lengths[:, i], quoted)
            columns.append(column)
            defaults.append(default)
        return self._block(data, columns, defaults, starts, last, quoted)

    def _block(
        self, data: bytes, columns: list[VarColumn], defaults: list[Any], starts: Ints, last: Ints,
        quoted: bool,
    ) -> Block:  # fmt: skip
        first = starts[:, 0]

        def line(row: int) -> bytes:
            return data[int(first[row]) : int(last[row])]

        numbers = None
        if quoted:
            buffer = np.frombuffer(data, np.uint8)
            counted = np.cumsum(buffer == NEWLINE)
            numbers = (self.line + counted[last] - 1).tolist()
        return Block(len(last), columns, defaults, self.line, line, numbers)

    def _column(
        self, number: int, buffer: Bytes, start: Ints, length: Ints, quoted: bool
    ) -> tuple[VarColumn, Any]:
        """One column; quotes taken off, NULL and DEFAULT recognised."""
        bare = None
        if quoted:
            first = buffer[np.minimum(start, len(buffer) - 1)]
            marked = (first == self.quote) & (length >= 2)
            bare = ~marked
            buffer, start, length = self._unquoted(buffer, start, length, marked)
        nulls = _equal_to(buffer, start, length, self.null)
        defaults = (
            None if self.default is None else _equal_to(buffer, start, length, self.default)
        )
        if self.forced:
            nulls = self.force(number, nulls, np.ones(len(nulls), bool) if bare is None else bare)
        elif bare is not None:
            nulls &= bare
        if bare is not None:
            defaults = None if defaults is None else defaults & bare
        if defaults is not None:
            nulls |= defaults
        return VarColumn(
            buffer, start, length.astype(np.int32), ~nulls if nulls.any() else None
        ), defaults if defaults is not None and defaults.any() else None  # fmt: skip

    def force(self, number: int, nulls: Any, bare: Any) -> Any:
        """FORCE_NULL, FORCE_NOT_NULL: which of the fields that read as NULL's text are NULL."""
        options = self.options
        quoted = nulls & (bare ^ True)
        nulls = nulls & bare
        if options.force_not_null[number]:
            nulls = nulls & False
        return nulls | quoted if options.force_null[number] else nulls

    def _unquoted(
        self, buffer: Bytes, start: Ints, length: Ints, marked: Any
    ) -> tuple[Bytes, Ints, Ints]:
        """Fields without their quotes; odd ones are rewritten behind the buffer."""
        counts = np.concatenate([[0], np.cumsum(buffer == self.quote)])
        inside = counts[start + length] - counts[start]
        simple = marked & (inside == 2) & (buffer[start + length - 1] == self.quote)
        start = np.where(simple, start + 1, start)
        length = np.where(simple, length - 2, length)
        odd = np.flatnonzero((inside > 0) & ~simple)
        if not len(odd):
            return buffer, start, length
        quote = bytes((self.quote,))
        pieces = []
        for row in odd.tolist():
            raw = buffer[int(start[row]) : int(start[row] + length[row])].tobytes()
            pieces.append(_csv_value(raw, quote))
        return _rewritten(buffer, start, length, odd, pieces)

    def _escaped(
        self, data: bytes, buffer: Bytes, starts: Ints, lengths: Ints, places: Ints
    ) -> Block | None:
        """Text with backslashes: NULLs are told at sight, other escapes undone one by one."""
        before = buffer[np.maximum(places - 1, 0)] == BACKSLASH
        if before[places > 0].any():
            return None
        # Which fields hold any: a separator's number is that of the field before it.
        number = np.searchsorted(places, np.flatnonzero(buffer == BACKSLASH))
        escaped = np.zeros(starts.shape, bool)
        escaped.reshape(-1)[number] = True
        columns, defaults = [], []
        for i in range(self.width):
            start, length = starts[:, i], lengths[:, i]
            nulls = _equal_to(buffer, start, length, self.null)
            default = (
                None if self.default is None else _equal_to(buffer, start, length, self.default)
            )
            holds = escaped[:, i] & ~nulls
            if default is not None:
                holds &= ~default
                nulls |= default
            odd = np.flatnonzero(holds)
            text = buffer
            if len(odd):
                pieces = [
                    unescape(data[int(start[row]) : int(start[row] + length[row])])
                    for row in odd.tolist()
                ]
                text, start, length = _rewritten(buffer, start, length, odd, pieces)
            valid = ~nulls if nulls.any() else None
            columns.append(VarColumn(text, start, length.astype(np.int32), valid))
            defaults.append(default if default is not None and default.any() else None)
        return self._block(data, columns, defaults, starts, starts[:, -1] + lengths[:, -1], False)


def _csv_value(raw: bytes, quote: bytes) -> bytes:
    """A field with quotes somewhere: parts inside of them and outside, put together."""
    out = []
    for number, part in enumerate(raw.split(quote)):
        out.append(part)
        # An empty part between two quotes inside of quotes is a quote.
        if number and not part and number % 2 == 0 and number < raw.count(quote):
            out.append(quote)
    return b"".join(out)


def _rewritten(
    buffer: Bytes, start: Ints, length: Ints, rows: Ints, pieces: list[bytes]
) -> tuple[Bytes, Ints, Ints]:
    """Some fields replaced by other bytes, which are put behind the buffer."""
    sizes = np.fromiter(map(len, pieces), np.int64, len(pieces))
    start, length = start.copy(), length.copy()
    start[rows] = len(buffer) + np.cumsum(sizes) - sizes
    length[rows] = sizes
    return np.concatenate([buffer, np.frombuffer(b"".join(pieces), np.uint8)]), start, length


def _equal_to(buffer: Bytes, start: Ints, length: Ints, wanted: bytes) -> Any:
    """Which fields are these very bytes."""
    found = length == len(wanted)
    for i, byte in enumerate(wanted):
        rows = np.flatnonzero(found)
        if not len(rows):
            break
        found[rows] = buffer[start[rows] + i] == byte
    return found


def _check_encoding(data: bytes, name: str, line: int) -> None:
    if data.isascii() and b"\0" not in data:
        return
    at = data.find(b"\0")
    try:
        data.decode("utf-8")
        bad = b"\0" if at >= 0 else b""
    except UnicodeDecodeError as problem:
        if at < 0 or problem.start < at:
            at = problem.start
            bad = data[problem.start : max(problem.end, problem.start + 1)]
        else:
            bad = b"\0"
    if bad:
        shown = " ".join(f"0x{byte:02x}" for byte in bad)
        error = SqlError(f'invalid byte sequence for encoding "UTF8": {shown}', INVALID_ENCODING)
        error.context = f"COPY {name}, line {line + data.count(bytes((NEWLINE,)), 0, at)}"
        raise error
