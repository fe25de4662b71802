"""Printing: rows as an aligned table, CSV, JSON or JSON lines.

A row source is a sequence of column names and an iterable of rows; cells are Python
values (None is SQL's NULL). JSON output is versioned: ``{"version": 1, "command": …,
"rows": [{column: value, …}, …]}``; ``jsonl`` gives the bare row objects, one a line.
Integers stay numbers, bytes become ``\\x…`` text, everything else that JSON does not
know becomes its ``str()``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

JSON_VERSION = 1


def text(value: Any) -> str:
    """A cell as PostgreSQL's text output would show it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(_array_element(v) for v in value) + "}"
    return str(value)


def _array_element(value: Any) -> str:
    if value is None:
        return "NULL"
    shown = text(value)
    if isinstance(value, (list, tuple)):
        return shown
    if shown == "" or shown.lower() == "null" or any(c in shown for c in '{}," \\\t\n'):
        return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return shown


def jsonable(value: Any) -> Any:
    """A value as ``json`` can write it (see the module's rules)."""
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, int):
        return int(value) if type(value).__str__ is int.__str__ else str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items() if not str(k).startswith("_")}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    return str(value)


def emit(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    fmt: str = "table",
    *,
    command: str = "",
    out: TextIO | None = None,
) -> None:
    """Print rows in one of the forms ``table``, ``csv``, ``json``, ``jsonl``."""
    out = out or sys.stdout
    {"table": _table, "csv": _csv, "json": _json, "jsonl": _jsonl}[fmt](
        columns, rows, command, out
    )


def emit_object(value: Mapping[str, Any], *, command: str, out: TextIO | None = None) -> None:
    """Print one object as versioned JSON: ``{"version": 1, "command": …, **value}``."""
    import json

    out = out or sys.stdout
    body = {"version": JSON_VERSION, "command": command, **jsonable(value)}
    json.dump(body, out, ensure_ascii=False, indent=2)
    out.write("\n")


def emit_line(value: Mapping[str, Any], out: TextIO | None = None) -> None:
    """Print one object as a line of JSON."""
    import json

    out = out or sys.stdout
    json.dump(jsonable(value), out, ensure_ascii=False)
    out.write("\n")


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], command: str, out: TextIO
) -> None:
    import tabulate

    tabulate.MIN_PADDING = 0
    body = [[text(v) for v in row] for row in rows]
    right = [
        "right" if body and all(_numeric(r[i]) for r in body) else "left"
        for i in range(len(columns))
    ]
    out.write(
        tabulate.tabulate(body, headers=columns, tablefmt="presto", colalign=right or None,
                          disable_numparse=True)
        + "\n"
    )  # fmt: skip
    out.write(f"({len(body)} row{'' if len(body) == 1 else 's'})\n")


def _numeric(shown: str) -> bool:
    return shown == "" or shown.lstrip("-").replace(".", "", 1).isdigit()


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], command: str, out: TextIO) -> None:
    import csv

    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([text(v) for v in row])


def _json(columns: Sequence[str], rows: Iterable[Sequence[Any]], command: str, out: TextIO) -> None:
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    emit_object({"rows": found}, command=command, out=out)


def _jsonl(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], command: str, out: TextIO
) -> None:
    import json

    for row in rows:
        json.dump(jsonable(dict(zip(columns, row, strict=True))), out, ensure_ascii=False)
        out.write("\n")
