"""An annotated page in a terminal: facts, a map of the page, then every field.

The map shows the page's 8192 bytes as cells of 32 bytes, 64 to a row; a cell has the
letter of what fills most of it. Colour only where the caller asks for it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from formats.layout import Role
from formats.units import BLCKSZ
from pgtool.inspect.explain import Explained, Section

CELL = 32
ROW = 64
RAW_BYTES = 16
RESET = "\x1b[0m"
BOLD = "\x1b[1m"
DIM = "\x1b[2m"

#: role → (letter in the map, SGR colour). Tuples alternate between two.
STYLE = {
    Role.HEADER: ("H", "1;34"),
    Role.LINE_POINTER: ("L", "36"),
    Role.TUPLE: ("T", "32"),
    Role.CONTENTS: ("C", "33"),
    Role.SPECIAL: ("S", "35"),
    Role.HOLE: (".", "2"),
    Role.UNUSED: ("~", "31"),
}
OTHER_TUPLE = ("t", "92")
LEGEND = (
    "H header  L line pointers  T/t tuples  C contents  S special space  . free  ~ unused bytes"
)


class Printer:
    """Lines of an annotated page, plain or coloured."""

    def __init__(self, colour: bool, width: int = 100) -> None:
        self.colour = colour
        self.width = max(width, 60)

    def paint(self, text: str, code: str) -> str:
        """``text`` in an SGR colour, if there is colour."""
        return f"\x1b[{code}m{text}{RESET}" if self.colour and text else text

    def lines(self, page: Explained) -> Iterator[str]:
        """The whole page."""
        yield self.paint(f"{page.title} block {page.block}: {_kind_name(page.kind)}", "1")
        width = max(len(name) for name, _value in page.facts)
        for name, value in page.facts:
            yield f"  {name:<{width}}  {value}"
        for problem in page.problems:
            yield self.paint(f"  problem: {problem}", "1;31")
        yield ""
        yield from self.map(page)
        previous = None
        for section in page.sections:
            if not (previous is section.role is Role.LINE_POINTER):
                yield ""
            previous = section.role
            yield from self.section(page, section)

    def map(self, page: Explained) -> Iterator[str]:
        """The page in cells of 32 bytes."""
        cells: list[tuple[int, str, str]] = [(0, " ", "0")] * (BLCKSZ // CELL)
        for section in page.sections:
            letter, code = self._style(section)
            stop = section.offset + section.size
            for cell in range(section.offset // CELL, (stop - 1) // CELL + 1):
                start, end = cell * CELL, (cell + 1) * CELL
                inside = min(end, stop) - max(start, section.offset)
                if inside > cells[cell][0]:
                    cells[cell] = (inside, letter, code)
        for row in range(0, len(cells), ROW):
            shown = "".join(self.paint(c[1], c[2]) for c in cells[row : row + ROW])
            yield f"  {row * CELL:>5} {shown}"
        yield self.paint(f"        {LEGEND}", "2")

    def _style(self, section: Section) -> tuple[str, str]:
        if section.role is Role.TUPLE and (section.item or 0) % 2 == 0:
            return OTHER_TUPLE
        return STYLE[section.role]

    def section(self, page: Explained, section: Section) -> Iterator[str]:
        """A heading and the fields."""
        _letter, code = self._style(section)
        end = section.offset + section.size
        head = f"[{section.offset}, {end}) {self.paint(section.name, '1;' + code)}"
        if section.role is Role.LINE_POINTER:
            head += "  " + page.data[section.offset : end].hex(" ", -2)
        yield head + (f"  {self._short(section.note)}" if section.note else "")
        if section.role in (Role.HOLE, Role.UNUSED, Role.LINE_POINTER):
            return
        for leaf in section.fields:
            raw = page.data[leaf.offset : leaf.offset + min(leaf.size, RAW_BYTES)].hex(" ", -2)
            more = f" +{leaf.size - RAW_BYTES}" if leaf.size > RAW_BYTES else ""
            line = f"  {leaf.offset:>5}  {raw + more:<20}  {leaf.name} = {self._short(leaf.value)}"
            if leaf.doc and len(line) + len(leaf.doc) + 4 <= self.width:
                yield f"{line}  {self.paint('— ' + leaf.doc, '2')}"
            else:
                yield line
                for part in textwrap.wrap(leaf.doc, self.width - 32):
                    yield " " * 31 + self.paint(part, "2")
            for name, text in leaf.details:
                yield " " * 31 + self.paint(f"{name}: {text}" if text else name, "2")

    def _short(self, text: str) -> str:
        return text if len(text) <= self.width * 2 else text[: self.width * 2 - 1] + "…"


def _kind_name(kind: str) -> str:
    return {"new": "new page", "fsm": "free space map page", "vm": "visibility map page"}.get(
        kind, f"{kind} page"
    )
