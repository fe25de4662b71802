"""INSERT, UPDATE and DELETE on a view that the server would update by itself.

Such a view is a plain selection of one table (or of another such view): the statement is
turned into one on that table. The table takes the view's place in the range table; the
view's columns become its expressions, its condition joins the statement's own, and what it
says of WITH CHECK OPTION is left in ``withCheckOptions``.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.base import ValueString, mutate, walk
from pgtool.nodes.enums import BoolExprType, CmdType, CoercionForm, RTEKind
from pgtool.nodes.exprs import BoolExpr, RowExpr, Var
from pgtool.nodes.query import Query, TargetEntry, WithCheckOption
from pgtool.sql.analyze.names import FIRST_LOW_INVALID
from pgtool.sql.stored import copy_tree, view_query

__all__ = ["onto_base", "why_not_updatable"]

NOT_SUPPORTED, NOT_UPDATABLE, SYNTAX_ERROR = "0A000", "55000", "42601"
_VERBS = {CmdType.CMD_INSERT: "insert into", CmdType.CMD_UPDATE: "update",
          CmdType.CMD_DELETE: "delete from"}  # fmt: skip
_DOINGS = {CmdType.CMD_INSERT: ("inserting into", "INSERT"),
           CmdType.CMD_UPDATE: ("updating", "UPDATE"),
           CmdType.CMD_DELETE: ("deleting from", "DELETE")}  # fmt: skip
_NOT_SINGLE = ("Views that do not select from a single table or view are not automatically "
               "updatable.")  # fmt: skip
_NO_COLUMN = "View columns that are not columns of their base relation are not updatable."
#: Types of stored relations that may stand below: tables, foreign tables, views, partitioned.
_BASES = ("r", "f", "v", "p")


def onto_base(query: Query, session: Session, row: Any) -> None:
    """Turn a statement on a view into one on the relation below it."""
    view = view_query(session, row.oid)
    reason = why_not_updatable(session, view)
    command = query.commandType
    if reason is not None:
        doing, word = _DOINGS[command]
        raise SqlError(
            f'cannot {_VERBS[command]} view "{row.relname}"', NOT_UPDATABLE, reason,
            f"To enable {doing} the view, provide an INSTEAD OF {word} trigger or an "
            f"unconditional ON {word} DO INSTEAD rule.",
        )  # fmt: skip
    _View(query, session, row, view).replace()


def why_not_updatable(session: Session, view: Query) -> str | None:
    """Why a view cannot be written; None where it can."""
    for found, what in (
        (view.distinctClause, "containing DISTINCT"),
        (view.groupClause or view.groupingSets, "containing GROUP BY"),
        (view.havingQual is not None, "containing HAVING"),
        (view.setOperations is not None, "containing UNION, INTERSECT, or EXCEPT"),
        (view.cteList, "containing WITH"),
        (view.limitOffset is not None or view.limitCount is not None,
         "containing LIMIT or OFFSET"),
        (view.hasAggs, "that return aggregate functions"),
        (view.hasWindowFuncs, "that return window functions"),
        (view.hasTargetSRFs, "that return set-returning functions"),
    ):  # fmt: skip
        if found:
            return f"Views {what} are not automatically updatable."
    items = view.jointree.fromlist
    if len(items) != 1 or type(items[0]).__name__ != "RangeTblRef":
        return _NOT_SINGLE
    rte = view.rtable[items[0].rtindex - 1]
    below: Any = session.cache.one("pg_class", "oid", rte.relid) if rte.relid else None
    if rte.rtekind != RTEKind.RTE_RELATION or below is None or below.relkind not in _BASES:
        return _NOT_SINGLE
    if rte.tablesample is not None:
        return "Views containing TABLESAMPLE are not automatically updatable."
    if all(_column_reason(e, items[0].rtindex) is not None for e in view.targetList):
        return "Views that have no updatable columns are not automatically updatable."
    return None


def _column_reason(entry: TargetEntry, index: int) -> str | None:
    """Why a column of a view cannot be written; None where it can."""
    expr = entry.expr
    if entry.resjunk or not isinstance(expr, Var) or expr.varno != index or expr.varlevelsup:
        return _NO_COLUMN
    if expr.varattno < 0:
        return "View columns that refer to system columns are not updatable."
    if expr.varattno == 0:
        return "View columns that return whole-row references are not updatable."
    return None


class _View:
    """One view below one statement."""

    def __init__(self, query: Query, session: Session, row: Any, view: Query) -> None:
        self.query, self.session, self.row, self.view = query, session, row, view
        self.index = view.jointree.fromlist[0].rtindex
        self.entries = {e.resno: e for e in view.targetList if not e.resjunk}
        self.target = query.resultRelation
        conflict = query.onConflict
        self.excluded = conflict.exclRelIndex if conflict is not None else 0
        self._check_columns()

    def _check_columns(self) -> None:
        """Every column that is assigned has to be a column of the relation below."""
        lists = [self.query.targetList]
        if self.query.onConflict is not None:
            lists.append(self.query.onConflict.onConflictSet)
        verb = f"{_VERBS[self.query.commandType]} column"
        for entry in (e for entries in lists for e in entries if not e.resjunk):
            if self.query.commandType == CmdType.CMD_DELETE:
                return
            reason = _column_reason(self.entries[entry.resno], self.index)
            if reason is not None:
                name = self.entries[entry.resno].resname
                raise SqlError(f'cannot {verb} "{name}" of view "{self.row.relname}"',
                               NOT_SUPPORTED, reason)  # fmt: skip

    def replace(self) -> None:
        """See the module."""
        query, view = self.query, self.view
        base = view.rtable[self.index - 1]
        old = query.rtable[self.target - 1]
        options = dict(o.partition("=")[::2] for o in self.row.reloptions or ())
        barrier = options.get("security_barrier", "").lower() in ("true", "on", "yes", "1")
        if barrier and query.commandType != CmdType.CMD_INSERT:
            raise Unsupported(f'writing through view "{self.row.relname}", a security barrier')
        self._replace_columns()
        condition = self._located(view.jointree.quals, self.target, None, 0)
        if condition is not None and query.commandType != CmdType.CMD_INSERT:
            query.jointree.quals = _both(query.jointree.quals, condition)
            query.hasSubLinks = query.hasSubLinks or view.hasSubLinks
        self._check_option(condition, options.get("check_option"))
        inherits = query.commandType != CmdType.CMD_INSERT and base.inh
        self._need_rights(base, query.rteperminfos[old.perminfoindex - 1])
        query.rtable[self.target - 1] = base.copy(
            inh=inherits, inFromCl=False, perminfoindex=len(query.rteperminfos),
            rellockmode=old.rellockmode,
        )  # fmt: skip
        self._renumber(query.targetList)
        if query.onConflict is not None:
            self._conflict(base)

    def _need_rights(self, base: Any, above: Any) -> None:
        """What the user needs on the view, the view's owner needs on the relation below."""
        below = self.view.rteperminfos[base.perminfoindex - 1]
        self.query.rteperminfos.append(below.copy(
            requiredPerms=above.requiredPerms, insertedCols=self._numbers(above.insertedCols),
            updatedCols=self._numbers(above.updatedCols),
        ))  # fmt: skip

    def _numbers(self, columns: frozenset[int]) -> frozenset[int]:
        """Columns of the view as columns of the relation below."""
        entries = (self.entries.get(column + FIRST_LOW_INVALID) for column in columns)
        return frozenset(
            entry.expr.varattno - FIRST_LOW_INVALID
            for entry in entries if entry is not None and isinstance(entry.expr, Var)
        )

    def _renumber(self, entries: list[TargetEntry]) -> None:
        """Entries by the columns of the relation below."""
        seen: set[int] = set()
        for place, entry in enumerate(entries):
            if entry.resjunk or self.query.commandType == CmdType.CMD_DELETE:
                continue
            number = self.entries[entry.resno].expr.varattno
            if number in seen:
                raise SqlError(f'multiple assignments to same column "{entry.resname}"',
                               SYNTAX_ERROR)  # fmt: skip
            seen.add(number)
            entries[place] = entry.copy(resno=number)

    def _conflict(self, base: Any) -> None:
        conflict = self.query.onConflict
        self._renumber(conflict.onConflictSet)
        if not self.excluded:
            return
        relation = self.session.database.relation(base.relid)
        rte = self.query.rtable[self.excluded - 1]
        names = [a.attname for a in relation.attributes]
        rte.relid = base.relid
        rte.eref = rte.eref.copy(colnames=[type(rte.eref.colnames[0])(sval=n) for n in names])
        conflict.exclRelTlist = [
            TargetEntry(
                expr=Var(varno=self.excluded, varattno=a.attnum, vartype=a.atttypid,
                         vartypmod=a.atttypmod, varcollid=a.attcollation,
                         varnosyn=self.excluded, varattnosyn=a.attnum),
                resno=a.attnum, resname=a.attname,
            ) for a in relation.attributes if not a.attisdropped
        ]  # fmt: skip

    # -- expressions ----

    def _replace_columns(self) -> None:
        """References to the view's columns become its expressions, at every depth."""
        query = self.query
        for name in ("targetList", "returningList", "jointree", "onConflict", "cteList"):
            setattr(query, name, self._changed(getattr(query, name), 0))
        for index, rte in enumerate(query.rtable, 1):
            if index != self.target:
                query.rtable[index - 1] = mutate(rte, lambda child: self._changed(child, 0))

    def _changed(self, node: Any, depth: int) -> Any:
        """``node``, ``depth`` queries below the statement, with the columns replaced."""
        if isinstance(node, Var):
            if node.varlevelsup != depth or node.varno not in (self.target, self.excluded):
                return node
            return self._column(node, depth)
        below = depth + isinstance(node, Query)
        return mutate(node, lambda child: self._changed(child, below))

    def _column(self, var: Var, depth: int) -> Any:
        if var.varattno < 0:
            raise SqlError(f'column "{_SYSTEM.get(var.varattno, "ctid")}" does not exist', "42703")
        if var.varattno == 0:
            fields = [
                self._column(var.copy(varattno=n), depth) for n in sorted(self.entries)
            ]
            names = [self.entries[n].resname for n in sorted(self.entries)]
            if int(var.varreturningtype):
                raise Unsupported("OLD or NEW as a whole row of a view")
            return RowExpr(args=fields, row_typeid=var.vartype,
                           row_format=CoercionForm.COERCE_IMPLICIT_CAST,
                           colnames=[ValueString(sval=n) for n in names])  # fmt: skip
        expr = self.entries[var.varattno].expr
        if int(var.varreturningtype) and not isinstance(expr, Var):
            raise Unsupported("OLD or NEW of a view's column that is no column below it")
        return self._located(expr, var.varno, var.varreturningtype, depth)

    def _located(self, expr: Any, target: int, returning: Any, depth: int) -> Any:
        """An expression of the view as one of the statement, ``depth`` queries below it."""

        def change(node: Any, inner: int) -> Any:
            if isinstance(node, Var):
                if node.varlevelsup != inner or node.varno != self.index:
                    return node
                made = node.copy(varno=target, varnosyn=target, varlevelsup=inner + depth)
                return made if returning is None else made.copy(varreturningtype=returning)
            below = inner + isinstance(node, Query)
            return mutate(node, lambda child: change(child, below))

        return None if expr is None else change(copy_tree(expr), 0)

    # -- WITH CHECK OPTION ----

    def _check_option(self, condition: Any, option: str | None) -> None:
        """The condition that new rows have to meet, for the view's own option or one above."""
        query = self.query
        if query.commandType == CmdType.CMD_DELETE:
            return
        above = [
            w.copy(qual=None if w.qual is None else self._changed(w.qual, 0))
            for w in query.withCheckOptions
        ]
        query.withCheckOptions = above
        cascaded = any(w.cascaded for w in above)
        if option is None and not cascaded:
            return
        if condition is not None and any(isinstance(n, Query) for n in walk(condition)):
            raise Unsupported(f'a subquery in the check option of view "{self.row.relname}"')
        mine = WithCheckOption(
            relname=self.row.relname, qual=copy_tree(condition),
            cascaded=cascaded or option == "cascaded",
        )  # fmt: skip
        query.withCheckOptions = [mine, *above]


_SYSTEM = {-1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax", -6: "tableoid"}


def _both(one: Any, two: Any) -> Any:
    if one is None:
        return two
    return BoolExpr(boolop=BoolExprType.AND_EXPR, args=[one, two], location=-1)
