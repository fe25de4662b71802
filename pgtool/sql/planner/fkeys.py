"""Foreign keys in joins: a referencing row matches exactly one referenced row."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import JoinType, RTEKind
from pgtool.nodes.exprs import Var
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Relids, Rinfo, Root, SpecialJoin


def selectivity(
    root: Root, clauses: list[Rinfo], outer: Relids, inner: Relids, special: SpecialJoin
) -> tuple[float, list[Rinfo]]:
    """(selectivity by foreign keys, the clauses that they do not account for)."""
    found = 1.0
    rest = list(clauses)
    for con, ref in _keys(root):
        con_in_outer = con[0] in outer and ref[0] in inner
        if not con_in_outer and not (con[0] in inner and ref[0] in outer):
            continue
        if special.jointype in (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI) and (
            not con_in_outer or len(inner) > 1
        ):
            continue
        matched = [_match(rest, con[0], a, ref[0], b) for a, b in zip(con[1], ref[1])]
        if not all(m is not None for m in matched):
            continue
        rest = [r for r in rest if r not in matched]
        ref_rel = root.rels[ref[0]]
        tuples = max(ref_rel.tuples, 1.0)
        if special.jointype in (JoinType.JOIN_SEMI, JoinType.JOIN_ANTI):
            found *= ref_rel.rows / tuples
        else:
            found *= 1.0 / tuples
    return found, rest


def _match(clauses: list[Rinfo], con: int, a: int, ref: int, b: int) -> Rinfo | None:
    """The clause that compares the two columns of a key."""
    wanted = {(con, a), (ref, b)}
    for rinfo in clauses:
        if rinfo.mergeops and type(rinfo.clause).__name__ == "OpExpr":
            sides = [trees.strip_relabel(arg) for arg in rinfo.clause.args]
            if all(type(s) is Var for s in sides) and {
                (s.varno, s.varattno) for s in sides
            } == wanted:
                return rinfo
    return None


def _keys(root: Root) -> list[tuple[tuple[int, tuple[int, ...]], tuple[int, tuple[int, ...]]]]:
    """((referencing relation, columns), (referenced relation, columns)) of the query."""
    known: Any = root.__dict__.get("_fkeys")
    if known is not None:
        return list(known)
    out = []
    tables = {
        rti: rel.relation.oid for rti, rel in root.rels.items()
        if rel.relation is not None and rel.rte.rtekind == RTEKind.RTE_RELATION and not rel.parent
    }  # fmt: skip
    if len(tables) > 1:
        for rti, oid in tables.items():
            for row in root.glob.cache.lookup("pg_constraint", "conrelid", oid):
                if row.contype != "f":
                    continue
                for other, other_oid in tables.items():
                    if other != rti and other_oid == row.confrelid:
                        out.append(((rti, tuple(row.conkey)), (other, tuple(row.confkey))))
    root.__dict__["_fkeys"] = out
    return out
