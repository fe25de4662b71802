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

from construct import Array, Bytes, ConstructError, Container, ListContainer, Struct

from formats import brin, gin, gist, hash, heap, nbtree, spgist
from formats.derive import sizeof
from formats.errors import CorruptData, UserError
from formats.layout import (
    PageView,
    Piece,
    Problems,
    Role,
    contents_piece,
    cover,
    header_piece,
    line_pointer_page,
    refuse,
    special_piece,
)
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BLCKSZ, Raw, int32, uint8, uint32

SEQ_MAGIC = 0x1717
SequenceSpecial = Struct(
    "magic" / uint32 * "0x1717: a sequence",
    "padding" / Raw(4) * "alignment",
)
FSMPageData = Struct(
    "fp_next_slot" / int32 * "the slot at which the next search begins",
    "fp_nodes" / Array(BLCKSZ - SIZE_OF_PAGE_HEADER - 4, uint8)
    * "binary tree: each node holds the greater of its two children",
)  # fmt: skip
VMPageData = Struct(
    "map" / Array(BLCKSZ - SIZE_OF_PAGE_HEADER, uint8)
    * "two bits for each heap block, lowest first: all visible, all frozen",
)  # fmt: skip


def _sequence(view: PageView, problems: Problems) -> Iterator[Piece]:
    yield special_piece(view, "sequence_magic", SequenceSpecial)
    yield from line_pointer_page(view, heap.tuple_layout, problems)


def _fsm(view: PageView, problems: Problems) -> Iterator[Piece]:
    yield header_piece()
    yield contents_piece("FSMPageData", FSMPageData)


def _vm(view: PageView, problems: Problems) -> Iterator[Piece]:
    yield header_piece()
    yield contents_piece("visibility map", VMPageData)


def _new(view: PageView, problems: Problems) -> Iterator[Piece]:
    yield Piece("never initialised", Role.UNUSED, 0, Raw(BLCKSZ))


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
    return bool(magic == SEQ_MAGIC and len(view.items) == 1 and view.items[0].length % 8)


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
