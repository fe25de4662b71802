"""Selectivity of single operators from column statistics.

Named after what PostgreSQL's pg_operator.oprrest and oprjoin call: equality, inequality,
patterns, joins. A value is compared with most common values and histogram bounds; what is
not a known constant gets an average or a default.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.nodes.enums import JoinType
from pgtool.nodes.exprs import Const
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner import patterns, stats, trees
from pgtool.sql.planner.base import Root, SpecialJoin
from pgtool.sql.planner.stats import Variable, distinct, examine

DEFAULT_EQ = 0.005
DEFAULT_INEQ = 0.3333333333333333
DEFAULT_UNKNOWN = 0.005
DEFAULT_NOT_UNKNOWN = 1.0 - DEFAULT_UNKNOWN
DEFAULT_MATCH = {"like": 0.005, "regex": 0.005}

_INEQ = {
    "scalarltsel": (False, False), "scalarlesel": (False, True),
    "scalargtsel": (True, False), "scalargesel": (True, True),
}  # fmt: skip
_FIXED = {
    "contsel": 0.001, "areasel": 0.005, "positionsel": 0.1, "matchingsel": 0.010,
    "tsmatchsel": 0.005 * 1.0, "arraycontsel": 0.005, "rangesel": 0.005, "multirangesel": 0.005,
    "networksel": 0.005,
}  # fmt: skip
_PATTERN = {
    "likesel": ("like", False), "nlikesel": ("like", True), "prefixsel": ("prefix", False),
    "regexeqsel": ("regex", False), "regexnesel": ("regex", True),
    "iclikesel": ("ilike", False), "icnlikesel": ("ilike", True),
    "icregexeqsel": ("iregex", False), "icregexnesel": ("iregex", True),
}  # fmt: skip


def restriction(cache: Any, opno: int) -> str:
    """The name of an operator's restriction estimator; empty where there is none."""
    row = cache.operator(opno)
    proc = cache.proc(row.oprrest) if row is not None and row.oprrest else None
    return str(proc.proname) if proc is not None else ""


def _join_estimator(cache: Any, opno: int) -> str:
    row = cache.operator(opno)
    proc = cache.proc(row.oprjoin) if row is not None and row.oprjoin else None
    return str(proc.proname) if proc is not None else ""


def constant(root: Root, node: Any) -> Const | None:
    """An expression as a Const if its value is known at planning time."""
    from pgtool.sql.planner.fold import estimate_value

    return estimate_value(root.glob, trees.strip_relabel(node))


def _sides(root: Root, args: list[Any], varrelid: int) -> tuple[Variable, Any, bool] | None:
    """(the side with statistics, the other side, whether the variable is on the left)."""
    if len(args) != 2:
        return None
    left, right = (trees.varnos(a) for a in args)
    if varrelid:
        one, two = varrelid in left, varrelid in right
    else:
        one, two = bool(left), bool(right)
    if one and not two:
        return examine(root, args[0]), args[1], True
    if two and not one:
        return examine(root, args[1]), args[0], False
    return None


def compare(root: Root, opno: int, args: list[Any], varrelid: int, collation: int = 0) -> float:
    """Selectivity of an operator that restricts one relation."""
    name = restriction(root.glob.cache, opno)
    if not name:
        return 0.5
    if name == "eqsel":
        return _eq(root, args, varrelid, False)
    if name == "neqsel":
        return _eq(root, args, varrelid, True)
    if name in _INEQ:
        return _ineq(root, opno, args, varrelid, *_INEQ[name])
    if name in _PATTERN:
        sides = _sides(root, args, varrelid)
        if sides is None or not sides[2]:
            return 1.0 - DEFAULT_EQ if _PATTERN[name][1] else DEFAULT_EQ
        kind, negate = _PATTERN[name]
        return patterns.selectivity(root, sides[0], constant(root, sides[1]), kind, negate)
    return _FIXED.get(name, 0.5)


def _value(root: Root, const: Const) -> Any:
    typid = root.glob.types.base_type(const.consttype)
    return stats.comparable(typid, root.glob.types.datum_of_const(const))


