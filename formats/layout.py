"""Pages as sequences of pieces: the machinery under whole-page decoding and ``--explain``.

Each kind of page has a *layout*: a function that yields :class:`Piece` objects, one for
each declared structure that it finds on the page, in any order. :func:`cover` puts them
into byte order and fills what lies between (the hole, alignment gaps, remains of removed
tuples) with raw pieces, so that the pieces cover the page exactly. Parsing is then
``piece.con.parse`` of each, building is ``piece.con.build`` of each, and the bytes of a
page come back identical whatever lies in its free space.

Here is what the kinds share: the checked header, the line pointers, the piece and the
cover. The kinds' own layouts stand beside their declarations.
"""

from __future__ import annotations

import enum
import itertools
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from typing import NamedTuple

from construct import Array, Construct

from formats.derive import reader, sizeof
from formats.errors import CorruptData
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ, Raw

_read_header = reader(PageHeaderData)
_LP = {name: (shift, (1 << width) - 1) for name, (shift, width) in ItemIdData.bits.items()}
_OFF, _FLAGS, _LEN = _LP["lp_off"], _LP["lp_flags"], _LP["lp_len"]
SIZE_OF_ITEM_ID = sizeof(ItemIdData)


class Role(enum.Enum):
    """What a piece of a page is, for colours and filters."""

    HEADER = "header"
    LINE_POINTER = "line pointer"
    TUPLE = "tuple"
    CONTENTS = "contents"
    SPECIAL = "special"
    HOLE = "hole"
    UNUSED = "unused"


class Piece(NamedTuple):
    """One declared structure at one place of a page.

    ``con`` has a fixed size. ``item`` is the line pointer number it belongs to, ``note``
    what the declaration alone cannot say about these bytes.
    """

    name: str
    role: Role
    offset: int
    con: Construct
    item: int | None = None
    note: str = ""

    @property
    def size(self) -> int:
        """Bytes of the piece."""
        return sizeof(self.con)

    @property
    def end(self) -> int:
        """Offset behind the piece."""
        return self.offset + sizeof(self.con)


@cache
def raw(length: int) -> Construct:
    """``Raw(length)``, one object for each length: sizes are cached by object."""
    return Raw(length)


@cache
def array(count: int, con: Construct) -> Construct:
    """``Array(count, con)``, one object for each count."""
    return Array(count, con)


class Item(NamedTuple):
    """One line pointer; ``number`` counts from 1."""

    number: int
    offset: int
    flags: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


class PageView:
    """The bytes of one page with its header and line pointers, read on demand.

    Only what reading needs is checked: that the line pointers and the special space lie
    on the page. ``item_bytes`` checks the tuple it is asked for.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) != BLCKSZ:
            raise CorruptData(f"a page has {BLCKSZ} bytes, this one {len(data)}", offset=len(data))
        self.data = data
        self.header = _read_header(data, 0)

    @property
    def is_new(self) -> bool:
        """PostgreSQL's PageIsNew: never initialised."""
        return bool(self.header.pd_upper == 0)

    @property
    def special(self) -> int:
        """Offset of the special space, checked."""
        special = int(self.header.pd_special)
        if not SIZE_OF_PAGE_HEADER <= special <= BLCKSZ:
            raise corrupt("pd_special", f"special space begins at {special}")
        return special

    @property
    def special_size(self) -> int:
        """Bytes of special space as the header has it; negative on a damaged page."""
        return BLCKSZ - int(self.header.pd_special)

    @cached_property
    def items(self) -> list[Item]:
        """The line pointers."""
        lower = int(self.header.pd_lower)
        if lower <= SIZE_OF_PAGE_HEADER:
            return []
        if lower > BLCKSZ:
            raise corrupt("pd_lower", f"line pointers end at {lower}")
        count = (lower - SIZE_OF_PAGE_HEADER) // SIZE_OF_ITEM_ID
        words = struct.unpack_from(f"<{count}I", self.data, SIZE_OF_PAGE_HEADER)
        return [
            Item(
                number,
                word >> _OFF[0] & _OFF[1],
                word >> _FLAGS[0] & _FLAGS[1],
                word >> _LEN[0] & _LEN[1],
            )
            for number, word in enumerate(words, 1)
        ]

    def item_bytes(self, item: Item) -> bytes:
        """The bytes that a line pointer points to; CorruptData where they are off the page."""
        if item.end > BLCKSZ or (item.length and item.offset < SIZE_OF_PAGE_HEADER):
            raise corrupt_item(item, f"points to [{item.offset}, {item.end})")
        return self.data[item.offset : item.end]


def corrupt(field: str, message: str) -> CorruptData:
    """CorruptData about a header field, with the field's offset."""
    from formats.derive import offset_of

    return CorruptData(message, offset=offset_of(PageHeaderData, field), field=field)


