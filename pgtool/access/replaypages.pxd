# C types for replaypages.py, used where Cython compiles it.
cimport cython

from pgtool.access.heap.tupleedit cimport clear_map_bits
from pgtool.storage.pageedit cimport copy, is_new, lsn, set_category, set_lsn, zero
from pgtool.storage.redobuffer cimport RedoBuffer
from pgtool.wal.walk cimport Walker

cdef int ID, FLAGS, DATA_LEN, DATA_AT, IMAGE, IMAGE_LEN, HOLE_AT, HOLE_LEN, INFO, SPC, DB, REL, BLKNO
cdef int SLOTS, NEEDS_REDO, DONE, RESTORED, PAGE, PLACES, FSM, VM, FORK_MASK, WILL_INIT
cdef int FSM_STEP, FSM_BEST, FSM_MOST, FSM_SLOTS, FSM_LEVELS, MAP_PER_PAGE

cdef class ReplayPages(Walker):
    cdef public object world, pool
    cdef public int state
    cdef public unsigned long long end
    cdef long long tags[256]
    cdef list maps

    @cython.locals(place=int, tags="long long *", t=int, pages=dict, buffer=RedoBuffer)
    cdef RedoBuffer find(
        self, long long spc, long long db, long long rel, int fork, long long block
    )
    @cython.locals(
        b="long long *", at=int, fork=int, spc="long long", db="long long", rel="long long",
        block="long long", image=bint, buffer=RedoBuffer, g="unsigned char *",
    )
    cdef RedoBuffer page(self, const unsigned char *p, int i, bint begun)
    @cython.locals(place=int, tags="long long *", t=int, pages=dict, buffer=RedoBuffer)
    cdef RedoBuffer fresh(
        self, long long spc, long long db, long long rel, int fork, long long block
    )
    @cython.locals(
        b="long long *", size=int, start="Py_ssize_t", hole=int, gap=int, raw=int, body=bytes,
    )
    cdef bint restore(self, unsigned char *g, const unsigned char *p, int at) except -1
    cdef void lay(
        self, unsigned char *g, const unsigned char *p, Py_ssize_t start, int raw, int hole, int gap
    ) noexcept
    cdef int done(self, RedoBuffer buffer) except -1
    @cython.locals(
        b="long long *", block="long long", number="long long", second="long long", i=int,
        buffer=RedoBuffer,
    )
    cdef bint clear_map(self, const unsigned char *p, int at, int other, int bits) except -1
    @cython.locals(
        b="long long *", block="long long", leaf="long long", number="long long",
        buffer=RedoBuffer, category=int,
    )
    cdef int note_space(self, int at, int free) except -1
