"""Equivalence classes: expressions that some clauses prove equal, and sort orders over them.

``a.x = b.y AND b.y = c.z`` puts three expressions in one class: any pair may be compared
instead, a constant among them restricts all, and a sort by one is a sort by each. Sort
orders (``PathKey``) refer to classes, so equal orders are one object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.exprs import OpExpr, RelabelType
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import NONE, Relids, Rinfo, Root

_BOOL = 16


@dataclass(eq=False)
class Member:
    """One expression of a class."""

    expr: Any
    relids: Relids
    nullable: Relids
    datatype: int
    const: bool = False
    child: bool = False


@dataclass(eq=False)
class Class:
    """Expressions that are equal under the families and the collation."""

    families: tuple[int, ...]
    collation: int
    members: list[Member] = field(default_factory=list)
    sources: list[Rinfo] = field(default_factory=list)
    derived: dict[Any, Rinfo] = field(default_factory=dict)
    relids: Relids = NONE
    has_const: bool = False
    volatile: bool = False
    broken: bool = False
    sortref: int = 0
    merged: Class | None = None


@dataclass(eq=False)
class PathKey:
    """One sort column: a class, the family that orders it, direction, place of NULLs."""

    ec: Class
    family: int
    descending: bool
    nulls_first: bool


def current(ec: Class) -> Class:
    """The class that a class was merged into."""
    while ec.merged is not None:
        ec = ec.merged
    return ec


def canonical_expr(expr: Any, datatype: int, collation: int) -> Any:
    """An expression as a class keeps it: of the operator's input type and collation."""
    if expr_collation(expr) == collation and (
        expr_type(expr) == datatype or datatype in (_ANYARRAY, _RECORD, _ANYENUM, _ANYRANGE,
                                                    _ANYMULTIRANGE)
    ):  # fmt: skip
        return expr
    inner = trees.strip_relabel(expr)
    return RelabelType(
        arg=inner, resulttype=datatype if datatype not in _POLY else expr_type(expr),
        resulttypmod=-1, resultcollid=collation,
        relabelformat=CoercionForm.COERCE_IMPLICIT_CAST)


_ANYARRAY, _RECORD, _ANYENUM, _ANYRANGE, _ANYMULTIRANGE = 2277, 2249, 3500, 3831, 4537
_POLY = (_ANYARRAY, _RECORD, _ANYENUM, _ANYRANGE, _ANYMULTIRANGE)


def process_equality(root: Root, rinfo: Rinfo) -> bool:
    """Put the two sides of a mergejoinable clause into one class; False if it cannot be."""
    clause = rinfo.clause
    cache = root.glob.cache
    left, right = clause.args
    collation = clause.inputcollid
    if trees.volatility(clause, cache) == "v":
        return False
    op = cache.operator(clause.opno)
    if trees.same(left, right):
        return False
    if any(type(trees.strip_relabel(side)).__name__ != "Var" and relids & rinfo.nullable
           for side, relids in ((left, rinfo.left), (right, rinfo.right))):  # fmt: skip
        # What may turn a NULL of an outer join into a value implies nothing below that join.
        return False
    left = canonical_expr(left, op.oprleft, collation)
    right = canonical_expr(right, op.oprright, collation)
    one = _find(root, left, rinfo.mergeops, collation, rinfo.left & rinfo.nullable)
    two = _find(root, right, rinfo.mergeops, collation, rinfo.right & rinfo.nullable)
    if one and two:
        if one[0] is two[0]:
            one[0].sources.append(rinfo)
            rinfo.left_em, rinfo.right_em = one[1], two[1]
        else:
            _merge_classes(root, one[0], two[0])
            one[0].sources.append(rinfo)
        ec = one[0]
    elif one or two:
        ec = (one or two)[0]  # type: ignore[index]
        ec.sources.append(rinfo)
        if one:
            _add(ec, right, rinfo.right, rinfo.right & rinfo.nullable, op.oprright)
        else:
            _add(ec, left, rinfo.left, rinfo.left & rinfo.nullable, op.oprleft)
    else:
        ec = Class(rinfo.mergeops, collation, sources=[rinfo])
        _add(ec, left, rinfo.left, rinfo.left & rinfo.nullable, op.oprleft)
        _add(ec, right, rinfo.right, rinfo.right & rinfo.nullable, op.oprright)
        root.ecs.append(ec)
    rinfo.ec = rinfo.left_ec = rinfo.right_ec = ec
    return True


def _merge_classes(root: Root, one: Class, two: Class) -> None:
    one.members += two.members
    one.sources += two.sources
    one.derived.update(two.derived)
    one.relids |= two.relids
    one.has_const = one.has_const or two.has_const
    two.merged = one
    root.ecs.remove(two)


