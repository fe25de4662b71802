"""The annotated page: every byte of it under a name, from the declarations' own words.

:func:`explain` takes a page apart into sections (a header, a line pointer, a tuple's
header, …), each with its fields: offset, raw bytes, value, and the line of documentation
that stands beside the field's declaration in ``formats``. What contradicts the format is
listed and the rest is shown all the same, so that a damaged page can be looked at.
``pagemap`` and ``html`` print what is found here.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from formats import deform, heap, nbtree
from formats.annotate import Leaf, leaves, raw_text
from formats.errors import CorruptData, PgtoolError
from formats.gist import GistFlags
from formats.itup import checked_header
from formats.layout import Piece, Role
from formats.page import LpFlags
from formats.pages import detect, pieces
from formats.units import BLCKSZ
from formats.varlena import VarattForm, read_toast_pointer, read_varlena
from pgtool.inspect.gist import opaque_of
from pgtool.inspect.mapnotes import map_leaf
from pgtool.inspect.rawpage import PAGE_VERSION_MASK, RawPage
from pgtool.inspect.source import Source
from pgtool.inspect.typed import Shape, index_spans, payload
from pgtool.storage.checksum import page_checksum


@dataclass(frozen=True)
class Section:
    """A run of bytes with a name, and its fields."""

    name: str
    role: Role
    offset: int
    size: int
    item: int | None
    note: str
    fields: tuple[Leaf, ...]


@dataclass
class Explained:
    """A page, annotated. ``facts`` are the things one wants to know first."""

    title: str
    block: int
    kind: str
    data: bytes
    sections: list[Section]
    facts: list[tuple[str, str]]
    problems: list[CorruptData] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON output."""
        return {
            "block": self.block,
            "kind": self.kind,
            "facts": dict(self.facts),
            "problems": [str(problem) for problem in self.problems],
            "sections": [
                {
                    "name": s.name, "role": s.role.value, "offset": s.offset, "size": s.size,
                    "item": s.item, "note": s.note,
                    "fields": [
                        {
                            "name": f.name, "offset": f.offset, "size": f.size,
                            "raw": self.data[f.offset : f.offset + f.size].hex(),
                            "value": f.value, "doc": f.doc,
                            "details": [list(d) for d in f.details],
                        }
                        for f in s.fields
                    ],
                }
                for s in self.sections
            ],
        }  # fmt: skip


def explain(
    data: bytes,
    *,
    title: str = "",
    block: int = 0,
    fork: str = "",
    kind: str | None = None,
    attributes: Sequence[deform.Attribute] | None = None,
    shape: Shape | None = None,
    checksums: bool | None = None,
) -> Explained:
    """Annotate one page.

    ``kind`` overrides what the bytes say; ``attributes`` splits tuples, ``shape`` also
    prints the values.
    """
    problems: list[CorruptData] = []
    page = RawPage(data, block)
    if kind is None:
        try:
            kind = detect(data, fork)
        except CorruptData as error:
            problems.append(error)
            kind = "heap"
    found = pieces(data, kind, problems.append)
    sections = []
    for piece in found:
        spans = None
        if attributes is not None and piece.name.endswith(_SPLIT.get(kind, "-")):
            spans = _spans(page, kind, piece, attributes, shape, problems)
        if spans is not None:
            sections.append(_split(data, piece, attributes or (), shape, spans))
        else:
            body = data[piece.offset : piece.end]
            found_leaves = leaves(piece.con, body, piece.offset)
            named = tuple(map_leaf(kind, block, leaf, data) for leaf in found_leaves)
            sections.append(_section(piece, named))
    return Explained(
        title, block, kind, data, sections, _facts(page, kind, found, checksums), problems
    )


def explain_block(source: Source, block: int, kind: str | None = None) -> Explained:
    """Annotate one block of a source."""
    shape = None
    if source.shape is not None:
        with contextlib.suppress(PgtoolError):  # what the catalogs cannot tell is not shown
            shape = source.shape()
    return explain(
        source.read(block), title=source.name, block=source.base + block, fork=source.fork,
        kind=kind, attributes=source.attributes, checksums=source.checksums,
        shape=shape,
    )  # fmt: skip


def _section(piece: Piece, fields: tuple[Leaf, ...]) -> Section:
    note = piece.note
    if not note and len(fields) == 1 and not fields[0].name:
        note = fields[0].value
    return Section(
        piece.name, piece.role, piece.offset, piece.size, piece.item, note,
        tuple(f if f.name else f._replace(name=piece.name.rpartition(": ")[2]) for f in fields),
    )  # fmt: skip


#: kind → the pieces that attributes lie in.
_SPLIT = {"heap": ": attributes", "btree": ": key", "gist": ": key"}


