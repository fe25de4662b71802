# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""JSON text → jsonb, row by row: the inverse of :mod:`pgtool.types.jsonb_walk`, compiled.

A row is parsed into nodes, then written. What is not plain (a number with an exponent or of
many digits, an escape by number, deep nesting, objects of many keys) and whatever is wrong is
left to the type's input function, which words the errors. :mod:`.vector_jsonb_read` is the
only caller and hands in all memory; where this is not compiled it does not call at all.
``jsonb_read.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

from formats import datum as layout

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

from pgtool.types.digit_read import put_numeric

COMPILED: bool = cython.compiled
#: Bytes of output for each byte of text at most, and for a row beyond that.
GROWTH, ROW = 8, 32
#: What there is of a node: what it is, its first child or place of its text or number, where
#: the text ends or the number's decimals, its children, its sibling, the next key in order,
#: and a key's value.
FIELDS = 7
KIND, FIRST, LAST, COUNT, NEXT, SORTED, VALUE = range(FIELDS)
_DEPTH, _KEYS, _DIGITS = 64, 64, 18

_FSCALAR, _FOBJECT, _FARRAY = layout.JB_FSCALAR, layout.JB_FOBJECT, layout.JB_FARRAY
_HAS_OFF, _STRIDE = layout.JENTRY_HAS_OFF, layout.JB_OFFSET_STRIDE
_STRING, _NUMERIC = layout.JENTRY_ISSTRING, layout.JENTRY_ISNUMERIC
_FALSE, _TRUE = layout.JENTRY_ISBOOL_FALSE, layout.JENTRY_ISBOOL_TRUE
_NULL, _CONTAINER = layout.JENTRY_ISNULL, layout.JENTRY_ISCONTAINER


# -- parsing -------------------------------------------------------------------------------


def skip(text: Any, at: int, end: int) -> int:
    """Where something other than white space stands."""
    while at < end and (text[at] == 32 or 9 <= text[at] <= 10 or text[at] == 13):
        at += 1
    return at


def string(text: Any, at: int, end: int, nodes: Any, node: int) -> int:
    """Behind the string whose first character is at a place, or -1. Escapes are undone where
    they stand, since what they stand for is shorter."""
    nodes[node, KIND] = _STRING
    nodes[node, FIRST] = at
    to = at
    while at < end:
        byte = text[at]
        at += 1
        if byte == 34:
            nodes[node, LAST] = to
            return at
        if byte < 32:
            return -1
        if byte == 92:
            if at == end:
                return -1
            byte = text[at]
            at += 1
            if byte == 110:
                byte = 10
            elif byte == 116:
                byte = 9
            elif byte == 114:
                byte = 13
            elif byte == 98:
                byte = 8
            elif byte == 102:
                byte = 12
            elif byte != 34 and byte != 47 and byte != 92:
                return -1
        text[to] = byte
        to += 1
    return -1


def number(text: Any, at: int, end: int, nodes: Any, node: int) -> int:
    """Behind a number without exponent, or -1."""
    negative = text[at] == 45
    if negative:
        at += 1
    begin = at
    value = 0
    point = -1
    while at < end:
        byte = text[at]
        if 48 <= byte <= 57:
            value = value * 10 + (byte - 48)
        elif byte == 46 and point < 0 and at > begin:
            point = at
        else:
            break
        at += 1
        if at - begin > _DIGITS:
            return -1
    whole = (point if point >= 0 else at) - begin
    if whole < 1 or (whole > 1 and text[begin] == 48) or point == at - 1:
        return -1
    decimals = at - point - 1 if point >= 0 else 0
    if at - begin + 3 > _DIGITS:  # filled up to four decimals it would not fit
        return -1
    nodes[node, KIND] = _NUMERIC
    nodes[node, FIRST] = -value if negative else value
    nodes[node, LAST] = decimals
    return at