def _find(
    root: Root, expr: Any, families: tuple[int, ...], collation: int, nullable: Relids
) -> tuple[Class, Member] | None:
    wanted = trees.key(expr)
    for ec in root.ecs:
        if ec.volatile or ec.collation != collation or ec.families != families:
            continue
        for em in ec.members:
            if not em.child and em.nullable == nullable and trees.key(em.expr) == wanted:
                return ec, em
    return None


def _add(ec: Class, expr: Any, relids: Relids, nullable: Relids, datatype: int) -> Member:
    held = any(type(node).__name__ == "PlaceHolderVar" for node in trees.walk(expr))
    em = Member(expr, relids, nullable, datatype, const=not relids and not held)
    if em.const:
        ec.has_const = True
    ec.relids |= relids
    ec.members.append(em)
    return em


def add_child_members(root: Root, parent: int, child: int, translate: Any) -> None:
    """Members of a parent table as members of a child, for its indexes and sort orders."""
    for ec in root.ecs:
        if ec.volatile or parent not in ec.relids:
            continue
        for em in list(ec.members):
            if em.relids == frozenset((parent,)) and not em.child:
                made = Member(translate(em.expr), frozenset((child,)), em.nullable, em.datatype,
                              child=True)  # fmt: skip
                ec.members.append(made)


def class_for_expr(
    root: Root, expr: Any, families: tuple[int, ...], datatype: int, collation: int,
    sortref: int = 0, create: bool = True, relids: Relids | None = None,
) -> Class | None:  # fmt: skip
    """The class of a sort expression."""
    expr = canonical_expr(expr, datatype, collation)
    wanted = trees.key(expr)
    for ec in root.ecs:
        if ec.collation != collation or ec.families != families:
            continue
        if ec.volatile and (not sortref or sortref != ec.sortref):
            continue
        for em in ec.members:
            if em.child and (relids is None or em.relids != relids):
                continue
            if em.datatype == datatype and trees.key(em.expr) == wanted:
                return ec
    if not create:
        return None
    volatile = trees.volatility(expr, root.glob.cache) == "v" or trees.returns_set(expr)
    made = Class(families, collation, volatile=volatile, sortref=sortref)
    found = trees.varnos(expr)
    em = _add(made, expr, found, NONE, datatype)
    if not found and (volatile or trees.has_aggregate(expr) or trees.has_window(expr)):
        em.const = made.has_const = False
    root.ecs.append(made)
    return made


def pathkey(root: Root, ec: Class, family: int, descending: bool, nulls_first: bool) -> PathKey:
    """The one PathKey of these properties."""
    ec = current(ec)
    known = (id(ec), family, descending, nulls_first)
    found = root.canon.get(known)
    if found is None:
        found = root.canon[known] = PathKey(ec, family, descending, nulls_first)
    return found


def sort_pathkey(
    root: Root, expr: Any, sortop: int, nulls_first: bool, sortref: int = 0, create: bool = True,
    reverse: bool | None = None,
) -> PathKey | None:  # fmt: skip
    """The PathKey of one sort column."""
    order = ops.ordering(root.glob.cache, sortop)
    if order is None:
        return None
    family, opcintype, descending = order
    eq = ops.member(root.glob.cache, family, opcintype, opcintype, ops.EQUAL)
    families = ops.equality_families(root.glob.cache, eq) or (family,)
    ec = class_for_expr(root, expr, families, opcintype, expr_collation(expr), sortref, create)
    return None if ec is None else pathkey(root, ec, family, descending, nulls_first)


def redundant(key: PathKey, keys: list[PathKey]) -> bool:
    """Whether a sort column cannot matter: constant, or sorted by already."""
    return key.ec.has_const or any(other.ec is key.ec for other in keys)


def pathkeys_for_clauses(root: Root, clauses: list[Any], tlist: list[Any]) -> list[PathKey]:
    """Sort clauses as PathKeys without redundant ones."""
    out: list[PathKey] = []
    for clause in clauses:
        entry = next(e for e in tlist if e.ressortgroupref == clause.tleSortGroupRef)
        if not clause.sortop:
            return out
        made = sort_pathkey(root, entry.expr, clause.sortop, clause.nulls_first,
                            entry.ressortgroupref)  # fmt: skip
        if made is not None and not redundant(made, out):
            out.append(made)
    return out


def contained_in(keys: list[Any], wanted: list[Any]) -> bool:
    """Whether an order ``wanted`` satisfies what ``keys`` asks."""
    return len(keys) <= len(wanted) and all(a is b for a, b in zip(keys, wanted))


def common_prefix(keys: list[Any], have: list[Any]) -> int:
    """How many leading columns of ``keys`` an order has."""
    n = 0
    for a, b in zip(keys, have):
        if a is not b:
            break
        n += 1
    return n


# -- clauses that a class implies ----


def _equality(root: Root, ec: Class, left: int, right: int) -> int:
    for family in ec.families:
        found = ops.member(root.glob.cache, family, left, right, ops.EQUAL)
        if found:
            return found
    return 0


