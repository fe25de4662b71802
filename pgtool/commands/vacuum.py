"""VACUUM and ANALYZE: which relations, each in a transaction of its own, and what they say.

A statement commits the transaction that it was begun in, then takes one relation after the
other: the table lazily (:mod:`pgtool.access.heap.vacuumlazy`) or by rewrite, then its TOAST
table, then its statistics (:mod:`pgtool.commands.analyze`), and at the end moves what the
whole database's age allows (:mod:`pgtool.commands.vacuumdb`). What is said with VERBOSE
has the server's words.
"""

from __future__ import annotations

import functools
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pgtool.access.heap.heapam import HeapRelation
from pgtool.access.heap.vacuumlazy import LazyVacuum, Options, Report
from pgtool.catalog.heaptarget import heap_target
from pgtool.catalog.indexinfo import indexes_to_vacuum
from pgtool.catalog.inplace import update_inplace
from pgtool.catalog.pg_inherits import inheritors
from pgtool.commands.autovacuum import options_of
from pgtool.commands.context import Ddl, begin
from pgtool.commands.vacuumdelay import CostDelay
from pgtool.commands.vacuumoptions import VacuumParams, parse_options
from pgtool.commands.vacuumreport import Usage, failsafe_warning, horizon_warnings, lazy_lines
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.sysfuncs.privileges import KINDS, check, owns
from pgtool.sql.answer import Notice, Outcome
from pgtool.sql.executor.indexwrite import key_function
from pgtool.sql.executor.scope import Env
from pgtool.transam import cutoffs as limits
from pgtool.transam.cutoffs import Ages
from pgtool.transam.xact import now_microseconds

__all__ = ["Vacuum", "vacuum"]

_TABLES, _PARTITIONED = "rmt", "p"


def vacuum(engine: Any, raw: Any, text: str) -> Outcome:
    """Run a VacuumStmt."""
    params = parse_options(raw)
    run = Vacuum(engine, params, text)
    run.statement(raw.rels)
    return Outcome("VACUUM" if params.is_vacuum else "ANALYZE", notices=run.notices)


