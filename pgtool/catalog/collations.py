"""What the catalogs say of a collation: provider, locale, whether it orders by bytes.

The functions that compare (:mod:`pgtool.functions.collation`) and the descriptors of indexes
(:mod:`pgtool.catalog.indexinfo`) both ask here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pgtool.errors import Unsupported

__all__ = ["DEFAULT", "POSIX", "C", "CollationFacts", "collation_facts", "orders_by_bytes"]

DEFAULT, C, POSIX = 100, 950, 951
_BYTES = {"c", "posix", "c.utf8", "c.utf-8", "ucs_basic"}


class CollationFacts(NamedTuple):
    """Provider (``c``, ``i``, ``b``), locale name, whether equal means the same bytes."""

    provider: str
    locale: str
    deterministic: bool

    @property
    def by_bytes(self) -> bool:
        """Whether text orders by its bytes."""
        return self.provider == "b" or (
            self.provider == "c" and self.locale.lower() in _BYTES
        )


def collation_facts(cache: Any, oid: int) -> CollationFacts:
    """The facts of a collation, the database's own for the default one."""
    if oid in (C, POSIX):
        return CollationFacts("c", "C", True)
    if oid in (0, DEFAULT):
        row = cache.one("pg_database", "oid", cache.database.oid)
        provider = getattr(row, "datlocprovider", "c")
        name = row.datcollate if provider == "c" else getattr(row, "datlocale", None) or (
            getattr(row, "daticulocale", None) or ""
        )
        return CollationFacts(provider, str(name), True)
    row = cache.one("pg_collation", "oid", oid)
    if row is None:
        raise Unsupported(f"collation {oid}")
    if row.collprovider == "d":
        return collation_facts(cache, DEFAULT)
    name = row.collcollate if row.collprovider == "c" else (
        getattr(row, "colllocale", None) or getattr(row, "colliculocale", None) or row.collcollate
    )
    deterministic = bool(getattr(row, "collisdeterministic", True))
    return CollationFacts(row.collprovider, str(name), deterministic)


def orders_by_bytes(cache: Any, oid: int) -> bool:
    """Whether text of a collation orders by its bytes."""
    return oid in (C, POSIX) or collation_facts(cache, oid).by_bytes
