# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""Replay of the frequent heap records in the compiled loop; :mod:`.xlog` has all of them.

A function answers True, or False where the record is for the plain redo functions, which
then do it from the start: see :mod:`pgtool.access.replay`.

A hot loop: ``replay.pxd`` gives the C types.
"""

from __future__ import annotations

from formats.derive import offset_of, sizeof
from formats.heap import (
    HEAP_LOCK_MASK,
    SIZEOF_HEAP_TUPLE_HEADER,
    HeapInfomask,
    HeapInfomask2,
    HeapTupleHeaderData,
)
from formats.page import PageFlags
from formats.units import BLCKSZ, uint16
from formats.vm import BITS_PER_HEAPBLOCK, VisibilityMapBits
from formats.wal import heap as layout
from formats.wal import heap2 as layout2
from formats.wal.tuples import xl_heap_header
from pgtool.access.heap.pageops import masks_of
from pgtool.access.heap.tupleedit import (
    change_lines,
    freeze_tuples,
    mark,
    set_cmax,
    set_ctid,
    set_map_bits,
    set_prunable,
    settle_lines,
)
from pgtool.access.replaypages import ReplayPages
from pgtool.storage.pageedit import (
    add_item,
    copy,
    count_items,
    free_space,
    heap_free_space,
    init,
    item_length,
    normal_item,
    put16,
    put32,
    set_flag,
    u16,
    u32,
    zero,
)
from pgtool.wal.opcodes import BLOCK_SLOTS, Page, Slot

SLOTS, ID, FLAGS, DATA_LEN, DATA_AT, BLKNO = (
    BLOCK_SLOTS, int(Slot.ID), int(Slot.FLAGS), int(Slot.DATA_LEN), int(Slot.DATA_AT),
    int(Slot.BLKNO),
)  # fmt: skip
NEEDS_REDO = int(Page.NEEDS_REDO)
PAGE, LOW_SPACE = BLCKSZ, BLCKSZ // 5
U16 = sizeof(uint16)


def _places(struct, *names):
    return [*(offset_of(struct, name) for name in names), sizeof(struct)]


INS_OFF, INS_FLAGS, INS_SIZE = _places(layout.xl_heap_insert, "offnum", "flags")
DEL_XMAX, DEL_OFF, DEL_BITS, DEL_FLAGS, DEL_SIZE = _places(
    layout.xl_heap_delete, "xmax", "offnum", "infobits_set", "flags"
)
UPD_XMAX, UPD_OFF, UPD_BITS, UPD_FLAGS, UPD_NEW_XMAX, UPD_NEW_OFF, UPD_SIZE = _places(
    layout.xl_heap_update,
    "old_xmax", "old_offnum", "old_infobits_set", "flags", "new_xmax", "new_offnum",
)  # fmt: skip
LCK_XMAX, LCK_OFF, LCK_BITS, LCK_FLAGS, LCK_SIZE = _places(
    layout.xl_heap_lock, "xmax", "offnum", "infobits_set", "flags"
)
MUL_FLAGS, MUL_COUNT, MUL_SIZE = _places(layout2.xl_heap_multi_insert, "flags", "ntuples")
MT_LEN, MT_HEADER, MT_SIZE = _places(layout2.xl_multi_insert_tuple, "datalen", "t_infomask2")
VIS_FLAGS, VIS_SIZE = _places(layout2.xl_heap_visible, "flags")
PRU_FLAGS, PRU_SIZE = _places(layout2.xl_heap_prune[17], "flags")
OLD_REDIRECTED, OLD_DEAD, OLD_SIZE = _places(layout2.xl_heap_prune[14], "nredirected", "ndead")
VAC_UNUSED, VAC_SIZE = _places(layout2.xl_heap_vacuum, "nunused")
PLANS, PLANS_SIZE = _places(layout2.xlhp_freeze_plans_header, "nplans")
PLAN_XMAX, PLAN_MASK2, PLAN_MASK, PLAN_FLAGS, PLAN_TUPLES, PLAN_SIZE = _places(
    layout2.xlhp_freeze_plan, "xmax", "t_infomask2", "t_infomask", "frzflags", "ntuples"
)
HH_MASK2, HH_MASK, HH_HOFF, HH_SIZE = _places(
    xl_heap_header, "t_infomask2", "t_infomask", "t_hoff"
)
XMIN, XMAX, MASK2, MASK, HOFF, _SIZE = _places(
    HeapTupleHeaderData, "t_xmin", "t_xmax", "t_infomask2", "t_infomask", "t_hoff"
)
TUPLE_HEADER = SIZEOF_HEAP_TUPLE_HEADER

_I, _D, _U, _P = layout.InsertFlags, layout.DeleteFlags, layout.UpdateFlags, layout2.PruneFlags
INIT_PAGE = layout.XLOG_HEAP_INIT_PAGE
INSERT_CLEARED = int(_I.XLH_INSERT_ALL_VISIBLE_CLEARED)
INSERT_FROZEN = int(_I.XLH_INSERT_ALL_FROZEN_SET)
DELETE_CLEARED = int(_D.XLH_DELETE_ALL_VISIBLE_CLEARED)
DELETE_RARE = int(_D.XLH_DELETE_IS_SUPER | _D.XLH_DELETE_IS_PARTITION_MOVE)
OLD_CLEARED = int(_U.XLH_UPDATE_OLD_ALL_VISIBLE_CLEARED)
NEW_CLEARED = int(_U.XLH_UPDATE_NEW_ALL_VISIBLE_CLEARED)
PREFIX, SUFFIX = int(_U.XLH_UPDATE_PREFIX_FROM_OLD), int(_U.XLH_UPDATE_SUFFIX_FROM_OLD)
LOCK_CLEARED = int(layout.LockFlags.XLH_LOCK_ALL_FROZEN_CLEARED)
CLEANUP, HAS_PLANS = int(_P.XLHP_CLEANUP_LOCK), int(_P.XLHP_HAS_FREEZE_PLANS)
HAS_REDIRECTED, HAS_DEAD, HAS_UNUSED = (
    int(_P.XLHP_HAS_REDIRECTIONS), int(_P.XLHP_HAS_DEAD_ITEMS), int(_P.XLHP_HAS_NOW_UNUSED_ITEMS),
)  # fmt: skip
ALL_VISIBLE = int(PageFlags.PD_ALL_VISIBLE)
COMBOCID, HOT_UPDATED = int(HeapInfomask.HEAP_COMBOCID), int(HeapInfomask2.HEAP_HOT_UPDATED)
LOCK_ONLY, EXCLUSIVE = int(HeapInfomask.HEAP_XMAX_LOCK_ONLY), int(HeapInfomask.HEAP_XMAX_EXCL_LOCK)
MULTI_OR_LOCK = int(HeapInfomask.HEAP_XMAX_IS_MULTI) | HEAP_LOCK_MASK
MAP_BITS = (1 << BITS_PER_HEAPBLOCK) - 1
MAP_FROZEN = int(VisibilityMapBits.VISIBILITYMAP_ALL_FROZEN)


class HeapReplay(ReplayPages):
    """The functions of heap records."""

    def __init__(self, world, segment_size, valid_rmids):
        ReplayPages.__init__(self, world, segment_size, valid_rmids)
        self.truncates = world.truncates
        self.tup = bytearray(2 * PAGE)
        self.counts3 = list(bytes(3))
        self.bits_mask, self.bits_mask2 = list(bytes(32)), list(bytes(32))
        for bits in range(32):
            mask, mask2 = masks_of(bits)
            self.bits_mask[bits] = mask
            self.bits_mask2[bits] = mask2

    # -- one tuple -----------------------------------------------------------------------------

    def form(self, header, p, at, size, xmax):
        """Begin ``tup`` with a header from a record's short one; its t_hoff."""
        t = self.tup
        zero(t, 0, TUPLE_HEADER)
        put32(t, XMIN, self.xid)
        put32(t, XMAX, xmax)
        put16(t, MASK2, u16(p, header + HH_MASK2))
        put16(t, MASK, u16(p, header + HH_MASK) & ~COMBOCID)
        t[HOFF] = p[header + HH_HOFF]
        if size > 0:
            copy(t, TUPLE_HEADER, p, at, size)
        return p[header + HH_HOFF]

    def place(self, g, number, size, block):
        """Put ``tup`` on a page; False where it cannot stand there."""
        if number == 0 or count_items(g) + 1 < number:
            return False
        if add_item(g, number, self.tup, 0, size, True, True) <= 0:
            return False
        set_ctid(g, normal_item(g, number), block, number)
        return True

    def heap_insert(self, p):
        """A new tuple."""
        b = self.blocks
        main = self.main_at
        if self.main_len < INS_SIZE:
            return False
        flags = p[main + INS_FLAGS]
        begun = self.info & INIT_PAGE != 0
        if flags & INSERT_CLEARED and not self.clear_map(p, 0, -1, MAP_BITS):
            return False
        buffer = self.page(p, 0, begun)
        if buffer is None:
            return False
        if self.state != NEEDS_REDO:
            return True
        g = buffer.page
        if begun:
            init(g, 0)
        size = b[DATA_LEN] - HH_SIZE
        if size < 0 or size > PAGE:
            return False
        self.form(b[DATA_AT], p, b[DATA_AT] + HH_SIZE, size, 0)
        if not self.place(g, u16(p, main + INS_OFF), size + TUPLE_HEADER, b[BLKNO]):
            return False
        if flags & INSERT_FROZEN:
            set_flag(g, ALL_VISIBLE, True)
        if flags & INSERT_CLEARED:
            set_flag(g, ALL_VISIBLE, False)
        self.done(buffer)
        free = heap_free_space(g)
        if free < LOW_SPACE:
            self.note_space(0, free)
        return True

    def multi_insert(self, p):
        """Several new tuples of one page."""
        b = self.blocks
        main = self.main_at
        if self.main_len < MUL_SIZE:
            return False
        flags = p[main + MUL_FLAGS]
        count = u16(p, main + MUL_COUNT)
        begun = self.info & INIT_PAGE != 0
        if not begun and self.main_len < MUL_SIZE + U16 * count:
            return False
        if flags & INSERT_CLEARED and not self.clear_map(p, 0, -1, MAP_BITS):
            return False
        buffer = self.page(p, 0, begun)
        if buffer is None:
            return False
        if self.state != NEEDS_REDO:
            return True
        g = buffer.page
        if begun:
            init(g, 0)
        at = 0
        for i in range(count):
            at += at & 1
            if at + MT_SIZE > b[DATA_LEN]:
                return False
            start = b[DATA_AT] + at
            size = u16(p, start + MT_LEN)
            at += MT_SIZE + size
            if at > b[DATA_LEN] or size > PAGE:
                return False
            self.form(start + MT_HEADER, p, start + MT_SIZE, size, 0)
            number = i + 1 if begun else u16(p, main + MUL_SIZE + U16 * i)
            if not self.place(g, number, size + TUPLE_HEADER, b[BLKNO]):
                return False
        if flags & INSERT_FROZEN:
            set_flag(g, ALL_VISIBLE, True)
        if flags & INSERT_CLEARED:
            set_flag(g, ALL_VISIBLE, False)
        self.done(buffer)
        free = heap_free_space(g)
        if free < LOW_SPACE:
            self.note_space(0, free)
        return True

    def heap_delete(self, p):
        """A tuple gets its deleter."""
        main = self.main_at
        if self.main_len < DEL_SIZE:
            return False
        flags = p[main + DEL_FLAGS]
        if flags & DELETE_RARE:
            return False
        if flags & DELETE_CLEARED and not self.clear_map(p, 0, -1, MAP_BITS):
            return False
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        if self.state != NEEDS_REDO:
            return True
        g = buffer.page
        number = u16(p, main + DEL_OFF)
        at = normal_item(g, number)
        if at == 0:
            return False
        bits = p[main + DEL_BITS] & 31
        mark(g, at, u32(p, main + DEL_XMAX), self.bits_mask[bits], self.bits_mask2[bits], False)
        set_cmax(g, at, 0, False)
        set_ctid(g, at, self.blocks[BLKNO], number)
        set_prunable(g, self.xid)
        if flags & DELETE_CLEARED:
            set_flag(g, ALL_VISIBLE, False)
        self.done(buffer)
        return True

    def heap_update(self, p, hot):
        """The old version gets its updater and the place of the new one, which is put there."""
        b = self.blocks
        main = self.main_at
        if self.main_len < UPD_SIZE:
            return False
        flags = p[main + UPD_FLAGS]
        same = self.nblocks < 2 or b[SLOTS + ID] != 1
        old_slot = 0 if same else SLOTS
        if flags & (OLD_CLEARED | NEW_CLEARED):
            first = old_slot if flags & OLD_CLEARED else 0
            other = 0 if flags & NEW_CLEARED and not same else -1
            if not self.clear_map(p, first, other, MAP_BITS):
                return False
        old = self.page(p, 0 if same else 1, same and self.info & INIT_PAGE != 0)
        if old is None:
            return False
        old_needs = self.state == NEEDS_REDO
        g = old.page
        at = size = 0
        if old_needs:
            number = u16(p, main + UPD_OFF)
            at = normal_item(g, number)
            if at == 0:
                return False
            size = item_length(g, number)
            bits = p[main + UPD_BITS] & 31
            mark(g, at, u32(p, main + UPD_XMAX), self.bits_mask[bits], self.bits_mask2[bits], hot)
            set_cmax(g, at, 0, False)
            set_ctid(g, at, b[BLKNO], u16(p, main + UPD_NEW_OFF))
            set_prunable(g, self.xid)
            if flags & OLD_CLEARED:
                set_flag(g, ALL_VISIBLE, False)
            if not same:
                self.done(old)
        new = old
        if not same:
            begun = self.info & INIT_PAGE != 0
            new = self.page(p, 0, begun)
            if new is None:
                return False
            if begun and self.state == NEEDS_REDO:
                n = new.page
                init(n, 0)
        if self.state != NEEDS_REDO:
            return True
        size = self.new_version(p, flags, g, at, size)
        if size == 0:
            return False
        return self.put_version(p, new, size, flags, hot)

    def put_version(self, p, new, size, flags, hot):
        """The new version, in ``tup``, goes to its page."""
        g = new.page
        if not self.place(g, u16(p, self.main_at + UPD_NEW_OFF), size, self.blocks[BLKNO]):
            return False
        if flags & NEW_CLEARED:
            set_flag(g, ALL_VISIBLE, False)
        self.done(new)
        free = heap_free_space(g)
        if free < LOW_SPACE and not hot:
            self.note_space(0, free)
        return True

    def new_version(self, p, flags, g, old_at, old_size):
        """Make ``tup`` the new tuple; its size, 0 where its parts do not fit together.

        Attributes that equal the old version's (at ``old_at`` of ``g``) come from there.
        """
        b = self.blocks
        at = b[DATA_AT]
        end = at + b[DATA_LEN]
        prefix = suffix = 0
        if flags & PREFIX:
            prefix = u16(p, at)
            at += U16
        if flags & SUFFIX:
            suffix = u16(p, at)
            at += U16
        rest = end - at - HH_SIZE
        if rest < 0 or rest + prefix + suffix > PAGE:
            return 0
        start = at + HH_SIZE
        xmax = u32(p, self.main_at + UPD_NEW_XMAX)
        if prefix == 0 and suffix == 0:
            self.form(at, p, start, rest, xmax)
            return TUPLE_HEADER + rest
        longer = prefix if prefix > suffix else suffix
        if old_at == 0 or g[old_at + HOFF] + longer > old_size:
            return 0
        t = self.tup
        bitmap = self.form(at, p, start, 0, xmax) - TUPLE_HEADER
        if bitmap < 0 or bitmap > rest:
            return 0
        n = TUPLE_HEADER
        copy(t, n, p, start, bitmap)
        n += bitmap
        copy(t, n, g, old_at + g[old_at + HOFF], prefix)
        n += prefix
        copy(t, n, p, start + bitmap, rest - bitmap)
        n += rest - bitmap
        copy(t, n, g, old_at + old_size - suffix, suffix)
        return n + suffix

    def heap_lock(self, p, newer_version):
        """A row, or a newer version of one, gets a locker."""
        main = self.main_at
        if self.main_len < LCK_SIZE:
            return False
        if p[main + LCK_FLAGS] & LOCK_CLEARED and not self.clear_map(p, 0, -1, MAP_FROZEN):
            return False
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        if self.state != NEEDS_REDO:
            return True
        g = buffer.page
        number = u16(p, main + LCK_OFF)
        at = normal_item(g, number)
        if at == 0:
            return False
        bits = p[main + LCK_BITS] & 31
        mask = self.bits_mask[bits]
        only = mask & LOCK_ONLY != 0 or mask & MULTI_OR_LOCK == EXCLUSIVE
        hot = u16(g, at + MASK2) & HOT_UPDATED != 0 and (newer_version or not only)
        mark(g, at, u32(p, main + LCK_XMAX), mask, self.bits_mask2[bits], hot)
        if only and not newer_version:
            set_ctid(g, at, self.blocks[BLKNO], number)
        self.done(buffer)
        return True

    # -- a page's line pointers --------------------------------------------------------------------

    def prune(self, p):
        """Pruning, freezing or vacuuming, since 17: arrays in block 0 as the flags say."""
        b = self.blocks
        if self.main_len < PRU_SIZE:
            return False
        flags = p[self.main_at + PRU_FLAGS]
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        g = buffer.page
        if self.state == NEEDS_REDO:
            end = b[DATA_AT] + b[DATA_LEN]
            if b[DATA_LEN] > 0 and not self.prune_page(g, p, flags, b[DATA_AT], end):
                return False
            self.done(buffer)
        if flags & (HAS_REDIRECTED | HAS_DEAD | HAS_UNUSED):
            self.note_space(0, heap_free_space(g))
        return True

    def prune_page(self, g, p, flags, at, end):
        """The change of :meth:`prune`: line pointers first, then tuples by freeze plans."""
        nplans = redirected = dead = unused = 0
        plans = at
        if flags & HAS_PLANS:
            nplans = u16(p, at + PLANS)
            plans += PLANS_SIZE
            at = plans + nplans * PLAN_SIZE
        lines = self.spread(p, at, end, flags)
        if lines < 0:
            return False
        redirected = self.counts3[0]
        dead = self.counts3[1]
        unused = self.counts3[2]
        if redirected or dead or unused:
            t = self.tup
            if not change_lines(g, t, 0, redirected, dead, unused):
                return False
            if not settle_lines(g, flags & CLEANUP == 0, self.truncates):
                return False
        numbers = lines
        for i in range(nplans):
            plan = plans + i * PLAN_SIZE
            count = u16(p, plan + PLAN_TUPLES)
            if numbers + U16 * count > end:
                return False
            if not freeze_tuples(
                g, p, numbers, count, u32(p, plan + PLAN_XMAX), u16(p, plan + PLAN_MASK),
                u16(p, plan + PLAN_MASK2), p[plan + PLAN_FLAGS],
            ):  # fmt: skip
                return False
            numbers += U16 * count
        return True

    def spread(self, p, at, end, flags):
        """Lay the arrays of line pointers end to end in ``tup``; where they end, or -1."""
        t = self.tup
        n = 0
        for which in range(3):
            flag = HAS_REDIRECTED if which == 0 else HAS_DEAD if which == 1 else HAS_UNUSED
            count = 0
            if flags & flag:
                if at + U16 > end:
                    return -1
                count = u16(p, at)
                size = U16 * count * (2 if which == 0 else 1)
                at += U16
                if at + size > end or n + size > PAGE:
                    return -1
                copy(t, n, p, at, size)
                at += size
                n += size
            self.counts3[which] = count
        return at

    def old_prune(self, p, vacuum):
        """Pruning, or VACUUM's second pass, up to 16."""
        b = self.blocks
        main = self.main_at
        if self.main_len < (VAC_SIZE if vacuum else OLD_SIZE):
            return False
        buffer = self.page(p, 0, False)
        if buffer is None:
            return False
        g = buffer.page
        if self.state == NEEDS_REDO:
            redirected = dead = 0
            unused = b[DATA_LEN] // U16
            if vacuum:
                if u16(p, main + VAC_UNUSED) != unused:
                    return False
            else:
                redirected = u16(p, main + OLD_REDIRECTED)
                dead = u16(p, main + OLD_DEAD)
                unused -= 2 * redirected + dead
            if unused < 0:
                return False
            if redirected or dead or unused:
                if not change_lines(g, p, b[DATA_AT], redirected, dead, unused):
                    return False
                if not settle_lines(g, vacuum, self.truncates):
                    return False
            self.done(buffer)
        self.note_space(0, heap_free_space(g))
        return True

    def visible(self, p):
        """Bits of the map are set; the heap page says so too."""
        b = self.blocks
        if self.main_len < VIS_SIZE or self.nblocks < 2 or b[SLOTS + ID] != 1:
            return False
        bits = p[self.main_at + VIS_FLAGS] & MAP_BITS
        heap = self.page(p, 1, False)
        if heap is None:
            return False
        if self.state == NEEDS_REDO:
            set_flag(heap.page, ALL_VISIBLE, True)
            heap.dirty = True
            if self.world.hints_logged:
                self.done(heap)
        map_page = self.page(p, 0, False)
        if map_page is None:
            return False
        if self.state == NEEDS_REDO:
            set_map_bits(map_page.page, b[SLOTS + BLKNO], bits)
            self.done(map_page)
        if bits:
            self.note_space(SLOTS, free_space(heap.page))
        return True
