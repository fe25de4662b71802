"""What ``pgtool vacuum`` works on: tables by name, schema and age, or as autovacuum picks them.

A :class:`Choice` holds the wishes, with vacuumdb's names; :func:`tasks` turns them into
:class:`Task` objects for one database, largest tables first as vacuumdb does, with --auto
those in danger of wraparound first; :func:`run_task` runs one in transactions of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pgtool.catalog.names import matching
from pgtool.catalog.pg_inherits import inheritors
from pgtool.commands.autovacuum import Decision, Horizon, candidates
from pgtool.commands.missingstats import lacks_statistics
from pgtool.commands.vacuum import Vacuum
from pgtool.commands.vacuumoptions import VacuumParams
from pgtool.errors import UserError
from pgtool.sql.answer import Notice
from pgtool.transam.xid import age

__all__ = ["Choice", "Task", "run_task", "tasks", "update_ages"]

_KINDS, _PARTITIONED = "rm", "p"
#: TABLE(COLUMNS), as vacuumdb has it.
_WITH_COLUMNS = re.compile(r"(.*[^(])\(([^()]+)\)")


class Stage(NamedTuple):
    """A round over all tables: what it makes, and its settings."""

    text: str = ""
    settings: dict[str, str] = {}


#: Coarse statistics for everything soon, finer ones later.
STAGES = (
    Stage("Generating minimal optimizer statistics (1 target)",
          {"default_statistics_target": "1", "vacuum_cost_delay": "0"}),
    Stage("Generating medium optimizer statistics (10 targets)",
          {"default_statistics_target": "10"}),
    Stage("Generating default (full) optimizer statistics"),
)  # fmt: skip


@dataclass
class Choice:
    """The wishes; see the command's options."""

    tables: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    freeze: bool = False
    full: bool = False
    analyze: bool = False
    analyze_only: bool = False
    auto: bool = False
    min_xid_age: int | None = None
    min_mxid_age: int | None = None
    disable_page_skipping: bool = False
    force_index_cleanup: bool = False
    no_index_cleanup: bool = False
    no_process_main: bool = False
    no_process_toast: bool = False
    no_truncate: bool = False
    skip_locked: bool = False
    missing_stats_only: bool = False
    analyze_in_stages: bool = False

    def __post_init__(self) -> None:
        self.analyze_only |= self.analyze_in_stages

    @property
    def stages(self) -> tuple[Stage, ...]:
        """How often, and with what settings, everything is done."""
        return STAGES if self.analyze_in_stages else (Stage(),)

    def check(self) -> None:
        """UserError for wishes that exclude each other."""
        only = "cannot use the \"{}\" option when performing only analyze"
        if self.analyze_only:
            for name in ("full", "freeze", "disable_page_skipping", "force_index_cleanup",
                         "no_index_cleanup", "no_process_main", "no_process_toast",
                         "no_truncate"):  # fmt: skip
                if getattr(self, name):
                    raise UserError(only.format(name.replace("_", "-")))
        if self.missing_stats_only and not self.analyze_only:
            raise UserError("cannot use the \"missing-stats-only\" option unless using "
                            "\"analyze-only\" or \"analyze-in-stages\"")  # fmt: skip
        if self.force_index_cleanup and self.no_index_cleanup:
            raise UserError("cannot use the \"no-index-cleanup\" option with the "
                            "\"force-index-cleanup\" option")  # fmt: skip
        if self.tables and (self.schemas or self.excluded):
            raise UserError("cannot vacuum all tables in schema(s) and specific table(s) "
                            "at the same time")  # fmt: skip
        if self.schemas and self.excluded:
            raise UserError("cannot vacuum all tables in schema(s) and exclude schema(s) at the "
                            "same time")  # fmt: skip
        if self.auto and (self.full or self.freeze or self.analyze_only or self.tables):
            raise UserError("--auto chooses tables and what to do with them itself")
        if self.full and self.disable_page_skipping:
            raise UserError("cannot use the \"disable-page-skipping\" option with \"full\"")

    def params(self) -> VacuumParams:
        """As VACUUM's options."""
        cleanup = "on" if self.force_index_cleanup else "off" if self.no_index_cleanup else None
        return VacuumParams(
            is_vacuum=not self.analyze_only, analyze=self.analyze or self.analyze_only,
            freeze=self.freeze, full=self.full, index_cleanup=cleanup,
            disable_page_skipping=self.disable_page_skipping,
            process_main=not self.no_process_main, process_toast=not self.no_process_toast,
            truncate=False if self.no_truncate else None, skip_database_stats=True,
            skip_locked=self.skip_locked,
        )  # fmt: skip


@dataclass
class Task:
    """One table, and what is to be done to it."""

    oid: int
    name: str
    params: VacuumParams
    #: The columns to analyze, None for all.
    columns: list[str] | None = None
    reason: str = ""
    decision: Decision = field(default_factory=Decision)

    @property
    def words(self) -> str:
        """What is to be done, in words."""
        params = self.params
        if not params.is_vacuum:
            return "analyze"
        parts = ["vacuum"]
        parts += [word for word, on in (("full", params.full), ("freeze", params.freeze)) if on]
        return " ".join(parts) + (" and analyze" if params.analyze else "")


