"""Tables of a real server's directory, written through the heap access method."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.target import HeapTarget, ToastTarget
from pgtool.access.heap.tuple import Datum, deform_tuple, form_tuple
from pgtool.storage import page as bufpage
from pgtool.storage.smgr import RelFileLocator
from pgtool.transam.instance import Instance
from pgtool.transam.tqual import header_of
from pgtool.transam.xact import Xact
from tests.servers import Server


@dataclass(frozen=True)
class Column:
    """A row of pg_attribute."""

    attname: str
    attlen: int
    attalign: str
    attstorage: str
    attcompression: str
    attnum: int
    missing: bytes | None = None


def columns(server: Server, table: str) -> list[Column]:
    rows = server.psql(
        "SELECT attname, attlen, attalign, attstorage, attcompression, attnum FROM pg_attribute "
        f"WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
    )
    out = []
    for line in rows.splitlines():
        name, length, align, storage, compression, number = line.split("|")
        out.append(Column(name, int(length), align, storage, compression, int(number)))
    return out


def locator(server: Server, table: str) -> RelFileLocator:
    *_, db, rel = server.psql(f"SELECT pg_relation_filepath('{table}')").strip().split("/")
    return RelFileLocator(1663, int(db), int(rel))


def target(server: Server, table: str, **options: object) -> HeapTarget:
    """What our heap must know of a table, asked of the running server."""
    oid, kind, persistence, toast = server.psql(
        f"SELECT oid, relkind, relpersistence, reltoastrelid FROM pg_class "
        f"WHERE oid = '{table}'::regclass"
    ).strip().split("|")
    out = HeapTarget(int(oid), locator(server, table), columns(server, table), kind, persistence,
                     name=table, **options)  # type: ignore[arg-type]
    if toast != "0":
        name = server.psql(f"SELECT {toast}::regclass").strip()
        heap = target(server, name, is_toast=True)
        out.toast = ToastTarget(heap, lambda *_: None, lambda _value: [], lambda _value: False)
    return out


def scan(rel: HeapRelation, xact: Xact) -> Iterator[tuple[tuple[int, int], list[Datum]]]:
    """The visible rows, page by page, pruned on access as the server's scan does."""
    snapshot = xact.snapshot()
    for block in range(rel.nblocks):
        rel.prune(block, xact)
        with rel.pinned(block) as buffer:
            page, found = buffer.page, []
            for number, (state, at, length) in enumerate(bufpage.item_ids(page), 1):
                if state == 1:
                    h = header_of(page, at)
                    if snapshot.sees(h.infomask, h.xmin, h.xmax, h.field3):
                        found.append((number, bytes(page[at : at + length])))
        for number, tup in found:
            yield (block, number), deform_tuple(tup, rel.target.attrs)


def row(rel: HeapRelation, *values: object) -> bytes:
    """A tuple of ints (by the column's width), texts and NULLs."""
    datums: list[Datum] = []
    for attr, value in zip(rel.target.attrs, values):
        if isinstance(value, int):
            datums.append(struct.pack({2: "<h", 4: "<i", 8: "<q"}[attr.attlen], value))
        else:
            datums.append(value.encode() if isinstance(value, str) else value)  # type: ignore[arg-type]
    return form_tuple(rel.target.attrs, datums)


def session(instance: Instance, rel: HeapRelation) -> Xact:
    return instance.session(rel.where.db)
