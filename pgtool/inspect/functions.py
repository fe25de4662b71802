"""The table of pageinspect functions: name → columns by major, rows of one page.

Column names and their order are the extension's, as each major's own version declares
them. ``spgist_*`` are pgtool's own, for all majors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from formats.errors import CorruptData, Unsupported, UserError
from formats.version import ByMajor
from pgtool.inspect import brin, btree, common, gin, gist, hash, heap, spgist, typed
from pgtool.inspect.rawpage import RawPage, Row
from pgtool.inspect.source import Source

Columns = tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """One function: ``rows`` takes a page, ``columns`` names what it yields.

    ``one_block`` marks functions of the meta page, block 0.
    """

    name: str
    rows: Callable[[RawPage], Iterator[Row]]
    columns: ByMajor[Columns]
    doc: str
    one_block: bool = False

    def columns_of(self, major: int) -> Columns:
        """The columns in a major; Unsupported where its extension lacks the function."""
        if major not in self.columns:
            raise Unsupported(f"function {self.name} does not exist in PostgreSQL {major}")
        return self.columns[major]


def _cols(text: str, since: int = 14) -> ByMajor[Columns]:
    return ByMajor({since: tuple(text.split())})


_HEAP = "lp lp_off lp_flags lp_len t_xmin t_xmax t_field3 t_ctid t_infomask2 t_infomask t_hoff \
t_bits t_oid "
_STATS = "blkno type live_items dead_items avg_item_size page_size free_size btpo_prev btpo_next \
btpo_level btpo_flags"

_ALL = (
    Function("page_header", common.page_header,
             _cols("lsn checksum flags lower upper special pagesize version prune_xid"),
             "the header of any page"),
    Function("page_checksum", common.page_checksum, _cols("page_checksum"),
             "the checksum that the page should have"),
    Function("fsm_page_contents", common.fsm_page_contents, _cols("fsm_page_contents"),
             "the tree of a free space map page"),
    Function("heap_page_items", heap.heap_page_items, _cols(_HEAP + "t_data"),
             "line pointers and tuples of a heap page"),
    Function("heap_page_item_attrs", heap.heap_page_item_attrs, _cols(_HEAP + "t_attrs"),
             "the same with the tuples split into attributes"),
    Function("bt_metap", btree.bt_metap,
             _cols("magic version root level fastroot fastlevel last_cleanup_num_delpages "
                   "last_cleanup_num_tuples allequalimage"),
             "the meta page of a btree index", one_block=True),
    Function("bt_page_stats", btree.bt_page_stats, _cols(_STATS),
             "type, fill and links of a btree page"),
    Function("bt_multi_page_stats", btree.bt_page_stats, _cols(_STATS, since=16),
             "the same for a range of blocks"),
    Function("bt_page_items", btree.bt_page_items,
             _cols("itemoffset ctid itemlen nulls vars data dead htid tids"),
             "the index tuples of a btree page"),
    Function("brin_page_type", brin.brin_page_type, _cols("brin_page_type"),
             "meta, revmap or regular"),
    Function("brin_metapage_info", brin.brin_metapage_info,
             _cols("magic version pagesperrange lastrevmappage"),
             "the meta page of a BRIN index", one_block=True),
    Function("brin_revmap_data", brin.brin_revmap_data, _cols("pages"),
             "the TIDs of a BRIN range map page"),
    Function("brin_page_items", typed.brin_page_items,
             ByMajor({14: ("itemoffset", "blknum", "attnum", "allnulls", "hasnulls", "placeholder",
                           "value"),
                      16: ("itemoffset", "blknum", "attnum", "allnulls", "hasnulls", "placeholder",
                           "empty", "value")}),
             "the summaries of a BRIN page (needs --relation)"),
    Function("gin_metapage_info", gin.gin_metapage_info,
             _cols("pending_head pending_tail tail_free_size n_pending_pages n_pending_tuples "
                   "n_total_pages n_entry_pages n_data_pages n_entries version"),
             "the meta page of a GIN index", one_block=True),
    Function("gin_page_opaque_info", gin.gin_page_opaque_info, _cols("rightlink maxoff flags"),
             "the special space of a GIN page"),
    Function("gin_leafpage_items", gin.gin_leafpage_items, _cols("first_tid nbytes tids"),
             "the posting lists of a GIN posting tree leaf"),
    Function("gist_page_opaque_info", gist.gist_page_opaque_info,
             _cols("lsn nsn rightlink flags"), "the special space of a GiST page"),
    Function("gist_page_items_bytea", gist.gist_page_items_bytea,
             _cols("itemoffset ctid itemlen dead key_data"), "the index tuples of a GiST page"),
    Function("gist_page_items", typed.gist_page_items,
             _cols("itemoffset ctid itemlen dead keys"),
             "the same with the keys as text (needs --relation)"),
    Function("hash_page_type", hash.hash_page_type, _cols("hash_page_type"),
             "metapage, bucket, overflow, bitmap or unused"),
    Function("hash_page_stats", hash.hash_page_stats,
             _cols("live_items dead_items page_size free_size hasho_prevblkno hasho_nextblkno "
                   "hasho_bucket hasho_flag hasho_page_id"),
             "fill and links of a hash bucket or overflow page"),
    Function("hash_page_items", hash.hash_page_items, _cols("itemoffset ctid data"),
             "the index tuples of a hash bucket or overflow page"),
    Function("hash_bitmap_info", hash.hash_bitmap_info,
             _cols("bitmapblkno bitmapbit bitstatus"),
             "whether a hash overflow page is in use"),
    Function("hash_metapage_info", hash.hash_metapage_info,
             _cols("magic version ntuples ffactor bsize bmsize bmshift maxbucket highmask lowmask "
                   "ovflpoint firstfree nmaps procid spares mapp"),
             "the meta page of a hash index", one_block=True),
    Function("spgist_metapage_info", spgist.spgist_metapage_info,
             _cols("magic last_used_blocks last_used_free_space"),
             "the meta page of an SP-GiST index", one_block=True),
    Function("spgist_page_opaque_info", spgist.spgist_page_opaque_info,
             _cols("lsn flags n_redirection n_placeholder"),
             "the special space of an SP-GiST page"),
    Function("spgist_page_items", spgist.spgist_page_items,
             _cols("itemoffset kind state size pointer xid next_offset has_nulls n_nodes "
                   "all_the_same prefix data"),
             "the tuples of an SP-GiST page"),
    Function("spgist_page_nodes", spgist.spgist_page_nodes,
             _cols("itemoffset node child size label_is_null label"),
             "the nodes of the inner tuples of an SP-GiST page"),
)  # fmt: skip

FUNCTIONS: dict[str, Function] = {function.name: function for function in _ALL}

#: A function of two flag words, not of a page.
INFOMASK_FUNCTION = "heap_tuple_infomask_flags"
INFOMASK_COLUMNS: Columns = ("raw_flags", "combined_flags")


def listing(major: int) -> tuple[Columns, list[Row]]:
    """The functions of a major, for users: name, columns, what it is for."""
    known = [f for f in _ALL if major in f.columns]
    rows = [(f.name, ", ".join(f.columns[major]), f.doc) for f in known]
    flags = (INFOMASK_FUNCTION, ", ".join(INFOMASK_COLUMNS), "the flags of two infomasks by name")
    return ("function", "columns", "description"), sorted([*rows, flags])


def rows_of(
    function: Function, source: Source, block: int, notice: Callable[[str], None]
) -> Iterator[Row]:
    """A function's rows for one block; errors that the bytes cause say which block."""
    page = RawPage(
        source.read(block), source.base + block, source.major, attributes=source.attributes,
        shape=source.shape, detoast=source.detoast, fetch=source.read, notice=notice,
    )  # fmt: skip
    try:
        yield from function.rows(page)
    except CorruptData as error:
        raise error.at(file=source.name, block=source.base + block) from None


def find(name: str) -> Function:
    """The function of that name; UserError where there is none."""
    try:
        return FUNCTIONS[name]
    except KeyError:
        raise UserError(f'unknown function "{name}"') from None
