"""Join relations: which relations may be joined, in what order they are tried.

Up to twelve relations all legal pairs of subsets are tried, smallest first; beyond that,
the cheapest pair is joined again and again.
"""

from __future__ import annotations

import itertools
from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.enums import JoinType
from pgtool.sql.planner import cost, equiv, selectivity, trees
from pgtool.sql.planner.base import NONE, Rel, Relids, Rinfo, Root, SpecialJoin, set_cheapest

_EXHAUSTIVE = 12


def find_rel(root: Root, relids: Relids) -> Rel | None:
    """The relation of exactly these base relations, if it exists yet."""
    if len(relids) == 1:
        (rti,) = relids
        return root.rels.get(rti)
    return root.join_rels.get(relids)


def search(root: Root) -> Rel:
    """The relation that joins everything."""
    rels = [root.rels[rti] for rti in _order(root)]
    if len(rels) == 1:
        return rels[0]
    if len(rels) > _EXHAUSTIVE:
        return _greedy(root, rels)
    levels: list[list[Rel]] = [[], rels]
    for level in range(2, len(rels) + 1):
        levels.append(_level(root, levels, level))
        for rel in levels[level]:
            finish(root, rel)
    if len(levels[-1]) != 1:
        raise SqlError(f"failed to build any {len(rels)}-way joins", "XX000")
    return levels[-1][0]


def _order(root: Root) -> list[int]:
    """Base relations in the order of the join tree."""
    out: list[int] = []

    def walk(node: Any) -> None:
        if type(node).__name__ == "RangeTblRef":
            if node.rtindex in root.all_rels:
                out.append(node.rtindex)
        elif type(node).__name__ == "FromExpr":
            for item in node.fromlist:
                walk(item)
        else:
            walk(node.larg)
            walk(node.rarg)

    walk(root.query.jointree)
    return out


