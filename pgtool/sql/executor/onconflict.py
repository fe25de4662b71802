"""ON CONFLICT: an insertion that gives way to a row that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtool.nodes.base import mutate
from pgtool.nodes.enums import OnConflictAction
from pgtool.nodes.exprs import Var
from pgtool.nodes.plan import INNER_VAR
from pgtool.sql.executor.returning import NEW_ROW, OLD_ROW, Rows, rows_apart
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.written import EXTRA_PLACES, Row
from pgtool.sql.planner.trees import conjuncts

if TYPE_CHECKING:
    from pgtool.sql.executor.modifytable import ModifyTableExec
    from pgtool.sql.executor.target import Target

__all__ = ["Conflict"]


class Conflict:
    """The clause of one ModifyTable. The old row is the target's, the new one EXCLUDED."""

    def __init__(self, node: ModifyTableExec, plan: Any) -> None:
        self.node = node
        self.updates = plan.onConflictAction == OnConflictAction.ONCONFLICT_UPDATE
        self.arbiters = list(plan.arbiterIndexes)
        shape = node.targets.root.shape
        self.size = shape.natts + EXTRA_PLACES
        target = plan.nominalRelation

        def change(node: Any) -> Any:
            if isinstance(node, Var) and node.varno in (target, INNER_VAR):
                return node.copy(varno=OLD_ROW if node.varno == target else NEW_ROW)
            return mutate(node, change)

        compiler = ScalarCompiler(node.env, rows_apart(shape.natts, 0))
        self.columns = [number - 1 for number in plan.onConflictCols]
        self.values = compiler.many([change(e.expr) for e in plan.onConflictSet])
        where = plan.onConflictWhere
        clauses = where if isinstance(where, list) else conjuncts(where)
        self.conditions = compiler.many([change(c) for c in clauses])

    def insert(self, run: Any, target: Target, stored: Row, row: Row, given: Any) -> bool:
        """Insert, unless a row is in the way; True where the row was inserted."""
        found = target.conflicting(stored, self.arbiters)
        if found is None:
            target.insert(stored)
            run.inserted += 1
            return True
        run.conflicting += 1
        if self.updates:
            self._update(run, target, found, stored, given)
        return False

    def _update(self, run: Any, target: Target, tid: Any, stored: Row, given: Any) -> None:
        """DO UPDATE: the row in the way, locked first, takes the values of SET."""
        old = target.lock_conflicting(tid)
        targets, ctx = run.targets, run.ctx
        rows = Rows(targets.as_root(target, stored), targets.as_root(target, old), (), self.size)
        if not all(condition(rows, ctx) is True for condition in self.conditions):
            run.filtered += 1
            return
        new = Row(target.shape, list(old.datums))
        places = targets.places_in(target)
        root = targets.root.shape
        for index, value in zip(self.columns, self.values):
            place = index if places is None else places[index]
            new.set(place, root.encode(index, value(rows, ctx)))
        run.update_row(target, old, new, given)