def _clause(root: Root, ec: Class, opno: int, one: Member, two: Member) -> OpExpr:
    return OpExpr(opno=opno, opfuncid=trees.op_function(root.glob.cache, opno),
                  opresulttype=_BOOL, inputcollid=ec.collation,
                  args=[one.expr, two.expr])  # fmt: skip


def derived(root: Root, ec: Class, one: Member, two: Member) -> Rinfo | None:
    """The clause ``one = two``: an original one, or made (once)."""
    from pgtool.sql.planner.initsplan import make_rinfo

    k1, k2 = trees.key(one.expr), trees.key(two.expr)
    found = ec.derived.get((k1, k2)) or ec.derived.get((k2, k1))
    if found is not None:
        return found
    for source in ec.sources:
        a, b = (trees.key(arg) for arg in source.clause.args)
        if (a, b) in ((k1, k2), (k2, k1)) and source.ec is not None:
            source.ec = source.left_ec = source.right_ec = ec
            ec.derived[(k1, k2)] = source
            return source
    opno = _equality(root, ec, one.datatype, two.datatype)
    if not opno:
        return None
    made = make_rinfo(root, _clause(root, ec, opno, one, two))
    made.nullable = one.nullable | two.nullable
    made.ec = made.left_ec = made.right_ec = ec
    ec.derived[(k1, k2)] = made
    return made


def base_equalities(root: Root) -> list[Rinfo]:
    """Restrictions of single relations (and those on constants) that the classes imply."""
    out: list[Rinfo] = []
    for ec in list(root.ecs):
        if len(ec.members) < 2:
            continue
        made = _const_equalities(root, ec) if ec.has_const else _same_rel_equalities(root, ec)
        if made is None:
            ec.broken = True
            out += [s for s in ec.sources if ec.has_const or len(s.required) < 2]
        else:
            out += made
    return out


def _const_equalities(root: Root, ec: Class) -> list[Rinfo] | None:
    if len(ec.members) == 2 and len(ec.sources) == 1:
        ec.sources[0].ec = ec
        return [ec.sources[0]]
    consts = [em for em in ec.members if em.const]
    real = [em for em in consts if type(em.expr).__name__ == "Const"]
    pivot = (real or consts)[0]
    out = []
    for em in ec.members:
        if em is pivot or em.child:
            continue
        made = derived(root, ec, em, pivot)
        if made is None:
            return None
        out.append(made)
    return out


def _same_rel_equalities(root: Root, ec: Class) -> list[Rinfo] | None:
    last: dict[int, Member] = {}
    out = []
    for em in ec.members:
        if len(em.relids) != 1:
            continue
        (rti,) = em.relids
        if rti in last:
            made = derived(root, ec, last[rti], em)
            if made is None:
                return None
            out.append(made)
        last[rti] = em
    return out


def join_equalities(root: Root, joinrels: Relids, outer: Relids, inner: Relids) -> list[Rinfo]:
    """The clauses that a join of two sets of relations must check for the classes."""
    out: list[Rinfo] = []
    for ec in root.ecs:
        if ec.has_const or len(ec.members) < 2 or not (ec.relids & outer and ec.relids & inner):
            continue
        if not ec.broken:
            made = _join_class(root, ec, joinrels, outer, inner)
            if made is not None:
                out += made
                continue
            ec.broken = True
        out += [s for s in ec.sources if s.required <= joinrels and not s.required <= outer
                and not s.required <= inner]  # fmt: skip
    return out


def _join_class(
    root: Root, ec: Class, joinrels: Relids, outer: Relids, inner: Relids
) -> list[Rinfo] | None:
    lefts, rights, news = [], [], []
    for em in ec.members:
        if em.child and not (em.relids <= inner or em.relids <= outer):
            continue
        if (em.child or not em.relids <= joinrels) and not em.child:
            continue
        if em.relids <= outer:
            lefts.append(em)
        elif em.relids <= inner:
            rights.append(em)
        elif em.relids <= joinrels:
            news.append(em)
    out: list[Rinfo] = []
    pairs = [(a, b) for a in lefts for b in rights]
    if pairs:
        pairs.sort(key=lambda pair: -_score(root, *pair))
        made = derived(root, ec, *pairs[0])
        if made is None:
            return None
        out.append(made)
    either = lefts or rights
    previous = either[0] if either else None
    for em in news:
        if previous is not None:
            made = derived(root, ec, previous, em)
            if made is None:
                return None
            out.append(made)
        previous = em
    return out


def _score(root: Root, one: Member, two: Member) -> int:
    plain = sum(type(trees.strip_relabel(em.expr)).__name__ == "Var" for em in (one, two))
    return plain


def has_relevant_join(root: Root, one: Relids, two: Relids) -> bool:
    """Whether some class links two sets of relations."""
    return any(
        len(ec.members) > 1 and ec.relids & one and ec.relids & two and not ec.has_const
        for ec in root.ecs
    )