def tasks(engine: Any, choice: Choice) -> list[Task]:
    """What is to be done in the session's database."""
    return _auto(engine) if choice.auto else _chosen(engine, choice)


def _name(session: Any, row: Any) -> str:
    space = session.cache.one("pg_namespace", "oid", row.relnamespace)
    return f"{space.nspname if space else row.relnamespace}.{row.relname}"


def _next_ids(session: Any) -> Horizon:
    cluster = session.database.cluster
    if cluster.instance is not None:
        return Horizon(cluster.instance.varsup.next_xid, cluster.instance.multixact.next_multi)
    return Horizon(cluster.transactions.next_xid, cluster.transactions.next_multi)


def _chosen(engine: Any, choice: Choice) -> list[Task]:
    session = engine.session
    cache = session.cache
    kinds, columns = _KINDS, dict[int, list[str] | None]()
    if choice.tables:
        kinds += _PARTITIONED
        columns = _named(session, choice)
    rows = [
        r for r in cache.rows("pg_class")
        if r.relkind in kinds and r.relpersistence != "t" and (not columns or r.oid in columns)
    ]  # fmt: skip
    spaces = {row.oid: row.nspname for row in cache.rows("pg_namespace")}
    for name in (*choice.schemas, *choice.excluded):
        if name not in spaces.values():
            raise UserError(f'schema "{name}" does not exist')
    if choice.schemas:
        rows = [r for r in rows if spaces.get(r.relnamespace) in choice.schemas]
    if choice.excluded:
        rows = [r for r in rows if spaces.get(r.relnamespace) not in choice.excluded]
    horizon = _next_ids(session)
    rows = [r for r in rows if _old_enough(cache, r, choice, horizon)]
    if choice.missing_stats_only:
        rows = [r for r in rows if lacks_statistics(cache, r)]
    # What VACUUM does for a partitioned table comes before its partitions, by its own hand.
    rows.sort(key=lambda r: (r.relkind != _PARTITIONED, -r.relpages))
    out = []
    for row in rows:
        params = choice.params()
        if row.relkind == _PARTITIONED:
            if not params.analyze:
                continue
            params.is_vacuum = False
        out.append(Task(int(row.oid), _name(session, row), params, columns.get(row.oid)))
    return out


def _named(session: Any, choice: Choice) -> dict[int, list[str] | None]:
    """The tables that were named, and their partitions; with the columns that were named."""
    out: dict[int, list[str] | None] = {}
    for text in choice.tables:
        listed = _WITH_COLUMNS.fullmatch(text)
        columns = None
        if listed is not None:
            if not (choice.analyze or choice.analyze_only):
                raise UserError("ANALYZE option must be specified when a column list is provided")
            text = listed[1]
            columns = [_column(name.strip()) for name in listed[2].split(",")]
        for relation in matching(session.database, [text], _KINDS + _PARTITIONED):
            for oid in (relation.oid, *inheritors(session.cache, relation.oid)):
                out[oid] = columns
    return out


def _column(name: str) -> str:
    quoted = len(name) > 1 and name[0] == name[-1] == '"'
    return name[1:-1].replace('""', '"') if quoted else name.lower()


def _old_enough(cache: Any, row: Any, choice: Choice, horizon: Horizon) -> bool:
    """Whether the table or its TOAST table is as old as was asked for."""
    both = [row]
    if row.reltoastrelid:
        both.append(cache.one("pg_class", "oid", row.reltoastrelid))
    if choice.min_xid_age is not None and not any(
        age(r.relfrozenxid, horizon.next_xid) >= choice.min_xid_age for r in both if r
    ):
        return False
    return choice.min_mxid_age is None or any(
        (horizon.next_multi - r.relminmxid) & 0xFFFFFFFF >= choice.min_mxid_age
        for r in both if r
    )  # fmt: skip


def _auto(engine: Any) -> list[Task]:
    session = engine.session
    database = session.database
    instance = database.cluster.instance

    def counts(row: Any) -> Any:
        where = 0 if row.relisshared else database.oid
        if instance is not None:
            return instance.stats.find("RELATION", where, row.oid)
        from pgtool.functions.sysfuncs.stats import entry_of

        return entry_of(session, "RELATION", row.oid)

    rows = session.cache.rows("pg_class")
    found = list(candidates(rows, counts, session.get, _next_ids(session)))
    found.sort(key=lambda pair: not pair[1].wraparound)
    out = []
    for row, decision in found:
        params = VacuumParams(
            is_vacuum=decision.vacuum, analyze=decision.analyze, process_toast=False,
            skip_database_stats=True, auto=True, wraparound=decision.wraparound,
        )  # fmt: skip
        out.append(
            Task(int(row.oid), _name(session, row), params, None, decision.reason, decision)
        )
    return out


def run_task(engine: Any, task: Task, verbose: bool) -> list[Notice]:
    """Do it; what it had to say."""
    task.params.verbose = verbose
    run = Vacuum(engine, task.params)
    if task.params.is_vacuum:
        run.relation(task.oid, task.params)
    if task.params.analyze:
        run.analyze(task.oid, task.columns)
    return run.notices


def update_ages(engine: Any) -> None:
    """What the database's age allows, once all tables are done."""
    Vacuum(engine, VacuumParams()).database_stats()
