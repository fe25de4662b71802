"""pg_inherits: what hangs below a table, partitions and children alike."""

from __future__ import annotations

from typing import Any

__all__ = ["inheritors"]


def inheritors(cache: Any, oid: int) -> list[int]:
    """What inherits from a table, level by level, each relation once, the table itself left out."""
    found = [oid]
    for parent in found:
        rows = cache.lookup("pg_inherits", "inhparent", parent)
        children = sorted(int(row.inhrelid) for row in rows)
        found += [child for child in children if child not in found]
    return found[1:]
