"""Inheritance and partitioning: one table in the query, many in the plan.

A parent's children become relations of the same query level with range table entries of
their own; restrictions are translated column by column (by name). Partitions that the
restrictions rule out (:mod:`partprune`) are never opened. The parent itself has Append
paths, and MergeAppend where the children's indexes give a useful order.
"""

from __future__ import annotations

from typing import Any

from pgtool.nodes.exprs import ConvertRowtypeExpr, Var
from pgtool.nodes.query import Alias
from pgtool.sql.planner import cost, equiv, fold, initsplan, trees
from pgtool.sql.planner.base import Path, Rel, Root, add_path


def expand(root: Root, rel: Rel) -> None:
    """Add the relation's children to the query level."""
    from pgtool.sql.planner import partprune

    if not rel.rte.inh or rel.relation is None:
        return
    database = root.glob.cache.database
    below = database.children.get(rel.relation.oid, [])
    partitioned = rel.relation.relkind == "p"
    if not below and not partitioned:
        return
    if partitioned:
        rel.partitions = True
        quals = [r.clause for r in rel.baserestrict]
        oids = partprune.surviving(root.glob, rel.relation, quals, rel.rti)
        for oid in oids:
            _partition(root, rel, oid)
        return
    rel.partitions = True
    _child(root, rel, rel.relation.oid)
    seen = {rel.relation.oid}
    waiting = list(below)
    while waiting:
        oid = waiting.pop(0)
        if oid in seen:
            continue
        seen.add(oid)
        _child(root, rel, oid)
        waiting += database.children.get(oid, [])


def _partition(root: Root, rel: Rel, oid: int) -> None:
    """A partition, or the partitions below it."""
    child = _child(root, rel, oid)
    if child.relation.relkind == "p":
        expand(root, child)


def _child(root: Root, parent: Rel, oid: int) -> Rel:
    """A child's relation with the parent's restrictions in its terms."""
    from pgtool.sql.planner.baserels import load_relation

    query = root.query
    relation = root.glob.cache.database.relation(oid)
    rti = len(query.rtable) + 1
    name = parent.rte.eref.aliasname
    number = root.__dict__.setdefault("_children", {})
    number[parent.rti] = number.get(parent.rti, 0) + 1
    alias = Alias(aliasname=name, colnames=list(parent.rte.eref.colnames))
    rte = parent.rte.copy(relid=oid, relkind=relation.relkind, inh=relation.relkind == "p",
                          alias=alias, eref=alias)  # fmt: skip
    query.rtable.append(rte)
    rel = initsplan.base_rel(root, rti)
    rel.parent = parent
    parent.children.append(rel)
    load_relation(root, rel, oid)
    translate = Translation(root, parent, rel)
    rel.__dict__["translate"] = translate
    root.append_parents[rti] = parent
    rel.target = [translate(e) for e in parent.target]
    for rinfo in parent.baserestrict:
        clause = fold.fold(root.glob, translate(rinfo.clause))
        for part in fold.canonical_qual(root.glob, clause):
            if not trees.is_true(part):
                made = initsplan.make_rinfo(root, part, frozenset((rti,)))
                made.pseudo = False
                rel.baserestrict.append(made)
    rel.joininfo = [_translated(root, r, translate, parent.rti, rti) for r in parent.joininfo]
    rel.lateral = parent.lateral
    equiv.add_child_members(root, parent.rti, rti, translate)
    for (varno, attno), where in list(root.attr_needed.items()):
        if varno == parent.rti:
            number = translate.number(attno)
            if number is not None:
                root.attr_needed.setdefault((rti, number), set()).update(where)
    return rel


def _translated(root: Root, rinfo: Any, translate: Any, parent: int, child: int) -> Any:
    swap = (rinfo.required - {parent}) | {child}
    made = initsplan.make_rinfo(root, translate(rinfo.clause), swap, rinfo.pushed_down)
    made.outer_delayed, made.nullable = rinfo.outer_delayed, rinfo.nullable
    made.left_ec, made.right_ec = rinfo.left_ec, rinfo.right_ec
    made.__dict__["original"] = rinfo
    return made


