"""What the target list of INSERT and UPDATE becomes: defaults, identity, generated columns.

After this an INSERT has an entry for every column that gets a value, in the columns' order;
an UPDATE one for each column that it sets. DEFAULT is replaced by what it means for the
column; columns that the user may not set are refused with the server's words. Values of
stored generated columns are computed when the row is written.
"""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.nodes.base import mutate
from pgtool.nodes.enums import CmdType, CoercionForm, OverridingKind, RTEKind
from pgtool.nodes.exprs import (
    FieldSelect,
    FieldStore,
    NextValueExpr,
    SetToDefault,
    SubscriptingRef,
    Var,
)
from pgtool.nodes.query import Query, TargetEntry
from pgtool.nodes.text import text_to_node
from pgtool.sql.analyze.coerce import Context, coerce_to_domain, coerce_to_target, make_const
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.analyze.state import ParseState, Shared
from pgtool.sql.stored import copy_tree

__all__ = ["column_default", "null_of", "rewrite_targets"]

_NOT_ALLOWED = "428C9"


def rewrite_targets(query: Query, session: Session, rte: Any, relation: Any) -> None:
    """Bring the target lists of a modifying query into their final form."""
    rewriter = _Rewriter(session, relation)
    if query.commandType == CmdType.CMD_INSERT:
        values = _values_entry(query)
        unused = rewriter.defaults_of_values(query, values) if values is not None else set()
        query.targetList = rewriter.targets(
            query.targetList, CmdType.CMD_INSERT, query.override, values, unused
        )
    elif query.commandType == CmdType.CMD_UPDATE:
        query.targetList = rewriter.targets(query.targetList, CmdType.CMD_UPDATE, query.override)
    conflict = query.onConflict
    if conflict is not None and conflict.onConflictSet:
        conflict.onConflictSet = rewriter.targets(
            conflict.onConflictSet, CmdType.CMD_UPDATE, query.override
        )


def _values_entry(query: Query) -> Any:
    """The VALUES entry of an INSERT of several rows: (index, entry)."""
    items = query.jointree.fromlist
    if len(items) == 1 and type(items[0]).__name__ == "RangeTblRef":
        rte = query.rtable[items[0].rtindex - 1]
        if rte.rtekind == RTEKind.RTE_VALUES:
            return items[0].rtindex, rte
    return None


def column_default(session: Session, relation: Any, attribute: Any) -> Any:
    """The expression of a column's default; None where NULL is meant."""
    return _Rewriter(session, relation).default(attribute)


def null_of(session: Session, attribute: Any) -> Any:
    """NULL as a column takes it: a domain may refuse it."""
    return _Rewriter(session, None).null(attribute)


