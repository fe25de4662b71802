"""How old the oldest unfrozen ids are: by cluster, database and relation, beside the limits.

Read from pg_control, pg_database and pg_class, as the server computes age() and mxid_age().
A :class:`Grade` says whether an age is past a threshold; the thresholds are the caller's, or
by default what the cluster's own settings call late (twice autovacuum_freeze_max_age: a
working autovacuum would have come long before) and an emergency (vacuum_failsafe_age).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from formats.units import FIRST_NORMAL_XID
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.database import Database
from pgtool.storage.conf import configured
from pgtool.transam.limits import Limits, multixact_limits, xid_limits

__all__ = ["Ages", "Grade", "Thresholds", "databases", "relations", "settings_of"]

_DEFAULTS = {
    "autovacuum_freeze_max_age": 200_000_000,
    "autovacuum_multixact_freeze_max_age": 400_000_000,
    "vacuum_failsafe_age": 1_600_000_000,
    "vacuum_multixact_failsafe_age": 1_600_000_000,
}
#: Relations whose rows carry xids.
_KINDS = frozenset("rtm")


class Grade(enum.IntEnum):
    """How bad an age is; the numbers are a Nagios plugin's exit codes."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True)
class Thresholds:
    """Ages from which on something is late, or an emergency."""

    warn: int
    crit: int

    def grade(self, age: int) -> Grade:
        """What an age means."""
        if age >= self.crit:
            return Grade.CRITICAL
        return Grade.WARNING if age >= self.warn else Grade.OK


@dataclass(frozen=True)
class Ages:
    """The ages of one database or relation; ``xid`` and ``multi`` hold ids left by limit.

    ``name`` is a database's name or a relation's qualified one; ``size`` is known for
    relations only.
    """

    name: str
    kind: str
    frozen_xid: int
    min_multi: int
    xid: Limits
    multi: Limits
    grade: Grade
    size: int | None = None


def settings_of(cluster: Cluster) -> dict[str, int]:
    """The settings that limits depend on, from the configuration files, else their defaults."""
    found = configured(cluster.directory.backend)
    return {
        name: int(found[name]) if found.get(name, "").isdigit() else default
        for name, default in _DEFAULTS.items()
    }


def thresholds(
    settings: dict[str, int], warn: int | None, crit: int | None, *, multi: bool = False
) -> Thresholds:
    """What the user asked for; the settings' own notion where nothing was said."""
    infix = "_multixact" if multi else ""
    late = 2 * settings[f"autovacuum{infix}_freeze_max_age"]
    emergency = settings[f"vacuum{infix}_failsafe_age"]
    return Thresholds(late if warn is None else warn, emergency if crit is None else crit)


class _Reckoner:
    """Turns two ids into :class:`Ages` by one cluster's counters and settings."""

    def __init__(self, cluster: Cluster, warn: int | None, crit: int | None) -> None:
        settings = settings_of(cluster)
        self.next_xid = cluster.transactions.next_xid
        self.next_multi = cluster.transactions.next_multi
        self.xid_max = settings["autovacuum_freeze_max_age"]
        self.multi_max = settings["autovacuum_multixact_freeze_max_age"]
        self.xid_thresholds = thresholds(settings, warn, crit)
        self.multi_thresholds = thresholds(settings, warn, crit, multi=True)

    def ages(self, name: str, kind: str, xid: int, multi: int, size: int | None = None) -> Ages:
        """The ages that two ids stand for."""
        xids = xid_limits(xid, self.xid_max).distances(self.next_xid)
        multis = multixact_limits(multi, self.multi_max).distances(self.next_multi)
        grade = max(
            self.xid_thresholds.grade(xids.oldest), self.multi_thresholds.grade(multis.oldest)
        )
        return Ages(name, kind, xid, multi, xids, multis, grade, size)


def databases(
    cluster: Cluster, warn: int | None = None, crit: int | None = None
) -> Iterator[Ages]:
    """Every database, the oldest first."""
    reckoner = _Reckoner(cluster, warn, crit)
    found = [
        reckoner.ages(row["datname"], "database", row["datfrozenxid"], row["datminmxid"])
        for row in cluster.databases()
    ]
    yield from sorted(found, key=lambda ages: (-ages.xid.oldest, -ages.multi.oldest, ages.name))


def relations(
    database: Database, warn: int | None = None, crit: int | None = None
) -> Iterator[Ages]:
    """Every relation of a database that carries xids, the oldest first."""
    from pgtool.catalog.listing import FileSizes
    from pgtool.storage.smgr import relation_path

    reckoner = _Reckoner(database.cluster, warn, crit)
    sizes = FileSizes(database.cluster)
    found = [
        reckoner.ages(
            relation.qualified, relation.kind, relation.relfrozenxid, relation.relminmxid,
            sizes.of(relation_path(relation.locator, database.cluster.major))
            if relation.locator else None,
        )
        for relation in database.relations()
        if relation.relkind in _KINDS and relation.relfrozenxid >= FIRST_NORMAL_XID
    ]  # fmt: skip
    yield from sorted(found, key=lambda ages: (-ages.xid.oldest, -ages.multi.oldest, ages.name))
