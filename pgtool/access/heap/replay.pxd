# C types for replay.py, used where Cython compiles it.
cimport cython

from pgtool.access.heap.tupleedit cimport (
    change_lines, freeze_tuples, mark, set_cmax, set_ctid, set_map_bits, set_prunable,
    settle_lines,
)
from pgtool.access.replaypages cimport ReplayPages
from pgtool.storage.pageedit cimport (
    add_item, copy, count_items, free_space, heap_free_space, init, item_length, normal_item,
    put16, put32, set_flag, u16, u32, zero,
)
from pgtool.storage.redobuffer cimport RedoBuffer

cdef int SLOTS, ID, FLAGS, DATA_LEN, DATA_AT, BLKNO, NEEDS_REDO, PAGE, LOW_SPACE, U16
cdef int INS_OFF, INS_FLAGS, INS_SIZE, DEL_XMAX, DEL_OFF, DEL_BITS, DEL_FLAGS, DEL_SIZE
cdef int UPD_XMAX, UPD_OFF, UPD_BITS, UPD_FLAGS, UPD_NEW_XMAX, UPD_NEW_OFF, UPD_SIZE
cdef int LCK_XMAX, LCK_OFF, LCK_BITS, LCK_FLAGS, LCK_SIZE, MUL_FLAGS, MUL_COUNT, MUL_SIZE
cdef int MT_LEN, MT_HEADER, MT_SIZE, VIS_FLAGS, VIS_SIZE, PRU_FLAGS, PRU_SIZE
cdef int OLD_REDIRECTED, OLD_DEAD, OLD_SIZE, VAC_UNUSED, VAC_SIZE, PLANS, PLANS_SIZE
cdef int PLAN_XMAX, PLAN_MASK2, PLAN_MASK, PLAN_FLAGS, PLAN_TUPLES, PLAN_SIZE
cdef int HH_MASK2, HH_MASK, HH_HOFF, HH_SIZE, XMIN, XMAX, MASK2, MASK, HOFF, TUPLE_HEADER
cdef int INIT_PAGE, INSERT_CLEARED, INSERT_FROZEN, DELETE_CLEARED, DELETE_RARE, OLD_CLEARED
cdef int NEW_CLEARED, PREFIX, SUFFIX, LOCK_CLEARED, CLEANUP, HAS_PLANS, HAS_REDIRECTED
cdef int HAS_DEAD, HAS_UNUSED, ALL_VISIBLE, HOT_UPDATED, LOCK_ONLY, EXCLUSIVE, MULTI_OR_LOCK
cdef int MAP_BITS, MAP_FROZEN
cdef unsigned int COMBOCID

cdef class HeapReplay(ReplayPages):
    cdef public bint truncates
    cdef public bytearray tup
    cdef unsigned int bits_mask[32]
    cdef unsigned int bits_mask2[32]
    cdef int counts3[3]

    @cython.locals(t="unsigned char *")
    cdef int form(
        self, Py_ssize_t header, const unsigned char *p, Py_ssize_t at, int size,
        unsigned int xmax
    ) noexcept
    cdef bint place(self, unsigned char *g, int number, int size, unsigned int block) noexcept
    @cython.locals(
        b="long long *", main="Py_ssize_t", flags=int, begun=bint, buffer=RedoBuffer,
        g="unsigned char *", size=int, free=int,
    )
    cdef bint heap_insert(self, const unsigned char *p) except -1
    @cython.locals(
        b="long long *", main="Py_ssize_t", flags=int, count=int, begun=bint, buffer=RedoBuffer,
        g="unsigned char *", at=int, i=int, start="Py_ssize_t", size=int, number=int, free=int,
    )
    cdef bint multi_insert(self, const unsigned char *p) except -1
    @cython.locals(
        main="Py_ssize_t", flags=int, buffer=RedoBuffer, g="unsigned char *", number=int, at=int,
        bits=int,
    )
    cdef bint heap_delete(self, const unsigned char *p) except -1
    @cython.locals(
        b="long long *", main="Py_ssize_t", flags=int, same=bint, old_slot=int, old=RedoBuffer,
        old_needs=bint, g="unsigned char *", at=int, size=int, number=int, bits=int,
        new=RedoBuffer, begun=bint, n="unsigned char *", first=int, other=int,
    )
    cdef bint heap_update(self, const unsigned char *p, bint hot) except -1
    @cython.locals(g="unsigned char *", free=int)
    cdef bint put_version(
        self, const unsigned char *p, RedoBuffer new, int size, int flags, bint hot
    ) except -1
    @cython.locals(
        b="long long *", at="Py_ssize_t", end="Py_ssize_t", prefix=int, suffix=int, rest=int,
        start="Py_ssize_t", xmax="unsigned int", t="unsigned char *", bitmap=int, n=int,
        longer=int,
    )
    cdef int new_version(
        self, const unsigned char *p, int flags, const unsigned char *g, int old_at, int old_size
    ) noexcept
    @cython.locals(
        main="Py_ssize_t", buffer=RedoBuffer, g="unsigned char *", number=int, at=int, bits=int,
        mask="unsigned int", only=bint, hot=bint,
    )
    cdef bint heap_lock(self, const unsigned char *p, bint newer_version) except -1
    @cython.locals(
        b="long long *", flags=int, buffer=RedoBuffer, g="unsigned char *", end="Py_ssize_t"
    )
    cdef bint prune(self, const unsigned char *p) except -1
    @cython.locals(
        nplans=int, redirected=int, dead=int, unused=int, plans="Py_ssize_t", counts="int *",
        numbers="Py_ssize_t", lines="Py_ssize_t", i=int, plan="Py_ssize_t", count=int,
        t="unsigned char *",
    )
    cdef bint prune_page(
        self, unsigned char *g, const unsigned char *p, int flags, Py_ssize_t at, Py_ssize_t end
    ) noexcept
    @cython.locals(t="unsigned char *", n=int, which=int, flag=int, count=int, size=int)
    cdef Py_ssize_t spread(
        self, const unsigned char *p, Py_ssize_t at, Py_ssize_t end, int flags
    ) noexcept
    @cython.locals(
        b="long long *", main="Py_ssize_t", buffer=RedoBuffer, g="unsigned char *",
        redirected=int, dead=int, unused=int,
    )
    cdef bint old_prune(self, const unsigned char *p, bint vacuum) except -1
    @cython.locals(b="long long *", bits=int, heap=RedoBuffer, map_page=RedoBuffer)
    cdef bint visible(self, const unsigned char *p) except -1
