"""Cost formulas of scans, sorts, aggregation and expressions, in PostgreSQL's units."""

from __future__ import annotations

import math
from typing import Any

from formats.units import BLCKSZ
from pgtool.nodes.exprs import SubPlan
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Glob, Path, Root

_TUPLE_HEADER = 24


def clamp_rows(rows: float) -> float:
    """A row estimate: whole, at least one, never absurd."""
    if rows > 1e100 or math.isnan(rows):
        return 1e100
    return 1.0 if rows <= 1.0 else float(round(rows))


def row_bytes(tuples: float, width: float) -> float:
    """Bytes that rows take in memory or in a temporary file."""
    return tuples * (-(-int(width) // 8) * 8 + _TUPLE_HEADER)


def page_count(tuples: float, width: float) -> float:
    """The same in blocks."""
    return math.ceil(row_bytes(tuples, width) / BLCKSZ)


# -- expressions ----


def qual_cost(glob: Glob, nodes: Any) -> tuple[float, float]:
    """(once, per row) of evaluating expressions (or Rinfos, whose cost is remembered)."""
    startup = per_tuple = 0.0
    for node in nodes if isinstance(nodes, list) else [nodes]:
        known = getattr(node, "cost", None) if hasattr(node, "clause") else None
        if known is None:
            clause = node.clause if hasattr(node, "clause") else node
            known = _expr_cost(glob, clause)
            if hasattr(node, "clause"):
                if node.pseudo:
                    known = (known[0] + known[1], 0.0)
                node.cost = known
        startup += known[0]
        per_tuple += known[1]
    return startup, per_tuple


def array_length(node: Any, glob: Glob | None = None) -> float:
    """Elements of an array expression, as far as can be seen."""
    from pgtool.types.arrays import read_array

    node = trees.strip_relabel(node)
    name = type(node).__name__
    if name == "Const":
        if node.constisnull or glob is None:
            return 0.0
        datum = glob.types.datum_of_const(node)
        if datum is None:
            return 0.0
        return float(len(read_array(datum, None, glob.session.types.info).items))
    if name == "ArrayExpr" and not node.multidims:
        return float(len(node.elements))
    return 10.0


def _expr_cost(glob: Glob, node: Any) -> tuple[float, float]:
    unit = glob.costs.cpu_operator_cost
    startup = per = 0.0

    def look(inner: Any, _depth: int) -> bool:
        nonlocal startup, per
        if isinstance(inner, SubPlan):
            if inner.useHashTable:
                one, each = qual_cost(glob, inner.testexpr)
                startup += inner.startup_cost + one
                per += inner.per_call_cost + each
            else:
                startup += inner.startup_cost
                per += inner.per_call_cost
            return True
        name = type(inner).__name__
        if name in ("Aggref", "WindowFunc", "GroupingFunc"):
            return True
        if name == "ScalarArrayOpExpr":
            per += 0.5 * array_length(inner.args[1], glob) * _func_cost(glob, inner) * unit
        elif name == "CoerceViaIO":
            per += 2 * unit
        elif name == "ArrayCoerceExpr":
            if inner.elemexpr is not None and type(inner.elemexpr).__name__ != "RelabelType":
                per += 10 * unit
        elif name in ("MinMaxExpr", "SQLValueFunction", "NextValueExpr"):
            per += unit
        elif name in _CALLS:
            per += _func_cost(glob, inner) * unit
        return False

    trees.visit(node, look)
    return startup, per


_CALLS = ("FuncExpr", "OpExpr", "DistinctExpr", "NullIfExpr", "RowCompareExpr")


def _func_cost(glob: Glob, node: Any) -> float:
    total = 0.0
    for oid in trees.function_oids(node, glob.cache):
        row = glob.cache.proc(oid)
        total += float(row.procost) if row is not None else 1.0
    return total


def target_cost(root: Root, exprs: list[Any]) -> tuple[tuple[float, float], int]:
    """((once, per row), width) of a target list."""
    costly = [e for e in exprs if type(e).__name__ != "Var"]
    return qual_cost(root.glob, costly), sum(expr_width(root, e) for e in exprs)


def expr_width(root: Root, expr: Any) -> int:
    """Estimated width of an expression's value."""
    from pgtool.sql.analyze.nodetypes import expr_type, expr_typmod
    from pgtool.sql.planner import stats

    if type(expr).__name__ == "Var" and expr.varlevelsup == 0:
        rel = root.rels.get(expr.varno)
        if rel is not None:
            known = rel.attr_widths.get(expr.varattno)
            if known is None:
                known = rel.attr_widths[expr.varattno] = _var_width(root, rel, expr)
            return known
    return stats.type_width(root.glob, expr_type(expr), expr_typmod(expr))


def _var_width(root: Root, rel: Any, var: Any) -> int:
    from pgtool.sql.planner import stats

    if rel.relation is not None:
        if var.varattno == 0:
            return stats.tuple_width(root.glob, rel.relation)
        return stats.column_width(root.glob, rel.relation, var.varattno)
    if rel.subroot is not None and var.varattno > 0:
        paths = rel.subplan_paths or rel.subroot.final_paths
        target = paths[0].target if paths else []
        if var.varattno <= len(target):
            return expr_width(rel.subroot, target[var.varattno - 1])
    return stats.type_width(root.glob, var.vartype, var.vartypmod)


# -- scans ----


def seqscan(root: Root, rel: Any, quals: list[Any], rows: float) -> tuple[float, float]:
    """Sequential scan of a table."""
    c = root.glob.costs
    once, per = qual_cost(root.glob, quals)
    (t_once, t_per), _ = target_cost(root, rel.target)
    startup = once + t_once
    run = (c.cpu_tuple_cost + per) * rel.tuples + c.seq_page_cost * rel.pages + t_per * rows
    return startup, startup + run


def simple_scan(
    root: Root, rel: Any, quals: list[Any], rows: float, tuples: float, first: float, each: float
) -> tuple[float, float]:
    """Function, VALUES, CTE and result scans: what a row costs before the filter."""
    c = root.glob.costs
    once, per = qual_cost(root.glob, quals)
    (t_once, t_per), _ = target_cost(root, rel.target)
    startup = first + once + t_once
    return startup, startup + (c.cpu_tuple_cost + each + per) * tuples + t_per * rows


def pages_fetched(
    root: Root, fetched: float, pages: float, index_pages: float
) -> float:
    """Mackert and Lohman: distinct page reads of random fetches with a cache."""
    t = pages if pages > 1 else 1.0
    total = max(root.total_pages + index_pages, 1.0)
    b = max(math.ceil(root.glob.costs.effective_cache_size * t / total), 1.0)
    if t <= b:
        found = (2.0 * t * fetched) / (2.0 * t + fetched)
        return t if found >= t else math.ceil(found)
    limit = (2.0 * t * b) / (2.0 * t - b)
    if fetched <= limit:
        return math.ceil((2.0 * t * fetched) / (2.0 * t + fetched))
    return math.ceil(b + (fetched - limit) * (t - b) / t)


# -- sorting ----


def tuplesort(
    glob: Glob, tuples: float, width: float, limit: float = -1.0, comparison: float = 0.0
) -> tuple[float, float]:
    """(startup, run) of sorting rows, the input not counted."""
    c = glob.costs
    memory = c.work_mem * 1024.0
    tuples = max(tuples, 2.0)
    comparison += 2.0 * c.cpu_operator_cost
    size = row_bytes(tuples, width)
    if 0 < limit < tuples:
        output, out_size = limit, row_bytes(limit, width)
    else:
        output, out_size = tuples, size
    if out_size > memory:
        pages = math.ceil(size / BLCKSZ)
        runs = size / memory
        order = max(6.0, min(500.0, memory / (2 * 9 * BLCKSZ) if memory else 6.0))
        order = max(6.0, min(500.0, math.floor(memory / (9 * BLCKSZ))))
        log_runs = math.ceil(math.log(runs) / math.log(order)) if runs > order else 1.0
        startup = comparison * tuples * math.log2(tuples)
        startup += 2.0 * pages * log_runs * (c.seq_page_cost * 0.75 + c.random_page_cost * 0.25)
    elif tuples > 2 * output or size > memory:
        startup = comparison * tuples * math.log2(2.0 * output)
    else:
        startup = comparison * tuples * math.log2(tuples)
    return startup, c.cpu_operator_cost * tuples


def sort(
    glob: Glob, input_total: float, tuples: float, width: float, limit: float = -1.0
) -> tuple[float, float]:
    """(startup, total) of a Sort node over an input."""
    startup, run = tuplesort(glob, tuples, width, limit)
    startup += input_total
    return startup, startup + run


def incremental_sort(
    glob: Glob, path: Path, groups: float, limit: float = -1.0
) -> tuple[float, float]:
    """(startup, total) of an IncrementalSort over a partly sorted input."""
    c = glob.costs
    run = path.total - path.startup
    tuples = max(path.rows, 2.0)
    groups = max(1.0, groups)
    group_tuples = tuples / groups
    group_input = run / groups
    start, end = tuplesort(glob, group_tuples * 1.0, path.width, limit)
    startup = start + path.startup + group_input
    total_run = end + (end + start) * (groups - 1) + group_input * (groups - 1)
    total_run += c.cpu_tuple_cost * tuples
    total_run += 2.0 * c.cpu_tuple_cost * groups
    return startup, startup + total_run


def material(glob: Glob, startup: float, total: float, tuples: float, width: float) -> float:
    """Total cost of a Material over an input (startup is the input's)."""
    c = glob.costs
    run = total - startup + 2 * c.cpu_operator_cost * tuples
    size = row_bytes(tuples, width)
    if size > c.work_mem * 1024.0:
        run += c.seq_page_cost * math.ceil(size / BLCKSZ)
    return startup + run


def rescan(root: Root, path: Path) -> tuple[float, float]:
    """(startup, total) of running a path again."""
    c = root.glob.costs
    kind = path.kind
    if kind == "FunctionScan":
        return 0.0, path.total - path.startup
    if kind == "HashJoin" and path.batches == 1:
        return 0.0, path.total - path.startup
    if kind in ("CteScan", "WorkTableScan"):
        return 0.0, c.cpu_tuple_cost * path.rows + _spill(root, path)
    if kind in ("Material", "Sort"):
        return 0.0, c.cpu_operator_cost * path.rows + _spill(root, path)
    if kind == "Memoize":
        return path.rescan_startup, path.rescan_total
    return path.startup, path.total


def _spill(root: Root, path: Path) -> float:
    size = row_bytes(path.rows, path.width)
    if size <= root.glob.costs.work_mem * 1024.0:
        return 0.0
    return root.glob.costs.seq_page_cost * math.ceil(size / BLCKSZ)


# -- aggregation ----


class AggCosts:
    """What a query's aggregates cost: per input row, per group."""

    def __init__(self, root: Root, aggs: list[Any]) -> None:
        glob = root.glob
        unit = glob.costs.cpu_operator_cost
        self.trans_startup = self.trans = self.final_startup = self.final = 0.0
        self.space = 0
        self.count = len(aggs)
        for agg in aggs:
            row = glob.cache.one("pg_aggregate", "aggfnoid", agg.aggfnoid)
            if row is None:
                continue
            self.trans += _proc_cost(glob, row.aggtransfn) * unit
            if row.aggfinalfn:
                self.final += _proc_cost(glob, row.aggfinalfn) * unit
            once, per = qual_cost(glob, [e.expr for e in agg.args])
            self.trans_startup += once
            self.trans += per
            if agg.aggfilter is not None:
                once, per = qual_cost(glob, agg.aggfilter)
                self.trans_startup += once
                self.trans += per
            once, per = qual_cost(glob, list(agg.aggdirectargs))
            self.final_startup += once
            self.final += per
            self.space += _trans_space(glob, row, agg)


def _proc_cost(glob: Glob, oid: int) -> float:
    row = glob.cache.proc(oid)
    return float(row.procost) if row is not None else 1.0


def _trans_space(glob: Glob, row: Any, agg: Any) -> int:
    typ = glob.cache.type(row.aggtranstype)
    if typ is not None and typ.typbyval:
        return 0
    if row.aggtransspace > 0:
        return int(row.aggtransspace)
    if row.aggtranstype == 2281:
        return 8192
    if row.aggtransspace < 0:
        return 8192
    width = int(typ.typlen) if typ is not None and typ.typlen > 0 else 32
    return -(-width // 8) * 8 + 16


def agg(
    root: Root, strategy: str, costs: AggCosts | None, columns: int, groups: float, path: Path,
    having: list[Any],
) -> tuple[float, float, float]:  # fmt: skip
    """(startup, total, rows) of an Agg node."""
    c = root.glob.costs
    a = costs or AggCosts(root, [])
    n = path.rows
    if strategy == "plain":
        startup = path.total + a.trans_startup + a.trans * n + a.final_startup + a.final
        total, rows = startup + c.cpu_tuple_cost, 1.0
    elif strategy == "sorted":
        startup = path.startup
        total = path.total + a.trans_startup + a.trans * n
        total += c.cpu_operator_cost * columns * n + a.final_startup + a.final * groups
        total += c.cpu_tuple_cost * groups
        rows = groups
    else:
        startup = path.total + a.trans_startup + a.trans * n
        startup += c.cpu_operator_cost * columns * n + a.final_startup
        total = startup + a.final * groups + c.cpu_tuple_cost * groups
        rows = groups
        extra = _hash_spill(root, a, path, groups)
        startup += extra[0]
        total += extra[1]
    if having:
        from pgtool.sql.planner.selectivity import clauselist

        once, per = qual_cost(root.glob, having)
        startup += once
        total += once + per * rows
        rows = clamp_rows(rows * clauselist(root, having, 0, 0, None))
    return startup, total, rows


def hash_entry_size(a: AggCosts, width: float) -> float:
    """Bytes of one group in a hash table."""
    tuple_size = 16 + -(-int(width) // 8) * 8
    pergroup = a.count * 16
    space = 16 + a.space if a.space > 0 else 0
    return 24 + tuple_size + 16 + pergroup + space


def _hash_spill(root: Root, a: AggCosts, path: Path, groups: float) -> tuple[float, float]:
    c = root.glob.costs
    entry = hash_entry_size(a, path.width)
    memory = c.hash_mem
    if entry * groups <= memory:
        return 0.0, 0.0
    partitions = max(4.0, min(1024.0, 2.0 ** math.ceil(math.log2(1.5 * entry * groups / memory))))
    limit = memory - min(partitions * BLCKSZ, memory * 0.25)
    batches = max(math.ceil(max(groups * entry / limit, groups / max(limit / entry, 1.0))), 1.0)
    depth = math.ceil(math.log(batches) / math.log(max(partitions, 2.0)))
    pages = row_bytes(path.rows, path.width) / BLCKSZ * depth * 2.0
    spill = depth * path.rows * 2.0 * c.cpu_tuple_cost
    startup = pages * c.random_page_cost + spill
    return startup, startup + pages * c.seq_page_cost


def group(
    root: Root, columns: int, groups: float, path: Path
) -> tuple[float, float]:
    """(startup, total) of a Group or Unique over a sorted input."""
    c = root.glob.costs
    return path.startup, path.total + c.cpu_operator_cost * path.rows * columns
