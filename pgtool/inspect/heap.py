"""heap_page_items, heap_page_item_attrs and heap_tuple_infomask_flags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from formats import deform, heap
from formats.derive import sizeof
from formats.errors import CorruptData, UserError
from formats.heap import HeapInfomask, HeapInfomask2
from formats.itemptr import pointer_in
from formats.layout import Item
from formats.units import BLCKSZ, Oid, maxalign
from pgtool.inspect.rawpage import RawPage, Row, int4

_MIN_TUPLE = maxalign(heap.SIZEOF_HEAP_TUPLE_HEADER)
_T_OID_SIZE = sizeof(Oid)
_NO_TUPLE: Row = (None,) * 10


def heap_page_items(page: RawPage) -> Iterator[Row]:
    """Line pointers and tuple headers; what does not look like a tuple is shown as NULLs."""
    for item in page.items:
        yield (item.number, item.offset, item.flags, item.length, *_tuple(page, item))


def _tuple(page: RawPage, item: Item) -> Row:
    aligned = item.offset == maxalign(item.offset)
    if item.length < _MIN_TUPLE or not aligned or item.end > BLCKSZ:
        return _NO_TUPLE
    head = heap.read_header(page.data, item.offset)
    ctid = str(pointer_in(head, "t_ctid"))
    shown = (
        head.t_xmin, head.t_xmax, int4(head.t_field3), ctid, head.t_infomask2,
        head.t_infomask, head.t_hoff,
    )  # fmt: skip
    hoff = head.t_hoff
    if not heap.SIZEOF_HEAP_TUPLE_HEADER <= hoff <= item.length or hoff != maxalign(hoff):
        return (*shown, None, None, None)
    bits = oid = None
    start = item.offset + heap.SIZEOF_HEAP_TUPLE_HEADER
    data = item.offset + hoff
    if head.t_infomask & HeapInfomask.HEAP_HASNULL:
        length = heap.bitmap_length(heap.natts(head.t_infomask2))
        if start + length <= data:
            bits = heap.bitmap_text(page.data[start : start + length])
    if head.t_infomask & HeapInfomask.HEAP_HASOID_OLD:
        oid = int.from_bytes(page.data[data - _T_OID_SIZE : data], "little")
    return (*shown, bits, oid, page.data[data : item.end])


def heap_page_item_attrs(page: RawPage) -> Iterator[Row]:
    """heap_page_items with t_data split into its attributes."""
    if page.attributes is None:
        raise UserError("heap_page_item_attrs needs the attributes of the relation")
    for row in heap_page_items(page):
        *shown, data = row
        if data is not None:
            data = tuple_data_split(data, row[9], row[8], row[11], page.attributes)
            data = _detoasted(page, data) if page.detoast else data
        yield (*shown, data)


def _detoasted(page: RawPage, values: list[bytes | None]) -> list[bytes | None]:
    if page.shape is None:
        raise UserError("values can be fetched only with the catalogs: use --relation")
    shape = page.shape()
    return [
        None if value is None else shape.detoasted(value, attribute.attlen)
        for value, attribute in zip(values, shape.attributes)
    ]


def tuple_data_split(
    data: bytes,
    infomask: int,
    infomask2: int,
    t_bits: str | None,
    attributes: Sequence[deform.Attribute],
) -> list[bytes | None]:
    """The attributes' bytes, headers included; NULL for those that the tuple lacks."""
    stored = heap.natts(infomask2)
    if stored > len(attributes):
        raise CorruptData(
            "number of attributes in tuple header is greater than number of attributes in "
            "tuple descriptor",
            field="t_infomask2",
        )
    nulls: list[bool] = []
    if infomask & HeapInfomask.HEAP_HASNULL:
        if t_bits is None:
            raise CorruptData("t_bits string must not be NULL", field="t_bits")
        nulls = [bit == "0" for bit in t_bits[:stored]]
    try:
        found = deform.spans(data, 0, len(data), attributes[:stored], nulls)
    except CorruptData as error:
        raise CorruptData(
            "unexpected end of tuple data", offset=error.offset, field=error.field
        ) from error
    end = max((span[1] for span in found if span), default=0)
    if end != len(data):
        raise CorruptData(
            "end of tuple reached without looking at all its data", offset=end, field="t_data"
        )
    split = [None if span is None else data[slice(*span)] for span in found]
    return split + [None] * (len(attributes) - stored)


def heap_tuple_infomask_flags(t_infomask: int, t_infomask2: int) -> Row:
    """The names of the flags, and of the combinations that have a meaning of their own."""
    raw = [flag.name for flag in HeapInfomask if t_infomask & flag]
    raw += [flag.name for flag in HeapInfomask2 if t_infomask2 & flag]
    combined = [name for name, bits in heap.COMBINED_INFOMASK if t_infomask & bits == bits]
    return raw, combined
