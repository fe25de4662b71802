"""COPY FROM's input line by line: what the quick way leaves, and the errors of it.

Text: a backslash takes the next byte literally, or names a control character, or a byte by
its octal or hexadecimal digits; an escaped line end is data. CSV: a quote begins and ends a
part in which delimiters and line ends are data; inside it the escape character takes a
quote or an escape literally.
"""

from __future__ import annotations

import re
from typing import Any

from pgtool.errors import SqlError

__all__ = ["bad_format", "check_header", "header_names", "shown", "slow_block", "unescape"]

BAD_COPY_FILE_FORMAT = "22P04"
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.S)
_ENDS = b"\r\n"
_CONTROL = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def unescape(field: bytes) -> bytes:
    """A field of the text format with its escapes undone."""
    if b"\\" not in field:
        return field

    def put(match: re.Match[bytes]) -> bytes:
        if match[1] is not None:
            return bytes((int(match[1], 8) & 0xFF,))
        if match[2] is not None:
            return bytes((int(match[2], 16),))
        return _CONTROL.get(match[3], match[3])

    return _ESCAPE.sub(put, field)


def bad_format(message: str, name: str, line: int, text: bytes | None) -> SqlError:
    """An error about the form of the input."""
    error = SqlError(message, BAD_COPY_FILE_FORMAT)
    error.context = f"COPY {name}, line {line}" + ("" if text is None else f": {shown(text)}")
    return error


def shown(text: bytes) -> str:
    """A line or field in a context: quoted, and cut after 100 bytes."""
    cut = text[:100].decode("utf-8", "ignore")
    return f'"{cut}..."' if len(text) > 100 else f'"{cut}"'


def slow_block(reader: Any, data: bytes) -> Any:
    """Whole lines, one after the other, up to one whose form is wrong."""
    from pgtool.commands.copy.intake import Block
    from pgtool.types.column import VarColumn

    split = _csv_lines if reader.csv else _text_lines
    rows: list[list[bytes | None]] = []
    marks: list[list[bool]] = []
    lines: list[bytes] = []
    numbers: list[int] = []
    failure: tuple[int, int, SqlError] | None = None
    for number, line in split(reader, data):
        found = _csv_fields(reader, line, number) if reader.csv else _text_fields(reader, line)
        values, defaults = found
        if len(values) > reader.width and not (reader.width == 0 and line == b""):
            failure = len(rows), 0, bad_format(
                "extra data after last expected column", reader.name, number, line)
            break
        if len(values) < reader.width:  # those that are there are looked at before
            missing = reader.column_names[len(values)]
            failure = len(rows), len(values), bad_format(
                f'missing data for column "{missing}"', reader.name, number, line)
            lacking = reader.width - len(values)
            values, defaults = values + [None] * lacking, defaults + [False] * lacking
        rows.append(values[: reader.width])
        marks.append(defaults[: reader.width])
        lines.append(line)
        numbers.append(number)
        if failure is not None:
            break
    columns = [VarColumn.of([row[i] for row in rows]) for i in range(reader.width)]
    defaults_of = []
    for i in range(reader.width):
        import numpy as np

        mask = np.fromiter((mark[i] for mark in marks), np.bool_, len(marks))
        defaults_of.append(mask if mask.any() else None)
    return Block(len(rows), columns, defaults_of, reader.line, lambda row: lines[row], numbers,
                 failure)  # fmt: skip


def _text_lines(reader: Any, data: bytes) -> Any:
    """(number, line) of text: escaped line ends do not end a line."""
    number, at, begin = reader.line, 0, 0
    kind = _line_end(data)
    first = number
    while at < len(data):
        end = at
        while True:
            end = _next_end(data, end, kind, reader, number, begin)
            slashes = 0
            while end - 1 - slashes >= begin and data[end - 1 - slashes] == 0x5C:
                slashes += 1
            if slashes % 2 == 0 or end >= len(data):
                break
            end += 1
            number += 1
        line = data[begin:end]
        yield number, line
        number += 1
        at = begin = end + len(kind)
    del first


def _line_end(data: bytes) -> bytes:
    """What ends the lines: told by the first one."""
    for at, byte in enumerate(data):
        if byte == 0x0A:
            return b"\n"
        if byte == 0x0D:
            return b"\r\n" if data[at + 1 : at + 2] == b"\n" else b"\r"
    return b"\n"


