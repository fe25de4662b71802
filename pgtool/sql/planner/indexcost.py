"""What a btree scan costs."""

from __future__ import annotations

import math
from typing import Any

from pgtool.sql.planner import cost, selectivity, stats, trees
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner.base import Path, Root
from pgtool.sql.planner.indexclause import column_expr

_PAGE_CPU = 50.0
_DEFAULT_INEQ = 0.3333333333333333


def _predicate(root: Root, index: Any, quals: list[Any]) -> list[Any]:
    """Quals plus those parts of a partial index's predicate that they do not imply."""
    from pgtool.sql.planner.implied import implied

    clauses = [q.clause if hasattr(q, "clause") else q for q in quals]
    extra = [p for p in index.predicate if not implied(root.glob, [p], clauses)]
    return [*extra, *quals]


def scan(root: Root, path: Path, loops: float, only: bool) -> None:
    """Set an index scan's costs, and what a bitmap over it needs."""
    index, rel = path.index, path.rel
    c = root.glob.costs
    startup, total, sel, correlation = _btree(root, path, loops)
    path.__dict__["index_total"], path.__dict__["index_sel"] = total, sel
    run = total - startup
    tuples = cost.clamp_rows(sel * rel.tuples)
    pages = float(index.pages)

    def heap(fetched: float) -> float:
        found = cost.pages_fetched(root, fetched, rel.pages, pages)
        return math.ceil(found * (1.0 - rel.allvisfrac)) if only else found

    if loops > 1:
        worst = heap(tuples * loops) * c.random_page_cost / loops
        best = heap(math.ceil(sel * rel.pages) * loops) * c.random_page_cost / loops
    else:
        worst = heap(tuples) * c.random_page_cost
        fetched = float(math.ceil(sel * rel.pages))
        if only:
            fetched = math.ceil(fetched * (1.0 - rel.allvisfrac))
        best = 0.0
        if fetched > 0:
            best = c.random_page_cost + max(fetched - 1, 0.0) * c.seq_page_cost
    run += worst + correlation * correlation * (best - worst)
    quals = [r for r in [*_needed(root, path), *path.enforced] if r not in path.indexed]
    once, per = cost.qual_cost(root.glob, quals)
    (t_once, t_per), _ = cost.target_cost(root, path.target)
    startup += once + t_once
    run += (c.cpu_tuple_cost + per) * tuples + t_per * path.rows
    path.startup, path.total = startup, startup + run


def _needed(root: Root, path: Path) -> list[Any]:
    """Restrictions that a partial index's predicate does not already imply."""
    index = path.index
    if not index.predicate:
        return list(path.rel.baserestrict)
    from pgtool.sql.planner.implied import implied

    return [
        r for r in path.rel.baserestrict if not implied(root.glob, [r.clause], index.predicate)
    ]


