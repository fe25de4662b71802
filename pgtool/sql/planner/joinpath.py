"""Ways to join two relations: nested loops, hash joins, merge joins."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import JoinType
from pgtool.nodes.exprs import Const
from pgtool.sql.planner import cost, equiv, joincost, selectivity
from pgtool.sql.planner.base import (
    Path,
    Rel,
    Rinfo,
    Root,
    SpecialJoin,
    add_path,
)
from pgtool.sql.planner.joinrels import is_pushed
from pgtool.sql.planner.unique import inner_is_unique, unique_path

_FLIP = {
    JoinType.JOIN_INNER: JoinType.JOIN_INNER, JoinType.JOIN_LEFT: JoinType.JOIN_RIGHT,
    JoinType.JOIN_FULL: JoinType.JOIN_FULL, JoinType.JOIN_ANTI: JoinType.JOIN_RIGHT_ANTI,
    JoinType.JOIN_SEMI: JoinType.JOIN_RIGHT_SEMI,
}  # fmt: skip


class Pair:
    """One ordered pair of relations to join, with what all methods need to know."""

    def __init__(
        self, root: Root, rel: Rel, outer: Rel, inner: Rel, kind: JoinType, special: SpecialJoin,
        clauses: list[Rinfo],
    ) -> None:  # fmt: skip
        self.root, self.rel, self.outer, self.inner = root, rel, outer, inner
        self.kind, self.special = kind, special
        self.clauses = clauses
        self.save_kind = kind
        self.outer_path: Path | None = None
        self.inner_path: Path | None = None
        if kind in (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI, JoinType.JOIN_RIGHT_SEMI,
                    JoinType.JOIN_RIGHT_ANTI):  # fmt: skip
            self.inner_unique = False
        elif kind == JoinType.JOIN_UNIQUE_INNER:
            self.inner_unique = inner_is_unique(root, rel, outer, inner, JoinType.JOIN_INNER,
                                                clauses)  # fmt: skip
        else:
            plain = JoinType.JOIN_INNER if kind == JoinType.JOIN_UNIQUE_OUTER else kind
            self.inner_unique = inner_is_unique(root, rel, outer, inner, plain, clauses)
        if kind == JoinType.JOIN_UNIQUE_INNER:
            self.inner_path = unique_path(root, inner, special)
            self.kind = JoinType.JOIN_INNER
        elif kind == JoinType.JOIN_UNIQUE_OUTER:
            self.outer_path = unique_path(root, outer, special)
            self.kind = JoinType.JOIN_INNER
        self.factors = joincost.semi_factors(root, self) if (
            self.kind in (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI) or self.inner_unique
        ) else (1.0, 1.0)
        self.merge_clauses = [c for c in clauses if self._sided(c) and c.mergeops]
        self.merge_ok = not any(
            c not in self.merge_clauses and not self.filter(c)
            and not isinstance(c.clause, Const) for c in clauses
        ) or kind not in (JoinType.JOIN_RIGHT, JoinType.JOIN_RIGHT_ANTI, JoinType.JOIN_FULL)
        self.hash_clauses = [
            c for c in clauses if c.hash_op and self._sided(c) and not self.filter(c)
        ]
        self.merge_clauses = [c for c in self.merge_clauses if not self.filter(c)]

    def filter(self, rinfo: Rinfo) -> bool:
        """Whether a clause is a filter over an outer join's result."""
        outer = self.kind not in (JoinType.JOIN_INNER, JoinType.JOIN_SEMI,
                                  JoinType.JOIN_RIGHT_SEMI)  # fmt: skip
        return outer and is_pushed(rinfo, self.rel.relids)

    def _sided(self, rinfo: Rinfo) -> bool:
        if not rinfo.can_join:
            return False
        o, i = self.outer.relids, self.inner.relids
        return (rinfo.left <= o and rinfo.right <= i) or (rinfo.left <= i and rinfo.right <= o)

    def outer_is_left(self, rinfo: Rinfo) -> bool:
        """Whether a sided clause has the outer relation's expression on the left."""
        return rinfo.left <= self.outer.relids