def _next_end(data: bytes, at: int, kind: bytes, reader: Any, number: int, begin: int) -> int:
    """The place of the next line end; other carriage returns are refused."""
    end = data.find(kind, at)
    end = len(data) if end < 0 else end
    for byte, word, letter in ((b"\r", "carriage return", "\\r"), (b"\n", "newline", "\\n")):
        found = data.find(byte, at, end)
        if found >= 0 and (found == begin or data[found - 1] != 0x5C):
            error = bad_format(f"literal {word} found in data", reader.name, number, None)
            error.hint = f'Use "{letter}" to represent {word}.'
            raise error
    return end


def _text_fields(reader: Any, line: bytes) -> tuple[list[bytes | None], list[bool]]:
    raw: list[bytes] = []
    begin = at = 0
    while at < len(line):
        byte = line[at]
        if byte == 0x5C:
            at += 2
            continue
        if byte == reader.delimiter:
            raw.append(line[begin:at])
            begin = at + 1
        at += 1
    raw.append(line[begin:])
    values: list[bytes | None] = []
    defaults: list[bool] = []
    for field in raw:
        is_default = reader.default is not None and field == reader.default
        defaults.append(is_default)
        values.append(None if field == reader.null or is_default else unescape(field))
    return values, defaults


def _csv_lines(reader: Any, data: bytes) -> Any:
    """(number, line) of CSV: line ends within quotes do not end a line."""
    quote, escape = reader.quote, reader.options.escape.encode()[0]
    number, begin, at, inside = reader.line, 0, 0, False
    while at < len(data):
        byte = data[at]
        if inside and byte == escape and data[at + 1 : at + 2] in (
            bytes((quote,)), bytes((escape,))
        ) and (escape != quote or data[at + 1] == quote):
            at += 2
            continue
        if byte == quote:
            inside = not inside
        elif byte == 0x0A:
            if inside:
                number += 1
            else:
                line = data[begin:at]
                yield number, line[:-1] if line.endswith(b"\r") else line
                number += 1
                begin = at + 1
        at += 1
    if begin < len(data):
        if inside:
            # The server counts line ends in quotes once it knows what ends a line.
            at_line = number if begin or reader.line > 1 else reader.line
            raise bad_format("unterminated CSV quoted field", reader.name, at_line, data[begin:])
        yield number, data[begin:]


def _csv_fields(reader: Any, line: bytes, number: int) -> tuple[list[bytes | None], list[bool]]:
    quote, escape = reader.quote, reader.options.escape.encode()[0]
    values: list[bytes | None] = []
    defaults: list[bool] = []
    out = bytearray()
    at, inside, quoted = 0, False, False

    def finish() -> None:
        value = bytes(out)
        is_default = reader.default is not None and not quoted and value == reader.default
        defaults.append(is_default)
        is_null = value == reader.null and (reader.forced or not quoted)
        if is_null and reader.forced and len(values) < reader.width:
            is_null = reader.force(len(values), True, not quoted)
        values.append(None if is_null or is_default else value)
        out.clear()

    while at < len(line):
        byte = line[at]
        if inside:
            following = line[at + 1] if at + 1 < len(line) else -1
            if byte == escape and following in (quote, escape):
                out.append(following)
                at += 2
                continue
            if byte == quote:
                inside = False
            else:
                out.append(byte)
        elif byte == quote:
            inside = quoted = True
        elif byte == reader.delimiter:
            finish()
            quoted = False
        else:
            out.append(byte)
        at += 1
    if inside:
        raise bad_format("unterminated CSV quoted field", reader.name, number, line)
    finish()
    return values, defaults


def header_names(reader: Any, line: bytes) -> list[str]:
    """The names in a header line."""
    line = line.rstrip(b"\r\n")
    values, _defaults = _csv_fields(reader, line, 1) if reader.csv else _text_fields(reader, line)
    return ["" if v is None else v.decode("utf-8", "replace") for v in values]


def check_header(names: list[str], columns: list[str], name: str, line: bytes) -> None:
    """HEADER MATCH: the first line must name the columns."""
    if len(names) != len(columns):
        error = SqlError(
            f"wrong number of fields in header line: got {len(names)}, expected {len(columns)}",
            BAD_COPY_FILE_FORMAT,
        )
        error.context = f"COPY {name}, line 1: {shown(line.rstrip(_ENDS))}"
        raise error
    for number, (found, column) in enumerate(zip(names, columns), 1):
        if found != column:
            error = SqlError(
                f'column name mismatch in header line field {number}: got "{found}", expected '
                f'"{column}"', BAD_COPY_FILE_FORMAT,
            )  # fmt: skip
            error.context = f"COPY {name}, line 1: {shown(line.rstrip(_ENDS))}"
            raise error