class Vacuum:
    """One statement, or one run of the command line's."""

    def __init__(self, engine: Any, params: VacuumParams, text: str = "") -> None:
        self.engine = engine
        self.session = engine.session
        self.params = params
        self.text = text
        self.notices: list[Notice] = []

    @property
    def ddl(self) -> Ddl:
        """The catalogs, to be written by the transaction in progress."""
        return begin(self.engine, self.text)

    @property
    def instance(self) -> Any:
        """What runs."""
        return self.session.database.cluster.instance

    def say(
        self, severity: str, message: str, sqlstate: str = "00000", detail: str | None = None,
        hint: str | None = None,
    ) -> None:  # fmt: skip
        """A message for the user."""
        self.notices.append(Notice(severity, message, sqlstate, detail, hint))

    # -- the statement -----------------------------------------------------------------

    def statement(self, rels: Any) -> None:
        """All relations that a statement names; without any, those of the database."""
        params, transactions = self.params, self.engine.transactions
        if params.is_vacuum:
            transactions.prevent_in_block("VACUUM")
        alone = params.is_vacuum or not (
            self.session.in_transaction or transactions.implicit
        )
        if params.only_database_stats:
            self.database_stats()
            return
        chosen = list(self._chosen(rels))
        for oid, columns in chosen:
            self.session.check()
            if params.is_vacuum:
                self.relation(oid, params)
            if params.analyze:
                self.analyze(oid, columns, alone)
        if params.is_vacuum and not params.skip_database_stats:
            self.database_stats()

    def _chosen(self, rels: Any) -> Iterator[tuple[int, list[str] | None]]:
        if not rels:
            kinds = "rm" if self.params.is_vacuum and not self.params.analyze else "rmp"
            rows = self.session.cache.rows("pg_class")
            found = [r.oid for r in rows if r.relkind in kinds and r.relpersistence != "t"]
            yield from ((oid, None) for oid in found)
            return
        ddl = self.ddl
        for rel in rels:
            row = ddl.find_relation(rel.relation)
            columns = [name.sval for name in rel.va_cols] or None
            yield int(row.oid), columns
            if rel.relation.inh:
                below = inheritors(self.session.cache, int(row.oid))
                yield from ((oid, columns) for oid in below)

    # -- one relation ------------------------------------------------------------------

    def relation(self, oid: int, params: VacuumParams) -> None:
        """Vacuum one table and its TOAST table."""
        row = self.session.cache.one("pg_class", "oid", oid)
        if row is None or row.relkind == _PARTITIONED:
            return
        if not self._permitted(row, "vacuum"):
            return
        if row.relkind not in _TABLES:
            self._skip(row, "vacuum")
            return
        toast = int(row.reltoastrelid) if params.process_toast and not params.full else 0
        if params.process_main:
            self._in_transaction(lambda: self._vacuum(oid, params))
        if toast:
            self._in_transaction(lambda: self._vacuum(toast, params))

    def _permitted(self, row: Any, verb: str) -> bool:
        session = self.session
        user = session.user_oid
        if session.is_superuser or owns(session, user, row.relowner):
            return True
        if owns(session, user, session.database.row["datdba"]) and not row.relisshared:
            return True
        if check(session, KINDS["table"], user, row.oid, "MAINTAIN"):
            return True
        self.say(
            "WARNING", f'permission denied to {verb} "{row.relname}", skipping it', "01000"
        )
        return False

    def refuse_locked(self, row: Any) -> None:
        """SqlError where a pending transaction holds a lock on the table."""
        refuse_locked(self.session, row)

    def _skip(self, row: Any, verb: str) -> None:
        self.say(
            "WARNING",
            f'skipping "{row.relname}" --- cannot {verb} non-tables or special system tables',
            "01000",
        )

    def _in_transaction(self, work: Any) -> None:
        """Run something in a transaction that holds nobody's rows."""
        transactions = self.engine.transactions
        transactions.commit()
        transactions.start_statement()
        self.session.xact.proc.in_vacuum = True
        try:
            work()
        except BaseException:
            transactions.abort()
            raise
        transactions.commit()

    def _vacuum(self, oid: int, params: VacuumParams) -> None:
        row = self.session.cache.one("pg_class", "oid", oid)
        if row is None:
            return
        if params.full:
            from pgtool.commands.cluster import rewrite_table

            if params.skip_locked and holder(self.session, row) is not None:
                self.say(
                    "WARNING", f'skipping vacuum of "{row.relname}" --- lock not available',
                    "55P03",
                )  # fmt: skip
                return
            rewrite_table(self, row, params)
            return
        lazy(self, row, params)

    def analyze(self, oid: int, columns: list[str] | None = None, alone: bool = True) -> None:
        """Compute the statistics of one table; ``alone``: in a transaction of its own."""
        from pgtool.commands.analyze import analyze_relation

        row = self.session.cache.one("pg_class", "oid", oid)
        if row is None or not self._permitted(row, "analyze"):
            return
        if row.relkind not in "rmp":
            self._skip(row, "analyze")
            return

        def work() -> None:
            ddl = self.ddl
            usage = Usage(self.instance)
            analyze_relation(
                ddl, row, columns, verbose=self.params.verbose, in_outer_xact=not alone
            )
            if self.params.verbose:
                schema = ddl.database.namespaces[row.relnamespace]
                name = f"{ddl.database.name}.{schema}.{row.relname}"
                lines = [f'finished analyzing table "{name}"', *usage.lines()]
                ddl.notice("\n".join(lines), severity="INFO")
            self.notices += ddl.notices
            ddl.advance()
            self._analyzed(oid, columns is None)

        if alone:
            transactions = self.engine.transactions
            transactions.commit()
            transactions.start_statement()
            try:
                work()
            except BaseException:
                transactions.abort()
                raise
            transactions.commit()
        else:
            work()

    def _analyzed(self, oid: int, all_columns: bool) -> None:
        """The cumulative statistics know that a table was analyzed."""
        row = self.session.cache.one("pg_class", "oid", oid)
        if row is None or row.relkind == _PARTITIONED:
            return
        database = 0 if row.relisshared else self.session.database.oid
        stats = self.instance.stats
        stats.analyzed(
            database, oid, int(max(row.reltuples, 0)), stats.table(database, oid).dead_tuples,
            now_microseconds(), 0, auto=self.params.auto, reset=all_columns,
        )  # fmt: skip

    def database_stats(self) -> None:
        """Bring pg_database up to date, and cut what nobody needs."""
        from pgtool.commands.vacuumages import update_database_ages

        self._in_transaction(lambda: update_database_ages(self))