def add_for_pair(
    root: Root, rel: Rel, one: Rel, two: Rel, special: SpecialJoin, clauses: list[Rinfo]
) -> None:
    """Add the paths of joining two relations, in both orders."""
    from pgtool.sql.planner.baserels import dummy_path

    kind = special.jointype
    false = any(_const_false(c) and (kind in (JoinType.JOIN_INNER, JoinType.JOIN_SEMI)
                or is_pushed(c, rel.relids)) for c in clauses)  # fmt: skip
    if kind == JoinType.JOIN_INNER and (one.dummy or two.dummy or false):
        return dummy_path(rel)
    if kind in (JoinType.JOIN_LEFT, JoinType.JOIN_ANTI) and (one.dummy or false):
        return dummy_path(rel)
    if kind == JoinType.JOIN_FULL and ((one.dummy and two.dummy) or false):
        return dummy_path(rel)
    if kind == JoinType.JOIN_SEMI:
        if one.dummy or two.dummy or false:
            return dummy_path(rel)
        if special.min_left <= one.relids and special.min_right <= two.relids:
            _paths(Pair(root, rel, one, two, kind, special, clauses))
            _paths(Pair(root, rel, two, one, JoinType.JOIN_RIGHT_SEMI, special, clauses))
        if special.syn_right == two.relids and unique_path(root, two, special) is not None:
            _paths(Pair(root, rel, one, two, JoinType.JOIN_UNIQUE_INNER, special, clauses))
            _paths(Pair(root, rel, two, one, JoinType.JOIN_UNIQUE_OUTER, special, clauses))
        return None
    _paths(Pair(root, rel, one, two, kind, special, clauses))
    _paths(Pair(root, rel, two, one, _FLIP[kind], special, clauses))
    return None


def _const_false(rinfo: Rinfo) -> bool:
    from pgtool.sql.planner.trees import is_false

    return is_false(rinfo.clause)


def _paths(pair: Pair) -> None:
    if pair.outer.lateral & pair.inner.relids:
        return
    _merge_both_sorted(pair)
    _unsorted_outer(pair)
    _hash(pair)


# -- nested loops ----

_NO_NEST = (JoinType.JOIN_RIGHT, JoinType.JOIN_RIGHT_ANTI, JoinType.JOIN_RIGHT_SEMI,
            JoinType.JOIN_FULL)  # fmt: skip


def _unsorted_outer(pair: Pair) -> None:
    """Each outer path as it is, with every useful inner path."""
    nest = pair.kind not in _NO_NEST
    outers = [pair.outer_path] if pair.outer_path else list(pair.outer.paths)
    unique_inner = pair.inner_path is not None
    inner_cheapest = pair.inner_path or pair.inner.cheapest
    material = None
    if nest and inner_cheapest is not None and not unique_inner \
            and not inner_cheapest.required & pair.outer.relids \
            and pair.root.glob.costs.enable_material \
            and inner_cheapest.kind not in _KEEPERS:  # fmt: skip
        material = material_path(pair.root, inner_cheapest)
    for outer in outers:
        assert outer is not None
        if outer.required & pair.inner.relids:
            continue
        if nest:
            inners = [inner_cheapest] if unique_inner else _inner_choices(pair)
            for inner in inners:
                if inner is None:
                    continue
                nestloop(pair, outer, inner)
                memo = _memoize(pair, inner, outer)
                if memo is not None:
                    nestloop(pair, outer, memo)
            if material is not None:
                nestloop(pair, outer, material)
        if pair.outer_path is None and pair.merge_ok:
            _merge_presorted(pair, outer)


_KEEPERS = ("Material", "FunctionScan", "CteScan", "Sort", "WorkTableScan", "TableFuncScan")


def _inner_choices(pair: Pair) -> list[Path]:
    """Inner paths for nested loops: the cheapest, and all that take outer values."""
    inner = pair.inner
    out = [inner.cheapest] if inner.cheapest is not None else []
    groups: dict[frozenset[int], Path] = {}
    for p in inner.paths:
        if p.required and p.required not in groups:
            groups[p.required] = p
    out += [p for p in groups.values() if p is not inner.cheapest]
    return out


