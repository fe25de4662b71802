# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""The inner loops of escaping and quoting, compiled where possible.

Both forms go twice over a column's texts: once for the widths that they will have, once to
write them. The callers check all bounds and hand in all memory; not compiled, they use
numpy instead. ``quoting.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled


def special_bytes(text: Any) -> int:
    """How many bytes are control characters or backslashes."""
    found = 0
    with cython.nogil:
        whole = text.shape[0] // 128
        for i in range(whole):
            part = 0  # a byte, so that many are added at once
            for k in range(128):
                byte = text[i * 128 + k]
                part += (byte < 32) | (byte == 92)
            found += part
        for k in range(whole * 128, text.shape[0]):
            byte = text[k]
            found += (byte < 32) | (byte == 92)
    return found


def csv_bytes(text: Any) -> int:
    """How many bytes are commas, quotes or line ends."""
    found = 0
    with cython.nogil:
        whole = text.shape[0] // 128
        for i in range(whole):
            part = 0
            for k in range(128):
                byte = text[i * 128 + k]
                part += (byte == 44) | (byte == 34) | (byte == 10) | (byte == 13)
            found += part
        for k in range(whole * 128, text.shape[0]):
            byte = text[k]
            found += (byte == 44) | (byte == 34) | (byte == 10) | (byte == 13)
    return found


def escaped_widths(src: Any, start: Any, length: Any, letters: Any, widths: Any) -> int:
    """Widths with one byte more for every byte that has a letter; how many those are."""
    hits = 0
    with cython.nogil:
        for i in range(start.shape[0]):
            place = start[i]
            extra = 0
            for k in range(length[i]):
                if letters[src[place + k]]:
                    extra += 1
            widths[i] = length[i] + extra
            hits += extra
    return hits


def write_escaped(src: Any, start: Any, length: Any, letters: Any, out: Any, at: Any) -> None:
    """Write every text at its place, a backslash and the letter for bytes that have one."""
    with cython.nogil:
        for i in range(start.shape[0]):
            place = start[i]
            to = at[i]
            for k in range(length[i]):
                byte = src[place + k]
                letter = letters[byte]
                if letter:
                    out[to] = 92
                    out[to + 1] = letter
                    to += 2
                else:
                    out[to] = byte
                    to += 1


def quoted_widths(src: Any, start: Any, length: Any, kinds: Any, widths: Any) -> int:
    """Widths with quotes where they are needed; how many texts need them.

    ``kinds`` is 0 for plain bytes, 1 for those that need quotes, 2 for the quote itself.
    """
    needing = 0
    with cython.nogil:
        for i in range(start.shape[0]):
            place = start[i]
            extra = 0
            needs = length[i] == 0
            for k in range(length[i]):
                kind = kinds[src[place + k]]
                if kind:
                    needs = 1
                    if kind == 2:
                        extra += 1
            if needs:
                needing += 1
                extra += 2
            widths[i] = length[i] + extra
    return needing


def write_quoted(src: Any, start: Any, length: Any, widths: Any, out: Any, at: Any) -> None:
    """Write every text at its place, in quotes where its width says so."""
    with cython.nogil:
        for i in range(start.shape[0]):
            place = start[i]
            to = at[i]
            if widths[i] == length[i]:
                for k in range(length[i]):
                    out[to + k] = src[place + k]
                continue
            out[to] = 34
            to += 1
            for k in range(length[i]):
                byte = src[place + k]
                if byte == 34:
                    out[to] = 34
                    to += 1
                out[to] = byte
                to += 1
            out[to] = 34