def corrupt_item(item: Item, message: str) -> CorruptData:
    """CorruptData about a line pointer, with the pointer's offset."""
    at = SIZE_OF_PAGE_HEADER + (item.number - 1) * SIZE_OF_ITEM_ID
    return CorruptData(
        f"line pointer {item.number} {message}", offset=at, field=f"lp[{item.number}]"
    )


Problems = Callable[[CorruptData], None]


def refuse(problem: CorruptData) -> None:
    """The strict way with problems: raise the first."""
    raise problem


def header_piece() -> Piece:
    """The page header."""
    return Piece("page header", Role.HEADER, 0, PageHeaderData)


def line_pointers(view: PageView) -> Iterator[Piece]:
    """A piece for each line pointer."""
    for item in view.items:
        at = SIZE_OF_PAGE_HEADER + (item.number - 1) * SIZE_OF_ITEM_ID
        note = LpFlags(item.flags).name
        if item.flags == LpFlags.LP_REDIRECT:
            note += f" to line pointer {item.offset}"
        elif item.length:
            note += f": {item.length} bytes at {item.offset}"
        yield Piece(
            f"line pointer {item.number}", Role.LINE_POINTER, at, ItemIdData, item.number, note
        )


TupleLayout = Callable[[PageView, Item], Iterable[Piece]]


def line_pointer_page(view: PageView, tuples: TupleLayout, problems: Problems) -> Iterator[Piece]:
    """Header, line pointers and the tuples that they point to."""
    yield header_piece()
    yield from line_pointers(view)
    for item in view.items:
        if item.flags == LpFlags.LP_REDIRECT or not item.length:
            continue
        try:
            view.item_bytes(item)
            yield from list(tuples(view, item))
        except CorruptData as error:
            problems(error)


class TupleWriter:
    """Collects the pieces of one tuple from front to back, within the tuple's end."""

    def __init__(self, item: Item, at: int | None = None, end: int | None = None) -> None:
        self.item = item
        self.at = item.offset if at is None else at
        self.end = item.end if end is None else end
        self.pieces: list[Piece] = []

    def add(self, name: str, con: Construct, note: str = "") -> None:
        """The structure that begins where the last one ended."""
        size = sizeof(con)
        if self.at + size > self.end:
            raise CorruptData(
                f"{name} of {size} bytes does not fit into tuple {self.item.number}",
                offset=self.at,
                field=name,
            )
        label = f"tuple {self.item.number}: {name}"
        self.pieces.append(Piece(label, Role.TUPLE, self.at, con, self.item.number, note))
        self.at += size

    def raw(self, name: str, upto: int, note: str = "") -> None:
        """Bytes up to an offset, if there are any."""
        if upto < self.at:
            raise CorruptData(
                f"{name} of tuple {self.item.number} ends at {upto}, before it begins",
                offset=self.at,
                field=name,
            )
        if upto > self.at:
            self.add(name, raw(upto - self.at), note)


def contents_piece(name: str, con: Construct, note: str = "") -> Piece:
    """The structure that follows the page header where there are no line pointers."""
    return Piece(name, Role.CONTENTS, SIZE_OF_PAGE_HEADER, con, None, note)


def special_piece(view: PageView, name: str, con: Construct) -> Piece:
    """The access method's special space; CorruptData where its size is another."""
    if view.special_size != sizeof(con):
        raise corrupt(
            "pd_special", f"special space of {view.special_size} bytes, expected {sizeof(con)}"
        )
    return Piece(name, Role.SPECIAL, view.special, con)


def cover(view: PageView, pieces: Iterable[Piece], problems: Problems) -> list[Piece]:
    """The pieces in byte order with every gap filled; a piece that overlaps is a problem."""
    out: list[Piece] = []
    at = 0
    for piece in sorted(pieces, key=lambda p: (p.offset, p.size)):
        if piece.offset < at or piece.end > BLCKSZ:
            what = "overlaps what lies before it" if piece.offset < at else "ends beyond the page"
            problems(CorruptData(f"{piece.name} {what}", offset=piece.offset, field=piece.name))
            continue
        out += _fill(view, at, piece.offset)
        out.append(piece)
        at = piece.end
    out += _fill(view, at, BLCKSZ)
    return out


def _fill(view: PageView, start: int, end: int) -> Iterator[Piece]:
    lower, upper = int(view.header.pd_lower), int(view.header.pd_upper)
    cuts = sorted({start, end, *(c for c in (lower, upper) if start < c < end)})
    for first, last in itertools.pairwise(cuts):
        hole = lower <= first and last <= upper
        name, role = ("free space", Role.HOLE) if hole else ("unused", Role.UNUSED)
        yield Piece(name, role, first, raw(last - first))
