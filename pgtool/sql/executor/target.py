"""A table that a statement writes: its heap, its indexes, its rules, its foreign keys.

:class:`Targets` are those of one ModifyTable (or COPY): the relation that the statement
names, and the partitions and children that its rows turn out to be in, made when first met.
The executor keeps them for as long as its plan is kept; what belongs to a running
transaction is set by :meth:`Targets.begin`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pgtool.access.heap.heapam import open_heap
from pgtool.access.heap.tuple import deformer, former
from pgtool.access.heap.xmax import LockTupleMode
from pgtool.catalog.heaptarget import detoast, heap_target
from pgtool.errors import SqlError, Unsupported
from pgtool.sql.executor.constraints import RowRules, failing_row
from pgtool.sql.executor.indexwrite import open_indexes
from pgtool.sql.executor.partitions import Conversion, Router
from pgtool.sql.executor.queued import Event, queue_of, run_events
from pgtool.sql.executor.references import References
from pgtool.sql.executor.written import Row, RowShape
from pgtool.sql.writable import check_relation, check_triggers
from pgtool.transam.tqual import TmResult

__all__ = ["Target", "Targets", "unpack_tid"]

Tid = tuple[int, int]
CHECK_VIOLATION = "23514"
SERIALIZATION_FAILURE, LOCK_NOT_AVAILABLE = "40001", "55P03"
_INSERT, _DELETE, _UPDATE = 4, 8, 16
READ_COMMITTED = "read committed"


def unpack_tid(stored: bytes) -> Tid:
    """(block, offset) of a stored tid."""
    high, low, number = stored[0:2], stored[2:4], stored[4:6]
    little = int.from_bytes
    return little(high, "little") << 16 | little(low, "little"), little(number, "little")


def outside_of(env: Any, relation: Any, row: Row) -> SqlError:
    """The error of a row outside of its partition's bounds."""
    return SqlError(
        f'new row for relation "{relation.relname}" violates partition constraint',
        CHECK_VIOLATION, failing_row(env, row),
    )  # fmt: skip