def material_path(root: Root, sub: Path) -> Path:
    """A Material over a path."""
    total = cost.material(root.glob, sub.startup, sub.total, sub.rows, sub.width)
    made = Path("Material", sub.rel, sub.rows, sub.startup, total, sub.pathkeys, sub.required,
                sub=sub)  # fmt: skip
    made.target, made.width, made.enforced, made.disabled = (
        sub.target, sub.width, sub.enforced, sub.disabled)
    return made


def required_of(pair: Pair, outer: Path, inner: Path) -> frozenset[int]:
    """Outer relations that a nested loop still needs."""
    return outer.required | (inner.required - outer.rel.relids) if inner.required \
        else outer.required  # fmt: skip


def nestloop(pair: Pair, outer: Path, inner: Path) -> None:
    """Add a nested loop."""
    required = (outer.required | inner.required) - pair.rel.relids
    if required and not required <= pair.rel.lateral and not _param_sensible(pair, required):
        return
    if inner.required and not inner.required & outer.rel.relids and not inner.required <= \
            pair.rel.lateral and pair.kind != JoinType.JOIN_INNER:  # fmt: skip
        return
    clauses = _remaining(pair, inner)
    made = Path("NestLoop", pair.rel, _rows(pair, required), 0.0, 0.0, _keys(pair, outer),
                required, outer=outer, inner=inner, jointype=pair.kind,
                clauses=clauses, inner_unique=pair.inner_unique)  # fmt: skip
    made.enforced = outer.enforced + inner.enforced
    joincost.nestloop(pair, made)
    add_path(pair.rel, made)


def _param_sensible(pair: Pair, required: frozenset[int]) -> bool:
    """Joins that take values from outside are kept where a star join may use them."""
    return any(required & s.min_left for s in pair.root.sjinfos) or bool(pair.rel.lateral) \
        or len(pair.rel.relids) <= 2  # fmt: skip


def _rows(pair: Pair, required: frozenset[int]) -> float:
    if not required - pair.rel.lateral:
        return pair.rel.rows
    sel = 1.0
    for side in (pair.outer, pair.inner):
        for p in side.paths:
            if p.required & required and side.rows > 0:
                sel = min(sel, p.rows / side.rows)
    return cost.clamp_rows(pair.rel.rows * sel)


def _keys(pair: Pair, outer: Path) -> list[Any]:
    if pair.kind in (JoinType.JOIN_FULL, JoinType.JOIN_RIGHT, JoinType.JOIN_RIGHT_ANTI,
                     JoinType.JOIN_RIGHT_SEMI):  # fmt: skip
        return []
    return outer.pathkeys


def _remaining(pair: Pair, inner: Path) -> list[Rinfo]:
    """The clauses that the inner path has not checked already."""
    if not inner.enforced:
        return pair.clauses
    return [c for c in pair.clauses if not _enforced(c, inner)]


def _enforced(rinfo: Rinfo, inner: Path) -> bool:
    for done in inner.enforced:
        if done is rinfo:
            return True
        if rinfo.ec is not None and done.ec is not None \
                and equiv.current(rinfo.ec) is equiv.current(done.ec) \
                and done.clause_relids & inner.rel.relids \
                and done.clause_relids <= rinfo.required | inner.required | inner.rel.relids \
                and rinfo.clause_relids & inner.rel.relids:  # fmt: skip
            return True
    return False


def _memoize(pair: Pair, inner: Path, outer: Path) -> Path | None:
    """A cache over a parameterised inner path, where its results may be asked for again."""
    from pgtool.sql.planner import memoize

    return memoize.path(pair, inner, outer)


# -- hash joins ----


def _hash(pair: Pair) -> None:
    if not pair.hash_clauses:
        return
    outer = pair.outer_path or pair.outer.cheapest
    inner = pair.inner_path or pair.inner.cheapest
    if outer is None or inner is None:
        return
    if outer.required & pair.inner.relids or inner.required & pair.outer.relids:
        return
    hashjoin(pair, outer, inner)
    start = pair.outer.cheapest_startup
    if pair.outer_path is None and start is not None and start is not outer \
            and pair.kind != JoinType.JOIN_FULL:  # fmt: skip
        hashjoin(pair, start, inner)


