"""What only EXPLAIN ANALYZE knows of a node, as (label, value) rows for text and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.nodes import plan as p
from pgtool.sql.planner import trees

__all__ = ["buffer_facts", "buffer_line", "buffers", "measured", "no_buffers"]

_KINDS = [(place, word) for place, words in (
    ("Shared", ("Hit", "Read", "Dirtied", "Written")),
    ("Local", ("Hit", "Read", "Dirtied", "Written")), ("Temp", ("Read", "Written")),
) for word in words]  # fmt: skip


def measured(plan: Any, found: Any, major: int, text: bool) -> list[tuple[str, Any]]:
    """Properties of one node that ran, in the server's order; JSON has zeroes too."""
    out: list[tuple[str, Any]] = []
    if isinstance(plan, p.Agg) and found.extra:
        out += _hash_aggregate(found.extra, text)
    if found.removed or (not text and plan.qual):
        label = "Rows Removed by Filter"
        if isinstance(plan, p.Join) and not plan.qual:
            label = "Rows Removed by Join Filter"
        out.append((label, round(found.removed / found.loops)))
    if isinstance(plan, p.Sort) and found.extra:
        method, size = found.extra
        out.append(("Sort Method", (method, -(-int(size) // 1024))))
    elif isinstance(plan, p.Hash) and found.extra:
        out += _hash(found.extra, text)
    elif isinstance(plan, p.BitmapHeapScan):
        out += _heap_blocks(found.heap_blocks, text)
    if isinstance(plan, p.ModifyTable) and found.extra:
        inserted, conflicting, filtered = found.extra
        if filtered or not text:
            out.append(("Rows Removed by Conflict Filter", filtered))
        out += [("Tuples Inserted", inserted), ("Conflicting Tuples", conflicting)]
    if isinstance(plan, p.IndexOnlyScan):
        out.append(("Heap Fetches", found.fetches))
    if major >= 18 and isinstance(plan, (p.IndexScan, p.IndexOnlyScan, p.BitmapIndexScan)):
        out.append(("Index Searches", found.searches))
    return out


def _hash(extra: Any, text: bool) -> list[tuple[str, Any]]:
    buckets, planned, batches, size = extra
    size = -(-size // 1024)
    if text:
        grown = f" (originally {planned})" if buckets != planned else ""
        again = " (originally 1)" if grown and batches == 1 else ""
        return [("Buckets", f"{buckets}{grown}  Batches: {batches}{again}"
                            f"  Memory Usage: {size}kB")]  # fmt: skip
    return [
        ("Hash Buckets", buckets), ("Original Hash Buckets", planned), ("Hash Batches", batches),
        ("Original Hash Batches", batches), ("Peak Memory Usage", size),
    ]


def _hash_aggregate(extra: Any, text: bool) -> list[tuple[str, Any]]:
    batches, size = extra
    size = -(-size // 1024)
    if text:
        return [("Batches", f"{batches}  Memory Usage: {size}kB")]
    return [("Planned Partitions", 0), ("HashAgg Batches", batches), ("Peak Memory Usage", size),
            ("Disk Usage", 0)]  # fmt: skip


def _heap_blocks(exact: int, text: bool) -> list[tuple[str, Any]]:
    if text:
        return [("Heap Blocks", f"exact={exact}")] if exact else []
    return [("Exact Heap Blocks", exact), ("Lossy Heap Blocks", 0)]


def buffers(planned: Any, measures: dict[int, Any], plan: Any) -> tuple[int, int]:
    """(hit, read) pages of a node, all below it and the subplans they call."""
    hit = read = 0
    for node in _below(planned, plan, set()):
        found = measures.get(node.plan_node_id)
        if found is not None:
            hit, read = hit + found.hit, read + found.read
    return hit, read


def _below(planned: Any, plan: Any, seen: set[int]) -> Iterator[Any]:
    for node in trees.walk(plan):
        if isinstance(node, p.Plan):
            yield node
        elif type(node).__name__ == "SubPlan" and node.plan_id not in seen:
            seen.add(node.plan_id)
            yield from _below(planned, planned.subplans[node.plan_id - 1], seen)


def buffer_line(counts: tuple[int, int]) -> str:
    """The text form; empty if nothing was touched."""
    parts = [f"{word}={n}" for word, n in zip(("hit", "read"), counts) if n]
    return f"shared {' '.join(parts)}" if parts else ""


def buffer_facts(counts: tuple[int, int]) -> dict[str, int]:
    """The fields of JSON."""
    out = no_buffers()
    out["Shared Hit Blocks"], out["Shared Read Blocks"] = counts
    return out


def no_buffers() -> dict[str, int]:
    """The fields of JSON where nothing was touched."""
    return {f"{place} {word} Blocks": 0 for place, word in _KINDS}
