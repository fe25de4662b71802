"""Cost formulas of the three join methods."""

from __future__ import annotations

import math
from typing import Any

from formats.units import BLCKSZ
from pgtool.nodes.enums import JoinType
from pgtool.sql.planner import cost, selectivity, stats
from pgtool.sql.planner.base import Path, Root, SpecialJoin
from pgtool.sql.planner.cost import clamp_rows, qual_cost

_SEMI = (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI)


def semi_factors(root: Root, pair: Any) -> tuple[float, float]:
    """(fraction of outer rows with a match, matches of those) for joins that stop at one."""
    own = [c for c in pair.clauses if not pair.filter(c)]
    kind = JoinType.JOIN_ANTI if pair.kind == JoinType.JOIN_ANTI else JoinType.JOIN_SEMI
    o, i = pair.outer.relids, pair.inner.relids
    jsel = selectivity.clauselist(root, [c.clause for c in own], 0, kind, pair.special)
    inner = SpecialJoin(o, i, o, i, JoinType.JOIN_INNER)
    nsel = selectivity.clauselist(root, [c.clause for c in own], 0, JoinType.JOIN_INNER, inner)
    average = max(nsel * pair.inner.rows / jsel, 1.0) if jsel > 0 else 1.0
    return jsel, average


def _target(pair: Any, path: Path) -> tuple[float, float]:
    known = pair.rel.__dict__.get("output_cost")
    if known is None:
        known = pair.rel.__dict__["output_cost"] = cost.target_cost(pair.root, pair.rel.target)[0]
    return known[0], known[1] * path.rows


def nestloop(pair: Any, path: Path) -> None:
    """Cost of a nested loop."""
    root, c = pair.root, pair.root.glob.costs
    outer, inner = path.outer, path.inner
    path.disabled = outer.disabled + inner.disabled + (0 if c.enable_nestloop else 1)
    outer_rows, inner_rows = max(outer.rows, 1.0), max(inner.rows, 1.0)
    again_start, again_total = cost.rescan(root, inner)
    startup = outer.startup + inner.startup
    run = outer.total - outer.startup
    if outer_rows > 1:
        run += (outer_rows - 1) * again_start
    inner_run, again_run = inner.total - inner.startup, again_total - again_start
    if path.jointype in _SEMI or path.inner_unique:
        frac, count = pair.factors
        matched = float(round(outer_rows * frac))
        unmatched = outer_rows - matched
        scan = 2.0 / (count + 1.0)
        tuples = matched * inner_rows * scan
        if _indexed(path):
            run += inner_run * scan
            if matched > 1:
                run += (matched - 1) * again_run * scan
            run += unmatched * again_run / inner_rows
        else:
            tuples += unmatched * inner_rows
            run += inner_run
            if unmatched >= 1:
                unmatched -= 1
            else:
                matched -= 1
            if matched > 0:
                run += matched * again_run * scan
            if unmatched > 0:
                run += unmatched * again_run
    else:
        run += inner_run
        if outer_rows > 1:
            run += (outer_rows - 1) * again_run
        tuples = outer_rows * inner_rows
    once, per = qual_cost(root.glob, list(path.clauses))
    startup += once
    run += (c.cpu_tuple_cost + per) * tuples
    t_once, t_run = _target(pair, path)
    path.startup, path.total = startup + t_once, startup + t_once + run + t_run


def _indexed(path: Path) -> bool:
    """Whether the inner side finds its matches through an index only."""
    inner = path.inner
    if path.clauses or not inner.required:
        return False
    if inner.kind == "Memoize":
        inner = inner.sub
    if inner.kind in ("IndexScan", "IndexOnlyScan"):
        clauses = [r for group in inner.index_clauses for r in group.rinfos]
    elif inner.kind == "BitmapHeapScan" and inner.bitmap.kind == "BitmapIndex":
        clauses = [r for group in inner.bitmap.index_clauses for r in group.rinfos]
    else:
        return False
    return bool(inner.enforced) and all(r in clauses for r in inner.enforced)


# -- hash join ----