def hashjoin(pair: Pair, outer: Path, inner: Path) -> None:
    """Add a hash join."""
    required = (outer.required | inner.required) - pair.rel.relids
    made = Path("HashJoin", pair.rel, pair.rel.rows, 0.0, 0.0, [], required, outer=outer,
                inner=inner, jointype=pair.kind, clauses=pair.clauses,
                hash_clauses=pair.hash_clauses, inner_unique=pair.inner_unique)  # fmt: skip
    made.enforced = outer.enforced + inner.enforced
    joincost.hashjoin(pair, made)
    add_path(pair.rel, made)


# -- merge joins ----


def _merge_classes(pair: Pair, rinfo: Rinfo) -> tuple[Any, Any]:
    left, right = equiv.current(rinfo.left_ec), equiv.current(rinfo.right_ec)
    return (left, right) if pair.outer_is_left(rinfo) else (right, left)


def _merge_both_sorted(pair: Pair) -> None:
    """Sort both inputs explicitly, for each useful leading clause."""
    if not pair.merge_clauses or not pair.merge_ok:
        return
    if any(c.left_ec is None or c.right_ec is None for c in pair.merge_clauses):
        return
    outer = pair.outer_path or pair.outer.cheapest
    inner = pair.inner_path or pair.inner.cheapest
    if outer is None or inner is None or outer.required & pair.inner.relids \
            or inner.required & pair.outer.relids:  # fmt: skip
        return
    keys = _outer_keys(pair)
    for lead in keys:
        order = [lead, *(k for k in keys if k is not lead)]
        clauses = _clauses_for(pair, order)
        inner_keys = _inner_keys(pair, clauses, order)
        mergejoin(pair, outer, inner, clauses, order, inner_keys)


def _outer_keys(pair: Pair) -> list[Any]:
    """Sort columns of the outer input for the merge clauses, in a good order."""
    root = pair.root
    classes: list[tuple[Any, int]] = []
    for c in pair.merge_clauses:
        outer_ec, _ = _merge_classes(pair, c)
        if not any(outer_ec is k for k, _ in classes):
            classes.append((outer_ec, c.mergeops[0]))
    wanted = [k for k in root.query_pathkeys if any(k.ec is ec for ec, _ in classes)]
    if wanted == root.query_pathkeys and wanted:
        out = list(wanted)
    else:
        out = []
    rest = [(ec, fam) for ec, fam in classes if not any(k.ec is ec for k in out)]
    rest.sort(key=lambda item: -_popularity(item[0], pair.rel.relids))
    return out + [equiv.pathkey(root, ec, fam, False, False) for ec, fam in rest]


def _popularity(ec: Any, relids: frozenset[int]) -> int:
    return sum(1 for em in ec.members if not em.const and not em.child and not em.relids <= relids)


def _clauses_for(pair: Pair, keys: list[Any]) -> list[Rinfo]:
    """The merge clauses in the order of the outer sort columns."""
    out: list[Rinfo] = []
    for key in keys:
        found = [c for c in pair.merge_clauses
                 if _merge_classes(pair, c)[0] is key.ec and c not in out]  # fmt: skip
        if not found:
            break
        out += found
    return out


def _inner_keys(pair: Pair, clauses: list[Rinfo], outer_keys: list[Any]) -> list[Any]:
    out: list[Any] = []
    for c in clauses:
        outer_ec, inner_ec = _merge_classes(pair, c)
        key = next(k for k in outer_keys if k.ec is outer_ec)
        made = equiv.pathkey(pair.root, inner_ec, key.family, key.descending, key.nulls_first)
        if not equiv.redundant(made, out):
            out.append(made)
    return out


