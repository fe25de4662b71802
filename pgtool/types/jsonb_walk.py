# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""jsonb → text, row by row: the loop that numpy cannot express, compiled where possible.

:mod:`pgtool.types.vector_jsonb` is the caller: it gives this loop the work where it is
compiled, and does it with numpy where not. All bounds are checked here, because the bytes
are the user's: a row that contradicts itself, nests too deeply or holds a special numeric
is marked bad and writes nothing. ``jsonb_walk.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

from formats import datum as layout

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled
#: Size of the stack that the caller lends: so many levels of so many numbers.
STACK = 60 * 9
_DEPTH, _FRAME = 60, 9
#: Bytes of output that must be free for a piece, beyond six for each byte of a string.
_ROOM = 64

_CMASK, _FSCALAR = layout.JB_CMASK, layout.JB_FSCALAR
_FOBJECT, _FARRAY = layout.JB_FOBJECT, layout.JB_FARRAY
_OFFLEN, _TYPE, _HAS_OFF = layout.JENTRY_OFFLENMASK, layout.JENTRY_TYPEMASK, layout.JENTRY_HAS_OFF
_STRING, _NUMERIC = layout.JENTRY_ISSTRING, layout.JENTRY_ISNUMERIC
_FALSE, _TRUE = layout.JENTRY_ISBOOL_FALSE, layout.JENTRY_ISBOOL_TRUE
_NULL, _CONTAINER = layout.JENTRY_ISNULL, layout.JENTRY_ISCONTAINER
_SIGN, _SHORT, _SPECIAL = layout.NUMERIC_SIGN_MASK, layout.NUMERIC_SHORT, layout.NUMERIC_SPECIAL
_NEG, _SHORT_NEG = layout.NUMERIC_NEG, layout.NUMERIC_SHORT_SIGN_MASK
_DSCALE, _SHIFT = layout.NUMERIC_DSCALE_MASK, layout.NUMERIC_SHORT_DSCALE_SHIFT
_SHORT_DSCALE, _WEIGHT = layout.NUMERIC_SHORT_DSCALE_MAX, layout.NUMERIC_SHORT_WEIGHT_MASK
_WEIGHT_SIGN, _NBASE = layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK, layout.NBASE


def word(data: Any, at: Any) -> Any:
    """Four bytes, lowest first."""
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24


def string(data: Any, first: Any, last: Any, out: Any, to: Any) -> Any:
    """Write a string in quotes; where the output goes on."""
    out[to] = 34
    to += 1
    for place in range(first, last):
        c = data[place]
        if c >= 32 and c != 34 and c != 92:
            out[to] = c
            to += 1
            continue
        out[to] = 92
        if c == 34 or c == 92:
            out[to + 1] = c
            to += 2
        elif 8 <= c <= 13 and c != 11:  # the letters of \b \t \n \f \r
            out[to + 1] = 98 if c == 8 else 116 if c == 9 else 110 if c == 10 else 102
            if c == 13:
                out[to + 1] = 114
            to += 2
        else:
            out[to + 1] = 117
            out[to + 2] = 48
            out[to + 3] = 48
            out[to + 4] = 48 + c // 16
            out[to + 5] = 48 + c % 16 if c % 16 < 10 else 87 + c % 16
            to += 6
    out[to] = 34
    return to + 1


def number(data: Any, first: Any, last: Any, out: Any, to: Any, room: Any) -> Any:
    """Write a numeric's payload; −1 where it is none, −2 where there is no room."""
    if last - first < 2:
        return -1
    head = data[first] | data[first + 1] << 8
    kind = head & _SIGN
    if kind == _SPECIAL:
        return -1
    first += 2
    if kind == _SHORT:
        negative = head & _SHORT_NEG
        weight = head & _WEIGHT
        if head & _WEIGHT_SIGN:
            weight -= _WEIGHT_SIGN
        scale = head >> _SHIFT & _SHORT_DSCALE
    else:
        if last - first < 2:
            return -1
        negative = kind == _NEG
        weight = data[first] | data[first + 1] << 8
        if weight >= 32768:
            weight -= 65536
        scale = head & _DSCALE
        first += 2
    if (last - first) % 2:
        return -1
    count = (last - first) // 2
    if room < scale + 4 * (weight if weight > 0 else 0) + 16:
        return -2
    for k in range(count):
        if data[first + 2 * k] | data[first + 2 * k + 1] << 8 >= _NBASE:
            return -1
    if negative:
        out[to] = 45
        to += 1
    begin = to
    k = 0
    while k <= weight:
        digit = data[first + 2 * k] | data[first + 2 * k + 1] << 8 if k < count else 0
        unit = 1000
        while unit:
            c = digit // unit % 10
            if c or to > begin:
                out[to] = 48 + c
                to += 1
            unit //= 10
        k += 1
    if to == begin:
        out[to] = 48
        to += 1
    return decimals(data, first, count, weight, scale, out, to)


def decimals(data: Any, first: Any, count: Any, weight: Any, scale: Any, out: Any, to: Any) -> Any:
    """Write the point and the decimals of a numeric; where the output goes on."""
    if not scale:
        return to
    out[to] = 46
    to += 1
    k = weight + 1 if weight >= 0 else 0
    zeros = -4 * (weight + 1) if weight < 0 else 0
    while scale and zeros:
        out[to] = 48
        to += 1
        scale -= 1
        zeros -= 1
    while scale:
        digit = data[first + 2 * k] | data[first + 2 * k + 1] << 8 if k < count else 0
        unit = 1000
        while unit and scale:
            out[to] = 48 + digit // unit % 10
            to += 1
            scale -= 1
            unit //= 10
        k += 1
    return to


