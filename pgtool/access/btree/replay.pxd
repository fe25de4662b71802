# C types for replay.py, used where Cython compiles it.
cimport cython

from pgtool.access.btree.itemedit cimport (
    dedup, insert_posting, restore, split_left, thin, tuple_size,
)
from pgtool.access.heap.replay cimport HeapReplay
from pgtool.storage.pageedit cimport (
    add_item, copy, delete_items, init, put16, put32, u16, u32,
)
from pgtool.storage.redobuffer cimport RedoBuffer

cdef int ID, DATA_LEN, DATA_AT, BLKNO, SLOTS, NEEDS_REDO, PAGE, INS_OFF, INS_SIZE
cdef int SPL_LEVEL, SPL_RIGHT, SPL_OFF, SPL_POSTING, SPL_SIZE, COUNTS
cdef int U16, INTERVAL, OPAQUE_SIZE, PREV, NEXT, LEVEL, FLAGS, INCOMPLETE, LEAF, GARBAGE

cdef class BtreeReplay(HeapReplay):
    cdef public bytearray kept

    @cython.locals(i=int)
    cdef int place_of(self, int block_id) noexcept
    @cython.locals(i=int, child=RedoBuffer, g="unsigned char *")
    cdef bint split_completed(self, const unsigned char *p, int block_id) except -1
    @cython.locals(
        b="long long *", g="unsigned char *", buffer=RedoBuffer, number=int, at="Py_ssize_t",
        size=int,
    )
    cdef bint index_insert(self, const unsigned char *p, bint upper, bint posting) except -1
    @cython.locals(
        b="long long *", main="Py_ssize_t", level="unsigned int", i=int, beyond=int,
        right_block="unsigned int", right=RedoBuffer, g="unsigned char *", sibling=RedoBuffer,
    )
    cdef bint split(self, const unsigned char *p, bint on_left) except -1
    @cython.locals(
        b="long long *", left=RedoBuffer, at="Py_ssize_t", end="Py_ssize_t", new="Py_ssize_t",
        new_size=int, key_size=int, first_right=int, offnum=int, g="unsigned char *",
    )
    cdef bint keep_left(
        self, const unsigned char *p, bint on_left, unsigned int right_block
    ) except -1
    @cython.locals(b="long long *", buffer=RedoBuffer)
    cdef bint deduplicate(self, const unsigned char *p) except -1
    @cython.locals(
        ndeleted=int, nupdated=int, buffer=RedoBuffer, g="unsigned char *", k="unsigned char *"
    )
    cdef bint take_out(self, const unsigned char *p, int counts_at) except -1
    @cython.locals(at="Py_ssize_t", end="Py_ssize_t", lists="Py_ssize_t", i=int, count=int)
    cdef bint take_items(
        self, unsigned char *g, const unsigned char *p, int ndeleted, int nupdated
    ) noexcept