class _Rewriter:
    def __init__(self, session: Session, relation: Any) -> None:
        self.session = session
        self.relation = relation
        self.state = ParseState(Shared(session, "", []))

    # -- defaults ----

    def default(self, attribute: Any) -> Any:
        """See :func:`column_default`."""
        cache = self.session.cache
        if attribute.attidentity in ("a", "d"):
            from pgtool.sql.identity import identity_sequence

            return NextValueExpr(
                seqid=identity_sequence(self.session, self.relation.oid, attribute.attnum),
                typeId=attribute.atttypid,
            )
        if attribute.attgenerated:
            return None
        expr: Any = None
        for row in cache.lookup("pg_attrdef", "adrelid", self.relation.oid):
            if row.adnum == attribute.attnum:
                expr = text_to_node(row.adbin, cache.major)
        if expr is None:
            info = cache.type(attribute.atttypid)
            if info is not None and info.typdefaultbin:
                expr = text_to_node(info.typdefaultbin, cache.major)
            elif info is not None and info.typdefault is not None:
                datum = self.state.types.input(attribute.atttypid, info.typdefault)
                expr = make_const(self.state, attribute.atttypid, datum)
        if expr is None:
            return None
        expr = copy_tree(expr)
        made = coerce_to_target(
            self.state, expr, expr_type(expr), attribute.atttypid, attribute.atttypmod,
            Context.assignment, CoercionForm.COERCE_IMPLICIT_CAST,
        )  # fmt: skip
        if made is None:
            wanted, given = self.state.types.names(attribute.atttypid, expr_type(expr))
            raise SqlError(
                f'column "{attribute.attname}" is of type {wanted} but default expression is of '
                f"type {given}", "42804", hint="You will need to rewrite or cast the expression.",
            )  # fmt: skip
        return made

    def null(self, attribute: Any) -> Any:
        """See :func:`null_of`."""
        if attribute.attisdropped:
            return make_const(self.state, t.INT4OID, None)
        base, typmod = self.state.types.base_type_and_typmod(
            attribute.atttypid, attribute.atttypmod
        )
        made = make_const(self.state, base, None, typmod)
        made.constcollid = attribute.attcollation
        if base == attribute.atttypid:
            return made
        return coerce_to_domain(
            self.state, made, base, attribute.atttypid, typmod, Context.implicit,
            CoercionForm.COERCE_IMPLICIT_CAST, -1,
        )  # fmt: skip

    # -- target lists ----

    def targets(
        self, entries: list[TargetEntry], command: CmdType, override: OverridingKind,
        values: Any = None, unused: set[int] | frozenset[int] = frozenset(),
    ) -> list[TargetEntry]:  # fmt: skip
        """The entries of one command, by column."""
        found: dict[int, TargetEntry] = {}
        junk: list[TargetEntry] = []
        for entry in entries:
            if entry.resjunk:
                junk.append(entry)
            elif entry.resno in found:
                found[entry.resno] = self._merged(found[entry.resno], entry)
            else:
                found[entry.resno] = entry
        out: list[TargetEntry] = []
        for attribute in self.relation.attributes:
            if attribute.attisdropped:
                continue
            made = self._entry(attribute, found.get(attribute.attnum), command, override, values,
                               unused)  # fmt: skip
            if made is not None:
                out.append(made)
        for number, entry in enumerate(junk, len(self.relation.attributes) + 1):
            out.append(entry.copy(resno=number))
        return out

    def _entry(
        self, attribute: Any, entry: TargetEntry | None, command: CmdType,
        override: OverridingKind, values: Any, unused: set[int] | frozenset[int],
    ) -> TargetEntry | None:  # fmt: skip
        applies = (
            entry is None and command == CmdType.CMD_INSERT
        ) or (entry is not None and isinstance(entry.expr, SetToDefault))
        if command == CmdType.CMD_INSERT and not applies:
            applies = self._insert_default(attribute, entry, override, values, unused)
        elif command == CmdType.CMD_UPDATE and not applies and entry is not None:
            self._check_update(attribute)
        if not applies:
            return entry
        expr = self.default(attribute)
        if expr is None:
            if command == CmdType.CMD_INSERT:
                return None
            expr = self.null(attribute)
        return TargetEntry(expr=expr, resno=attribute.attnum, resname=attribute.attname)

    def _insert_default(
        self, attribute: Any, entry: Any, override: OverridingKind, values: Any,
        unused: set[int] | frozenset[int],
    ) -> bool:  # fmt: skip
        """Whether a given value gives way to the default; SqlError where none may be given."""
        column = _values_column(entry, values)
        all_default = column is not None and column in unused
        if attribute.attidentity == "a":
            if override == OverridingKind.OVERRIDING_USER_VALUE:
                return True
            if override != OverridingKind.OVERRIDING_SYSTEM_VALUE and not all_default:
                raise SqlError(
                    f'cannot insert a non-DEFAULT value into column "{attribute.attname}"',
                    _NOT_ALLOWED,
                    f'Column "{attribute.attname}" is an identity column defined as GENERATED '
                    "ALWAYS.", "Use OVERRIDING SYSTEM VALUE to override.",
                )  # fmt: skip
        if attribute.attidentity == "d" and override == OverridingKind.OVERRIDING_USER_VALUE:
            return True
        if attribute.attgenerated:
            if all_default:
                return True
            raise SqlError(
                f'cannot insert a non-DEFAULT value into column "{attribute.attname}"',
                _NOT_ALLOWED, f'Column "{attribute.attname}" is a generated column.',
            )  # fmt: skip
        return all_default

    @staticmethod
    def _check_update(attribute: Any) -> None:
        name = attribute.attname
        if attribute.attidentity == "a":
            why = "an identity column defined as GENERATED ALWAYS"
        elif attribute.attgenerated:
            why = "a generated column"
        else:
            return
        raise SqlError(f'column "{name}" can only be updated to DEFAULT', _NOT_ALLOWED,
                       f'Column "{name}" is {why}.')  # fmt: skip

    def _merged(self, first: TargetEntry, second: TargetEntry) -> TargetEntry:
        """Two assignments into parts of the same column: the second into what the first gives."""
        if not (_is_partial(first.expr) and _is_partial(second.expr)):
            raise SqlError(f'multiple assignments to same column "{second.resname}"', "42601")
        return second.copy(expr=_over(second.expr, first.expr))

    # -- VALUES ----

    def defaults_of_values(self, query: Query, values: Any) -> set[int]:
        """DEFAULT in VALUES lists replaced; the columns (from 1) that are DEFAULT in every row."""
        index, rte = values
        if not any(isinstance(c, SetToDefault) for row in rte.values_lists for c in row):
            return set()
        by_column: dict[int, Any] = {}
        for entry in query.targetList:
            expr = entry.expr
            if isinstance(expr, Var) and expr.varno == index:
                by_column[expr.varattno] = self.relation.attributes[entry.resno - 1]
        everywhere = {
            i + 1 for i in range(len(rte.values_lists[0]))
            if all(isinstance(row[i], SetToDefault) for row in rte.values_lists)
        }
        lists: list[Any] = []
        for row in rte.values_lists:
            lists.append([
                self._cell(cell, by_column.get(i), i in everywhere)
                if isinstance(cell, SetToDefault) else cell for i, cell in enumerate(row, 1)
            ])  # fmt: skip
        rte.values_lists = lists
        return everywhere

    def _cell(self, cell: SetToDefault, attribute: Any, unused: bool) -> Any:
        """What stands for DEFAULT; where the target list has the default itself, nothing."""
        if attribute is None:
            return make_const(self.state, cell.typeId, None, cell.typeMod)
        made = self.default(attribute)
        if made is None and self.relation.relkind == "v":
            return cell  # the default of the column below
        return made if made is not None and not unused else self.null(attribute)