def _merge_presorted(pair: Pair, outer: Path) -> None:
    """Use the order that an outer path has already."""
    if pair.kind == JoinType.JOIN_FULL and not pair.merge_clauses:
        # Nothing else can do a full join without conditions.
        found = pair.inner.cheapest
        if found is not None and not found.required & pair.outer.relids:
            mergejoin(pair, outer, found, [], [], [])
        return
    if not outer.pathkeys or not pair.merge_clauses:
        return
    if any(c.left_ec is None or c.right_ec is None for c in pair.merge_clauses):
        return
    clauses = _clauses_for(pair, outer.pathkeys)
    full = pair.kind in (JoinType.JOIN_FULL, JoinType.JOIN_RIGHT, JoinType.JOIN_RIGHT_ANTI)
    if not clauses or (full and len(clauses) != len(pair.merge_clauses)):
        return
    inner_keys = _inner_keys(pair, clauses, outer.pathkeys)
    cheapest = pair.inner_path or pair.inner.cheapest
    if cheapest is None or cheapest.required & pair.outer.relids:
        return
    mergejoin(pair, outer, cheapest, clauses, [], inner_keys)
    if pair.inner_path is not None:
        return
    best: Path | None = None
    for count in range(len(inner_keys), 0, -1):
        found = _cheapest_sorted(pair, inner_keys[:count])
        if found is None or (best is not None and cost_order(found) >= cost_order(best)):
            continue
        best = found
        used = clauses if count == len(inner_keys) else _trim(pair, clauses, inner_keys[:count])
        if used and (not full or len(used) == len(pair.merge_clauses)):
            mergejoin(pair, outer, found, used, [], [])
        if full:
            break


def _trim(pair: Pair, clauses: list[Rinfo], keys: list[Any]) -> list[Rinfo]:
    out = []
    for c in clauses:
        if not any(k.ec is _merge_classes(pair, c)[1] for k in keys):
            break
        out.append(c)
    return out


def cost_order(path: Path) -> tuple[int, float]:
    """What "cheaper" compares."""
    return (path.disabled, path.total)


def _cheapest_sorted(pair: Pair, keys: list[Any]) -> Path | None:
    found = [p for p in pair.inner.paths if not p.required
             and equiv.contained_in(keys, p.pathkeys)]  # fmt: skip
    return min(found, key=cost_order) if found else None


def mergejoin(
    pair: Pair, outer: Path, inner: Path, clauses: list[Rinfo], outer_sort: list[Any],
    inner_sort: list[Any],
) -> None:  # fmt: skip
    """Add a merge join; empty sort lists mean that the input has its order."""
    if outer_sort and equiv.contained_in(outer_sort, outer.pathkeys):
        keys, outer_sort = outer.pathkeys, []
    else:
        keys = outer_sort or outer.pathkeys
    if inner_sort and equiv.contained_in(inner_sort, inner.pathkeys):
        inner_sort = []
    if pair.kind in (JoinType.JOIN_FULL, JoinType.JOIN_RIGHT, JoinType.JOIN_RIGHT_ANTI):
        keys = []
    required = (outer.required | inner.required) - pair.rel.relids
    made = Path("MergeJoin", pair.rel, pair.rel.rows, 0.0, 0.0, keys, required, outer=outer,
                inner=inner, jointype=pair.kind, clauses=pair.clauses, merge_clauses=clauses,
                outer_sort=outer_sort, inner_sort=inner_sort,
                inner_unique=pair.inner_unique)  # fmt: skip
    made.enforced = outer.enforced + inner.enforced
    joincost.mergejoin(pair, made)
    add_path(pair.rel, made)


def approximate_tuples(pair: Pair, path: Path, clauses: list[Rinfo]) -> float:
    """Rows that pass some join clauses alone."""
    sel = 1.0
    special = SpecialJoin(path.outer.rel.relids, path.inner.rel.relids, path.outer.rel.relids,
                          path.inner.rel.relids, JoinType.JOIN_INNER)  # fmt: skip
    for c in clauses:
        sel *= selectivity.clause(pair.root, c.clause, 0, JoinType.JOIN_INNER, special)
    return cost.clamp_rows(sel * path.outer.rows * path.inner.rows)
