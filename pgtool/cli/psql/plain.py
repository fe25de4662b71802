"""Rows without alignment: unaligned text, CSV as ``psql --csv``, JSON and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pgtool.cli.psql.table import Style, footer

__all__ = ["csv_lines", "json_document", "json_row", "unaligned", "unaligned_expanded"]

Row = Sequence[str | None]
JSON_VERSION = 1
BOOL = 16
#: Types whose text is a JSON number unless it is NaN or infinite.
_NUMBERS = {20, 21, 23, 26, 700, 701, 1700}
_JSON = {114, 3802}
_NOT_NUMBERS = ("NaN", "Infinity", "-Infinity")


def unaligned(names: Sequence[str], rows: Iterable[Row], style: Style) -> Iterator[str]:
    """One line a row, fields divided by a separator."""
    if not style.tuples_only:
        yield style.fieldsep.join(names)
    count = 0
    for row in rows:
        yield style.fieldsep.join(style.null if v is None else v for v in row)
        count += 1
    if not style.tuples_only:
        if style.footers is not None:
            yield from style.footers
        elif style.footer:
            yield footer(count)


def unaligned_expanded(names: Sequence[str], rows: Iterable[Row], style: Style) -> Iterator[str]:
    """One line a field, an empty one between rows."""
    first = True
    for row in rows:
        if not first:
            yield ""
        first = False
        for name, value in zip(names, row):
            yield f"{name}{style.fieldsep}{style.null if value is None else value}"


def _csv(text: str) -> str:
    if text == "\\." or any(c in text for c in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_lines(names: Sequence[str], rows: Iterable[Row], style: Style) -> Iterator[str]:
    """A header line and a line a row; NULL is an empty field."""
    if not style.tuples_only and names:
        yield ",".join(map(_csv, names))
    for row in rows:
        yield ",".join([_csv(style.null if v is None else v) for v in row])


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
