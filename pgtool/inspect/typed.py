"""Values by their types: what pages hold, once the catalogs say what it is.

:class:`Shape` describes a relation whose catalogs could be read: its attributes and how to
print each. For an index it adds what the functions that print keys need: the key columns
as the index's definition lists them, and for BRIN what each operator class stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from formats import brin, deform
from formats.brin import BrinPageType
from formats.derive import sizeof
from formats.errors import CorruptData, Unsupported, UserError
from formats.gist import GistFlags
from formats.heap import bitmap_length, null_flags
from formats.itup import (
    INDEX_ATTRIBUTE_BITMAP_SIZE,
    SIZEOF_INDEX_TUPLE,
    IndexInfo,
    checked_header,
    data_offset,
    tid_of,
    tuple_size,
)
from formats.layout import Item
from formats.page import LpFlags
from formats.varlena import (
    ToastPointer,
    VarattForm,
    read_toast_pointer,
    read_varlena,
)
from formats.version import ByMajor
from pgtool.inspect.brin import verify
from pgtool.inspect.gist import opaque_of
from pgtool.inspect.rawpage import PageError, RawPage
from pgtool.inspect.rawpage import Row as PageRow

if TYPE_CHECKING:
    from pgtool.catalog.database import Database
    from pgtool.catalog.lookups import CatalogLookups
    from pgtool.catalog.relation import Relation
    from pgtool.catalog.syscache import Row, SysCache
    from pgtool.types.registry import TypeRegistry

Output = Callable[[bytes], str]

PG_BRIN_BLOOM_SUMMARY = 4600
PG_BRIN_MINMAX_MULTI_SUMMARY = 4601
BOOLOID = 16
BRIN_PROCNUM_OPCINFO = 1
#: opcInfo function → the types it stores; None is the type of the column.
BRIN_STORED: dict[str, tuple[int | None, ...]] = {
    "brin_minmax_opcinfo": (None, None),
    "brin_inclusion_opcinfo": (None, BOOLOID, BOOLOID),
    "brin_bloom_opcinfo": (PG_BRIN_BLOOM_SUMMARY,),
    "brin_minmax_multi_opcinfo": (PG_BRIN_MINMAX_MULTI_SUMMARY,),
}
#: Whether brin_page_items has the column ``empty``.
_SHOWS_EMPTY = ByMajor({14: False, 16: True})
_QUOTED = frozenset('"\\(),')


@dataclass
class Shape:
    """A relation's attributes with their output functions; for an index its columns too."""

    name: str
    am: str
    attributes: list[deform.Attribute]
    out: list[Output]
    nkeys: int = 0
    columns: list[str] = field(default_factory=list)
    stored: list[list[tuple[deform.Attribute, Output]]] = field(default_factory=list)
    fetch: Callable[[ToastPointer], bytes] | None = None

    def detoasted(self, data: bytes, attlen: int) -> bytes:
        """A stored value without its header, fetched and decompressed where need be."""
        return payload(data, attlen, self.fetch)


def payload(
    data: bytes, attlen: int, fetch: Callable[[ToastPointer], bytes] | None = None
) -> bytes:
    """A stored value without its header, decompressed, as types take it.

    ``fetch`` gets values that are stored in the TOAST table; without it they are Unsupported.
    """
    if attlen == deform.ATTLEN_CSTRING:
        return data[:-1]
    if attlen != deform.ATTLEN_VARLENA:
        return data
    value = read_varlena(data, 0)
    if value.form is VarattForm.EXTERNAL:
        if fetch is None:
            raise Unsupported("the value is stored in the TOAST table")
        return fetch(read_toast_pointer(data, 0))
    if value.form is VarattForm.COMPRESSED:
        from pgtool.access.toast import inline_compressed

        return inline_compressed(data[: value.end])
    return data[value.body : value.end]