def _spans(
    page: RawPage, kind: str, piece: Piece, attributes: Sequence[deform.Attribute],
    shape: Shape | None, problems: list[CorruptData],
) -> list[tuple[int, int] | None] | None:  # fmt: skip
    """Where the attributes of a tuple lie; None where that cannot be told."""
    item = page.items[(piece.item or 1) - 1]
    try:
        if kind == "heap":
            return _heap_spans(page.data, item.offset, piece, attributes)
        head = checked_header(page, item)
        width = len(attributes)
        if kind == "btree" and nbtree.is_pivot(head.t_info, head.t_tid_ip_posid):
            width = nbtree.pivot_natts(head.t_tid_ip_posid)
        elif kind == "gist" and not opaque_of(page).flags & GistFlags.F_LEAF:
            width = shape.nkeys if shape is not None else width
        return index_spans(page, item, list(attributes[:width]))
    except CorruptData as error:
        problems.append(error)
        return None


def _heap_spans(
    data: bytes, start: int, piece: Piece, attributes: Sequence[deform.Attribute]
) -> list[tuple[int, int] | None]:
    head = heap.read_header(data, start)
    stored = heap.natts(head.t_infomask2)
    nulls: list[bool] = []
    if head.t_infomask & heap.HeapInfomask.HEAP_HASNULL:
        at = start + heap.SIZEOF_HEAP_TUPLE_HEADER
        nulls = heap.null_flags(data[at : at + heap.bitmap_length(stored)], stored)
    return deform.spans(data, piece.offset, piece.end, attributes[:stored], nulls)


def _split(
    data: bytes, piece: Piece, attributes: Sequence[deform.Attribute], shape: Shape | None,
    spans: list[tuple[int, int] | None],
) -> Section:  # fmt: skip
    """A tuple's attributes, one field each."""
    out: list[Leaf] = []
    at = piece.offset
    for number, (attribute, span) in enumerate(zip(attributes, spans)):
        if span is None or span[1] > piece.end:
            continue
        if span[0] > at:
            out.append(Leaf("padding", at, span[0] - at, raw_text(data[at : span[0]]), "alignment"))
        at = span[1]
        value, doc = _value(attribute, data[slice(*span)], shape.out[number] if shape else None)
        out.append(Leaf(attribute.attname, span[0], span[1] - span[0], value, doc))
    if at < piece.end:
        out.append(Leaf("padding", at, piece.end - at, raw_text(data[at : piece.end]), ""))
    shown = ", ".join(leaf.value for leaf in out if leaf.name != "padding")
    return _section(piece._replace(note=shown), tuple(out))


def _value(
    attribute: deform.Attribute, data: bytes, output: Callable[[bytes], str] | None
) -> tuple[str, str]:
    """An attribute's value and how it is stored.

    Without the type: a varlena's payload, a number in decimal and hexadecimal.
    """
    text, doc = _stored_value(attribute, data)
    if output is not None:
        with contextlib.suppress(PgtoolError):
            text = output(payload(data, attribute.attlen))
    return text, doc


def _stored_value(attribute: deform.Attribute, data: bytes) -> tuple[str, str]:
    if attribute.attlen != deform.ATTLEN_VARLENA:
        if len(data) in (1, 2, 4, 8):
            number = int.from_bytes(data, "little", signed=True)
            return f"{number} (0x{number & (1 << 8 * len(data)) - 1:x})", ""
        return raw_text(data), ""
    value = read_varlena(data, 0)
    if value.form is VarattForm.EXTERNAL:
        pointer = read_toast_pointer(data, 0)
        return str(pointer), "stored in the TOAST table"
    if value.form is VarattForm.COMPRESSED:
        return raw_text(data[value.body :]), f"compressed, {value.rawsize} bytes when not"
    return raw_text(data[value.body :]), value.form.value


def _facts(
    page: RawPage, kind: str, found: Sequence[Piece], checksums: bool | None
) -> list[tuple[str, str]]:
    if page.is_new:
        return [("state", "never initialised")]
    head = page.header
    out = [("LSN", str(page.lsn)), ("checksum", _checksum_fact(page, checksums))]
    version = head.pd_pagesize_version & PAGE_VERSION_MASK
    out.append(("layout", f"version {version}, {page.page_size} bytes"))
    hole = sum(p.size for p in found if p.role is Role.HOLE)
    out.append(("free space", f"{hole} bytes ({hole * 100 // BLCKSZ} %)"))
    out.append(("special space", f"{page.special_size} bytes"))
    pointers = [p for p in found if p.role is Role.LINE_POINTER]
    if pointers:
        counts = Counter(LpFlags(item.flags).name for item in page.items)
        shown = ", ".join(f"{n} {name}" for name, n in counts.items())
        out.append(("line pointers", f"{len(pointers)}: {shown}"))
    unused = sum(p.size for p in found if p.role is Role.UNUSED)
    if unused:
        out.append(("unused bytes", str(unused)))
    return out


def _checksum_fact(page: RawPage, checksums: bool | None) -> str:
    stored = page.header.pd_checksum
    computed = page_checksum(page.data, page.block)
    if stored == computed:
        return f"{stored} (right)"
    if checksums is False or (checksums is None and stored == 0):
        return f"{stored} (not in use)"
    return f"{stored}, should be {computed}"
