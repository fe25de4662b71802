"""Rows without alignment: unaligned text, CSV as ``psql --csv``, JSON and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pgtool.cli.psql.style import Style, Table

__all__ = ["csv_lines", "json_document", "json_row", "unaligned"]

Row = Sequence[str | None]
JSON_VERSION = 1
BOOL = 16
#: Types whose text is a JSON number unless it is NaN or infinite.
_NUMBERS = {20, 21, 23, 26, 700, 701, 1700}
_JSON = {114, 3802}
_NOT_NUMBERS = ("NaN", "Infinity", "-Infinity")


def unaligned(table: Table, style: Style) -> Iterator[str]:
    """Fields divided by a separator: pieces that are written as they are."""
    records = _records(table, style) if style.expanded != "on" else _pairs(table, style)
    first = True
    for record in records:
        yield record if first else style.recordsep + record
        first = False
    if not first:
        yield "\0" if style.recordsep == "\0" else "\n"


def _records(table: Table, style: Style) -> Iterator[str]:
    if not style.tuples_only:
        if table.title:
            yield table.title
        yield style.fieldsep.join(table.names)
    for row in table.shown(style) if table.names else ():
        yield style.fieldsep.join(row)
    if not style.tuples_only:
        yield from table.below(style)


def _pairs(table: Table, style: Style) -> Iterator[str]:
    """A name and a value in a record, an empty record between rows."""
    title = [table.title] if table.title and not style.tuples_only else []
    yield from title
    for number, row in enumerate(table.shown(style)):
        if number or title:
            yield ""
        for name, value in zip(table.names, row):
            yield name + style.fieldsep + value
    if table.footers and not style.tuples_only:
        yield ""
        yield from table.footers


def _csv(text: str, separator: str) -> str:
    if text == "\\." or any(c in text for c in (separator, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_lines(
    names: Sequence[str], rows: Iterable[Row], style: Style
) -> Iterator[str]:
    """A header line and a line a row; after \\x a line a field."""
    separator = style.csv_fieldsep
    heads = [_csv(name, separator) for name in names]
    if style.expanded == "on":
        for row in rows:
            for head, value in zip(heads, row):
                yield head + separator + _csv(style.null if value is None else value, separator)
        return
    if not style.tuples_only:
        yield separator.join(heads)
    for row in rows:
        if names:
            yield separator.join([_csv(style.null if v is None else v, separator) for v in row])


def json_value(text: str | None, typid: int) -> Any:
    """A value's JSON form: numbers, booleans and JSON as such, everything else as its text."""
    if text is None:
        return None
    if typid == BOOL:
        return text == "t"
    if typid in _NUMBERS and text not in _NOT_NUMBERS:
        return _Number(text)
    if typid in _JSON:
        return _Raw(text)
    return text


class _Raw(str):
    """Text that is JSON already."""


class _Number(_Raw):
    """A number's digits, kept as they are."""


def json_text(value: Any) -> str:
    """One value as JSON."""
    return str(value) if isinstance(value, _Raw) else json.dumps(value, ensure_ascii=False)


def json_row(names: Sequence[str], types: Sequence[int], row: Row) -> str:
    """One row as a JSON object."""
    parts = (
        f"{json.dumps(name, ensure_ascii=False)}: {json_text(json_value(value, typid))}"
        for name, typid, value in zip(names, types, row)
    )
    return "{" + ", ".join(parts) + "}"


def json_document(
    names: Sequence[str], types: Sequence[int], labels: Sequence[str], rows: Iterable[Row]
) -> Iterator[str]:
    """A versioned document: columns with their types, rows as objects."""
    columns = [{"name": name, "type": label} for name, label in zip(names, labels)]
    yield f'{{"version": {JSON_VERSION},'
    yield f' "columns": {json.dumps(columns, ensure_ascii=False)},'
    before = ' "rows": ['
    for row in rows:
        yield before
        before = "  " + json_row(names, types, row) + ","
        break
    else:
        yield before + "]}"
        return
    pending = before[:-1]
    for row in rows:
        yield pending + ","
        pending = "  " + json_row(names, types, row)
    yield pending
    yield " ]}"