# -- lazy VACUUM ---------------------------------------------------------------------------


def lazy(run: Vacuum, row: Any, params: VacuumParams) -> None:
    """Vacuum one table in place and bring its pg_class rows up to date."""
    ddl = run.ddl
    database, instance = ddl.database, run.instance
    relation = database.relation(row.oid)
    if relation.relpersistence == "t":
        return
    heap = HeapRelation(instance, heap_target(ddl.cache, relation, instance))
    heap.target.name = relation.relname
    indexes, indexed = _indexes(run, row)
    ages = ages_of(run, row, params)
    found = limits.compute(
        row.relfrozenxid, row.relminmxid, instance.varsup.next_xid,
        instance.multixact.next_multi, heap.horizon, instance.oldest_member(), ages,
    )  # fmt: skip
    name = f"{database.name}.{relation.nspname}.{relation.relname}"
    for notice in horizon_warnings(found):
        run.notices.append(notice)
    if params.disable_page_skipping:
        found = replace(found, aggressive=True)
    if params.verbose:
        how = "aggressively vacuuming" if found.aggressive else "vacuuming"
        run.say("INFO", f'{how} "{name}"')
    usage = Usage(instance)
    delay = CostDelay(run.session, instance.pool, options_of(row) if params.auto else None)

    def failsafe() -> bool:
        reached = limits.failsafe_reached(
            found, instance.varsup.next_xid, instance.multixact.next_multi, ages
        )
        if reached:
            delay.off()
        return reached

    lazy_run = LazyVacuum(
        heap, indexes, found, _options(run, row, params), old_pages=row.relpages,
        old_tuples=row.reltuples, check=delay, indexed=indexed, failsafe=failsafe,
        lock=lambda: _lock(run, relation),
    )  # fmt: skip
    began = time.monotonic()
    report = lazy_run.run()
    if lazy_run.failsafe_active:
        run.notices.append(failsafe_warning(name, report.index_scans))
    _update_class(ddl, row, indexes, indexed, report)
    instance.stats.vacuumed(
        0 if relation.relisshared else database.oid, row.oid, int(max(report.new_live_tuples, 0)),
        report.recently_dead_tuples, now_microseconds(), int((time.monotonic() - began) * 1000),
        auto=params.auto,
    )  # fmt: skip
    if params.verbose:
        for message in report.messages:
            run.say("INFO", message)
        run.say("INFO", "\n".join(lazy_lines(name, report, found, instance, indexes, usage)))


def _lock(run: Vacuum, relation: Any) -> bool:
    """Whether the table can be had for oneself; standbys are told."""
    database = 0 if relation.relisshared else run.session.database.oid
    try:
        run.session.xact.lock_exclusively(database, relation.oid, relation.relname)
    except SqlError:
        return False
    return True


def _indexes(run: Vacuum, row: Any) -> tuple[list[Any], bool]:
    """(indexes to be cleaned up, whether there are any).

    Where one of them cannot be, none is: rows are then pruned and frozen, but their line
    pointers stay dead.
    """
    try:
        keys = functools.partial(key_function, Env(run.session))
        found = indexes_to_vacuum(run.session.database, run.instance, row.oid, keys)
    except Unsupported as problem:
        run.say(
            "WARNING", f'indexes of table "{row.relname}" are not vacuumed: {problem}', "0A000",
            "Dead rows lose their storage and old rows are frozen, but dead line pointers stay.",
        )  # fmt: skip
        return [], True
    return found, bool(found)