def _values_column(entry: Any, values: Any) -> int | None:
    """The column of the VALUES entry that an entry hands on."""
    if values is None or entry is None or not isinstance(entry.expr, Var):
        return None
    return int(entry.expr.varattno) if entry.expr.varno == values[0] else None


def _is_partial(expr: Any) -> bool:
    """Whether an expression assigns into a part of its old value."""
    if type(expr).__name__ == "CoerceToDomain":
        expr = expr.arg
    return isinstance(expr, FieldStore) or (
        isinstance(expr, SubscriptingRef) and expr.refassgnexpr is not None
    )


def _over(expr: Any, old: Any) -> Any:
    """A partial assignment over another old value."""
    if type(expr).__name__ == "CoerceToDomain" and _is_partial(expr):
        return expr.copy(arg=_over(expr.arg, old))
    if isinstance(expr, FieldStore):
        value = expr.newvals[0]
        if _is_partial(value):
            inner = FieldSelect(arg=old, fieldnum=expr.fieldnums[0], resulttype=expr_type(value),
                                resulttypmod=-1)  # fmt: skip
            value = _over(value, inner)
        return expr.copy(arg=old, newvals=[value])
    assert isinstance(expr, SubscriptingRef)
    value = expr.refassgnexpr
    if _is_partial(value):
        inner_ref = expr.copy(refexpr=old, refassgnexpr=None, refrestype=expr.refelemtype)
        value = _over(value, inner_ref)
    return mutate(expr, lambda child: child).copy(refexpr=old, refassgnexpr=value)