class Target:
    """One table."""

    def __init__(self, targets: Targets, relation: Any) -> None:
        self.targets = targets
        env = self.env = targets.env
        session = self.session = env.session
        self.relation = relation
        shape = self.shape = RowShape(env, relation)
        self.deform = deformer(shape.attributes)
        self._form = former(shape.attributes)
        shape.fetch = lambda stored: detoast(session.database, relation, stored)
        self.rules = RowRules(env, shape)
        self.references = References(env, shape)
        instance = session.database.cluster.instance
        self.heap = open_heap(instance, heap_target(session.cache, relation, instance))
        self.indexes = open_indexes(env, shape, instance)
        self.above = targets.routers_above(relation)
        self.xact: Any = session.xact
        #: Whether deleting needs more of a row than its place.
        self.reads_deleted = bool(self.references.triggers[_DELETE])

    # -- rows ----

    def fetch(self, tid: Tid) -> Row | None:
        """The row at a place."""
        stored = self.heap.fetch(tid)
        if stored is None:
            return None
        return self.stored(self.deform(stored), tid, stored)

    def stored(self, datums: list[Any], tid: Tid, tup: bytes) -> Row:
        """A row as it was found."""
        return _Stored(self, datums, tid, tup)

    @staticmethod
    def placed(tid: Tid) -> Row:
        """A row of which only the place matters."""
        return Row(None, [], tid)  # type: ignore[arg-type]

    def check(self, row: Row, ctx: Any, *, partition: bool = True) -> None:
        """Constraints, and the bounds of a partition that is written directly."""
        self.rules.check(row, ctx)
        if partition and self.above and not self.targets.routed:
            self._check_bounds(row, ctx)

    def _check_bounds(self, row: Row, ctx: Any) -> None:
        if not self.fits(row, ctx):
            raise self.partition_error(row)

    def fits(self, row: Row, ctx: Any) -> bool:
        """Whether the tables above would send the row here."""
        for router, conversion, child in self.above:
            if router.find(conversion(row), ctx) != child:
                return False
        return True

    def partition_error(self, row: Row) -> SqlError:
        """The error of a row outside of its partition's bounds."""
        return outside_of(self.env, self.relation, row)

    def leaves(self, row: Row, ctx: Any) -> bool | None:
        """Not None where an updated row belongs into another partition."""
        if self.above and not self.fits(row, ctx):
            return True
        return None

    def form(self, row: Row) -> bytes:
        """The row as a tuple."""
        return self._form(row.datums)

    # -- writing ----

    @cached_property
    def takes_batches(self) -> bool:
        """Whether whole batches can be formed and stored at once."""
        from pgtool.sql.executor.bulkinsert import BulkInsert

        return BulkInsert.takes(self)

    @cached_property
    def bulk(self) -> Any:
        """The storing of whole batches."""
        from pgtool.sql.executor.bulkinsert import BulkInsert

        return BulkInsert(self)

    def insert(self, row: Row) -> None:
        """Store a new row and its index entries; 23505 where a key is taken."""
        row.tid = self.heap.insert(self.xact, self.form(row))
        self.enter(row)

    def enter(self, row: Row, unchanged: Any = ()) -> None:
        """The index entries of a row version."""
        if not len(self.indexes):
            return
        again = self.indexes.insert(
            self.xact, row.datums, row.tid, row=row, unchanged=unchanged
        )
        for index in again:
            self._check_later(index, row)

    def _check_later(self, index: Any, row: Row) -> None:
        """A deferrable unique key is looked at again at the statement's or transaction's end."""
        constraint = self.targets.constraint_of(index.descriptor.oid)
        event = Event(constraint.oid, lambda: self._recheck(index, row), self.relation.oid)
        queue = queue_of(self.session)
        if queue.is_deferred(constraint.oid, True, bool(constraint.condeferred)):
            queue.defer(event)
        else:
            self.targets.rechecks.append(event)

    def _recheck(self, index: Any, row: Row) -> None:
        from pgtool.access.index import index_datums

        if self.heap.fetch_chain(row.tid, self.xact.latest_snapshot()) is None:
            return
        index.check_existing(
            self.xact, index_datums(index.descriptor, row.datums, row), row.tid
        )

    def update(self, old: Row, new: Row) -> bool:
        """A new version of a row; False where this command has changed it already."""
        assert old.tid is not None
        done = self.heap.update(self.xact, old.tid, self.form(new))
        if done.result != TmResult.TM_Ok:
            return self._not_done(done.result, done.failure, "update")
        new.tid = done.tid
        if done.update_indexes == "all":
            self.enter(new, self._unchanged(old, new))
        return True

    def _unchanged(self, old: Row, new: Row) -> Any:
        """The indexes whose keys stay as they were."""
        before, after = old.datums, new.datums
        out: list[int] = []
        for index in self.indexes:
            for attnum in index.descriptor.attnums:
                if not attnum or before[attnum - 1] != after[attnum - 1]:
                    break
            else:
                out.append(index.descriptor.oid)
        return out

    def delete(self, old: Row, moved: bool = False) -> bool:
        """The end of a row; False where this command has changed it already."""
        result = self.heap.delete(self.xact, old.tid, moved=moved)
        if result != TmResult.TM_Ok:
            return self._not_done(result, self.heap.failure, "delete")
        return True

    def _not_done(self, result: TmResult, failure: Any, what: str) -> bool:
        """What a row that could not be changed means."""
        if result == TmResult.TM_SelfModified:
            if failure is not None and failure.cmax != self.xact.cid(False):
                raise SqlError(
                    f"tuple to be {what}d was already modified by an operation triggered by the "
                    "current command", "27000",
                    hint="Consider using an AFTER trigger instead of a BEFORE trigger to "
                    "propagate changes to other rows.",
                )  # fmt: skip
            return False
        if result == TmResult.TM_BeingModified:
            raise SqlError(f'could not obtain lock on row in relation "{self.relation.relname}"',
                           LOCK_NOT_AVAILABLE)  # fmt: skip
        if self.xact.isolation == READ_COMMITTED:
            if result == TmResult.TM_Deleted:
                return False
            raise Unsupported("going on with a row that another session has updated meanwhile")
        word = "delete" if result == TmResult.TM_Deleted else "update"
        raise SqlError(f"could not serialize access due to concurrent {word}",
                       SERIALIZATION_FAILURE)  # fmt: skip

    # -- ON CONFLICT ----

    def conflicting(self, row: Row, arbiters: list[int]) -> Tid | None:
        """The place of a row that is in the way of a new one."""
        wanted = self.targets.arbiters_of(self, arbiters)
        found = self.indexes.find_conflict(
            self.xact, row.datums, row=row, arbiters=wanted
        )
        return None if found is None else found[1]

    def lock_conflicting(self, tid: Tid) -> Row:
        """Lock the row in the way and fetch it, whatever the snapshot says of it."""
        from pgtool.sql.executor.modifytable import cardinality_violation

        result, failure = self.heap.lock(self.xact, tid, LockTupleMode.NoKeyExclusive)
        if result == TmResult.TM_Invisible:
            raise cardinality_violation()
        if result != TmResult.TM_Ok:
            self._not_done(result, failure, "update")
        row = self.fetch(tid)
        assert row is not None
        if self.xact.isolation != READ_COMMITTED and self.heap.fetch(
            tid, self.session.database.cluster.reading.snapshot
        ) is None:
            raise SqlError("could not serialize access due to concurrent update",
                           SERIALIZATION_FAILURE)  # fmt: skip
        return row

    # -- events ----

    def after_insert(self, row: Row, events: list[Event]) -> None:
        """What a new row asks for."""
        if self.references.triggers[_INSERT]:
            self.references.after(_INSERT, None, self._checked(row), events)

    def after_update(self, old: Row, new: Row, events: list[Event]) -> None:
        """What a new version asks for."""
        if self.references.triggers[_UPDATE]:
            self.references.after(_UPDATE, old, self._checked(new), events)

    def after_delete(self, old: Row, events: list[Event]) -> None:
        """What a row that is gone asks for."""
        if self.references.triggers[_DELETE]:
            self.references.after(_DELETE, old, None, events)

    def after_move(self, old: Row, other: Target, new: Row, events: list[Event]) -> None:
        """A row went to another partition: an update for who refers to the whole, gone for who
        refers to this partition itself, else a new row."""
        targets = self.targets
        if self._referred_between is not None:
            raise self._referred_between
        whole = targets.references_of_root
        if whole.triggers[_UPDATE]:
            before, after = targets.as_root(self, old), targets.as_root(other, new)
            whole.after(_UPDATE, before, after, events, checks=False)
        if self.references.triggers[_DELETE]:
            self.references.after(_DELETE, old, None, events, clones=False)
        other.after_insert(new, events)

    @cached_property
    def _referred_between(self) -> SqlError | None:
        """What is wrong where a key refers to a table between the statement's and this one."""
        root = self.targets.relation
        for router, _conversion, _child in self.above:
            if router.shape.relation.oid == root.oid:
                break
            triggers = References(self.env, router.shape).triggers[_UPDATE]
            if any(t.action != "check" and not t.clone for t in triggers):
                name = router.shape.relation.relname
                return SqlError(
                    "cannot move tuple across partitions when a non-root ancestor of the source "
                    "partition is directly referenced in a foreign key", "0A000",
                    f'A foreign key points to ancestor "{name}" but not the root ancestor '
                    f'"{root.relname}".',
                    f'Consider defining the foreign key on table "{root.relname}".',
                )  # fmt: skip
        return None

    def _checked(self, row: Row) -> Row:
        return _Checked(self, row)