class _Bounds:
    """The boundary quals of a scan and how many descents they make."""

    def __init__(self, root: Root, path: Path) -> None:
        self.root, self.path = root, path
        self.index = path.index
        self.quals: list[Any] = []
        self.skip: list[Any] = []
        self.column = 0
        self.equal = self.array = self.null = False
        self.scans = 1.0
        for clause in sorted(path.index_clauses, key=lambda k: k.column):
            if clause.column > self.column and not self._advance(clause.column):
                break
            for qual in clause.quals:
                self._add(qual)

    def _advance(self, wanted: int) -> bool:
        """Move to a later column; columns without equality are skipped over."""
        before = self.scans
        if self.equal:
            self.column += 1
            self.skip = []
        self.equal = False
        while self.column < wanted:
            self.array = True
            if self.root.glob.cache.major < 18:
                return False
            var = stats.examine(self.root, column_expr(self.index, self.column))
            distinct, default = stats.distinct(var)
            if default:
                self.scans = before
                return False
            if self.skip:
                frac = selectivity.clauselist(
                    self.root, _predicate(self.root, self.index, self.skip),
                    self.index.rel.rti, 0, None)
                if frac < _DEFAULT_INEQ:
                    self.scans = before
                    return False
                distinct = max(float(round(distinct * frac)), 1.0)
            else:
                distinct += 1
            self.scans *= distinct
            if self.index.pages < self.scans:
                self.scans = before
                return False
            self.column += 1
            self.skip = []
        return self.column == wanted

    def _add(self, qual: Any) -> None:
        name = type(qual).__name__
        if name == "NullTest":
            if qual.nulltesttype == 0:
                self.null = self.equal = True
        else:
            if name == "ScalarArrayOpExpr":
                self.array = True
                self.scans *= max(cost.array_length(qual.args[1], self.root.glob), 1.0)
            row = ops.in_family(self.root.glob.cache, qual.opno,
                                self.index.opfamilies[self.column])  # fmt: skip
            if row is not None and row.amopstrategy == ops.EQUAL:
                self.equal = True
        self.quals.append(qual)
        if not self.equal and self.column < self.index.nkeys - 1:
            self.skip.append(qual)


def _btree(root: Root, path: Path, loops: float) -> tuple[float, float, float, float]:
    """(startup, total, selectivity, correlation) of the index part."""
    index, c = path.index, root.glob.costs
    bounds = _Bounds(root, path)
    rel = index.rel
    scans = bounds.scans
    if index.unique and bounds.column == index.nkeys - 1 and bounds.equal \
            and not bounds.array and not bounds.null:  # fmt: skip
        tuples = 1.0
    else:
        sel = selectivity.clauselist(root, _predicate(root, index, bounds.quals), rel.rti, 0, None)
        scans = max(min(scans, math.ceil(index.pages * 0.3333333)), 1.0)
        tuples = float(round(sel * rel.tuples / scans))
    quals = [q for k in path.index_clauses for q in k.quals]
    selective = selectivity.clauselist(root, _predicate(root, index, quals), rel.rti, 0, None)
    if tuples <= 0.0:
        tuples = float(round(selective * rel.tuples / scans))
    tuples = max(min(tuples, index.tuples), 1.0)
    pages = 1.0
    if index.pages > 1 and index.tuples > 1:
        pages = math.ceil(tuples * index.pages / index.tuples)
    if scans * loops > 1:
        fetched = cost.pages_fetched(root, pages * scans * loops, float(index.pages),
                                     float(index.pages))  # fmt: skip
        total = fetched * c.random_page_cost / loops
    else:
        total = pages * c.random_page_cost
    arg_cost = 0.0
    for qual in quals:
        if type(qual).__name__ in ("OpExpr", "ScalarArrayOpExpr"):
            one, each = cost.qual_cost(root.glob, qual.args[1])
            arg_cost += one + each
    startup = arg_cost
    total += arg_cost
    total += tuples * scans * (c.cpu_index_tuple_cost + c.cpu_operator_cost * len(quals))
    if index.tuples > 1:
        descent = math.ceil(math.log2(index.tuples)) * c.cpu_operator_cost
        startup += descent
        total += scans * descent
    descent = (index.height + 1) * _PAGE_CPU * c.cpu_operator_cost
    startup += descent
    total += scans * descent
    return startup, total, selective, _correlation(root, index)


def _correlation(root: Root, index: Any) -> float:
    """How far the table lies in the order of the index's first column."""
    expr = column_expr(index, 0)
    attnum = index.keys[0]
    if attnum:
        found = stats.examine(root, expr).stats
    else:
        found = stats.column_stats(root.glob, index.oid, 1)
    if found is None or found.correlation is None:
        return 0.0
    value = -found.correlation if index.reverse[0] else found.correlation
    return value * 0.75 if index.nkeys > 1 else value


def bare(node: Any) -> Any:
    """A clause without its Rinfo."""
    return trees.strip_relabel(getattr(node, "clause", node))