def hash_size(root: Root, rows: float, width: float) -> tuple[float, float]:
    """(buckets, batches) of a hash table."""
    rows = max(rows, 1000.0 if rows <= 0 else rows)
    tuple_size = 16 + -(-int(width) // 8) * 8 + 16
    size = rows * tuple_size
    memory = root.glob.costs.hash_mem
    most = memory / 8
    most = 2.0 ** math.floor(math.log2(max(most, 2)))
    most = min(most, 2.0**30)
    buckets = 2.0 ** math.ceil(math.log2(max(min(math.ceil(rows), most), 1024.0)))
    batches = 1.0
    if size + buckets * 8 > memory:
        bucket_size = tuple_size * 1.0 + 8
        buckets = 2.0 ** math.ceil(math.log2(max(memory / bucket_size, 1024.0)))
        buckets = min(buckets, most)
        wanted = math.ceil(size / max(memory - buckets * 8, 1.0))
        batches = max(2.0, 2.0 ** math.ceil(math.log2(max(wanted, 2.0))))
        while batches > 1 and BLCKSZ * 2 * batches > memory * 2:
            batches /= 2
            memory *= 2
            buckets *= 2
    return buckets, batches


def hashjoin(pair: Any, path: Path) -> None:
    """Cost of a hash join."""
    root, c = pair.root, pair.root.glob.costs
    outer, inner = path.outer, path.inner
    path.disabled = outer.disabled + inner.disabled + (0 if c.enable_hashjoin else 1)
    count = len(path.hash_clauses)
    startup = outer.startup + inner.total
    run = outer.total - outer.startup
    startup += (c.cpu_operator_cost * count + c.cpu_tuple_cost) * inner.rows
    run += c.cpu_operator_cost * count * outer.rows
    buckets, batches = hash_size(root, inner.rows, inner.width)
    path.__dict__["batches"] = int(batches)
    if batches > 1:
        inner_pages = cost.page_count(inner.rows, inner.width)
        startup += c.seq_page_cost * inner_pages
        run += c.seq_page_cost * (
            inner_pages + 2 * cost.page_count(outer.rows, outer.width))
    virtual = buckets * batches
    bucket, mcv = _bucket_size(pair, path, virtual)
    if cost.row_bytes(clamp_rows(inner.rows * mcv), inner.width) > c.hash_mem:
        path.disabled += 0
        startup += 1.0e10
    hash_once, hash_per = qual_cost(root.glob, list(path.hash_clauses))
    all_once, all_per = qual_cost(root.glob, list(path.clauses))
    startup += hash_once
    if path.jointype in _SEMI or path.inner_unique:
        frac, matches = pair.factors
        matched = float(round(outer.rows * frac))
        scan = 2.0 / (matches + 1.0)
        run += hash_per * matched * clamp_rows(inner.rows * bucket * scan) * 0.5
        run += hash_per * (outer.rows - matched) * clamp_rows(inner.rows / virtual) * 0.05
        tuples = outer.rows - matched if path.jointype == JoinType.JOIN_ANTI else matched
    else:
        run += hash_per * outer.rows * clamp_rows(inner.rows * bucket) * 0.5
        from pgtool.sql.planner.joinpath import approximate_tuples

        tuples = approximate_tuples(pair, path, path.hash_clauses)
    startup += all_once - hash_once
    run += (c.cpu_tuple_cost + all_per - hash_per) * tuples
    t_once, t_run = _target(pair, path)
    path.startup, path.total = startup + t_once, startup + t_once + run + t_run


def _bucket_size(pair: Any, path: Path, buckets: float) -> tuple[float, float]:
    """(fraction of the inner rows in a bucket, frequency of the most common value)."""
    if path.inner.kind == "Unique" or path.inner.kind == "UniqueHash":
        return 1.0 / buckets, 0.0
    bucket, mcv = 1.0, 1.0
    for rinfo in path.hash_clauses:
        inner = rinfo.clause.args[1] if pair.outer_is_left(rinfo) else rinfo.clause.args[0]
        known = ("b", id(inner), buckets)
        if known not in rinfo.bucket:
            rinfo.bucket[known] = hash_bucket_stats(pair.root, inner, buckets)
        one, freq = rinfo.bucket[known]
        bucket, mcv = min(bucket, one), min(mcv, freq)
    return bucket, mcv


def hash_bucket_stats(root: Root, expr: Any, buckets: float) -> tuple[float, float]:
    """(estimated bucket fraction, frequency of the most common value) of a hash key."""
    var = stats.examine(root, expr)
    s = var.stats
    mcv = s.mcv_freqs[0] if s is not None and s.mcv_freqs else 0.0
    distinct, default = stats.distinct(var)
    if default:
        return max(0.1, mcv), mcv
    nulls = s.nullfrac if s is not None else 0.0
    average = (1.0 - nulls) / distinct
    if var.rel is not None and var.rel.tuples > 0:
        distinct = clamp_rows(distinct * var.rel.rows / var.rel.tuples)
    found = 1.0 / buckets if distinct > buckets else 1.0 / distinct
    if average > 0.0 and mcv > average:
        found *= mcv / average
    return min(max(found, 1.0e-6), 1.0), mcv


# -- merge join ----


def mergejoin(pair: Any, path: Path) -> None:
    """Cost of a merge join, sorts included."""
    root, c = pair.root, pair.root.glob.costs
    outer, inner = path.outer, path.inner
    path.disabled = outer.disabled + inner.disabled + (0 if c.enable_mergejoin else 1)
    outer_rows, inner_rows = max(outer.rows, 1.0), max(inner.rows, 1.0)
    o_start, o_end, i_start, i_end = _scan_range(pair, path)
    o_skip, i_skip = float(round(outer_rows * o_start)), float(round(inner_rows * i_start))
    o_rows, i_rows = clamp_rows(outer_rows * o_end), clamp_rows(inner_rows * i_end)
    o_start, i_start = o_skip / outer_rows, i_skip / inner_rows
    o_end, i_end = o_rows / outer_rows, i_rows / inner_rows
    startup = run = 0.0
    s, t = _input(pair, outer, path.outer_sort, path)
    startup += s + (t - s) * o_start
    run += (t - s) * (o_end - o_start)
    s, t = _input(pair, inner, path.inner_sort, path)
    startup += s + (t - s) * i_start
    inner_run = (t - s) * (i_end - i_start)
    merge_once, merge_per = qual_cost(root.glob, list(path.merge_clauses))
    all_once, all_per = qual_cost(root.glob, list(path.clauses))
    qp_once, qp_per = all_once - merge_once, all_per - merge_per
    skip_mark = (
        path.jointype in _SEMI or path.inner_unique
    ) and len(path.clauses) == len(path.merge_clauses)
    from pgtool.sql.planner.joinpath import approximate_tuples

    tuples = approximate_tuples(pair, path, path.merge_clauses)
    rescanned = 0.0
    if not skip_mark and outer.kind not in ("Unique", "UniqueHash"):
        rescanned = max(tuples - inner.rows, 0.0)
    ratio = 1.0 + rescanned / max(inner_rows, 1.0)
    bare = inner_run * ratio
    mat = inner_run + c.cpu_operator_cost * i_rows * ratio
    materialize = False
    if skip_mark:
        pass
    elif (
        (c.enable_material and mat < bare) or (not path.inner_sort and not _marks(inner))
        or (c.enable_material and path.inner_sort
        and cost.row_bytes(inner.rows, inner.width) > c.work_mem * 1024.0)
    ):
        materialize = True
    path.__dict__["materialize_inner"] = materialize
    path.__dict__["skip_mark"] = skip_mark
    run += mat if materialize else bare
    startup += merge_once + merge_per * (o_skip + i_skip * ratio)
    run += merge_per * ((o_rows - o_skip) + (i_rows - i_skip) * ratio)
    startup += qp_once
    run += (c.cpu_tuple_cost + qp_per) * tuples
    t_once, t_run = _target(pair, path)
    path.startup, path.total = startup + t_once, startup + t_once + run + t_run


def _marks(path: Path) -> bool:
    """Whether a path can go back to a marked row."""
    return path.kind in ("IndexScan", "IndexOnlyScan", "Material", "Sort")


def _input(pair: Any, sub: Path, keys: list[Any], path: Path) -> tuple[float, float]:
    """(startup, total) of an input, sorted where it must be."""
    from pgtool.sql.planner import equiv
    from pgtool.sql.planner.groups import number_of_groups

    if not keys:
        return sub.startup, sub.total
    glob = pair.root.glob
    prefix = equiv.common_prefix(keys, sub.pathkeys)
    if prefix and glob.costs.enable_incremental_sort and keys is path.outer_sort:
        exprs = [k.ec.members[0].expr for k in keys[:prefix]]
        groups = number_of_groups(pair.root, exprs, sub.rows)
        return cost.incremental_sort(glob, sub, groups)
    return cost.sort(glob, sub.total, sub.rows, sub.width)


def _scan_range(pair: Any, path: Path) -> tuple[float, float, float, float]:
    """(outer start, outer end, inner start, inner end): parts of the inputs that are read."""
    if not path.merge_clauses or path.jointype == JoinType.JOIN_FULL:
        return 0.0, 1.0, 0.0, 1.0
    keys = path.outer_sort or path.outer.pathkeys
    rinfo = path.merge_clauses[0]
    left = pair.outer_is_left(rinfo)
    key = keys[0] if keys else None
    known = ("m", key)
    if known not in rinfo.bucket:
        rinfo.bucket[known] = merge_scan_sel(pair.root, rinfo.clause,
                                             bool(key and key.descending))  # fmt: skip
    l_start, l_end, r_start, r_end = rinfo.bucket[known]
    if left:
        found = [l_start, l_end, r_start, r_end]
    else:
        found = [r_start, r_end, l_start, l_end]
    if path.jointype in (JoinType.JOIN_LEFT, JoinType.JOIN_ANTI):
        found[0], found[1] = 0.0, 1.0
    elif path.jointype in (JoinType.JOIN_RIGHT, JoinType.JOIN_RIGHT_ANTI):
        found[2], found[3] = 0.0, 1.0
    return found[0], found[1], found[2], found[3]


def merge_scan_sel(root: Root, clause: Any, descending: bool) -> tuple[float, ...]:
    """How far a merge join reads each side before the other one ends."""
    from pgtool.sql.planner.selfuncs import ineq_const

    left, right = (stats.examine(root, a) for a in clause.args)
    lr, rr = _extremes(left), _extremes(right)
    if lr is None or rr is None:
        return 0.0, 1.0, 0.0, 1.0
    greater = descending
    try:
        if descending:
            lmin, lmax, rmin, rmax = lr[1], lr[0], rr[1], rr[0]
        else:
            lmin, lmax, rmin, rmax = lr[0], lr[1], rr[0], rr[1]
        l_end = ineq_const(root, left, rmax, greater, True)
        r_end = ineq_const(root, right, lmax, greater, True)
        l_start = ineq_const(root, left, rmin, greater, False)
        r_start = ineq_const(root, right, lmin, greater, False)
    except (TypeError, ArithmeticError):
        return 0.0, 1.0, 0.0, 1.0
    if l_end > r_end:
        l_end = 1.0
    elif l_end < r_end:
        r_end = 1.0
    else:
        l_end = r_end = 1.0
    if l_start < r_start:
        l_start = 0.0
    elif l_start > r_start:
        r_start = 0.0
    else:
        l_start = r_start = 0.0
    if l_start >= l_end:
        l_start, l_end = 0.0, 1.0
    if r_start >= r_end:
        r_start, r_end = 0.0, 1.0
    return l_start, l_end, r_start, r_end


def _extremes(var: stats.Variable) -> tuple[Any, Any] | None:
    s = var.stats
    if s is None or not stats.ordered(s.typid):
        return None
    values = [v for v in [*s.histogram[:1], *s.histogram[-1:]] if v is not None]
    if sum(s.mcv_freqs) + s.nullfrac >= 0.99991 or values:
        values += s.mcv
    else:
        return None
    # NaN is above everything, and some values refuse to be compared with it.
    values.sort(key=lambda v: (1, 0) if v != v else (0, v))
    return (values[0], values[-1]) if values else None