class _Stored(Row):
    """A row as it was found, with the transaction that inserted it."""

    __slots__ = ("xmin",)

    def __init__(self, target: Target, datums: list[Any], tid: Tid, stored: bytes) -> None:
        super().__init__(target.shape, datums, tid)
        self.xmin = int.from_bytes(stored[:4], "little")


class _Checked(Row):
    """A written row that can tell later whether it is still there."""

    __slots__ = ("target",)

    def __init__(self, target: Target, row: Row) -> None:
        super().__init__(row.shape, row.datums, row.tid)
        self.target = target

    def alive(self) -> bool:
        """Whether nobody has changed or deleted this version since."""
        heap, xact = self.target.heap, self.target.xact
        return heap.fetch(self.tid, xact.latest_snapshot()) is not None


class Targets:
    """The tables of one ModifyTable."""

    def __init__(self, env: Any, root: Any) -> None:
        self.env = env
        self.relation = root
        self._known: dict[int, Target] = {}
        self._routers: dict[int, Router] = {}
        self._conversions: dict[tuple[int, int], Conversion] = {}
        self._places: dict[int, list[int] | None] = {}
        self._constraints: dict[int, Any] = {}
        self._arbiters: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        self.rechecks: list[Event] = []
        #: Whether rows come through the bounds of the tables above.
        self.routed = root.relkind == "p"
        self.root: Any = _Partitioned(env, root) if self.routed else self.of(root.oid)

    def of(self, oid: int) -> Target:
        """The target with this OID."""
        found = self._known.get(oid)
        if found is None:
            session = self.env.session
            row = session.cache.one("pg_class", "oid", oid)
            check_relation(row)
            if oid != self.relation.oid:
                check_triggers(session, row, _INSERT | _DELETE | _UPDATE)
            found = self._known[oid] = Target(self, session.database.relation(oid))
        return found

    def begin(self, ctx: Any) -> None:
        """A statement begins."""
        xact = self.env.session.xact
        self.rechecks = []
        for target in self._known.values():
            target.xact = xact

    def end(self) -> None:
        """The statement is done: unique keys that were only looked at."""
        events, self.rechecks = self.rechecks, []
        if events:
            run_events(self.env.session, events)

    # -- partitions ----

    @cached_property
    def references_of_root(self) -> References:
        """The foreign keys of the table that the statement names."""
        return References(self.env, self.root.shape)

    def router(self, oid: int) -> Router:
        """The router of a partitioned table."""
        found = self._routers.get(oid)
        if found is None:
            relation = self.env.session.database.relation(oid)
            found = self._routers[oid] = Router(self.env, relation)
        return found

    def route(self, row: Row, ctx: Any) -> tuple[Target, Row]:
        """The table that a row of the root goes into, and the row as that table has it."""
        if not self.routed:
            return self.root, row
        oid = self.relation.oid
        if self.relation.relispartition:
            self.root.check_bounds(self, row, ctx)
        while True:
            router = self.router(oid)
            found = router.find(row, ctx)
            if not found:
                raise router.no_partition(row, ctx)
            relation = self.env.session.database.relation(found)
            if relation.relkind != "p":
                target = self.of(found)
                return target, self._convert(router.shape, target.shape, row)
            below = self.router(found)
            row = self._convert(router.shape, below.shape, row)
            oid = found

    def routers_above(self, relation: Any) -> list[tuple[Router, Conversion, int]]:
        """For each table above a partition: its router, the way up, whom it must find."""
        out: list[tuple[Router, Conversion, int]] = []
        session = self.env.session
        shape = RowShape(self.env, relation)
        child = relation
        while child.relispartition:
            parent = session.cache.lookup("pg_inherits", "inhrelid", child.oid)[0].inhparent
            router = self.router(parent)
            out.append((router, Conversion(shape, router.shape), child.oid))
            child = session.database.relation(parent)
        return out

    def _convert(self, source: RowShape, target: RowShape, row: Row) -> Row:
        key = (source.relation.oid, target.relation.oid)
        found = self._conversions.get(key)
        if found is None:
            found = self._conversions[key] = Conversion(source, target)
        return found(row)

    def converted(self, source: Target, target: Target, row: Row) -> Row:
        """A row of one target as another has it."""
        return self._convert(source.shape, target.shape, row)

    def as_root(self, target: Target, row: Row) -> Row:
        """A row as the relation that the statement names has it."""
        if target is self.root:
            return row
        made = self._convert(target.shape, self.root.shape, row)
        made._values[self.root.shape.natts] = target.relation.oid
        made.tid = row.tid
        return made

    def places_in(self, target: Target) -> list[int] | None:
        """Where the root's columns are in a target; None where they are the same."""
        oid = target.relation.oid
        if oid not in self._places:
            by_name = {target.shape.attributes[i].attname: i for i in target.shape.live}
            places = [by_name.get(a.attname, -1) for a in self.root.shape.attributes]
            same = places == list(range(len(places)))
            self._places[oid] = None if same else places
        return self._places[oid]

    # -- catalogs ----

    def constraint_of(self, index: int) -> Any:
        """The constraint behind a unique index."""
        found = self._constraints.get(index)
        if found is None:
            found = self.env.session.cache.one("pg_constraint", "conindid", index)
            for row in self.env.session.cache.lookup("pg_constraint", "conindid", index):
                if row.contype in "pux":
                    found = row
            self._constraints[index] = found
        return found

    def arbiters_of(self, target: Target, arbiters: list[int]) -> list[int]:
        """The indexes of a target behind those of the relation that the statement names."""
        if target is self.root or not arbiters:
            return arbiters
        key = (target.relation.oid, tuple(arbiters))
        found = self._arbiters.get(key)
        if found is None:
            cache = self.env.session.cache
            found = []
            for row in cache.lookup("pg_index", "indrelid", target.relation.oid):
                oid = row.indexrelid
                while oid and oid not in arbiters:
                    above = cache.lookup("pg_inherits", "inhrelid", oid)
                    oid = above[0].inhparent if above else 0
                if oid:
                    found.append(row.indexrelid)
            self._arbiters[key] = found
        return found


class _Partitioned:
    """A partitioned table as the root: rows have its shape, and are stored elsewhere."""

    takes_batches = False

    def __init__(self, env: Any, relation: Any) -> None:
        self.env = env
        self.relation = relation
        self.shape = RowShape(env, relation)
        self._above: Any = None

    def check_bounds(self, targets: Targets, row: Row, ctx: Any) -> None:
        """Rows go into a partition that is itself partitioned only within its bounds."""
        if self._above is None:
            self._above = targets.routers_above(self.relation)
        for router, conversion, child in self._above:
            if router.find(conversion(row), ctx) != child:
                raise outside_of(self.env, self.relation, row)
