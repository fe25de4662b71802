"""Collations: which order text has.

``collation_key(session, oid)`` gives None where text orders by its bytes (C, POSIX, the
builtin provider, C.UTF-8) and otherwise a function from str to something that orders as the
collation does, by the C library's strcoll if it has that locale. What cannot be ordered
rightly here (ICU, locales that this machine lacks) is Unsupported by name.
"""

from __future__ import annotations

import ctypes
import functools
import locale
import sys
from collections.abc import Callable
from typing import Any

from pgtool.catalog.collations import DEFAULT, POSIX, C, CollationFacts, collation_facts
from pgtool.errors import Unsupported

__all__ = ["collation_key", "is_deterministic"]



def is_deterministic(session: Any, oid: int) -> bool:
    """Whether equal means the same bytes."""
    return oid in (0, DEFAULT, C, POSIX) or collation_facts(session.cache, oid).deterministic


def collation_key(session: Any, oid: int) -> Callable[[str], Any] | None:
    """A sort key for text, or None where its bytes are the key."""
    if oid in (C, POSIX):
        return None
    known = session.__dict__.setdefault("_collation_keys", {})
    if oid not in known:
        known[oid] = _key(session, collation_facts(session.cache, oid))
    found: Callable[[str], Any] | None = known[oid]
    return found


def _key(session: Any, facts: CollationFacts) -> Callable[[str], Any] | None:
    if facts.by_bytes:
        return None
    provider, name, deterministic = facts
    if provider != "c" or not deterministic:
        raise Unsupported(f'ordering by collation locale "{name}" of provider "{provider}"')
    make = functools.cmp_to_key(_comparer(name))
    encode = session.types.settings.encoding.encode
    return lambda text: make(encode(text))


@functools.cache
def _comparer(name: str) -> Callable[[bytes, bytes], int]:
    """strcoll of one locale, whatever the process's own locale is.

    Not strxfrm, whose order is another one for some strings in some C libraries.
    """
    try:
        if not sys.platform.startswith("linux"):
            raise OSError  # categories have other numbers elsewhere
        libc = ctypes.CDLL(None)
        newlocale, strcoll = libc.newlocale, libc.strcoll_l
    except (OSError, AttributeError):
        raise Unsupported(f'ordering by locale "{name}" on this platform') from None
    newlocale.restype = ctypes.c_void_p
    newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
    strcoll.restype = ctypes.c_int
    strcoll.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
    mask = 1 << locale.LC_COLLATE | 1 << locale.LC_CTYPE
    found = newlocale(mask, name.encode("utf-8", "surrogateescape"), None)
    if not found:
        raise Unsupported(f'ordering by locale "{name}", which this system lacks')

    def compare(a: bytes, b: bytes) -> int:
        # What the locale holds for equal is ordered by its bytes.
        return int(strcoll(a, b, found)) or (a > b) - (a < b)

    return compare