def shape_of(database: Database, relation: Relation) -> Shape:
    """What the catalogs say about a relation."""
    from pgtool.catalog.lookups import CatalogLookups
    from pgtool.catalog.settings import session_settings
    from pgtool.catalog.syscache import SysCache
    from pgtool.types.registry import TypeRegistry

    lookups = CatalogLookups(database)
    registry = TypeRegistry(session_settings(database), lookups)
    attributes = [deform.Attribute(a.attlen, a.attalign, a.attname) for a in relation.attributes]
    out = [_output(registry, a.atttypid) for a in relation.attributes]
    shape = Shape(relation.relname, "heap", attributes, out)
    shape.fetch = _fetcher(database, relation)
    if relation.relkind == "i":
        cache = SysCache(database)
        shape.am = _row(cache, "pg_am", "oid", relation.relam).amname
        index = _row(cache, "pg_index", "indexrelid", relation.oid)
        shape.nkeys = index.indnkeyatts
        shape.columns = list(_column_names(database, index))
        if shape.am == "brin":
            shape.stored = [
                _stored(cache, registry, lookups, opclass, attribute.atttypid)
                for opclass, attribute in zip(index.indclass, relation.attributes)
            ]
    return shape


def _fetcher(database: Database, relation: Relation) -> Callable[[ToastPointer], bytes] | None:
    if not relation.reltoastrelid:
        return None

    def fetch(pointer: ToastPointer) -> bytes:
        table = database.toast_table(relation)
        if table is None or table.oid != pointer.toastrelid:
            raise CorruptData(
                f"TOAST pointer to relation {pointer.toastrelid}", field="va_toastrelid"
            )
        (found,) = table.read([pointer])
        if isinstance(found, CorruptData):
            raise found
        return found

    return fetch


def _row(cache: SysCache, catalog: str, key: str | tuple[str, ...], value: Any) -> Row:
    found = cache.one(catalog, key, value)
    if found is None:
        raise CorruptData(f"{catalog} has no row with {key} = {value}", field=str(key))
    return found


def _output(registry: TypeRegistry, typid: int) -> Output:
    """The output function of a type; dropped attributes and unknown types say so when used."""

    def output(datum: bytes) -> str:
        from pgtool.types.strings import Hexed

        io = registry.io_of(typid)
        if type(io) is Hexed:
            raise Unsupported(f'output of type "{registry.info(typid).name}"')
        return io.output(datum)

    return output


def _column_names(database: Database, index: Row) -> Iterator[str]:
    from pgtool.types.names import quote_identifier

    table = database.relation(index.indrelid)
    for number in index.indkey:
        yield quote_identifier(table.attributes[number - 1].attname) if number > 0 else ""


def _stored(
    cache: SysCache, registry: TypeRegistry, lookups: CatalogLookups, opclass: int, typid: int
) -> list[tuple[deform.Attribute, Output]]:
    """What a BRIN operator class keeps for a column."""
    opc = _row(cache, "pg_opclass", "oid", opclass)
    key = (opc.opcfamily, opc.opcintype, opc.opcintype, BRIN_PROCNUM_OPCINFO)
    names = ("amprocfamily", "amproclefttype", "amprocrighttype", "amprocnum")
    proc = _row(cache, "pg_amproc", names, key)
    source = lookups.prosrc(proc.amproc)
    if source not in BRIN_STORED:
        raise Unsupported(f"BRIN operator class with {source}")
    out = []
    for stored in BRIN_STORED[source]:
        info = registry.info(typid if stored is None else stored)
        attribute = deform.Attribute(info.typlen, info.typalign, info.name)
        out.append((attribute, _output(registry, info.oid)))
    return out


def _shape(page: RawPage, am: str, title: str) -> Shape:
    if page.shape is None:
        raise UserError("this function needs the index's catalogs: use --relation")
    shape = page.shape()
    if shape.am != am:
        raise PageError(f'"{shape.name}" is not a {title} index')
    return shape


def index_spans(
    page: RawPage, item: Item, attributes: list[deform.Attribute]
) -> list[tuple[int, int] | None]:
    """Where the attributes of an index tuple lie, None for NULLs."""
    info = checked_header(page, item).t_info
    nulls: list[bool] = []
    if info & IndexInfo.INDEX_NULL_MASK:
        at = item.offset + SIZEOF_INDEX_TUPLE
        bitmap = page.data[at : at + INDEX_ATTRIBUTE_BITMAP_SIZE]
        nulls = null_flags(bitmap, len(attributes))
    start, end = item.offset + data_offset(info), item.offset + tuple_size(info)
    return deform.spans(page.data, start, end, attributes, nulls)


