# C types for replay.py, used where Cython compiles it.
cimport cython

from pgtool.access.indexreplay cimport IndexReplay

cdef int PLAIN, NOTHING_TO_DO, IMAGES, HINT_IMAGES, COMMIT, HEAP_INSERT, HEAP_DELETE, HEAP_UPDATE
cdef int HEAP_HOT_UPDATE, HEAP_LOCK, HEAP_LOCK_UPDATED, MULTI_INSERT, PRUNE, OLD_PRUNE, OLD_VACUUM
cdef int VISIBLE, LEAF_INSERT, UPPER_INSERT, POSTING_INSERT, SPLIT_LEFT, SPLIT_RIGHT
cdef int DEDUP, BTREE_VACUUM, BTREE_DELETE, HASH_INSERT, GIN_UPDATE_META, GIST_UPDATE
cdef int VACUUM, DELETE, SLOTS, ID, IMAGE, RESTORED, IRREGULAR
cdef unsigned int NORMAL_XID, SIGN, ALL_ONES, XACTS_PER_PAGE, XACTS_PER_BYTE

cdef class Replayer(IndexReplay):
    cdef public bytes kinds
    cdef public unsigned int next_xid, seen_xid
    cdef public bint checking, plain_commits
    cdef public bytearray status
    cdef public long long status_number

    @cython.locals(xid="unsigned int", kinds="const unsigned char *", kind=int)
    cdef int use(
        self, const unsigned char *p, bytearray holder, Py_ssize_t off,
        unsigned long long at, unsigned long long end
    ) except -1
    cpdef ask(self)
    cpdef tell(self)
    cdef bint replay(self, const unsigned char *p, int kind) except -1
    cdef bint replay_index(self, const unsigned char *p, int kind) except -1
    @cython.locals(
        xid="unsigned int", number="long long", g="unsigned char *", at=int, shift=int
    )
    cdef bint commit(self) except -1
    @cython.locals(i=int)
    cdef bint images(self, const unsigned char *p, bint hints) except -1
