r"""\crosstabview: a result turned, one column's values becoming headers."""

from __future__ import annotations

from typing import Any

from pgtool.cli.psql.printing import print_rows
from pgtool.cli.psql.results import Stopped, redirected

__all__ = ["crosstab"]

MAX_COLUMNS = 1600


class _Failed(Exception):
    """What is wrong with the result or the arguments."""


def crosstab(runner: Any, answer: Any, words: list[str]) -> int:
    """Print the turned table; how many rows the result had."""
    rows = list(answer.texts())
    try:
        names, types, cells = _turned(list(answer.names), list(answer.types), rows, words)
    except _Failed as failed:
        runner.complain(f"\\crosstabview: {failed}")
        raise Stopped from None
    with redirected(runner, runner.once.file):
        print_rows(runner, names, types, cells, runner.once.style or runner.style)
    return len(rows)


def _turned(
    names: list[str], types: list[int], rows: list[Any], words: list[str]
) -> tuple[list[str], list[int], list[Any]]:
    if len(names) < 3:
        raise _Failed("query must return at least three columns")
    chosen: list[str | None] = [*words, *[None] * (4 - len(words))]
    vertical = 0 if chosen[0] is None else _column(chosen[0], names)
    horizontal = 1 if chosen[1] is None else _column(chosen[1], names)
    if vertical == horizontal:
        raise _Failed("vertical and horizontal headers must be different columns")
    if chosen[2] is not None:
        data = _column(chosen[2], names)
    elif len(names) == 3:
        data = next(i for i in range(3) if i not in (vertical, horizontal))
    else:
        raise _Failed("data column must be specified when query returns more than three columns")
    order = None if chosen[3] is None else _column(chosen[3], names)
    heads: dict[Any, Any] = {}
    sides: dict[Any, None] = {}
    for row in rows:
        sides.setdefault(row[vertical])
        if row[horizontal] not in heads:
            heads[row[horizontal]] = None if order is None else row[order]
    if len(heads) > MAX_COLUMNS:
        raise _Failed(f"maximum number of columns ({MAX_COLUMNS}) exceeded")
    columns = list(heads)
    if order is not None:
        columns.sort(key=lambda head: _rank(heads[head]))
    table: dict[Any, dict[Any, Any]] = {side: {} for side in sides}
    for row in rows:
        cells = table[row[vertical]]
        if row[horizontal] in cells:
            place = f'row "{_name(row[vertical])}", column "{_name(row[horizontal])}"'
            raise _Failed(f"query result contains multiple data values for {place}")
        cells[row[horizontal]] = row[data]
    shown = [
        [side, *(cells.get(head, "") for head in columns)]
        for side, cells in table.items()
    ]  # fmt: skip
    titles = [names[vertical], *("" if head is None else head for head in columns)]
    return titles, [types[vertical], *[types[data]] * len(columns)], shown


def _name(value: str | None) -> str:
    return "(null)" if value is None else value


def _rank(value: str | None) -> tuple[int, float]:
    try:
        return (0, float(value or ""))
    except ValueError:
        return (1, 0.0)


def _column(word: str, names: list[str]) -> int:
    """A column by number or name."""
    if word.isdigit():
        number = int(word)
        if not 1 <= number <= len(names):
            raise _Failed(f"column number {number} is out of range 1..{len(names)}")
        return number - 1
    wanted = word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()
    found = [i for i, name in enumerate(names) if name == wanted]
    if not found:
        raise _Failed(f'column name not found: "{wanted}"')
    if len(found) > 1:
        raise _Failed(f'ambiguous column name: "{wanted}"')
    return found[0]
