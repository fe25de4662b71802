"""Whole pages: which kind a page is, and its bytes ↔ its decoded pieces.

:func:`parse_page` takes the 8 kB of any page of a relation file apart, :func:`build_page`
puts them together again with the very same bytes. The kinds are one table; where the
kind is not known, :func:`detect` tells it from the bytes: by the size of the special
space and the page id in its last two bytes, the way each access method marks its pages.
A heap page and a page of a free space map or visibility map look alike from their
headers; there the fork in the file's name decides.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from construct import Bytes, ConstructError, Container, ListContainer, Struct

from formats import brin, fsm, gin, gist, hash, heap, nbtree, sequence, spgist, vm
from formats.derive import sizeof
from formats.errors import CorruptData, UserError
from formats.layout import (
    Item,
    PageView,
    Piece,
    Problems,
    Role,
    contents_piece,
    cover,
    header_piece,
    line_pointer_page,
    raw,
    refuse,
    special_piece,
)
from formats.units import BLCKSZ


def _sequence(view: PageView, problems: Problems) -> Iterator[Piece]:
    yield special_piece(view, "sequence_magic", sequence.SequenceSpecial)
    yield from line_pointer_page(view, _sequence_tuple, problems)


def _sequence_tuple(view: PageView, item: Item) -> list[Piece]:
    return heap.tuple_layout(view, item, sequence.FormData)


def _fsm(view: PageView, problems: Problems) -> Iterator[Piece]:
    yield header_piece()
    yield contents_piece("FSMPage", _FSM_CONTENTS)


def _vm(view: PageView, problems: Problems) -> Iterator[Piece]:
    yield header_piece()
    yield contents_piece("visibility map", _VM_CONTENTS)


def _new(view: PageView, problems: Problems) -> Iterator[Piece]:
    yield Piece("never initialised", Role.UNUSED, 0, raw(BLCKSZ))


#: The maps' pages without the header, which is a piece of its own.
_FSM_CONTENTS = Struct(*fsm.FSMPage.subcons[1:])
_VM_CONTENTS = Struct(*vm.VMPage.subcons[1:])

Layout = Callable[[PageView, Problems], Iterator[Piece]]

#: kind → layout. ``new`` is a page that was never initialised, all zero as a rule.
KINDS: dict[str, Layout] = {
    "heap": heap.layout,
    "sequence": _sequence,
    "btree": nbtree.layout,
    "hash": hash.layout,
    "gist": gist.layout,
    "gin": gin.layout,
    "spgist": spgist.layout,
    "brin": brin.layout,
    "fsm": _fsm,
    "vm": _vm,
    "new": _new,
}

#: Last half-word of a page → kind, for the access methods that mark their pages so.
PAGE_IDS = {
    hash.HASHO_PAGE_ID: "hash",
    gist.GIST_PAGE_ID: "gist",
    spgist.SPGIST_PAGE_ID: "spgist",
    **{int(t): "brin" for t in brin.BrinPageType},
}
FORK_KINDS = {"fsm": "fsm", "vm": "vm"}


def detect(data: bytes, fork: str = "") -> str:
    """The kind of a page; CorruptData where nothing fits.

    ``fork`` is the suffix of the file's name (``fsm``, ``vm``, ``init`` or empty).
    """
    view = PageView(data)
    if view.is_new:
        return "new"
    if fork in FORK_KINDS:
        return FORK_KINDS[fork]
    size = view.special_size
    if size == 0:
        return "heap"
    last = int.from_bytes(data[-2:], "little")
    if size == sizeof(nbtree.BTPageOpaqueData):
        if last <= nbtree.MAX_BT_CYCLE_ID:
            return "btree"
        kind = PAGE_IDS.get(last)
        if kind in ("hash", "gist"):
            return kind
    elif size == sizeof(gin.GinPageOpaqueData):
        kind = PAGE_IDS.get(last)
        if kind in ("spgist", "brin"):
            return kind
        if _is_sequence(view):
            return "sequence"
        if last <= 0xFF:
            return "gin"
    raise CorruptData(
        f"no kind of page has a special space of {size} bytes that ends with 0x{last:04X}",
        offset=view.special,
        field="pd_special",
    )


def _is_sequence(view: PageView) -> bool:
    """One heap tuple and the magic word; GIN pages never have a tuple of unaligned length."""
    magic = struct.unpack_from("<I", view.data, view.special)[0]
    return bool(magic == sequence.SEQ_MAGIC and len(view.items) == 1 and view.items[0].length % 8)


def pieces(data: bytes, kind: str | None = None, problems: Problems = refuse) -> list[Piece]:
    """The declared structures of a page in byte order, covering it exactly.

    ``problems`` is called with each contradiction in the bytes; the default raises it.
    What is contradictory is covered by raw pieces if ``problems`` returns.
    """
    kind = detect(data) if kind is None else kind
    if kind not in KINDS:
        raise UserError(f'unknown kind of page "{kind}"')
    view = PageView(data)
    found: list[Piece] = []
    try:
        for piece in KINDS[kind](view, problems):
            found.append(piece)
    except CorruptData as error:
        problems(error)
        if not found or found[0].offset:
            found.insert(0, header_piece())
    return cover(view, found, problems)


def parse_page(data: bytes, kind: str | None = None) -> Container:
    """A page decoded: ``kind`` and ``parts``, each with its ``piece`` and ``value``.

    CorruptData where the bytes contradict the kind's format.
    """
    kind = detect(data) if kind is None else kind
    parts = ListContainer()
    for piece in pieces(data, kind):
        body = data[piece.offset : piece.end]
        try:
            value = body if isinstance(piece.con, Bytes) else piece.con.parse(body)
        except (ConstructError, ValueError, UnicodeDecodeError) as error:
            raise CorruptData(
                f"{piece.name}: {error}", offset=piece.offset, field=piece.name
            ) from error
        parts.append(Container(piece=piece, value=value))
    return Container(kind=kind, parts=parts)


def build_page(page: Container) -> bytes:
    """The bytes of a page that :func:`parse_page` decoded (and perhaps was then changed)."""
    out = b"".join(part.piece.con.build(part.value) for part in page.parts)
    assert len(out) == BLCKSZ
    return out
