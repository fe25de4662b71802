r"""What \pset and the switches set: the form of output, the lines that tables are drawn with."""

from __future__ import annotations

import locale
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

__all__ = ["FORMATS", "Lines", "Rule", "Style", "Table", "lines_of", "localised"]

#: Forms of \pset format that exist here; the first three are tables of text.
FORMATS = ("aligned", "wrapped", "unaligned", "csv", "html", "asciidoc")
#: Types whose columns are aligned to the right: numbers, OIDs and transaction ids, money.
RIGHT = frozenset({20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069})


@dataclass
class Style:
    r"""The options of \pset, under its names."""

    format: str = "aligned"
    border: int = 1
    columns: int = 0
    csv_fieldsep: str = ","
    expanded: str = "off"
    fieldsep: str = "|"
    footer: bool = True
    linestyle: str = "ascii"
    null: str = ""
    numericlocale: bool = False
    pager: int = 1
    pager_min_lines: int = 0
    recordsep: str = "\n"
    tableattr: str | None = None
    title: str | None = None
    tuples_only: bool = False
    unicode_border_linestyle: str = "single"
    unicode_column_linestyle: str = "single"
    unicode_header_linestyle: str = "single"
    xheader_width: str = "full"
    #: Columns of the terminal that is written to, 0 where it is none.
    terminal: int = 0

    @property
    def width(self) -> int:
        """How wide output may be, 0 for any width."""
        return self.columns or self.terminal


@dataclass
class Table:
    """One result on its way to the output; ``footers`` None: a row count where wanted."""

    names: Sequence[str]
    types: Sequence[int]
    rows: list[Sequence[str | None]]
    title: str | None = None
    footers: Sequence[str] | None = None
    aligns: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.aligns = self.aligns or [typid in RIGHT for typid in self.types]

    def below(self, style: Style) -> Sequence[str]:
        """The lines below the rows."""
        if self.footers is not None:
            return self.footers
        count = len(self.rows)
        return [f"({count} row{'' if count == 1 else 's'})"] if style.footer else []

    def shown(self, style: Style) -> list[list[str]]:
        """The cells as text: NULL and numbers as the style has them."""
        null = style.null
        if not style.numericlocale:
            return [[null if v is None else v for v in row] for row in self.rows]
        return [
            [null if v is None else localised(v) if right else v
             for v, right in zip(row, self.aligns)]
            for row in self.rows
        ]  # fmt: skip


_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<whole>\d+)(?P<rest>(?:\.\d*)?(?:[eE][+-]?\d+)?)")


def localised(text: str) -> str:
    """A number with the locale's separators."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    facts = locale.localeconv()
    point = str(facts["decimal_point"]) or "."
    grouping = facts["grouping"]
    size = grouping[0] if isinstance(grouping, list) and grouping and grouping[0] > 0 else 3
    comma = str(facts["thousands_sep"]) or ("," if point != "," else ".")
    whole = match["whole"]
    first = len(whole) % size or size
    groups = [whole[:first], *(whole[i : i + size] for i in range(first, len(whole), size))]
    return match["sign"] + comma.join(groups) + match["rest"].replace(".", point)


@dataclass(frozen=True)
class Rule:
    """A horizontal line: its dash, and where vertical lines meet it."""

    dash: str
    left: str
    middle: str
    right: str


@dataclass(frozen=True)
class Lines:
    """How a table is drawn. Marks say that a cell goes on: after a line end or where it is cut."""

    top: Rule
    header: Rule
    bottom: Rule
    side: str
    column: str
    column_newline: str
    column_cut: str
    column_blank: str
    header_left: str = " "
    header_right: str = "+"
    newline_left: str = " "
    newline_right: str = "+"
    cut_left: str = "."
    cut_right: str = "."
    #: Whether the mark of a header's line end stands at its right side.
    marks_right: bool = True


_PLAIN = Rule("-", "+", "+", "+")
_ASCII = Lines(_PLAIN, _PLAIN, _PLAIN, "|", "|", "|", "|", "|")
_OLD = replace(
    _ASCII, column_newline=":", column_cut=";", column_blank=" ", header_left="+",
    header_right=" ", newline_right=" ", cut_left=" ", cut_right=" ", marks_right=False,
)  # fmt: skip
_DASH = {"single": "─", "double": "═"}
_BAR = {"single": "│", "double": "║"}
#: Where lines meet, by (vertical, horizontal): each string is left, middle, right.
_TOPS = {("single", "single"): "┌┬┐", ("single", "double"): "╒╤╕",
         ("double", "single"): "╓╥╖", ("double", "double"): "╔╦╗"}  # fmt: skip
_BOTTOMS = {("single", "single"): "└┴┘", ("single", "double"): "╘╧╛",
            ("double", "single"): "╙╨╜", ("double", "double"): "╚╩╝"}  # fmt: skip
_CROSSES = {("single", "single"): "├┼┤", ("single", "double"): "╞╪╡",
            ("double", "single"): "╟╫╢", ("double", "double"): "╠╬╣"}  # fmt: skip


def _unicode(style: Style) -> Lines:
    border, header = style.unicode_border_linestyle, style.unicode_header_linestyle
    column = style.unicode_column_linestyle

    def rule(places: dict[tuple[str, str], str], dash: str) -> Rule:
        return Rule(_DASH[dash], places[border, dash][0], places[column, dash][1],
                    places[border, dash][2])  # fmt: skip

    bar = _BAR[column]
    return Lines(
        rule(_TOPS, border), rule(_CROSSES, header), rule(_BOTTOMS, border), _BAR[border], bar,
        bar, bar, bar, header_right="↵", newline_right="↵", cut_left="…", cut_right="…",
    )  # fmt: skip


def lines_of(style: Style) -> Lines:
    """The lines of a style."""
    if style.linestyle == "unicode":
        return _unicode(style)
    return _OLD if style.linestyle == "old-ascii" else _ASCII