def literal(text: Any, at: int, end: int, nodes: Any, node: int) -> int:
    """Behind true, false or null, or -1."""
    if end - at >= 4 and text[at] == 116:
        nodes[node, KIND] = _TRUE
        if text[at + 1] == 114 and text[at + 2] == 117 and text[at + 3] == 101:
            return at + 4
    elif end - at >= 4 and text[at] == 110:
        nodes[node, KIND] = _NULL
        if text[at + 1] == 117 and text[at + 2] == 108 and text[at + 3] == 108:
            return at + 4
    elif end - at >= 5 and text[at] == 102:
        nodes[node, KIND] = _FALSE
        if (text[at + 1] == 97 and text[at + 2] == 108 and text[at + 3] == 115
                and text[at + 4] == 101):  # fmt: skip
            return at + 5
    return -1


def value(text: Any, at: int, end: int, nodes: Any, depth: int) -> int:
    """Behind the value at a place, which becomes the next node, or -1."""
    node = nodes[0, COUNT] + 1
    if at >= end or depth > _DEPTH or node >= nodes.shape[0]:
        return -1
    nodes[0, COUNT] = node
    nodes[node, NEXT] = 0
    byte = text[at]
    if byte == 34:
        return string(text, at + 1, end, nodes, node)
    if byte == 123 or byte == 91:
        return members(text, at + 1, end, nodes, node, depth)
    if byte == 45 or 48 <= byte <= 57:
        return number(text, at, end, nodes, node)
    return literal(text, at, end, nodes, node)


def members(text: Any, at: int, end: int, nodes: Any, node: int, depth: int) -> int:
    """Behind the container whose inside begins at a place, or -1."""
    pairs = text[at - 1] == 123
    closing = 125 if pairs else 93
    nodes[node, KIND] = _CONTAINER
    nodes[node, FIRST] = 0
    nodes[node, LAST] = pairs
    nodes[node, COUNT] = 0
    nodes[node, SORTED] = 0
    at = skip(text, at, end)
    if at < end and text[at] == closing:
        return at + 1
    key = last = 0
    while True:
        if pairs:
            if at >= end or text[at] != 34:
                return -1
            key = nodes[0, COUNT] + 1
            at = value(text, at, end, nodes, depth + 1)
            if at < 0:
                return -1
            at = skip(text, at, end)
            if at >= end or text[at] != 58:
                return -1
            at = skip(text, at + 1, end)
        item = nodes[0, COUNT] + 1
        at = value(text, at, end, nodes, depth + 1)
        if at < 0:
            return -1
        if pairs:
            nodes[key, VALUE] = item
            if not enter(text, nodes, node, key):
                return -1
        else:
            nodes[node, COUNT] += 1
            if last > 0:
                nodes[last, NEXT] = item
            else:
                nodes[node, FIRST] = item
            last = item
        at = skip(text, at, end)
        if at >= end:
            return -1
        byte = text[at]
        at += 1
        if byte == closing:
            return at
        if byte != 44:
            return -1
        at = skip(text, at, end)


def enter(text: Any, nodes: Any, node: int, key: int) -> bool:
    """Put a key into its object's order, by length and bytes; a later one's value counts."""
    before = 0
    item = nodes[node, SORTED]
    size = nodes[key, LAST] - nodes[key, FIRST]
    while item > 0:
        order = (nodes[item, LAST] - nodes[item, FIRST]) - size
        k = 0
        while order == 0 and k < size:
            order = text[nodes[item, FIRST] + k]
            order -= text[nodes[key, FIRST] + k]
            k += 1
        if order == 0:
            nodes[item, VALUE] = nodes[key, VALUE]
            return True
        if order > 0:
            break
        before = item
        item = nodes[item, SORTED]
    nodes[key, SORTED] = item
    if before > 0:
        nodes[before, SORTED] = key
    else:
        nodes[node, SORTED] = key
    nodes[node, COUNT] += 1
    fits: bool = nodes[node, COUNT] <= _KEYS
    return fits


