"""COPY FROM's binary format: a signature, tuples of counted fields, a trailer."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pgtool.commands.copy.binary import SIGNATURE
from pgtool.commands.copy.lines import BAD_COPY_FILE_FORMAT
from pgtool.errors import SqlError

__all__ = ["tuples"]

ROWS = 4096
_OIDS = 1 << 16


class _Input:
    """Bytes asked for by number."""

    def __init__(self, source: Iterator[bytes], name: str) -> None:
        self.source = source
        self.name = name
        self.buffer = b""
        self.at = 0
        self.row = 0

    def take(self, count: int, what: str = "unexpected EOF in COPY data") -> bytes:
        """The next bytes."""
        while len(self.buffer) - self.at < count:
            piece = next(self.source, None)
            if piece is None:
                raise self.error(what)
            self.buffer = self.buffer[self.at :] + piece
            self.at = 0
        out = self.buffer[self.at : self.at + count]
        self.at += count
        return out

    def error(self, message: str) -> SqlError:
        """An error about the form of the input."""
        made = SqlError(message, BAD_COPY_FILE_FORMAT)
        if self.row:
            made.context = f"COPY {self.name}, line {self.row}"
        return made


def tuples(
    source: Iterator[bytes], width: int, name: str
) -> Iterator[list[list[bytes | None]]]:
    """Rows of fields, some thousand at a time."""
    data = _Input(source, name)
    if data.take(len(SIGNATURE), "COPY file signature not recognized") != SIGNATURE:
        raise data.error("COPY file signature not recognized")
    flags, extension = struct.unpack(">II", data.take(8, "invalid COPY file header"))
    if flags & _OIDS:
        raise SqlError("invalid COPY file header (WITH OIDS)", BAD_COPY_FILE_FORMAT)
    if flags >> 16:
        raise SqlError("unrecognized critical flags in COPY file header", BAD_COPY_FILE_FORMAT)
    data.take(extension, "invalid COPY file header (wrong length)")
    rows: list[list[bytes | None]] = []
    while True:
        data.row += 1
        (count,) = struct.unpack(">h", data.take(2))
        if count == -1:
            break
        if count != width:
            raise data.error(f"row field count is {count}, expected {width}")
        rows.append([_field(data) for _ in range(width)])
        if len(rows) >= ROWS:
            yield rows
            rows = []
    if rows:
        yield rows


def _field(data: _Input) -> bytes | None:
    (size,) = struct.unpack(">i", data.take(4))
    if size == -1:
        return None
    if size < 0:
        raise data.error("invalid field size")
    return data.take(size)