def _eq(root: Root, args: list[Any], varrelid: int, negate: bool) -> float:
    sides = _sides(root, args, varrelid)
    if sides is None:
        return 1.0 - DEFAULT_EQ if negate else DEFAULT_EQ
    var, other, _left = sides
    const = constant(root, other)
    if const is not None and const.constisnull:
        return 0.0
    nullfrac = var.stats.nullfrac if var.stats else 0.0
    if const is not None:
        found = eq_const(var, _value(root, const))
    else:
        found = eq_non_const(var)
    return min(max(1.0 - found - nullfrac if negate else found, 0.0), 1.0)


def eq_const(var: Variable, value: Any) -> float:
    """Selectivity of ``var = value``."""
    if var.unique and var.rel is not None and var.rel.tuples >= 1.0:
        return 1.0 / var.rel.tuples
    s = var.stats
    if s is None:
        return 1.0 / distinct(var)[0]
    for known, freq in zip(s.mcv, s.mcv_freqs):
        if known == value:
            return freq
    rest = 1.0 - sum(s.mcv_freqs) - s.nullfrac
    rest = min(max(rest, 0.0), 1.0)
    others = distinct(var)[0] - len(s.mcv_freqs)
    if others > 1:
        rest /= others
    if s.mcv_freqs and rest > s.mcv_freqs[-1]:
        rest = s.mcv_freqs[-1]
    return rest


def eq_non_const(var: Variable) -> float:
    """Selectivity of ``var =`` something unknown."""
    if var.unique and var.rel is not None and var.rel.tuples >= 1.0:
        return 1.0 / var.rel.tuples
    if var.stats is None:
        return 1.0 / distinct(var)[0]
    found = 1.0 - var.stats.nullfrac
    n = distinct(var)[0]
    if n > 1:
        found /= n
    if var.stats.mcv_freqs and found > var.stats.mcv_freqs[0]:
        found = var.stats.mcv_freqs[0]
    return found


def _ineq(
    root: Root, opno: int, args: list[Any], varrelid: int, greater: bool, equal: bool
) -> float:
    sides = _sides(root, args, varrelid)
    if sides is None:
        return DEFAULT_INEQ
    var, other, left = sides
    const = constant(root, other)
    if const is None:
        return DEFAULT_INEQ
    if const.constisnull:
        return 0.0
    if not left:
        greater = not greater
    return ineq_const(root, var, _value(root, const), greater, equal, const.consttype)


def ineq_const(
    root: Root, var: Variable, value: Any, greater: bool, equal: bool, consttype: int = 0
) -> float:
    """Selectivity of ``var < value`` and its kin."""
    s = var.stats
    if s is None:
        return _ctid_ineq(root, var, value, greater, equal)
    if not stats.ordered(s.typid):
        return DEFAULT_INEQ
    value = _cross(s.typid, consttype, value)
    try:
        mcv = sum(f for v, f in zip(s.mcv, s.mcv_freqs) if _holds(v, value, greater, equal))
        hist = _histogram(root, var, value, greater, equal)
    except (TypeError, ArithmeticError):
        return DEFAULT_INEQ
    total = sum(s.mcv_freqs)
    found = 1.0 - s.nullfrac - total
    found *= hist if hist >= 0.0 else 0.5
    return min(max(found + mcv, 0.0), 1.0)


_DAY = 86_400_000_000


def _cross(vartype: int, consttype: int, value: Any) -> Any:
    """A constant of a sibling type on the column's scale."""
    if not isinstance(value, int):
        return value
    if vartype == t.DATEOID and consttype in (t.TIMESTAMPOID, t.TIMESTAMPTZOID):
        return value / _DAY
    if consttype == t.DATEOID and vartype in (t.TIMESTAMPOID, t.TIMESTAMPTZOID):
        return value * _DAY
    return value


def _holds(v: Any, value: Any, greater: bool, equal: bool) -> bool:
    if v == value:
        return equal
    return bool(v > value) == greater


