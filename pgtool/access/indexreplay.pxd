# C types for indexreplay.py, used where Cython compiles it.
cimport cython

from pgtool.access.btree.replay cimport BtreeReplay
from pgtool.storage.pageedit cimport (
    add_item, add_tuples, copy, count_items, delete_items, init, overwrite_item, put16, put32, u16, u32,
)
from pgtool.storage.redobuffer cimport RedoBuffer

cdef int DATA_LEN, DATA_AT, NEEDS_REDO, DONE, SLOTS, PAGE, U16, HEADER, LOWER_AT, INFO, SIZE_MASK
cdef int TUPLE_HEADER, HASH_OFF, HASH_SIZE, META_AT, TAIL_AT, LINK_AT, COUNT_AT
cdef int META_SIZE, GIN_SIZE, GIN_OPAQUE, GIN_RIGHT, GIN_MAXOFF, GIN_FLAGS, GIN_META
cdef int GIST_DELETED, GIST_INSERTED, GIST_SIZE, GIST_NSN, GIST_FLAGS, GIST_LEAF
cdef int GIST_TUPLES_DELETED, GIST_FOLLOW_RIGHT
cdef unsigned int NO_BLOCK
cdef unsigned long long LOW_HALF

cdef class IndexReplay(BtreeReplay):
    @cython.locals(
        b="long long *", buffer=RedoBuffer, meta=RedoBuffer, number=int, size=int
    )
    cdef bint hash_insert(self, const unsigned char *p) except -1
    @cython.locals(
        b="long long *", main="Py_ssize_t", count="unsigned int", i=int, more=bint,
        meta=RedoBuffer, tail=RedoBuffer, g="unsigned char *", k="unsigned char *",
        at="Py_ssize_t",
    )
    cdef bint gin_update_meta(self, const unsigned char *p) except -1
    @cython.locals(
        b="long long *", buffer=RedoBuffer, child=RedoBuffer, g="unsigned char *",
        k="unsigned char *", i=int,
    )
    cdef bint gist_update(self, const unsigned char *p) except -1
    @cython.locals(main="Py_ssize_t", deleted=int, tuples="Py_ssize_t", size=int)
    cdef bint gist_change(
        self, unsigned char *g, const unsigned char *p, Py_ssize_t at, Py_ssize_t end
    ) noexcept