def gist_page_items(page: RawPage) -> Iterator[PageRow]:
    """The index tuples of a GiST page with their keys as text."""
    shape = _shape(page, "gist", "GiST")
    if page.is_new:
        return
    flags = opaque_of(page).flags
    width = len(shape.attributes) if flags & GistFlags.F_LEAF else shape.nkeys
    if flags & GistFlags.F_DELETED:
        page.notice("page is deleted")
        return
    if "" in shape.columns[:width]:
        raise Unsupported("an index column that is an expression")
    names = _included(shape.columns[:width], shape.nkeys)
    for item in page.items:
        head = checked_header(page, item)
        values = []
        for number, span in enumerate(index_spans(page, item, shape.attributes[:width])):
            value = "null"
            if span is not None:
                data = payload(page.data[slice(*span)], shape.attributes[number].attlen)
                value = shape.out[number](data)
            values.append(_quoted(value))
        keys = f"({names})=({_included(values, shape.nkeys)})"
        yield (
            item.number, str(tid_of(head)), tuple_size(head.t_info),
            item.flags == LpFlags.LP_DEAD, keys,
        )  # fmt: skip


def _included(parts: list[str], nkeys: int) -> str:
    keys, rest = ", ".join(parts[:nkeys]), ", ".join(parts[nkeys:])
    return f"{keys}) INCLUDE ({rest}" if rest else keys


def _quoted(value: str) -> str:
    if value and not any(c in _QUOTED or c.isspace() for c in value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '""') + '"'


def brin_page_items(page: RawPage) -> Iterator[PageRow]:
    """The summaries of a BRIN page: one row for each tuple and column."""
    shape = _shape(page, "brin", "BRIN")
    if page.is_new:
        return
    verify(page, BrinPageType.BRIN_PAGETYPE_REGULAR, "regular")
    for item in page.items:
        if item.flags == LpFlags.LP_UNUSED:
            rows: Iterable[PageRow] = [(item.number, *(None,) * 7)]
        else:
            rows = _brin_tuple(page, item, shape)
        for row in rows:
            yield row if _SHOWS_EMPTY[page.major] else (*row[:6], row[7])


def _brin_tuple(page: RawPage, item: Item, shape: Shape) -> Iterator[PageRow]:
    data = page.item_bytes(item)
    header = sizeof(brin.BrinTuple)
    if len(data) < header:
        raise CorruptData(f"tuple {item.number} is too short", offset=item.offset)
    head = brin.read_tuple(data, 0)
    columns = len(shape.stored)
    flags = [False] * (columns * 2)
    if brin.info(head.bt_info, "has_nulls"):
        bitmap = data[header : header + bitmap_length(columns * 2)]
        if len(bitmap) < bitmap_length(columns * 2):
            raise CorruptData(f"tuple {item.number} has no null bits", offset=item.offset)
        # Here a set bit means NULL, the other way round than in heap tuples.
        flags = [not null for null in null_flags(bitmap, columns * 2)]
    allnulls = flags[:columns]
    # Where all values are NULL, the extension does not look whether there are some.
    hasnulls = [some and not every for every, some in zip(allnulls, flags[columns:])]
    wanted = [s for c, s in zip(allnulls, shape.stored) if not c]
    start = brin.info(head.bt_info, "data_offset")
    spans = iter(deform.spans(data, start, len(data), [a for column in wanted for a, _o in column]))
    for number in range(columns):
        value = None
        if not allnulls[number]:
            texts = []
            for attribute, out in shape.stored[number]:
                span = next(spans)
                assert span is not None  # no null bitmap, so no nulls
                texts.append(out(payload(data[slice(*span)], attribute.attlen)))
            value = "{" + " .. ".join(texts) + "}"
        yield (
            item.number, head.bt_blkno, number + 1, allnulls[number], hasnulls[number],
            bool(brin.info(head.bt_info, "placeholder")),
            bool(brin.info(head.bt_info, "empty_range")), value,
        )  # fmt: skip
