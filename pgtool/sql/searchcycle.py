"""SEARCH and CYCLE of a recursive WITH query become columns of its two SELECTs.

Each SELECT is wrapped in another one that adds columns to it. Of SEARCH DEPTH FIRST that is an
array of the rows that led here, of BREADTH FIRST a row that begins with the depth, and of CYCLE
whether the row is among those on its path, and that path; a row that closes a cycle is not
followed further.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import IntList, OidList, ValueString, mutate, strings
from pgtool.nodes.enums import CoercionForm, RTEKind
from pgtool.nodes.exprs import (
    ArrayExpr,
    CaseExpr,
    CaseWhen,
    Const,
    FieldSelect,
    FuncExpr,
    OpExpr,
    RowExpr,
    ScalarArrayOpExpr,
    Var,
)
from pgtool.nodes.query import (
    Alias,
    CommonTableExpr,
    FromExpr,
    Query,
    RangeTblEntry,
    RangeTblRef,
    SortGroupClause,
    TargetEntry,
)
from pgtool.sql.analyze.searchcycle import added_columns
from pgtool.sql.planner import trees

__all__ = ["expand_search_and_cycle"]

_ARRAY_CAT, _INT8INC = 383, 1219
#: Equality and less-than of record, of record[].
_RECORD_EQ, _RECORD_LT, _ARRAY_EQ, _ARRAY_LT = 2988, 2990, 1070, 1072
_DEPTH = "*DEPTH*"


def expand_search_and_cycle(cte: CommonTableExpr, mark_group: Any) -> CommonTableExpr:
    """The WITH query with the clauses' columns in it; itself where it has no such clause.

    ``mark_group`` gives the sort and equality operators of the mark's type.
    """
    if cte.search_clause is None and cte.cycle_clause is None:
        return cte
    return _Expansion(trees.deep_copy(cte)).run(mark_group)


class _Expansion:
    def __init__(self, cte: CommonTableExpr) -> None:
        self.cte = cte
        self.search = cte.search_clause
        self.cycle = cte.cycle_clause
        self.added = added_columns(cte)
        self.width = len(cte.ctecolnames)
        #: Where the sequence, the mark and the path stand.
        self.sequence = self.width + 1
        self.mark = self.width + (2 if self.search is not None else 1)
        self.path = self.mark + 1

    def run(self, mark_group: Any) -> CommonTableExpr:
        cte = self.cte
        query: Query = cte.ctequery
        tree = query.setOperations
        first, second = (query.rtable[arm.rtindex - 1] for arm in (tree.larg, tree.rarg))
        first.subquery = self._first(first.subquery)
        second.subquery = self._second(second.subquery)
        names = [ValueString(sval=c.name) for c in self.added]
        for rte in (first, second):
            rte.eref = rte.eref.copy(colnames=[*rte.eref.colnames, *names])
        for number, column in enumerate(self.added, self.width + 1):
            tree.colTypes.append(column.typid)
            tree.colTypmods.append(column.typmod)
            tree.colCollations.append(column.collation)
            if not tree.all:
                tree.groupClauses.append(self._group(column.typid, mark_group))
            var = Var(
                varno=tree.larg.rtindex, varattno=number, vartype=column.typid,
                vartypmod=column.typmod, varcollid=column.collation,
                varnosyn=tree.larg.rtindex, varattnosyn=number,
            )  # fmt: skip
            query.targetList.append(TargetEntry(expr=var, resno=number, resname=column.name))
        cte.ctecolnames = [*cte.ctecolnames, *names]
        cte.ctecoltypes = OidList([*cte.ctecoltypes, *[c.typid for c in self.added]])
        cte.ctecoltypmods = IntList([*cte.ctecoltypmods, *[c.typmod for c in self.added]])
        cte.ctecolcollations = OidList(
            [*cte.ctecolcollations, *[c.collation for c in self.added]]
        )
        cte.search_clause = cte.cycle_clause = None
        return cte

    @staticmethod
    def _group(typid: int, mark_group: Any) -> SortGroupClause:
        known = {
            t.RECORDOID: (_RECORD_LT, _RECORD_EQ), t.RECORDARRAYOID: (_ARRAY_LT, _ARRAY_EQ)
        }  # fmt: skip
        less, equal = known.get(typid) or mark_group(typid)
        return SortGroupClause(eqop=equal, sortop=less, nulls_first=False, hashable=True)

    # -- the two SELECTs ------------------------------------------------------------------------

    def _first(self, inner: Query) -> Query:
        names = strings(self.cte.ctecolnames)
        made = self._around(inner, "*TLOCRN*", names)
        if self.search is not None:
            row = self._row(self.search.search_col_list)
            if self.search.search_breadth_first:
                zero = Const(consttype=t.INT8OID, consttypmod=-1, constlen=8, constbyval=True,
                             constvalue=bytes(8))  # fmt: skip
                self._add(made, self._with_depth(row, zero))
            else:
                self._add(made, _array(row))
        if self.cycle is not None:
            self._add(made, self.cycle.cycle_mark_default)
            self._add(made, _array(self._row(self.cycle.cycle_col_list)))
        return made

    def _second(self, inner: Query) -> Query:
        name = self.cte.ctename
        place = next((
            i for i, r in enumerate(inner.rtable, 1)
            if r.rtekind == RTEKind.RTE_CTE and r.ctename == name and r.self_reference
        ), 0)  # fmt: skip
        if not place:
            raise SqlError(
                f"with a SEARCH or CYCLE clause, the recursive reference to WITH query "
                f'"{name}" must be at the top level of its right-hand SELECT', "0A000",
            )  # fmt: skip
        for number, column in enumerate(self.added, self.width + 1):
            var = Var(varno=place, varattno=number, vartype=column.typid, vartypmod=column.typmod,
                      varcollid=column.collation, varnosyn=place, varattnosyn=number)  # fmt: skip
            visible = sum(not e.resjunk for e in inner.targetList)
            inner.targetList.insert(
                visible, TargetEntry(expr=var, resno=visible + 1, resname=column.name)
            )
        for number, entry in enumerate(inner.targetList, 1):
            entry.resno = number
        names = [*strings(self.cte.ctecolnames), *[c.name for c in self.added]]
        made = self._around(inner, "*TROCRN*", names)
        if self.search is not None:
            row = self._row(self.search.search_col_list)
            before = self._added_var(self.sequence)
            if self.search.search_breadth_first:
                depth = FieldSelect(arg=before, fieldnum=1, resulttype=t.INT8OID, resulttypmod=-1)
                more = FuncExpr(funcid=_INT8INC, funcresulttype=t.INT8OID, args=[depth])
                self._add(made, self._with_depth(row, more))
            else:
                self._add(made, _longer(before, row))
        if self.cycle is not None:
            self._follow(made)
        return made

    def _follow(self, made: Query) -> None:
        """Mark rows that are on their path already, and go on from the others only."""
        cycle = self.cycle
        mark, path = self._added_var(self.mark), self._added_var(self.path)
        row = self._row(cycle.cycle_col_list)
        made.jointree.quals = OpExpr(
            opno=cycle.cycle_mark_neop, opresulttype=t.BOOLOID,
            args=[mark, cycle.cycle_mark_value], inputcollid=cycle.cycle_mark_collation,
        )  # fmt: skip
        known = ScalarArrayOpExpr(opno=_RECORD_EQ, useOr=True, args=[row, path])
        self._add(made, CaseExpr(
            casetype=cycle.cycle_mark_type, casecollid=cycle.cycle_mark_collation,
            args=[CaseWhen(expr=known, result=cycle.cycle_mark_value)],
            defresult=cycle.cycle_mark_default,
        ))  # fmt: skip
        self._add(made, _longer(path, row))

    # -- parts ----------------------------------------------------------------------------------

    def _around(self, inner: Query, alias: str, names: list[str]) -> Query:
        """SELECT the WITH query's own columns FROM one of its SELECTs."""
        inner = mutate(inner, lambda child: trees.shift_levels(child, 1, 1))
        named = Alias(aliasname=alias, colnames=[ValueString(sval=name) for name in names])
        rte = RangeTblEntry(rtekind=RTEKind.RTE_SUBQUERY, alias=named, eref=named.copy(),
                            subquery=inner, inFromCl=True)  # fmt: skip
        made = Query(canSetTag=True, rtable=[rte])
        made.jointree = FromExpr(fromlist=[RangeTblRef(rtindex=1)])
        made.targetList = [
            TargetEntry(expr=self._var(i), resno=i + 1, resname=names[i],
                        resorigtbl=inner.targetList[i].resorigtbl,
                        resorigcol=inner.targetList[i].resorigcol)
            for i in range(self.width)
        ]  # fmt: skip
        return made

    def _add(self, made: Query, expr: Any) -> None:
        number = len(made.targetList) + 1
        name = self.added[number - 1 - self.width].name
        made.targetList.append(TargetEntry(expr=expr, resno=number, resname=name))

    def _var(self, i: int) -> Var:
        cte = self.cte
        return Var(
            varno=1, varattno=i + 1, vartype=cte.ctecoltypes[i], vartypmod=cte.ctecoltypmods[i],
            varcollid=cte.ctecolcollations[i], varnosyn=1, varattnosyn=i + 1,
        )  # fmt: skip

    def _added_var(self, number: int) -> Var:
        column = self.added[number - self.width - 1]
        return Var(varno=1, varattno=number, vartype=column.typid, vartypmod=column.typmod,
                   varcollid=column.collation, varnosyn=1, varattnosyn=number)  # fmt: skip

    def _row(self, wanted: list[Any]) -> RowExpr:
        names = strings(self.cte.ctecolnames)
        return RowExpr(
            row_typeid=t.RECORDOID, row_format=CoercionForm.COERCE_IMPLICIT_CAST,
            args=[self._var(names.index(name)) for name in strings(wanted)],
            colnames=[ValueString(sval=name) for name in strings(wanted)],
        )  # fmt: skip

    @staticmethod
    def _with_depth(row: RowExpr, depth: Any) -> RowExpr:
        return row.copy(args=[depth, *row.args],
                        colnames=[ValueString(sval=_DEPTH), *row.colnames])  # fmt: skip


def _array(row: RowExpr) -> ArrayExpr:
    return ArrayExpr(array_typeid=t.RECORDARRAYOID, element_typeid=t.RECORDOID, elements=[row])


def _longer(path: Var, row: RowExpr) -> FuncExpr:
    return FuncExpr(funcid=_ARRAY_CAT, funcresulttype=t.RECORDARRAYOID, args=[path, _array(row)])
