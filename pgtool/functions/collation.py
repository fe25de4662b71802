"""Collations: which order text has.

``collation_key(session, oid)`` gives None where text orders by its bytes (C, POSIX, the
builtin provider, C.UTF-8) and otherwise a function str → bytes whose results order as the
collation does, from the C library's strxfrm if it has that locale. What cannot be ordered
rightly here (ICU, locales that this machine lacks) is Unsupported by name.
"""

from __future__ import annotations

import locale
from collections.abc import Callable
from typing import Any

from pgtool.errors import Unsupported

__all__ = ["collation_key", "is_deterministic"]

DEFAULT, C, POSIX = 100, 950, 951
_BYTES = {"c", "posix", "c.utf8", "c.utf-8", "ucs_basic"}


def _facts(session: Any, oid: int) -> tuple[str, str, bool]:
    """(provider, locale name, deterministic)."""
    if oid in (0, DEFAULT):
        row = session.cache.one("pg_database", "oid", session.database.oid)
        provider = getattr(row, "datlocprovider", "c")
        name = row.datcollate if provider == "c" else getattr(row, "datlocale", None) or (
            getattr(row, "daticulocale", None) or ""
        )
        return provider, str(name), True
    row = session.cache.one("pg_collation", "oid", oid)
    if row is None:
        raise Unsupported(f"collation {oid}")
    if row.collprovider == "d":
        return _facts(session, DEFAULT)
    name = row.collcollate if row.collprovider == "c" else (
        getattr(row, "colllocale", None) or getattr(row, "colliculocale", None) or row.collcollate
    )
    return row.collprovider, str(name), bool(getattr(row, "collisdeterministic", True))


def is_deterministic(session: Any, oid: int) -> bool:
    """Whether equal means the same bytes."""
    return oid in (0, DEFAULT, C, POSIX) or _facts(session, oid)[2]


def collation_key(session: Any, oid: int) -> Callable[[str], bytes] | None:
    """A sort key for text, or None where its bytes are the key."""
    if oid in (C, POSIX):
        return None
    known = session.__dict__.setdefault("_collation_keys", {})
    if oid not in known:
        known[oid] = _key(*_facts(session, oid))
    found: Callable[[str], bytes] | None = known[oid]
    return found


def _key(provider: str, name: str, deterministic: bool) -> Callable[[str], bytes] | None:
    if provider == "b" or (provider == "c" and name.lower() in _BYTES):
        return None
    if provider != "c" or not deterministic:
        raise Unsupported(f'ordering by collation locale "{name}" of provider "{provider}"')
    try:
        locale.setlocale(locale.LC_COLLATE, name)
    except locale.Error:
        raise Unsupported(f'ordering by locale "{name}", which this system lacks') from None
    return lambda text: (
        locale.strxfrm(text.replace("\0", "")).encode("utf-32-be", "surrogatepass")
        + b"\0\0\0\0" + text.encode("utf-8", "surrogateescape")
    )  # fmt: skip
