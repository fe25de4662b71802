"""Which relations lack statistics that ANALYZE would compute.

As vacuumdb has it for --missing-stats-only: the columns of a relation, its extended statistics
and the expressions of its indexes each want their own; a table with children wants those of
the whole inheritance too. A statistics target of 0 wants none.
"""

from __future__ import annotations

from typing import Any

__all__ = ["lacks_statistics"]

_PARTITIONED = "p"


def lacks_statistics(cache: Any, row: Any) -> bool:
    """Whether a relation, by its row of pg_class, lacks any."""
    wanted = [row.relkind == _PARTITIONED]
    if row.relhassubclass and not wanted[0] and cache.lookup("pg_inherits", "inhparent", row.oid):
        wanted.append(True)
    return any(
        _columns(cache, row.oid, inherited) or _extended(cache, row.oid, inherited)
        for inherited in wanted
    ) or (row.relkind != _PARTITIONED and _expressions(cache, row.oid))


def _columns(cache: Any, oid: int, inherited: bool, among: Any = None) -> bool:
    """Whether a column lacks statistics; ``among``: of these numbers only."""
    return any(
        a.attnum > 0 and not a.attisdropped and a.attstattarget != 0 and a.attgenerated != "v"
        and (among is None or a.attnum in among)
        and not cache.lookup(
            "pg_statistic", ("starelid", "staattnum", "stainherit"), (oid, a.attnum, inherited)
        )
        for a in cache.lookup("pg_attribute", "attrelid", oid)
    )  # fmt: skip


def _extended(cache: Any, oid: int, inherited: bool) -> bool:
    return any(
        e.stxstattarget != 0
        and not cache.lookup("pg_statistic_ext_data", ("stxoid", "stxdinherit"), (e.oid, inherited))
        for e in cache.lookup("pg_statistic_ext", "stxrelid", oid)
    )


def _expressions(cache: Any, oid: int) -> bool:
    for index in cache.lookup("pg_index", "indrelid", oid):
        found = {at for at, number in enumerate(index.indkey, 1) if number == 0}
        if found and _columns(cache, index.indexrelid, False, found):
            return True
    return False