def _ctid_ineq(root: Root, var: Variable, value: Any, greater: bool, equal: bool) -> float:
    expr = var.expr
    if type(expr).__name__ == "Var" and expr.varattno == -1 and var.rel is not None \
            and isinstance(value, bytes) and len(value) >= 6 and var.rel.pages > 0:  # fmt: skip
        hi, lo, off = (int.from_bytes(value[i : i + 2], "little") for i in (0, 2, 4))
        density = var.rel.tuples / var.rel.pages
        block = (hi << 16 | lo) + (min(off / density, 1.0) if density > 0 else 0.0)
        frac = min(max(block / var.rel.pages, 0.0), 1.0)
        return 1.0 - frac if greater else frac
    return DEFAULT_INEQ


def _histogram(root: Root, var: Variable, value: Any, greater: bool, equal: bool) -> float:
    """The part of the histogram's population that satisfies an inequality; -1 without one."""
    assert var.stats is not None
    bounds = var.stats.histogram
    if len(bounds) < 2:
        return -1.0
    low, high = 0, len(bounds)
    while low < high:
        mid = (low + high) // 2
        # For ``<`` and ``>=`` bounds equal to the value are on its right side.
        before = bounds[mid] < value if greater == equal else bounds[mid] <= value
        if before:
            low = mid + 1
        else:
            high = mid
    if low <= 0:
        frac = 0.0
    elif low >= len(bounds):
        frac = 1.0
    else:
        frac = (low - 1 + _bin_fraction(bounds[low - 1], bounds[low], value)) / (len(bounds) - 1)
        frac = _eq_correction(var, bounds, low, frac, greater, equal)
    hist = 1.0 - frac if greater else frac
    cutoff = 0.01 / (len(bounds) - 1)
    return min(max(hist, cutoff), 1.0 - cutoff)


def histogram_range(root: Root, var: Variable, value: Any, greater: bool, equal: bool) -> float:
    """The histogram's part of an inequality alone."""
    return _histogram(root, var, value, greater, equal)


def _eq_correction(
    var: Variable, bounds: list[Any], at: int, frac: float, greater: bool, equal: bool
) -> float:
    s = var.stats
    assert s is not None
    others = distinct(var)[0] - len(s.mcv)
    eq = 1.0 / others if others > 1 else 0.0
    if others <= 1:
        return frac
    strictly_left = greater == equal
    if strictly_left and at == 1:
        frac += eq * (1.0 - frac * (len(bounds) - 1))
    if strictly_left:
        frac -= eq
    return frac


def _bin_fraction(low: Any, high: Any, value: Any) -> float:
    """Where in a histogram bin a value lies."""
    if isinstance(low, (bytes, str)):
        return patterns.string_fraction(low, high, value)
    try:
        low, high, value = float(low), float(high), float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.5
    if high <= low:
        return 0.5
    if value <= low:
        return 0.0
    if value >= high:
        return 1.0
    found = (value - low) / (high - low)
    return found if 0.0 <= found <= 1.0 else 0.5


def nulltest(root: Root, arg: Any, kind: int) -> float:
    """Selectivity of IS NULL (kind 0) and IS NOT NULL (1)."""
    var = examine(root, arg)
    if var.stats is not None:
        frac = var.stats.nullfrac
        return frac if kind == 0 else 1.0 - frac
    expr = var.expr
    if type(expr).__name__ == "Var" and expr.varattno < 0:
        return 0.0 if kind == 0 else 1.0
    return DEFAULT_UNKNOWN if kind == 0 else DEFAULT_NOT_UNKNOWN


def bool_variable(root: Root, node: Any) -> float:
    """Selectivity of a boolean column as a condition."""
    var = examine(root, node)
    return eq_const(var, 1) if var.stats is not None else 0.5


def booltest(root: Root, node: Any) -> float:
    """IS TRUE and its kin."""
    from pgtool.sql.planner import selectivity

    var = examine(root, node.arg)
    kind = int(node.booltesttype)
    if var.stats is None:
        if kind in (4, 5):
            return DEFAULT_UNKNOWN if kind == 4 else DEFAULT_NOT_UNKNOWN
        inner = selectivity.clause(root, node.arg, 0, 0, None)
        return inner if kind in (0, 3) else 1.0 - inner
    nulls = var.stats.nullfrac
    if var.stats.mcv:
        first = var.stats.mcv_freqs[0]
        true = first if var.stats.mcv[0] else 1.0 - first - nulls
    else:
        true = (1.0 - nulls) / 2.0
    false = 1.0 - nulls - true
    found = {0: true, 1: 1.0 - true, 2: false, 3: 1.0 - false, 4: nulls, 5: 1.0 - nulls}[kind]
    return min(max(found, 0.0), 1.0)