def _level(root: Root, levels: list[list[Rel]], level: int) -> list[Rel]:
    """All join relations of ``level`` base relations."""
    out: list[Rel] = []

    def attempt(one: Rel, two: Rel) -> None:
        made = join_rel(root, one, two)
        if made is not None and made not in out:
            out.append(made)

    for i, old in enumerate(levels[level - 1]):
        if old.joininfo or old.has_ec_joins or _restricted(root, old):
            start = i + 1 if level == 2 else 0
            for other in levels[1][start:]:
                if not old.relids & other.relids and _linked(root, old, other):
                    attempt(old, other)
        else:
            start = i + 1 if level == 2 else 0
            for other in levels[1][start:]:
                if not old.relids & other.relids:
                    attempt(old, other)
    for k in range(2, level // 2 + 1):
        rest = level - k
        for i, one in enumerate(levels[k]):
            others = levels[rest][i + 1 :] if k == rest else levels[rest]
            for two in others:
                if not one.relids & two.relids and _linked(root, one, two):
                    attempt(one, two)
    if not out:
        for old in levels[level - 1]:
            for other in levels[1]:
                if not old.relids & other.relids:
                    attempt(old, other)
    return out


def _restricted(root: Root, rel: Rel) -> bool:
    """Whether an outer join or LATERAL limits what the relation may be joined with."""
    if rel.lateral:
        return True
    for other in root.rels.values():
        if other.lateral & rel.relids:
            return True
    for s in root.sjinfos:
        if s.jointype == JoinType.JOIN_FULL:
            if s.syn_left == rel.relids or s.syn_right == rel.relids:
                return True
            continue
        if s.syn_left | s.syn_right <= rel.relids:
            continue
        if s.min_left <= rel.relids and not s.min_right <= rel.relids:
            return True
        if s.min_left & rel.relids or s.min_right & rel.relids:
            return True
    return False


def _linked(root: Root, one: Rel, two: Rel) -> bool:
    """Whether a clause or an order rule connects two relations."""
    for rinfo in one.joininfo:
        if rinfo.required & two.relids:
            return True
    if equiv.has_relevant_join(root, one.relids, two.relids):
        return True
    return _order_rule(root, one, two)


def _order_rule(root: Root, one: Rel, two: Rel) -> bool:
    if one.lateral & two.relids or two.lateral & one.relids:
        return True
    for s in root.sjinfos:
        if s.jointype == JoinType.JOIN_FULL:
            continue
        if (s.min_left <= one.relids and s.min_right <= two.relids) or (
            s.min_left <= two.relids and s.min_right <= one.relids
        ):
            return True
        for side in (s.min_right, s.min_left):
            if side & one.relids and side & two.relids:
                return True
    return False


def legal(root: Root, one: Rel, two: Rel) -> tuple[bool, SpecialJoin | None, bool]:
    """(may be joined, the special join that this is, whether the sides are swapped)."""
    from pgtool.sql.planner.unique import unique_path

    joinrels = one.relids | two.relids
    match: SpecialJoin | None = None
    swapped = unique = must_left = False
    for s in root.sjinfos:
        if not s.min_right & joinrels or joinrels <= s.min_right:
            continue
        both = s.min_left | s.min_right
        if both <= one.relids or both <= two.relids:
            continue
        if s.jointype == JoinType.JOIN_SEMI and (
            (s.syn_right <= one.relids and s.syn_right != one.relids)
            or (s.syn_right <= two.relids and s.syn_right != two.relids)
        ):
            continue
        if s.min_left <= one.relids and s.min_right <= two.relids:
            if match is not None:
                return False, None, False
            match, swapped = s, False
        elif s.min_left <= two.relids and s.min_right <= one.relids:
            if match is not None:
                return False, None, False
            match, swapped = s, True
        elif s.jointype == JoinType.JOIN_SEMI and s.syn_right == two.relids \
                and unique_path(root, two, s) is not None:  # fmt: skip
            if match is not None:
                return False, None, False
            match, swapped, unique = s, False, True
        elif s.jointype == JoinType.JOIN_SEMI and s.syn_right == one.relids \
                and unique_path(root, one, s) is not None:  # fmt: skip
            if match is not None:
                return False, None, False
            match, swapped, unique = s, True, True
        else:
            if one.relids & s.min_right and two.relids & s.min_right:
                continue
            if s.jointype != JoinType.JOIN_LEFT or joinrels & s.min_left:
                return False, None, False
            must_left = True
    if must_left and (match is None or match.jointype != JoinType.JOIN_LEFT
                      or not match.lhs_strict):  # fmt: skip
        return False, None, False
    del unique
    return _lateral_legal(root, one, two, match, swapped)


def _lateral_legal(
    root: Root, one: Rel, two: Rel, match: SpecialJoin | None, swapped: bool
) -> tuple[bool, SpecialJoin | None, bool]:
    first = bool(one.lateral & two.relids)
    second = bool(two.lateral & one.relids)
    if first and second:
        return False, None, False
    if second:
        if match is not None and (swapped or match.jointype == JoinType.JOIN_FULL):
            return False, None, False
    elif first and match is not None and (
        not swapped or match.jointype == JoinType.JOIN_FULL
    ):
        return False, None, False
    return True, match, swapped


def join_rel(root: Root, one: Rel, two: Rel) -> Rel | None:
    """Join two relations: the relation with the paths of this pair added; None if illegal."""
    from pgtool.sql.planner import joinpath

    fine, match, swapped = legal(root, one, two)
    if not fine:
        return None
    if swapped:
        one, two = two, one
    joinrels = one.relids | two.relids
    special = match or SpecialJoin(one.relids, two.relids, one.relids, two.relids,
                                   JoinType.JOIN_INNER)  # fmt: skip
    clauses = restrictions(root, joinrels, one, two)
    rel = root.join_rels.get(joinrels)
    if rel is None:
        rel = _build(root, joinrels, one, two, special, clauses)
        root.join_rels[joinrels] = rel
    if rel.dummy:
        return rel
    joinpath.add_for_pair(root, rel, one, two, special, clauses)
    return rel


def restrictions(root: Root, joinrels: Relids, one: Rel, two: Rel) -> list[Rinfo]:
    """The clauses that become checkable by joining these two relations."""
    out: list[Rinfo] = []
    for rinfo in itertools.chain(one.joininfo, two.joininfo):
        if rinfo.required <= joinrels and rinfo not in out:
            out.append(rinfo)
    return out + [r for r in equiv.join_equalities(root, joinrels, one.relids, two.relids)
                  if r not in out]  # fmt: skip


def _build(
    root: Root, joinrels: Relids, one: Rel, two: Rel, special: SpecialJoin, clauses: list[Rinfo]
) -> Rel:
    rel = Rel(joinrels)
    rel.consider_startup = root.tuple_fraction > 0
    for side in (one, two):
        for expr in side.target:
            if type(expr).__name__ != "Var" or _needed_above(root, expr, joinrels):
                rel.target.append(expr)
    _, rel.width = cost.target_cost(root, rel.target)
    for rinfo in itertools.chain(one.joininfo, two.joininfo):
        if not rinfo.required <= joinrels and rinfo not in rel.joininfo:
            rel.joininfo.append(rinfo)
    rel.has_ec_joins = any(
        len(ec.members) > 1 and ec.relids & joinrels and not ec.relids <= joinrels
        and not ec.has_const for ec in root.ecs
    )  # fmt: skip
    rel.lateral = (one.lateral | two.lateral) - joinrels
    rel.rows = join_size(root, rel, one.rows, two.rows, special, clauses, one, two)
    return rel


def _needed_above(root: Root, var: Any, joinrels: Relids) -> bool:
    needed = root.attr_needed.get((var.varno, var.varattno))
    return needed is None or not needed <= joinrels


def join_size(
    root: Root, rel: Rel, outer_rows: float, inner_rows: float, special: SpecialJoin,
    clauses: list[Rinfo], one: Rel, two: Rel,
) -> float:  # fmt: skip
    """Estimated rows of a join."""
    from pgtool.sql.planner import fkeys

    kind = special.jointype
    fk, clauses = fkeys.selectivity(root, clauses, one.relids, two.relids, special)
    outer = kind in (JoinType.JOIN_LEFT, JoinType.JOIN_FULL, JoinType.JOIN_ANTI)
    if outer:
        own = [c for c in clauses if not is_pushed(c, rel.relids)]
        pushed = [c for c in clauses if is_pushed(c, rel.relids)]
    else:
        own, pushed = clauses, []
    jsel = selectivity.clauselist(root, list(own), 0, kind, special)
    psel = selectivity.clauselist(root, list(pushed), 0, kind, special) if outer else 1.0
    if kind == JoinType.JOIN_INNER:
        rows = outer_rows * inner_rows * fk * jsel
    elif kind == JoinType.JOIN_LEFT:
        rows = max(outer_rows * inner_rows * fk * jsel, outer_rows) * psel
    elif kind == JoinType.JOIN_FULL:
        rows = max(outer_rows * inner_rows * fk * jsel, outer_rows, inner_rows) * psel
    elif kind == JoinType.JOIN_SEMI:
        rows = outer_rows * fk * jsel
    else:
        rows = outer_rows * (1.0 - fk * jsel) * psel
    return cost.clamp_rows(rows)


def is_pushed(rinfo: Rinfo, joinrels: Relids) -> bool:
    """Whether a clause applies after null extension at this join."""
    return rinfo.pushed_down or not rinfo.required <= joinrels


def finish(root: Root, rel: Rel) -> None:
    """A join relation all of whose pairs were tried."""
    set_cheapest(rel)


def _greedy(root: Root, rels: list[Rel]) -> Rel:
    """Join the pair with the cheapest result until one relation is left."""
    pool = list(rels)
    while len(pool) > 1:
        best: tuple[float, Rel, Rel, Rel] | None = None
        for linked_only in (True, False):
            for one, two in itertools.combinations(pool, 2):
                if linked_only and not _linked(root, one, two):
                    continue
                known = root.join_rels.get(one.relids | two.relids)
                made = known if known is not None and known.cheapest else join_rel(root, one, two)
                if made is None:
                    continue
                if made.cheapest is None:
                    set_cheapest(made)
                assert made.cheapest is not None
                score = made.cheapest.total + made.rows
                if best is None or score < best[0]:
                    best = (score, one, two, made)
            if best is not None:
                break
        if best is None:
            raise SqlError("failed to join all relations together", "XX000")
        pool = [r for r in pool if r is not best[1] and r is not best[2]] + [best[3]]
    return pool[0]


def all_varnos(clauses: list[Any]) -> Relids:
    """Relations that clauses mention."""
    return NONE.union(*(trees.varnos(c) for c in clauses))
