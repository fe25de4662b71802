"""psql's aligned and wrapped formats: header centred, numbers right, marks where cells go on.

A cell is a list of lines (:func:`pgtool.cli.psql.width.lines`); a wrapped column cuts them to
its width. Everything is drawn with the :class:`~pgtool.cli.psql.style.Lines` of the style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgtool.cli.psql.style import Lines, Rule, Style, Table, lines_of
from pgtool.cli.psql.width import cut, lines, width

__all__ = ["aligned", "too_wide"]

#: A line of a cell, and what came before it: nothing, a line end, a cut.
Piece = tuple[str, str]
FIRST, NEWLINE, CUT = "", "newline", "cut"


def _widest(cell: list[str]) -> int:
    return max(map(width, cell), default=0)


def _edges(count: int, border: int) -> int:
    """Columns that lines and padding take."""
    return {0: count, 1: max(count * 3 - 1, 0), 2: count * 3 + 1}[border]


class _Measured:
    """The cells of a table as lines, and how wide everything is."""

    def __init__(self, table: Table, style: Style) -> None:
        self.heads = [lines(name) for name in table.names]
        self.cells = [[lines(text) for text in row] for row in table.shown(style)]
        self.head_widths = [_widest(head) for head in self.heads]
        count = len(self.heads)
        data = [0] * count
        sums = [0] * count
        for i in range(count):
            found = [
                width(row[i][0]) if len(row[i]) == 1 else _widest(row[i]) for row in self.cells
            ]  # fmt: skip
            sums[i], data[i] = sum(found), max(found, default=0)
        self.means = [total // len(self.cells) if self.cells else 0 for total in sums]
        self.widths = [max(pair) for pair in zip(data, self.head_widths)]
        self.natural = list(self.widths)
        self.least = _edges(count, style.border) + sum(self.head_widths)
        self.total = _edges(count, style.border) + sum(self.widths)

    def wrap(self, room: int) -> None:
        """Make columns narrower, the one that is widest beside its mean first."""
        if not room or self.total <= room or self.least > room:
            return
        while self.total > room:
            worst, most = -1, 0.0
            for i, mean in enumerate(self.means):
                if mean and self.widths[i] > self.head_widths[i]:
                    ratio = self.widths[i] / mean + self.natural[i] * 0.01
                    if ratio > most:
                        worst, most = i, ratio
            if worst < 0:
                return
            self.widths[worst] -= 1
            self.total -= 1


def too_wide(table: Table, style: Style) -> bool:
    r"""Whether \\x auto turns a table around."""
    if not style.width or not table.names:
        return False
    measured = _Measured(table, style)
    return measured.least > style.width or measured.total > style.width


def aligned(table: Table, style: Style) -> Iterator[str]:
    """The lines of a table, without line ends."""
    measured = _Measured(table, style)
    if style.format == "wrapped":
        measured.wrap(style.width)
    drawn, border, widths = lines_of(style), style.border, measured.widths
    if table.title and not style.tuples_only:
        room = max(measured.total - width(table.title), 0)
        yield " " * (room // 2) + table.title
    if not style.tuples_only:
        if border == 2:
            yield _rule(widths, drawn.top, 2)
        if table.names:
            yield from _header(measured.heads, widths, drawn, border)
        yield _rule(widths, drawn.header, border)
    wrapped = style.format == "wrapped"
    for row in measured.cells if table.names else ():
        if not wrapped and all(len(cell) == 1 for cell in row):
            yield _flat(row, widths, table.aligns, drawn, border)
        else:
            yield from _row(row, widths, table.aligns, drawn, border)
    if border == 2:
        yield _rule(widths, drawn.bottom, 2)
    if not style.tuples_only:
        yield from table.below(style)


def _rule(widths: list[int], rule: Rule, border: int) -> str:
    if border == 0:
        return " ".join(rule.dash * w for w in widths)
    if not widths:
        body = rule.dash * 2
    else:
        body = rule.middle.join(rule.dash * (w + 2) for w in widths)
    return f"{rule.left}{body}{rule.right}" if border == 2 else body


def _header(heads: list[list[str]], widths: list[int], drawn: Lines, border: int) -> Iterator[str]:
    for number in range(max(map(len, heads))):
        out = drawn.side if border == 2 else ""
        for i, (head, room) in enumerate(zip(heads, widths)):
            text = head[number] if number < len(head) else ""
            free = room - width(text)
            if border or (not drawn.marks_right and i):
                out += drawn.header_left if number else " "
            out += " " * (free // 2) + text + " " * (free - free // 2)
            if border or drawn.marks_right:
                out += drawn.header_right if number + 1 < len(head) else " "
            if border and i + 1 < len(heads):
                out += drawn.column
        yield out + (drawn.side if border == 2 else "")


def _pieces(cell: list[str], room: int) -> list[Piece]:
    """The lines of a cell, each cut where it is too wide."""
    out: list[Piece] = []
    for number, line in enumerate(cell):
        before = NEWLINE if number else FIRST
        while True:
            head, line = cut(line, room)
            out.append((head, before))
            before = CUT
            if not line:
                break
    return out


def _flat(
    row: list[list[str]], widths: list[int], right: Sequence[bool], drawn: Lines, border: int
) -> str:
    """A row that is one line, which most are."""
    parts = []
    for (text,), room, to_right in zip(row, widths, right):
        free = " " * (room - width(text))
        parts.append(free + text if to_right else text + free)
    if border < 2 and not right[-1]:
        parts[-1] = row[-1][0]
    if border == 0:
        return " ".join(parts)
    body = f" {drawn.column} ".join(parts)
    return f"{drawn.side} {body} {drawn.side}" if border == 2 else " " + body


def _row(
    row: list[list[str]], widths: list[int], right: Sequence[bool], drawn: Lines, border: int
) -> Iterator[str]:
    cells = [_pieces(cell, room) for cell, room in zip(row, widths)]
    lefts = {FIRST: " ", NEWLINE: drawn.newline_left, CUT: drawn.cut_left}
    rights = {NEWLINE: drawn.newline_right, CUT: drawn.cut_right}
    bars = {FIRST: drawn.column, NEWLINE: drawn.column_newline, CUT: drawn.column_cut}
    last = len(cells) - 1
    for number in range(max(map(len, cells), default=1)):
        out = drawn.side if border == 2 else ""
        for i, (cell, room) in enumerate(zip(cells, widths)):
            text, before = cell[number] if number < len(cell) else ("", FIRST)
            after = cell[number + 1][1] if number + 1 < len(cell) else None
            if border:
                out += lefts[before]
            free = " " * max(room - width(text), 0)
            if number < len(cell) and right[i]:
                out += free + text
            elif i < last or after or border == 2:
                out += text + free
            else:
                out += text
            if after:
                out += rights[after]
            elif i < last or border == 2:
                out += " "
            if border and i < last:
                following = cells[i + 1]
                out += bars[following[number][1]] if number < len(following) else (
                    drawn.column_blank)  # fmt: skip
        yield out + (drawn.side if border == 2 else "")