# -- writing -------------------------------------------------------------------------------


def put_word(word: int, out: Any, to: int) -> None:
    """Four bytes, lowest first."""
    out[to] = word & 255
    out[to + 1] = word >> 8 & 255
    out[to + 2] = word >> 16 & 255
    out[to + 3] = word >> 24 & 255


def put_node(
    text: Any, nodes: Any, node: int, powers: Any, marks: Any, out: Any, begin: int, to: int
) -> int:
    """Write what a node holds, padding first; where the output goes on. ``begin`` is where
    the row begins, of which padding counts."""
    kind = nodes[node, KIND]
    if kind == _STRING:
        for place in range(nodes[node, FIRST], nodes[node, LAST]):
            out[to] = text[place]
            to += 1
        return to
    if kind != _NUMERIC and kind != _CONTAINER:
        return to
    while (to - begin) & 3:
        out[to] = 0
        to += 1
    if kind == _CONTAINER:
        return put_container(text, nodes, node, powers, marks, out, begin, to)
    size = 4 + put_numeric(
        nodes[node, FIRST], nodes[node, LAST], nodes[node, LAST], powers, marks, out, to + 4
    )
    put_word(size << 2, out, to)
    return to + size


def put_container(
    text: Any, nodes: Any, node: int, powers: Any, marks: Any, out: Any, begin: int, to: int
) -> int:
    """Write a container: header, entries, keys, values; where the output goes on."""
    count = nodes[node, COUNT]
    pairs = nodes[node, LAST]
    if pairs:
        put_word(_FOBJECT | count, out, to)
        base = to + 4 + 8 * count
    else:
        put_word(_FARRAY | count, out, to)
        base = to + 4 + 4 * count
    place = base
    entry = to + 4
    seen = 0
    for turn in range(2 if pairs else 1):
        item = nodes[node, SORTED] if pairs else nodes[node, FIRST]
        while item > 0:
            child = nodes[item, VALUE] if turn else item
            before = place
            place = put_node(text, nodes, child, powers, marks, out, begin, place)
            word = nodes[child, KIND]
            if seen % _STRIDE == 0:
                word |= _HAS_OFF | place - base
            else:
                word |= place - before
            put_word(word, out, entry)
            entry += 4
            seen += 1
            item = nodes[item, SORTED] if pairs else nodes[item, NEXT]
    return place


def put_scalar(
    text: Any, nodes: Any, powers: Any, marks: Any, out: Any, begin: int
) -> int:
    """Write a lone scalar, the first node, as an array of one; where the output goes on."""
    put_word(_FARRAY | _FSCALAR | 1, out, begin)
    base = begin + 8
    place = put_node(text, nodes, 1, powers, marks, out, begin, base)
    put_word(nodes[1, KIND] | _HAS_OFF | place - base, out, begin + 4)
    return place


def read(
    text: Any, start: Any, length: Any, nodes: Any, powers: Any, marks: Any, out: Any,
    at: Any, size: Any, good: Any,
) -> None:  # fmt: skip
    """Every row's jsonb, one behind another; ``good`` tells which were read.

    ``text`` is changed, so a row must not share its span with another. Of ``out`` there must
    be GROWTH bytes for each byte of text and ROW more for each row.
    """
    with cython.nogil:
        to = 0
        for i in range(start.shape[0]):
            end = start[i] + length[i]
            nodes[0, COUNT] = 0
            place = skip(text, start[i], end)
            place = value(text, place, end, nodes, 0)
            good[i] = place >= 0 and skip(text, place, end) == end
            at[i] = to
            size[i] = 0
            if good[i]:
                if nodes[1, KIND] == _CONTAINER:
                    place = put_container(text, nodes, 1, powers, marks, out, to, to)
                else:
                    place = put_scalar(text, nodes, powers, marks, out, to)
                size[i] = place - to
                to = place