def array_operator(
    root: Root, node: Any, varrelid: int, jointype: int, sjinfo: SpecialJoin | None
) -> float:
    """``= ANY (array)`` and its kin: each element like the operator alone."""
    from pgtool.sql.planner.cost import array_length
    from pgtool.sql.planner.fold import array_elements
    from pgtool.sql.planner.selectivity import as_join_clause

    name = restriction(root.glob.cache, node.opno)
    equality, inequality = name == "eqsel", name == "neqsel"
    elements = array_elements(root.glob, node.args[1])
    join_clause = as_join_clause(root, node, varrelid, sjinfo)

    def one(element: Any) -> float:
        args = [node.args[0], element]
        if join_clause:
            return join(root, node.opno, args, jointype, sjinfo)
        return compare(root, node.opno, args, varrelid)

    if elements is None:
        dummy = type(node.args[0])
        count = array_length(node.args[1], root.glob)
        each = one(node.args[1]) if dummy else DEFAULT_EQ
        values = [each] * int(max(count, 1))
    else:
        values = [one(e) for e in elements]
    found = disjoint = 0.0 if node.useOr else 1.0
    for s in values:
        if node.useOr:
            found = found + s - found * s
            disjoint += s
        else:
            found *= s
            disjoint += s - 1.0
    if (equality if node.useOr else inequality) and 0.0 <= disjoint <= 1.0:
        found = disjoint
    return min(max(found, 0.0), 1.0)


# -- joins ----


def join(
    root: Root, opno: int, args: list[Any], jointype: int, sjinfo: SpecialJoin | None
) -> float:
    """Selectivity of an operator that compares two relations."""
    name = _join_estimator(root.glob.cache, opno)
    if name in ("eqjoinsel", "neqjoinsel"):
        return _neq_join(root, opno, args, jointype, sjinfo) if name == "neqjoinsel" \
            else eq_join(root, args, jointype, sjinfo)  # fmt: skip
    if name.startswith("scalar"):
        return DEFAULT_INEQ
    if name == "contjoinsel":
        return 0.001
    if name in ("likejoinsel", "regexeqjoinsel", "prefixjoinsel", "iclikejoinsel",
                "icregexeqjoinsel", "areajoinsel"):  # fmt: skip
        return DEFAULT_EQ
    if name in ("nlikejoinsel", "regexnejoinsel", "icnlikejoinsel", "icregexnejoinsel"):
        return 1.0 - DEFAULT_EQ
    return 0.5


def _neq_join(
    root: Root, opno: int, args: list[Any], jointype: int, sjinfo: SpecialJoin | None
) -> float:
    if jointype in (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI):
        var = examine(root, args[0])
        return 1.0 - (var.stats.nullfrac if var.stats else 0.0)
    return 1.0 - eq_join(root, args, jointype, sjinfo)


def eq_join(root: Root, args: list[Any], jointype: int, sjinfo: SpecialJoin | None) -> float:
    """Selectivity of ``one = two`` between relations."""
    one, two = examine(root, args[0]), examine(root, args[1])
    if sjinfo is not None and one.rel is not None and one.rel.relids <= sjinfo.syn_right:
        reverse = True
    else:
        reverse = bool(two.rel is not None and sjinfo is not None
                       and two.rel.relids <= sjinfo.syn_left)  # fmt: skip
    n1, default1 = distinct(one)
    n2, default2 = distinct(two)
    inner = _eq_inner(one, two, n1, n2)
    # What counts is the join that the query has, not the way in which it is costed.
    if sjinfo is None or sjinfo.jointype not in (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI):
        return inner
    inner_rows = _side_rows(root, sjinfo)
    if reverse:
        one, two, n1, n2, default1, default2 = two, one, n2, n1, default2, default1
    semi = _eq_semi(one, two, n1, n2, default1, default2, inner_rows)
    return min(semi, inner_rows * inner)


