"""COPY TO: a query's rows as bytes, with whatever delimiters and quotes were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.commands.copy.formats import CopyBinary, CopyCsv, CopyText
from pgtool.commands.copy.options import CopyOptions
from pgtool.commands.copy.source import OutColumn
from pgtool.commands.copy.text import _LETTERS
from pgtool.types.vector import text_column

__all__ = ["CopyOutput"]

_FORMATS: dict[str, Any] = {"text": CopyText, "csv": CopyCsv, "binary": CopyBinary}
_PLAIN = {"format", "header", "encoding"}


class CopyOutput:
    """The output of one COPY TO; ``count`` is how many rows went out."""

    def __init__(
        self, session: Any, result: Any, options: CopyOptions, forced: list[bool]
    ) -> None:
        self.session = session
        self.result = result
        self.options = options
        self.forced = forced
        self.count = 0
        self.registry = session.types
        self.columns = [
            OutColumn(name, typid, typmod, None)
            for name, typid, typmod in zip(result.names, result.types, result.typmods)
        ]

    def pieces(self) -> Iterator[bytes]:
        """The bytes."""
        if self.options.given <= _PLAIN:
            yield from self._usual()
        else:
            yield from self._special()
        self.result.context.finish()

    def _usual(self) -> Iterator[bytes]:
        made = _FORMATS[self.options.format](
            self.columns, self.registry, bool(self.options.header)
        )
        yield made.begin()
        for n, columns in self.result.stored_batches():
            self.count += n
            yield bytes(made.rows(columns, n, _raise))
        yield made.end()

    def _special(self) -> Iterator[bytes]:
        """Row by row, with the options as they are."""
        o = self.options
        encode = self.registry.settings.encoding.encode
        line = self._csv_line if o.format == "csv" else self._text_line
        if o.header:
            yield line([encode(c.name) for c in self.columns], True)
        for n, columns in self.result.stored_batches():
            self.count += n
            lists: list[list[bytes | None]] = []
            for out, column in zip(self.columns, columns):
                texts: list[bytes | None] = list(
                    text_column(self.registry, out.typid, column).tolist()
                )
                if column.valid is not None:
                    for row, there in enumerate(column.valid.tolist()):
                        if not there:
                            texts[row] = None
                lists.append(texts)
            rows: Any = zip(*lists) if lists else [()] * n
            yield b"".join(line(list(row), False) for row in rows)

    def _text_line(self, values: list[bytes | None], header: bool) -> bytes:
        o = self.options
        delimiter, null = o.delimiter.encode(), o.null.encode()
        byte = delimiter[0]
        out = []
        for value in values:
            if value is None:
                out.append(null)
                continue
            out.append(b"".join(
                b"\\" + bytes((c,)) if c == byte and c not in _CONTROLS
                else b"\\" + _LETTERS[c] if c in _LETTERS else bytes((c,))
                for c in value
            ))  # fmt: skip
        return delimiter.join(out) + b"\n"

    def _csv_line(self, values: list[bytes | None], header: bool) -> bytes:
        o = self.options
        delimiter, null = o.delimiter.encode(), o.null.encode()
        quote, escape = o.quote.encode(), o.escape.encode()
        out = []
        for value, forced in zip(values, self.forced):
            if value is None:
                out.append(null)
                continue
            alone = len(values) == 1 and value == b"\\."
            special = any(c in value for c in (delimiter, quote, b"\n", b"\r"))
            if (forced and not header) or special or alone or value == null or not value:
                inner = value.replace(escape, escape * 2) if escape != quote else value
                inner = inner.replace(quote, escape + quote)
                value = quote + inner + quote
            out.append(value)
        return delimiter.join(out) + b"\n"


_CONTROLS = frozenset(_LETTERS)


def _raise(_column: int, _row: int, problem: Exception) -> None:
    raise problem
