# C types for pageedit.py, used where Cython compiles it.
import cython
from libc.string cimport memcpy, memmove, memset

cdef int PAGE, HEADER, ITEM, FIRST, LSN_AT, FLAGS_AT, LOWER_AT, UPPER_AT, SPECIAL_AT, VERSION_AT
cdef int PRUNE_AT, FLAG_SHIFT, LEN_SHIFT, HAS_FREE_LINES, VERSION, MAX_HEAP_TUPLES
cdef int FP_NODES, NODES, INNER, INFO, SIZE_MASK, TUPLE_HEADER
cdef unsigned int OFF_MASK, FLAG_BITS, NORMAL
cdef unsigned long long LOW_HALF
cdef bytearray SPARE

cpdef unsigned int u16(const unsigned char *g, Py_ssize_t at) noexcept
cpdef unsigned int u32(const unsigned char *g, Py_ssize_t at) noexcept
cpdef void put16(unsigned char *g, Py_ssize_t at, unsigned int value) noexcept
cpdef void put32(unsigned char *g, Py_ssize_t at, unsigned int value) noexcept
cpdef void copy(
    unsigned char *g, Py_ssize_t to, const unsigned char *source, Py_ssize_t at, Py_ssize_t size
) noexcept
cpdef void move(unsigned char *g, Py_ssize_t to, Py_ssize_t at, Py_ssize_t size) noexcept
cpdef void zero(unsigned char *g, Py_ssize_t at, Py_ssize_t size) noexcept
@cython.locals(high="unsigned long long", low="unsigned long long")
cpdef unsigned long long lsn(const unsigned char *g) noexcept
cpdef void set_lsn(unsigned char *g, unsigned long long value) noexcept
cpdef bint is_new(const unsigned char *g) noexcept
@cython.locals(special=int)
cpdef void init(unsigned char *g, int special_size) noexcept
@cython.locals(lower=int, upper=int, special=int)
cpdef bint is_sound(const unsigned char *g) noexcept
@cython.locals(lower=int)
cpdef int count_items(const unsigned char *g) noexcept
@cython.locals(word="unsigned int")
cpdef int normal_item(const unsigned char *g, int number) noexcept
cpdef int item_length(const unsigned char *g, int number) noexcept
@cython.locals(old="unsigned int")
cpdef void set_flag(unsigned char *g, unsigned int flag, bint on) noexcept
@cython.locals(number=int, word="unsigned int")
cpdef int first_free(const unsigned char *g, int count) noexcept
@cython.locals(
    lower=int, upper=int, count=int, shuffle=bint, word="unsigned int", place=int
)
cpdef int add_item(
    unsigned char *g, int number, const unsigned char *source, Py_ssize_t at, int size,
    bint overwrite, bint heap,
) noexcept
@cython.locals(lower=int, space=int)
cpdef int free_space(const unsigned char *g) noexcept
@cython.locals(space=int, count=int)
cpdef int heap_free_space(const unsigned char *g) noexcept
@cython.locals(
    lower=int, upper=int, special=int, count=int, total=int, last_used=int, number=int,
    word="unsigned int", size=int, offset=int, old="unsigned char *", top=int, free=bint, place=int,
)
cpdef bint close_gaps(unsigned char *g, bint truncate) noexcept
@cython.locals(last=int, free=bint, number=int)
cpdef void drop_unused_end(unsigned char *g) noexcept
@cython.locals(word="unsigned int", offset=int)
cpdef bint own_item(const unsigned char *g, int number) noexcept
@cython.locals(upper=int, number=int, place=int, word="unsigned int")
cpdef void shift_items(unsigned char *g, int offset, int size) noexcept
@cython.locals(lower=int, place=int, word="unsigned int")
cpdef bint delete_item(unsigned char *g, int number) noexcept
@cython.locals(
    last=int, before=int, i=int, number=int, old="unsigned char *", top=int, kept=int,
    word="unsigned int", size=int,
)
cpdef bint delete_items(
    unsigned char *g, const unsigned char *p, Py_ssize_t at, int count
) noexcept
@cython.locals(place=int, word="unsigned int", old_size=int, new_size=int)
cpdef int overwrite_item(
    unsigned char *g, int number, const unsigned char *source, Py_ssize_t at, int size
) noexcept
@cython.locals(size=int)
cpdef bint add_tuples(
    unsigned char *g, int number, const unsigned char *p, Py_ssize_t at, Py_ssize_t end, int count
) noexcept
@cython.locals(left=int, best=int)
cpdef int best_child(const unsigned char *g, int node) noexcept
@cython.locals(changed=bint, node=int, best=int)
cpdef bint rebuild(unsigned char *g) noexcept
@cython.locals(node=int, best=int)
cpdef bint set_category(unsigned char *g, int slot, int category) noexcept
