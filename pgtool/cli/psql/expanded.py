r"""Output after \\x: each row a block of lines, a column's name and its value in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgtool.cli.psql.style import Lines, Rule, Style, Table, lines_of
from pgtool.cli.psql.width import cut, lines, width

__all__ = ["expanded"]

#: Least columns that are left for values where a width is given.
LEAST = 3


@dataclass
class _Shape:
    """Widths of the two columns, and what is known of their marks."""

    names: int
    values: int
    many_names: bool
    many_values: bool
    border: int
    drawn: Lines

    @property
    def own_marks(self) -> bool:
        """Whether marks of line ends have columns of their own at the right of a text."""
        return self.drawn.marks_right

    def fit(self, style: Style, count: int) -> None:
        """How wide values may be: the record lines need their width too."""
        between = {0: 1, 1: 3, 2: 7}[self.border]
        if self.many_names and not self.own_marks and self.border < 2:
            between += 1
        if self.many_values and self.own_marks and self.border < 2:
            between += 1
        record = 0
        if not style.tuples_only:
            record = len(str(count)) + {0: 9, 1: 12, 2: 15}[self.border]
        available = style.width if style.format == "wrapped" else 0
        while True:
            total = max(self.names + between + self.values, record)
            if available:
                least = max(self.names + between + LEAST, record)
                total = min(total, max(available, least))
            room = total - self.names - between
            marks = not self.many_values and self.border < 2 and self.own_marks
            if not (room < self.values and marks):
                break
            self.many_values = True
            between += 1
        self.values = room


def expanded(table: Table, style: Style) -> Iterator[str]:
    """One block of lines for each row."""
    if not table.rows or not table.names:
        if not style.tuples_only:
            yield from table.below(style)
        return
    if table.title and not style.tuples_only:
        yield table.title
    heads = [lines(name) for name in table.names]
    cells = [[lines(text) for text in row] for row in table.shown(style)]
    shape = _Shape(
        max(width(part) for head in heads for part in head),
        max(width(part) for row in cells for cell in row for part in cell),
        any(len(head) > 1 for head in heads),
        any(len(cell) > 1 for row in cells for cell in row), style.border, lines_of(style),
    )  # fmt: skip
    shape.fit(style, len(cells))
    drawn = shape.drawn
    for number, row in enumerate(cells, 1):
        rule = drawn.top if number == 1 else drawn.header
        if not style.tuples_only:
            yield _record_line(shape, rule, number, style)
        elif number > 1 or style.border == 2:
            yield _record_line(shape, rule, 0, style)
        for head, cell in zip(heads, row):
            yield from _pair(shape, head, cell)
    if style.border == 2:
        yield _record_line(shape, drawn.bottom, 0, style)
    if table.footers and not style.tuples_only:
        if style.border < 2:
            yield ""
        yield from table.footers


def _record_line(shape: _Shape, rule: Rule, number: int, style: Style) -> str:
    """The line above a record, its number in it; 0: a line without."""
    border, dash = shape.border, rule.dash
    names = shape.names + (shape.many_names and not shape.own_marks and border < 2)
    label = f"* Record {number}" if border == 0 else f"[ RECORD {number} ]"
    label = label if number else ""
    if border == 0:
        return label + " " * max(names + shape.values - len(label), 0)
    body = dash * (names + 1) + rule.middle + dash * (shape.values + 1)
    if style.xheader_width != "full":
        body = _shorter(body, names + 2, rule, style)
    if border == 1:
        start = dash + label
        return start + body[len(start):]
    body = dash + body + dash
    start = dash + label
    at = rule.left + start + body[len(start):]
    return at + ("" if style.xheader_width != "full" else rule.right)


def _shorter(body: str, names: int, rule: Rule, style: Style) -> str:
    r"""A record line no wider than \\pset xheader_width allows."""
    wanted = style.xheader_width
    if wanted == "column":
        return body[: names - 1] + rule.right
    room = int(wanted) if wanted.isdigit() else style.width
    return body[:room] if room else body


def _pair(shape: _Shape, head: list[str], cell: list[str]) -> Iterator[str]:
    """The lines of one column of one row."""
    border, drawn = shape.border, shape.drawn
    pieces = []
    for number, line in enumerate(cell):
        mark = "newline" if number else ""
        while True:
            text, line = cut(line, shape.values)
            pieces.append((text, mark))
            mark = "cut"
            if not line:
                break
    bars = {"": drawn.column, "newline": drawn.column_newline, "cut": drawn.column_cut}
    for number in range(max(len(head), len(pieces))):
        out = drawn.side if border == 2 else ""
        out += _name(shape, head, number)
        mark = pieces[number][1] if number < len(pieces) else (
            "cut" if pieces[-1][0] else "newline" if len(cell) > 1 else "")  # fmt: skip
        if border:
            out += bars[mark]
        yield out + _value(shape, pieces, number)


def _name(shape: _Shape, head: list[str], number: int) -> str:
    border, drawn = shape.border, shape.drawn
    old = shape.many_names and not shape.own_marks
    own = shape.many_names and shape.own_marks
    if number >= len(head):
        return " " * (shape.names + border + (border < 2 and old) + (border == 0 and own))
    out = ""
    if border == 2 or old:
        out += drawn.header_left if number else " "
    out += head[number] + " " * (shape.names - width(head[number]))
    if border or own:
        out += drawn.header_right if number + 1 < len(head) else " "
    return out


def _value(shape: _Shape, pieces: list[tuple[str, str]], number: int) -> str:
    border, drawn = shape.border, shape.drawn
    if number >= len(pieces):
        return "" if border < 2 else " " * (shape.values + 2) + drawn.side
    text, before = pieces[number]
    out = (drawn.cut_left if before == "cut" else " ") + text
    after = pieces[number + 1][1] if number + 1 < len(pieces) else ""
    free = " " * max(shape.values - width(text), 0)
    if after and (border > 1 or (shape.many_values and shape.own_marks)):
        out += free + (drawn.cut_right if after == "cut" else drawn.newline_right)
    elif not after and border > 1:
        out += free + " "
    return out + (drawn.side if border == 2 else "")