def ages_of(run: Vacuum, row: Any, params: VacuumParams) -> Ages:
    """The ages that settings, storage parameters and options give."""
    get = run.session.get
    options = options_of(row) if params.auto else {}

    def age(name: str) -> int:
        if params.freeze and name in _FREEZE_NOW:
            return 0
        value = int(get(f"vacuum_{name}"))
        return int(options.get(f"autovacuum_{name}", value))

    return Ages(
        age("freeze_min_age"), age("freeze_table_age"), age("multixact_freeze_min_age"),
        age("multixact_freeze_table_age"), int(get("autovacuum_freeze_max_age")),
        int(get("autovacuum_multixact_freeze_max_age")), int(get("vacuum_failsafe_age")),
        int(get("vacuum_multixact_failsafe_age")),
    )  # fmt: skip


_FREEZE_NOW = frozenset({
    "freeze_min_age", "freeze_table_age", "multixact_freeze_min_age", "multixact_freeze_table_age",
})  # fmt: skip


def _options(run: Vacuum, row: Any, params: VacuumParams) -> Options:
    get = run.session.get
    stored = options_of(row)
    cleanup = params.index_cleanup or stored.get("vacuum_index_cleanup", "auto").lower()
    cleanup = {"true": "on", "1": "on", "yes": "on", "false": "off", "0": "off",
               "no": "off"}.get(cleanup, cleanup)  # fmt: skip
    truncate = params.truncate
    if truncate is None:
        setting = stored.get("vacuum_truncate")
        truncate = bool(get("vacuum_truncate")) if setting is None else (
            setting.lower() not in ("false", "off", "0", "no"))  # fmt: skip
    rate = float(stored.get("vacuum_max_eager_freeze_failure_rate",
                            get("vacuum_max_eager_freeze_failure_rate")))  # fmt: skip
    memory = int(get("maintenance_work_mem")) * 1024
    if params.auto and int(get("autovacuum_work_mem")) > 0:
        memory = int(get("autovacuum_work_mem")) * 1024
    return Options(cleanup, truncate, not params.disable_page_skipping, memory, rate)


def _update_class(
    ddl: Ddl, row: Any, indexes: list[Any], indexed: bool, report: Report
) -> None:
    """pg_class' facts of the table and its indexes, in place."""
    row = ddl.relation_row(row.oid)
    changes: dict[str, Any] = {
        "relpages": report.rel_pages, "reltuples": _float4(report.new_live_tuples),
        "relallvisible": min(report.all_visible, report.rel_pages),
        "relallfrozen": min(report.all_frozen, report.all_visible, report.rel_pages),
    }  # fmt: skip
    from pgtool.commands.analyze import outdated

    changes |= outdated(ddl, row, indexed)
    if report.new_frozen_xid:
        changes["relfrozenxid"] = report.new_frozen_xid
    if report.new_min_multi:
        changes["relminmxid"] = report.new_min_multi
    update_inplace(ddl.writer, "pg_class", row, **changes)
    for index, stats in zip(indexes, report.indexes):
        if stats is not None and not stats.estimated_count:
            facts = ddl.relation_row(index.descriptor.oid)
            update_inplace(
                ddl.writer, "pg_class", facts, relpages=stats.num_pages,
                reltuples=_float4(stats.num_index_tuples), relallvisible=0, relallfrozen=0,
            )  # fmt: skip


def _float4(value: float) -> float:
    """A number as a column of type real holds it."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def holder(session: Any, row: Any) -> str | None:
    """The prepared transaction that is at the table."""
    database = session.database
    where = 0 if row.relisshared else database.oid
    found = (proc for proc in database.cluster.instance.procarray.procs
             if (where, int(row.oid)) in proc.locks)  # fmt: skip
    return next((str(proc.gid) for proc in found), None)


def refuse_locked(session: Any, row: Any) -> None:
    """SqlError 55P03 where a prepared transaction is at the table: it would wait for ever."""
    gid = holder(session, row)
    if gid is not None:
        raise SqlError(
            f'could not obtain lock on relation "{row.relname}"', "55P03",
            f'Prepared transaction "{gid}" holds a lock on it.',
        )  # fmt: skip