def push(data: Any, first: Any, last: Any, stack: Any, top: Any) -> Any:
    """Open the container in [first, last) as the level at ``top``; 0 where it is none.

    A level: place of the next JEntry, members left, entries from a key to its value, ends
    of the last key and the last value, where contents begin, where they end, the closing
    character (0 for a lone scalar), whether nothing has been written yet.
    """
    if last - first < 4:
        return 0
    header = word(data, first)
    members = header & _CMASK
    pairs = (header & _FOBJECT) != 0
    if pairs == ((header & _FARRAY) != 0) or ((header & _FSCALAR) and (pairs or members != 1)):
        return 0
    base = first + 4 + (8 * members if pairs else 4 * members)
    if base > last:
        return 0
    keys = 0
    if pairs:
        for k in range(members):
            entry = word(data, first + 4 + 4 * k)
            if entry & _TYPE != _STRING:
                return 0
            keys = (entry & _OFFLEN) if entry & _HAS_OFF else keys + (entry & _OFFLEN)
            if keys > last - base:
                return 0
    stack[top] = first + 4
    stack[top + 1] = members
    stack[top + 2] = members if pairs else 0
    stack[top + 3] = 0
    stack[top + 4] = keys
    stack[top + 5] = base
    stack[top + 6] = last
    stack[top + 7] = 0 if header & _FSCALAR else 125 if pairs else 93
    stack[top + 8] = 1
    return 1


def key(data: Any, out: Any, to: Any, limit: Any, stack: Any, top: Any) -> Any:
    """Write what stands before a member; −1 where it is damaged, −2 where there is no room."""
    if not stack[top + 8]:
        out[to] = 44
        out[to + 1] = 32
        to += 2
    stack[top + 8] = 0
    if not stack[top + 2]:
        return to
    entry = word(data, stack[top])
    last = (entry & _OFFLEN) if entry & _HAS_OFF else stack[top + 3] + (entry & _OFFLEN)
    first = stack[top + 3]
    if last < first:
        return -1
    if limit - to < 6 * (last - first) + _ROOM:
        return -2
    stack[top + 3] = last
    to = string(data, stack[top + 5] + first, stack[top + 5] + last, out, to)
    out[to] = 58
    out[to + 1] = 32
    return to + 2


def scalar(data: Any, kind: Any, first: Any, last: Any, out: Any, to: Any, limit: Any) -> Any:
    """Write a value that is no container; −1 where it is damaged, −2 without room."""
    if kind == _STRING:
        if limit - to < 6 * (last - first) + _ROOM:
            return -2
        return string(data, first, last, out, to)
    if kind == _NUMERIC:
        if last - first < 4 or word(data, first) != (last - first) << 2:
            return -1
        return number(data, first + 4, last, out, to, limit - to - _ROOM)
    if kind in (_NULL, _TRUE):
        out[to] = 110 if kind == _NULL else 116
        out[to + 1] = 117 if kind == _NULL else 114
        out[to + 2] = 108 if kind == _NULL else 117
        out[to + 3] = 108 if kind == _NULL else 101
        return to + 4
    if kind != _FALSE:
        return -1
    out[to] = 102
    out[to + 1] = 97
    out[to + 2] = 108
    out[to + 3] = 115
    out[to + 4] = 101
    return to + 5


def value(data: Any, start: Any, last: Any, out: Any, to: Any, limit: Any, stack: Any) -> Any:
    """Write one jsonb; −1 where it is damaged or too deep, −2 where there is no room."""
    if not push(data, start, last, stack, 0):
        return -1
    if stack[7]:
        out[to] = stack[7] - 2
        to += 1
    depth = 0
    while depth >= 0:
        top = _FRAME * depth
        if limit - to < _ROOM:
            return -2
        if not stack[top + 1]:
            if stack[top + 7]:
                out[to] = stack[top + 7]
                to += 1
            depth -= 1
            continue
        to = key(data, out, to, limit, stack, top)
        if to < 0:
            return to
        entry = word(data, stack[top] + 4 * stack[top + 2])
        kind = entry & _TYPE
        first = stack[top + 4]
        end = (entry & _OFFLEN) if entry & _HAS_OFF else first + (entry & _OFFLEN)
        stack[top] += 4
        stack[top + 1] -= 1
        stack[top + 4] = end
        first += stack[top + 5]
        end += stack[top + 5]
        if kind in (_NUMERIC, _CONTAINER):
            first = start + (first - start + 3) // 4 * 4
        if first > end or end > stack[top + 6]:
            return -1
        if kind != _CONTAINER:
            to = scalar(data, kind, first, end, out, to, limit)
            if to < 0:
                return to
            continue
        depth += 1
        if depth >= _DEPTH or not push(data, first, end, stack, _FRAME * depth):
            return -1
        if not stack[_FRAME * depth + 7]:
            return -1
        out[to] = stack[_FRAME * depth + 7] - 2
        to += 1
    return to


def walk(
    data: Any, start: Any, length: Any, first: Any, out: Any, ends: Any, bad: Any, stack: Any
) -> int:
    """Write rows from ``first`` on, end to end; the first row that had no room comes back.

    ``ends[i]`` is where row i ends; ``out`` is filled up to the last of them.
    """
    to = ends[first - 1] if first else 0
    limit = out.shape[0]
    done = start.shape[0]
    with cython.nogil:
        for i in range(first, start.shape[0]):
            if not bad[i]:
                reached = value(data, start[i], start[i] + length[i], out, to, limit, stack)
                if reached == -2:
                    done = i
                    break
                if reached == -1:
                    bad[i] = 1
                else:
                    to = reached
            ends[i] = to
    return done
