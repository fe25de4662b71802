"""Bitmap scans: which indexes to combine, and what fetching the heap then costs."""

from __future__ import annotations

import math
from typing import Any

from pgtool.sql.planner import cost
from pgtool.sql.planner.base import NONE, Path, Rel, Relids, Rinfo, Root


def tree_cost(root: Root, path: Path) -> tuple[float, float]:
    """(cost, selectivity) of computing a bitmap."""
    c = root.glob.costs
    if path.kind == "BitmapIndex":
        return path.index_total + 0.1 * c.cpu_operator_cost * path.rows, path.index_sel
    total, sel = 0.0, 1.0 if path.kind == "BitmapAnd" else 0.0
    for number, sub in enumerate(path.subs):
        one, s = tree_cost(root, sub)
        total += one
        if path.kind == "BitmapAnd":
            sel *= s
            if number:
                total += 100.0 * c.cpu_operator_cost
        else:
            sel += s
            if number and sub.kind != "BitmapIndex":
                total += 100.0 * c.cpu_operator_cost
    return total, min(sel, 1.0)


def combine(root: Root, rel: Rel, kind: str, subs: list[Path]) -> Path:
    """A BitmapAnd or BitmapOr."""
    made = Path(kind, rel, 0.0, 0.0, 0.0, subs=subs)
    made.startup = made.total = tree_cost(root, made)[0]
    made.rows = cost.clamp_rows(tree_cost(root, made)[1] * rel.tuples)
    made.required = NONE.union(*(s.required for s in subs))
    return made


def clauses_of(path: Path) -> list[Rinfo]:
    """The clauses that a bitmap checks (exactly or not)."""
    if path.kind == "BitmapIndex":
        return [r for k in path.index_clauses for r in k.rinfos]
    if path.kind == "BitmapAnd":
        return [r for s in path.subs for r in clauses_of(s)]
    return [path.rinfo] if path.__dict__.get("rinfo") is not None else []


def choose(root: Root, rel: Rel, paths: list[Path], outer: Relids) -> Path:
    """The cheapest AND of some bitmaps."""
    best_of: dict[Any, Path] = {}
    for p in paths:
        wanted = frozenset(map(id, clauses_of(p)))
        old = best_of.get(wanted)
        if old is None or tree_cost(root, p)[0] < tree_cost(root, old)[0]:
            best_of[wanted] = p
    pool = sorted(best_of.values(), key=lambda p: tree_cost(root, p)[::-1])
    best: tuple[float, list[Path]] | None = None
    for i, seed in enumerate(pool):
        chosen, used = [seed], set(map(id, clauses_of(seed)))
        price = heap_path(root, rel, seed, outer).total
        for other in pool[i + 1 :]:
            mine = set(map(id, clauses_of(other)))
            if mine & used or not mine:
                continue
            attempt = heap_path(root, rel, combine(root, rel, "BitmapAnd", [*chosen, other]),
                                outer).total  # fmt: skip
            if attempt < price:
                chosen.append(other)
                used |= mine
                price = attempt
        if best is None or price < best[0]:
            best = (price, chosen)
    assert best is not None
    if len(best[1]) == 1:
        return best[1][0]
    return combine(root, rel, "BitmapAnd", best[1])


def heap_path(root: Root, rel: Rel, bitmap: Path, outer: Relids) -> Path:
    """The heap scan over a bitmap."""
    from pgtool.sql.planner.indexpath import enforced_at, loop_count, rows_with

    c = root.glob.costs
    required = (_required(bitmap) | rel.lateral) if outer or rel.lateral else NONE
    rows = rows_with(root, rel, required) if required else rel.rows
    made = Path("BitmapHeapScan", rel, rows, 0.0, 0.0, [], required, bitmap=bitmap)
    if required:
        made.enforced = enforced_at(root, rel, required)
    loops = loop_count(root, rel, outer) if outer else 1.0
    index_total, sel = tree_cost(root, bitmap)
    tuples = cost.clamp_rows(sel * rel.tuples)
    t = max(rel.pages, 1.0)
    if loops > 1:
        index_pages = _index_pages(bitmap)
        fetched = cost.pages_fetched(root, tuples * loops, rel.pages, index_pages) / loops
    else:
        fetched = (2.0 * t * tuples) / (2.0 * t + tuples)
    fetched = t if fetched >= t else float(math.ceil(fetched))
    per_page = c.random_page_cost
    if fetched >= 2.0:
        per_page -= (c.random_page_cost - c.seq_page_cost) * math.sqrt(fetched / t)
    once, per = cost.qual_cost(root.glob, [*rel.baserestrict, *made.enforced])
    (t_once, t_per), _ = cost.target_cost(root, rel.target)
    startup = index_total + once + t_once
    run = fetched * per_page + (c.cpu_tuple_cost + per) * tuples + t_per * rows
    made.startup, made.total = startup, startup + run
    made.disabled = 0 if c.enable_bitmapscan else 1
    return made


def _required(path: Path) -> Relids:
    if path.kind == "BitmapIndex":
        return frozenset(path.required)
    return NONE.union(*(_required(s) for s in path.subs))


def _index_pages(path: Path) -> float:
    if path.kind == "BitmapIndex":
        return float(path.index.pages)
    return sum(_index_pages(s) for s in path.subs)


def or_paths(root: Root, rel: Rel, clauses: list[Rinfo]) -> list[Path]:
    """BitmapOr paths for clauses all of whose arms some index serves."""
    from pgtool.sql.planner.indexclause import match
    from pgtool.sql.planner.indexpath import _scan

    out: list[Path] = []
    for rinfo in clauses:
        if rinfo.or_clauses is None:
            continue
        arms: list[Path] = []
        for arm in rinfo.or_clauses:
            found: list[Path] = []
            for index in rel.indexes:
                if index.predicate and not index.pred_ok:
                    continue
                used: list[Any] = []
                for column in range(index.nkeys):
                    for part in arm:
                        made = match(root, index, column, part)
                        if made is not None and not any(part in k.rinfos for k in used):
                            used.append(made)
                    if column == 0 and not used:
                        break
                if not used:
                    continue
                path = _scan(root, rel, index, used, NONE, [], False, False)
                path.kind = "BitmapIndex"
                found.append(path)
            if not found:
                break
            arms.append(min(found, key=lambda p: tree_cost(root, p)[0]))
        else:
            made_or = combine(root, rel, "BitmapOr", arms)
            made_or.__dict__["rinfo"] = rinfo
            out.append(made_or)
    return out