class Translation:
    """Columns of a parent as columns of a child."""

    def __init__(self, root: Root, parent: Rel, child: Rel) -> None:
        self.parent, self.child = parent, child
        places = {a.attname: a.attnum for a in child.relation.columns}
        self.map = {a.attnum: places.get(a.attname) for a in parent.relation.columns}

    def number(self, attno: int) -> int | None:
        """The child's number of a parent's column."""
        return attno if attno <= 0 else self.map.get(attno)

    def __call__(self, node: Any) -> Any:
        return trees.replace_vars(node, self.parent.rti, self.give)

    def give(self, var: Var) -> Any:
        """The child's column (or whole row) for a parent's."""
        if var.varattno == 0:
            whole = var.copy(varno=self.child.rti, vartype=self.child.relation.reltype,
                             varnosyn=self.child.rti)  # fmt: skip
            if whole.vartype == var.vartype:
                return whole
            return ConvertRowtypeExpr(arg=whole, resulttype=var.vartype)
        number = self.number(var.varattno)
        return var.copy(varno=self.child.rti, varattno=number, varnosyn=self.child.rti,
                        varattnosyn=number)  # fmt: skip


def size(root: Root, rel: Rel) -> None:
    """Rows of all children together."""
    from pgtool.sql.planner import baserels, implied

    rows = tuples = width = 0.0
    for child in rel.children:
        if _excluded(root, child, implied):
            child.dummy = True
            continue
        baserels._size_table(root, child)
        if child.dummy:
            continue
        rows += child.rows
        tuples += child.tuples
        width += child.width * child.rows
    live = [c for c in rel.children if not c.dummy]
    rel.rows, rel.tuples = rows, tuples
    rel.width = round(width / rows) if rows > 0 else cost.target_cost(root, rel.target)[1]
    if not live:
        rel.dummy = True


def _excluded(root: Root, child: Rel, implied: Any) -> bool:
    if any(trees.is_false(r.clause) for r in child.baserestrict):
        return True
    mode = root.glob.costs.constraint_exclusion
    if mode == "off" or child.relation.relkind == "p":
        return False
    known = [r.clause for r in child.baserestrict]
    if not known:
        return False
    from pgtool.nodes.text import text_to_node

    for row in root.glob.cache.lookup("pg_constraint", "conrelid", child.relation.oid):
        if row.contype != "c" or not row.convalidated or not row.conbin:
            continue
        check = text_to_node(row.conbin, root.glob.cache.major)
        check = trees.shift_varnos(check, child.rti - 1) if child.rti > 1 else check
        if implied.refuted(root.glob, [fold.fold(root.glob, check)], known):
            return True
    return False


def paths(root: Root, rel: Rel) -> None:
    """Append and MergeAppend over the children's paths."""
    from pgtool.sql.planner import baserels
    from pgtool.sql.planner.setops import append_path

    live = [c for c in rel.children if not c.dummy]
    for child in live:
        child.consider_startup = rel.consider_startup
        baserels.base_paths(root, child)
    subs = [p for c in live for p in _flat(c.cheapest)]
    if all(p is not None and not p.required - rel.lateral for p in subs):
        made = append_path(root, rel, subs, rel.target)
        made.rows, made.width, made.required = rel.rows, rel.width, rel.lateral
        add_path(rel, made)
    _ordered(root, rel, live)
    _parameterised(root, rel, live)


def _flat(path: Any) -> list[Any]:
    """A nested Append's inputs directly."""
    if path is not None and path.kind == "Append":
        return list(path.subs)
    return [path]