def _side_rows(root: Root, sjinfo: SpecialJoin | None) -> float:
    from pgtool.sql.planner.joinrels import find_rel

    if sjinfo is None:
        return 1.0
    rel = find_rel(root, sjinfo.min_right)
    if rel is not None:
        return rel.rows
    rows = 1.0
    for rti in sjinfo.min_right:
        rows *= root.rels[rti].rows
    return rows


def _match(one: Variable, two: Variable) -> tuple[float, float, float, int]:
    """(joint, matched 1, matched 2, matches) of two lists of most common values."""
    s1, s2 = one.stats, two.stats
    assert s1 is not None and s2 is not None
    second = {v: i for i, v in reversed(list(enumerate(s2.mcv)))}
    joint = m1 = m2 = 0.0
    hits = 0
    for value, freq in zip(s1.mcv, s1.mcv_freqs):
        at = second.get(value)
        if at is not None:
            joint += freq * s2.mcv_freqs[at]
            m1 += freq
            m2 += s2.mcv_freqs[at]
            hits += 1
    return joint, m1, m2, hits


def _eq_inner(one: Variable, two: Variable, n1: float, n2: float) -> float:
    s1, s2 = one.stats, two.stats
    null1 = s1.nullfrac if s1 else 0.0
    null2 = s2.nullfrac if s2 else 0.0
    if s1 is None or s2 is None or not s1.mcv or not s2.mcv:
        found = (1.0 - null1) * (1.0 - null2)
        return found / max(n1, n2, 1.0)
    joint, m1, m2, hits = _match(one, two)
    un1, un2 = sum(s1.mcv_freqs) - m1, sum(s2.mcv_freqs) - m2
    other1 = min(max(1.0 - null1 - sum(s1.mcv_freqs), 0.0), 1.0)
    other2 = min(max(1.0 - null2 - sum(s2.mcv_freqs), 0.0), 1.0)
    total1 = total2 = joint
    if n2 > len(s2.mcv):
        total1 += un1 * other2 / (n2 - len(s2.mcv))
    if n2 > hits:
        total1 += other1 * (other2 + un2) / (n2 - hits)
    if n1 > len(s1.mcv):
        total2 += un2 * other1 / (n1 - len(s1.mcv))
    if n1 > hits:
        total2 += other2 * (other1 + un1) / (n1 - hits)
    return min(total1, total2)


def _eq_semi(
    one: Variable, two: Variable, n1: float, n2: float, default1: bool, default2: bool,
    inner_rows: float,
) -> float:  # fmt: skip
    if two.rel is not None and n2 >= two.rel.rows:
        n2, default2 = two.rel.rows, False
    if n2 >= inner_rows:
        n2, default2 = inner_rows, False
    s1, s2 = one.stats, two.stats
    null1 = s1.nullfrac if s1 else 0.0
    if s1 is not None and s2 is not None and s1.mcv and s2.mcv:
        _joint, m1, _m2, hits = _match(one, two)
        n1, n2 = n1 - hits, n2 - hits
        if default1 or default2:
            uncertain = 0.5
        elif n1 <= n2 or n2 < 0:
            uncertain = 1.0
        else:
            uncertain = n2 / n1
        rest = min(max(1.0 - m1 - null1, 0.0), 1.0)
        return m1 + uncertain * rest
    if default1 or default2:
        return 0.5 * (1.0 - null1)
    if n1 <= n2 or n2 < 0:
        return 1.0 - null1
    return (n2 / n1) * (1.0 - null1)


def equality_of(root: Root, typid: int) -> int:
    """The default equality operator of a type."""
    known: dict[int, int] = root.glob.__dict__.setdefault("equalities", {})
    if typid not in known:
        opclass = ops.default_opclass(root.glob.cache, typid)
        known[typid] = 0 if opclass is None else ops.member(
            root.glob.cache, opclass.opcfamily, opclass.opcintype, opclass.opcintype, ops.EQUAL)
    return known[typid]
