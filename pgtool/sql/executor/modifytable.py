"""ModifyTable: rows of the plan below are inserted, or say which rows to update or delete.

For each row::

    partition routing → generated columns → constraints → (ON CONFLICT) → heap and indexes
    → events for foreign keys → RETURNING

What several tables of one statement need (an inherited target, partitions) is made when
first met: a :class:`~pgtool.sql.executor.target.Target` each. Events run when the statement
is done, after all its WITH queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.enums import CmdType, OnConflictAction, RTEKind
from pgtool.sql.executor.batch import Batch, values
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.node import BATCH_ROWS, Exec
from pgtool.sql.executor.queued import run_events
from pgtool.sql.executor.returning import Returning
from pgtool.sql.executor.stepwise import Stepwise, draws, pieces
from pgtool.sql.executor.target import Target, Targets
from pgtool.sql.executor.vectors import from_items
from pgtool.sql.executor.viewchecks import check_views, view_checks
from pgtool.sql.executor.written import Row, encoder

__all__ = ["ModifyTableExec", "Writing"]

_TABLEOID, _CTID = "tableoid", "ctid"


class ModifyTableExec(Exec):
    """See the module."""

    def __init__(self, builder: Any, plan: Any) -> None:
        super().__init__(builder, plan)
        self.left = self.child(plan.lefttree)
        session = self.env.session
        root = builder.rte(plan.nominalRelation)
        assert root.rtekind == RTEKind.RTE_RELATION
        self.targets = Targets(self.env, session.database.relation(root.relid))
        self.operation = plan.operation
        below = plan.lefttree.targetlist
        self.places = {e.resname: e.resno - 1 for e in below if e.resjunk and e.resname}
        if hasattr(self.left, "project") and draws(session, [entry.expr for entry in below]):
            self.left.project = Stepwise(self.left.project)
        self.colnos = [number - 1 for number in plan.updateColnos]
        natts = self.targets.root.shape.natts
        self.width = natts if self.operation == CmdType.CMD_INSERT else len(self.colnos)
        self.encoders = [encoder(codec) for codec in self.left.codecs[: self.width]]
        self.returning = (
            Returning(self.env, plan, self.targets.root.shape, len(self.left.codecs))
            if plan.targetlist else None
        )
        self.views = view_checks(self.env, plan, self.targets.root.shape)
        self.conflict: Any = None
        if plan.onConflictAction != OnConflictAction.ONCONFLICT_NONE:
            from pgtool.sql.executor.onconflict import Conflict

            self.conflict = Conflict(self, plan)

    # -- running ----

    def batches(self, ctx: Context) -> Iterator[Batch]:
        """See the class."""
        run = Writing(self, ctx)
        ctx.endings.append(run.end)
        handler = {
            CmdType.CMD_INSERT: run.insert, CmdType.CMD_UPDATE: run.update,
            CmdType.CMD_DELETE: run.delete,
        }[self.operation]  # fmt: skip
        for batch in self.left.run(ctx):
            ctx.check()
            for piece in pieces(batch):
                handler(piece)
            if self.returning is not None and len(run.out) >= BATCH_ROWS:
                yield self._result(run)
        if self.plan.canSetTag:
            ctx.processed = run.count
        measure = self.measure(ctx)
        if measure is not None and self.conflict is not None:
            measure.extra = (run.inserted, run.conflicting, run.filtered)
        if self.returning is not None and run.out:
            yield self._result(run)

    def _result(self, run: Writing) -> Batch:
        rows, run.out = run.out, []
        columns = [
            from_items([row[i] for row in rows], codec) for i, codec in enumerate(self.codecs)
        ]
        return Batch(len(rows), columns)


class Writing:
    """One execution: the rows that it writes, and what they leave to be done."""

    def __init__(self, node: ModifyTableExec, ctx: Context) -> None:
        self.node = node
        self.ctx = ctx
        self.targets = node.targets
        self.targets.begin(ctx)
        self.count = 0
        self.inserted = self.conflicting = self.filtered = 0
        self.out: list[tuple[Any, ...]] = []
        self.events: list[Any] = []

    def end(self) -> None:
        """The statement is done: what its rows ask for."""
        events, self.events = self.events, []
        self.targets.end()
        if events:
            run_events(self.node.env.session, events)

    def check_views(self, target: Target, row: Row) -> None:
        """The rows that a view's check option lets through."""
        if self.node.views:
            check_views(self.node.views, self.targets.as_root(target, row), row, self.ctx)

    def returned(self, new: Row | None, old: Row | None, input_row: Any) -> None:
        """One row of RETURNING."""
        returning = self.node.returning
        if returning is not None:
            self.out.append(returning.row(new, old, input_row, self.ctx))

    def _inputs(self, batch: Batch) -> list[Any]:
        """The input's rows of values, where RETURNING or ON CONFLICT reads them."""
        returning = self.node.returning
        if returning is None or not returning.reads_input:
            return [()] * batch.n
        return list(batch.rows(self.node.left.codecs))

    # -- INSERT ----

    def insert(self, batch: Batch) -> None:
        """Insert a batch of whole rows."""
        if self._plain_bulk(batch):
            self.count += self.targets.root.bulk.insert(batch, self.ctx)
            return
        rows = datum_rows(batch, self.node)
        for datums, given in zip(rows, self._inputs(batch)):
            self.insert_row(Row(self.targets.root.shape, datums), given)

    def _plain_bulk(self, batch: Batch) -> bool:
        node = self.node
        return (batch.n >= BULK_ROWS and not node.views and node.returning is None
                and node.conflict is None and self.targets.root.takes_batches)  # fmt: skip

    def insert_row(self, row: Row, given: Any) -> None:
        """Insert one row (of the target that the statement names)."""
        target, stored = self.placed(row)
        conflict = self.node.conflict
        if conflict is not None and not conflict.insert(self, target, stored, row, given):
            return
        self.store(target, stored, there=conflict is not None)
        if self.node.returning is not None:
            self.returned(self.targets.as_root(target, stored), None, given)

    def placed(self, row: Row) -> tuple[Target, Row]:
        """Where a new row goes, and the row as that table has it, whole and checked."""
        target, stored = self.targets.route(row, self.ctx)
        target.rules.compute(stored, self.ctx)
        target.check(stored, self.ctx)
        return target, stored

    def store(self, target: Target, stored: Row, *, there: bool = False) -> None:
        """Store a new row, unless it is there, and note what it asks for."""
        if not there:
            target.insert(stored)
        self.check_views(target, stored)
        target.after_insert(stored, self.events)
        self.count += 1

    # -- UPDATE and DELETE ----

    def _targets_of(self, batch: Batch) -> list[Target]:
        """The table of each row."""
        place = self.node.places.get(_TABLEOID)
        if place is None:
            return [self.targets.root] * batch.n
        codec = self.node.left.codecs[place]
        return [self.targets.of(oid) for oid in values(batch.col(place), codec)]

    def _tids(self, batch: Batch) -> list[tuple[int, int]]:
        from pgtool.sql.executor.target import unpack_tid

        place = self.node.places[_CTID]
        codec = self.node.left.codecs[place]
        return [unpack_tid(v) for v in values(batch.col(place), codec)]

    def update(self, batch: Batch) -> None:
        """Update the rows that a batch names."""
        new_datums = datum_rows(batch, self.node)
        colnos = self.node.colnos
        for target, tid, datums, given in zip(
            self._targets_of(batch), self._tids(batch), new_datums, self._inputs(batch)
        ):
            old = target.fetch(tid)
            if old is None:
                continue
            row = Row(target.shape, list(old.datums))
            places = self.targets.places_in(target)
            for colno, datum in zip(colnos, datums):
                row.datums[colno if places is None else places[colno]] = datum
            self.update_row(target, old, row, given)

    def update_row(self, target: Target, old: Row, row: Row, given: Any) -> bool:
        """One row: False where this statement has changed it already."""
        ctx = self.ctx
        target.rules.compute(row, ctx)
        moved = target.leaves(row, ctx)
        if moved is not None:
            if not self._move(target, old, row, given):
                return False
        else:
            target.check(row, ctx, partition=False)
            if not target.update(old, row):
                return False
            self.check_views(target, row)
            target.after_update(old, row, self.events)
            self.count += 1
            if self.node.returning is not None:
                as_root = self.targets.as_root
                self.returned(as_root(target, row), as_root(target, old), given)
        return True

    def _move(self, target: Target, old: Row, row: Row, given: Any) -> bool:
        """A row whose new values belong into another partition: deleted here, inserted there."""
        targets, ctx = self.targets, self.ctx
        if self.node.conflict is not None:
            raise SqlError(
                "invalid ON UPDATE specification", "0A000",
                "The result tuple would appear in a different partition than the original tuple.",
            )
        if targets.root.relation.relkind != "p":
            raise target.partition_error(row)
        as_root = targets.as_root(target, row)
        other, stored = targets.route(as_root, ctx)
        if not target.delete(old, moved=True):
            return False
        other.rules.compute(stored, ctx)
        other.check(stored, ctx)
        other.insert(stored)
        self.check_views(other, stored)
        target.after_move(old, other, stored, self.events)
        self.count += 1
        if self.node.returning is not None:
            self.returned(targets.as_root(other, stored), targets.as_root(target, old), given)
        return True

    def delete(self, batch: Batch) -> None:
        """Delete the rows that a batch names."""
        wanted = self.node.returning is not None
        for target, tid, given in zip(
            self._targets_of(batch), self._tids(batch), self._inputs(batch)
        ):
            old = target.fetch(tid) if wanted or target.reads_deleted else target.placed(tid)
            if old is not None:
                self.delete_row(target, old, given)

    def delete_row(self, target: Target, old: Row, given: Any) -> None:
        """Delete one row, unless this statement has changed it already."""
        if not target.delete(old):
            return
        target.after_delete(old, self.events)
        self.count += 1
        if self.node.returning is not None:
            self.returned(None, self.targets.as_root(target, old), given)


#: From how many rows on a batch is formed as a whole.
BULK_ROWS = 32


def datum_rows(batch: Batch, node: ModifyTableExec) -> list[list[Any]]:
    """The leading columns of a batch as rows of datums."""
    columns = []
    for i in range(node.width):
        encode = node.encoders[i]
        found = values(batch.col(i), node.left.codecs[i])
        columns.append([None if v is None else encode(v) for v in found])
    if not columns:
        return [[] for _ in range(batch.n)]
    return [list(row) for row in zip(*columns)]


def cardinality_violation() -> SqlError:
    """ON CONFLICT DO UPDATE met a row that the same command has written."""
    return SqlError(
        "ON CONFLICT DO UPDATE command cannot affect row a second time", "21000",
        hint="Ensure that no rows proposed for insertion within the same command have duplicate "
        "constrained values.",
    )
