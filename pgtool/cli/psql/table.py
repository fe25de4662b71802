"""psql's aligned format: header centred, numbers to the right, ``+`` where a cell goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pgtool.cli.psql.width import lines, width

__all__ = ["RIGHT", "Style", "aligned", "expanded", "footer"]

#: Types whose columns psql aligns to the right: numbers, OIDs and transaction ids.
RIGHT = {20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069}

Row = Sequence[str | None]


@dataclass
class Style:
    """What \\pset and the switches set."""

    border: int = 1
    null: str = ""
    tuples_only: bool = False
    footer: bool = True
    title: str | None = None
    footers: tuple[str, ...] | None = None
    fieldsep: str = "|"
    recordsep: str = "\n"


def footer(count: int) -> str:
    """The row count below a table."""
    return f"({count} row{'' if count == 1 else 's'})"


def aligned(
    names: Sequence[str], types: Sequence[int], rows: Iterable[Row], style: Style
) -> Iterator[str]:
    """The lines of a table, without line ends."""
    heads = [lines(name) for name in names]
    cells = [[lines(style.null if v is None else v) for v in row] for row in rows]
    widths = [
        max([width(part) for part in head], default=0) for head in heads
    ]  # fmt: skip
    for row in cells:
        for i, cell in enumerate(row):
            for part in cell:
                widths[i] = max(widths[i], width(part))
    right = [typid in RIGHT for typid in types]
    if style.title and not style.tuples_only:
        yield from _title(style.title, widths, style.border)
    edge = _edges(style.border)
    if not style.tuples_only:
        if style.border == 2:
            yield _rule(widths, 2)
        if names:
            yield from _header(heads, widths, edge, style.border)
            yield _rule(widths, style.border)
        elif style.border == 1:
            yield "--"
    elif style.border == 2:
        yield _rule(widths, 2)
    for row in cells if names else ():
        yield from _row(row, widths, right, edge, style.border)
    if style.border == 2:
        yield _rule(widths, 2)
    if not style.tuples_only:
        if style.footers is not None:
            yield from style.footers
        elif style.footer:
            yield footer(len(cells))


def _title(title: str, widths: list[int], border: int) -> Iterator[str]:
    """The title, centred over the table."""
    total = sum(widths) + {0: len(widths) - 1, 1: 3 * len(widths) - 1, 2: 3 * len(widths) + 1}[
        border
    ]
    room = max(total - width(title), 0)
    yield " " * (room // 2) + title


def _edges(border: int) -> tuple[str, str, str]:
    """Left edge, between columns, right edge, apart from the one column of padding."""
    return {0: ("", "", ""), 1: ("", "|", ""), 2: ("|", "|", "|")}[border]


def _rule(widths: list[int], border: int) -> str:
    if border == 0:
        return " ".join("-" * w for w in widths)
    body = "+".join("-" * (w + 2) for w in widths)
    return f"+{body}+" if border == 2 else body


def _header(
    heads: list[list[str]], widths: list[int], edge: tuple[str, str, str], border: int
) -> Iterator[str]:
    height = max(len(head) for head in heads)
    for number in range(height):
        parts = []
        for i, (head, room) in enumerate(zip(heads, widths)):
            text = head[number] if number < len(head) else ""
            free = room - width(text)
            mark = "+" if number + 1 < len(head) else " "
            piece = " " * (free // 2) + text + " " * (free - free // 2)
            last = i == len(heads) - 1
            if border == 0:
                parts.append(piece + ("+" if mark == "+" else "" if last else " "))
            else:
                parts.append(" " + piece + mark)
        yield edge[0] + edge[1].join(parts) + edge[2]


def _row(
    row: list[list[str]], widths: list[int], right: list[bool], edge: tuple[str, str, str],
    border: int,
) -> Iterator[str]:  # fmt: skip
    height = max([len(cell) for cell in row], default=1)
    for number in range(height):
        parts = []
        for i, (cell, room, to_right) in enumerate(zip(row, widths, right)):
            last = i == len(row) - 1
            more = number + 1 < len(cell)
            text = cell[number] if number < len(cell) else ""
            free = " " * (room - width(text))
            if to_right and number < len(cell):
                text = free + text
            elif not last or more or border == 2:
                text = text + free
            mark = "+" if more else " "
            if border == 0:
                parts.append(text + ("+" if more else "" if last else " "))
            else:
                parts.append(" " + text + ("" if last and not more and border != 2 else mark))
        line = edge[0] + edge[1].join(parts) + edge[2]
        yield line


def expanded(
    names: Sequence[str], rows: Iterable[Row], style: Style
) -> Iterator[str]:
    """One block of lines for each row, as after \\x."""
    heads = [lines(name) for name in names]
    cells = [[lines(style.null if v is None else v) for v in row] for row in rows]
    left = max([width(part) for head in heads for part in head], default=0)
    room = max([width(part) for row in cells for cell in row for part in cell], default=0)
    wrapped_left = any(len(head) > 1 for head in heads)
    wrapped = any(len(cell) > 1 for row in cells for cell in row)
    if style.title and not style.tuples_only:
        yield style.title
    if not cells or not names:
        if not style.tuples_only:
            yield footer(len(cells))
        return
    label = len(f"-[ RECORD {len(cells)} ]")
    for number, row in enumerate(cells, 1):
        yield from _record_line(number, left, room, style)
        padded = max(room, label - left - 3 - wrapped)
        for head, cell in zip(heads, row):
            yield from _pair(head, cell, left, padded, wrapped_left, style)
    if style.border == 2 and cells:
        yield "+" + "-" * (left + 2 + wrapped_left) + "+" + "-" * (room + 2 + wrapped) + "+"
    if style.footers and not style.tuples_only:
        yield from style.footers


def _record_line(number: int, left: int, room: int, style: Style) -> Iterator[str]:
    if style.tuples_only:
        if number > 1:
            yield "-" * (left + 1) + "+" + "-" * (room + 1)
        return
    label = f"[ RECORD {number} ]"
    if style.border == 0:
        yield "* Record " + str(number)
        return
    body = "-" * (left + 1) + "+" + "-" * (room + 1)
    if style.border == 2:
        body = "+-" + body + "-+"
        at = 1
        label = "-" + label
    else:
        label, at = "-" + label, 0
    kept = body[at + len(label) :]
    yield body[:at] + label + kept


def _pair(
    head: list[str], cell: list[str], left: int, room: int, wrapped_left: bool, style: Style
) -> Iterator[str]:
    for number in range(max(len(head), len(cell))):
        name = head[number] if number < len(head) else ""
        text = cell[number] if number < len(cell) else ""
        mark = "+" if number + 1 < len(head) else " "
        more = number + 1 < len(cell)
        pad = " " * (left - width(name))
        body = name + pad + (mark if wrapped_left else "")
        if style.border == 0:
            yield f"{body} {text}" + (" " * (room - width(text)) + "+" if more else "")
        elif style.border == 2:
            tail = " " * (room - width(text)) + ("+" if more else " ")
            yield f"| {body}{'' if wrapped_left else ' '}| {text}{tail}|"
        else:
            tail = " " * (room - width(text)) + "+" if more else ""
            value = f" {text}{tail}" if number < len(cell) else ""
            yield f"{body}{'' if wrapped_left else ' '}|{value}"