def _ordered(root: Root, rel: Rel, live: list[Rel]) -> None:
    """MergeAppend for each order that some child has."""
    from pgtool.sql.planner.setops import append_path

    if len(live) < 1:
        return
    orders: list[list[Any]] = []
    for child in live:
        for p in child.paths:
            if p.pathkeys and not p.required and p.pathkeys not in orders:
                orders.append(p.pathkeys)
    for keys in orders:
        if not _useful(root, rel, keys):
            continue
        subs: list[Path] = []
        for child in live:
            fits = [p for p in child.paths
                    if not p.required and equiv.contained_in(keys, p.pathkeys)]  # fmt: skip
            best = min(fits, key=lambda p: (p.disabled, p.total)) if fits else child.cheapest
            assert best is not None
            subs.append(best)
        sequence = _in_bound_order(root, rel, keys)
        if sequence and all(equiv.contained_in(keys, p.pathkeys) for p in subs):
            subs = subs if sequence > 0 else subs[::-1]
            made = append_path(root, rel, subs, rel.target)
            made.rows, made.width, made.pathkeys = rel.rows, rel.width, keys
            made.startup = sum(p.startup for p in subs)
            add_path(rel, made)
        else:
            add_path(rel, merge_append(root, rel, subs, keys))


def _in_bound_order(root: Root, rel: Rel, keys: list[Any]) -> int:
    """1 or -1 if reading the partitions in (reverse) order of their bounds gives an order."""
    from pgtool.nodes.text import text_to_node
    from pgtool.sql.planner.partprune import Key

    if rel.relation.relkind != "p" or len(keys) != 1:
        return 0
    key = Key(root.glob, rel.relation, rel.rti)
    if key.strategy != "r" or len(key.exprs) != 1 or keys[0].family != key.families[0]:
        return 0
    for child in rel.children:
        row = root.glob.cache.one("pg_class", "oid", child.relation.oid)
        bound = text_to_node(row.relpartbound, root.glob.cache.major)
        if bound.is_default or child.relation.relkind == "p":
            return 0
    wanted = trees.key(key.exprs[0])
    if not any(trees.key(trees.strip_relabel(em.expr)) == wanted for em in keys[0].ec.members):
        return 0
    return -1 if keys[0].descending else 1


def _useful(root: Root, rel: Rel, keys: list[Any]) -> bool:
    return bool(equiv.common_prefix(root.query_pathkeys, keys)) or rel.has_ec_joins


def merge_append(root: Root, rel: Rel, subs: list[Path], keys: list[Any]) -> Path:
    """A MergeAppend over paths, sorted first where they are not."""
    import math

    c = root.glob.costs
    if len(subs) == 1 and equiv.contained_in(keys, subs[0].pathkeys):
        made = Path("Append", rel, rel.rows, subs[0].startup, subs[0].total, keys, subs=subs)
        made.disabled = subs[0].disabled
        return made
    startup = total = 0.0
    disabled = 0
    for sub in subs:
        s, t = sub.startup, sub.total
        if not equiv.contained_in(keys, sub.pathkeys):
            s, t = cost.sort(root.glob, sub.total, sub.rows, sub.width)
        startup += s
        total += t
        disabled += sub.disabled
    n = max(len(subs), 2)
    comparison = 2.0 * c.cpu_operator_cost
    startup += comparison * n * math.log2(n)
    rows = rel.rows
    total += comparison * n * math.log2(n)
    total += rows * comparison * math.log2(n) + 0.5 * c.cpu_tuple_cost * rows
    made = Path("MergeAppend", rel, rows, startup, total, keys, subs=subs)
    made.disabled = disabled
    return made


def _parameterised(root: Root, rel: Rel, live: list[Rel]) -> None:
    """Append over children that all take the same outer values."""
    from pgtool.sql.planner.setops import append_path

    wanted = {p.required for c in live for p in c.paths if p.required - rel.lateral}
    for required in wanted:
        subs: list[Path] = []
        for child in live:
            fits = [p for p in child.paths if p.required == required]
            if not fits:
                break
            subs.append(min(fits, key=lambda p: (p.disabled, p.total)))
        else:
            made = append_path(root, rel, subs, rel.target)
            made.required, made.width = required, rel.width
            originals: list[Any] = []
            for sub in subs[:1]:
                originals = [r.__dict__.get("original", r) for r in sub.enforced]
            made.enforced = originals
            add_path(rel, made)

