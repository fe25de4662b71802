"""What a dump of data holds beyond the tables, and in which order it comes.

As pg_dump does: tables by schema and name, but a table after those that its foreign keys
point to, so that the script loads into a database where the constraints exist; then the
sequences, with those that columns own. Tables of extensions belong to the extension, unless
it marked them as the user's configuration.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from pgtool.catalog.classids import EXTENSION, RELATION
from pgtool.catalog.database import Database
from pgtool.catalog.lookups import oid_vector
from pgtool.catalog.relation import Relation

_DEPEND = {"classid", "objid", "refclassid", "refobjid", "refobjsubid", "deptype"}


def owned_sequences(database: Database, tables: Iterable[int]) -> set[int]:
    """The sequences that belong to columns of these tables (serial and identity)."""
    wanted = set(tables)
    return {
        row["objid"] for row in database.catalog("pg_depend", _DEPEND)
        if row["refobjid"] in wanted and row["deptype"] in "ai" and row["refobjsubid"] > 0
        and row["classid"] == row["refclassid"] == RELATION
    }  # fmt: skip


def extension_members(database: Database) -> set[int]:
    """Relations that extensions made and did not mark as configuration."""
    members = {
        row["objid"] for row in database.catalog("pg_depend", _DEPEND)
        if row["deptype"] == "e" and row["classid"] == RELATION
        and row["refclassid"] == EXTENSION
    }  # fmt: skip
    for row in database.catalog("pg_extension"):
        members -= set(oid_vector(row["extconfig"] or b""))
    return members


def in_dump_order(database: Database, relations: Iterable[Relation]) -> list[Relation]:
    """Tables, those referred to first, then sequences."""
    ordered = sorted(relations, key=lambda r: (r.relkind == "S", r.nspname, r.relname))
    place = {r.oid: i for i, r in enumerate(ordered)}
    before: list[set[int]] = [set() for _ in ordered]
    waiting = [0] * len(ordered)
    for row in database.catalog("pg_constraint", {"contype", "conrelid", "confrelid"}):
        own, other = place.get(row["conrelid"]), place.get(row["confrelid"])
        if row["contype"] != "f" or own is None or other is None or own == other:
            continue
        if other not in before[own]:
            before[own].add(other)
            waiting[other] += 1
    return [ordered[i] for i in _last_first(before, waiting)]


def _last_first(before: list[set[int]], waiting: list[int]) -> list[int]:
    """Places in order: from the end, always the last one that nothing left must come after.

    So the order changes no more than it must. In a circle the last one is taken all the same.
    """
    left = set(range(len(before)))
    free = [-i for i in left if waiting[i] == 0]
    heapq.heapify(free)
    out: list[int] = []
    while left:
        chosen = -heapq.heappop(free) if free else max(left)
        if chosen not in left:
            continue
        left.remove(chosen)
        out.append(chosen)
        for other in before[chosen]:
            waiting[other] -= 1
            if waiting[other] == 0 and other in left:
                heapq.heappush(free, -other)
    return out[::-1]
