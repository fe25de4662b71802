"""Which relations need VACUUM or ANALYZE, as the autovacuum launcher's workers decide it.

The decision is a pure function of a pg_class row, its storage parameters, its cumulative
statistics and the settings; the manual's "The Autovacuum Daemon" has the formulas. Where
nothing was counted for a table only the danger of wraparound makes it a candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from formats.slru import FIRST_MULTIXACT_ID
from formats.units import FIRST_NORMAL_XID
from pgtool.transam.xid import precedes

__all__ = ["Decision", "Horizon", "candidates", "decide", "options_of"]

STATISTIC_RELATION_ID = 2619
#: Settings that a storage parameter of the same name (less "vacuum_"'s "autovacuum_") overrides.
PARAMETERS = (
    "autovacuum_vacuum_threshold", "autovacuum_vacuum_max_threshold",
    "autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_threshold",
    "autovacuum_vacuum_insert_scale_factor", "autovacuum_analyze_threshold",
    "autovacuum_analyze_scale_factor",
)  # fmt: skip
_FALSE = ("off", "false", "no", "0", "f", "n")


@dataclass(frozen=True)
class Horizon:
    """The next ids to be assigned, which ages count from."""

    next_xid: int
    next_multi: int


@dataclass(frozen=True)
class Decision:
    """What a relation needs; ``wraparound``: its age alone demands the vacuum."""

    vacuum: bool = False
    analyze: bool = False
    wraparound: bool = False
    dead: int = 0
    vacuum_threshold: float = 0.0
    inserted: int = 0
    insert_threshold: float = 0.0
    changed: int = 0
    analyze_threshold: float = 0.0

    def __bool__(self) -> bool:
        return self.vacuum or self.analyze

    @property
    def reason(self) -> str:
        """Why, in words."""
        why = []
        if self.wraparound:
            why.append("to prevent wraparound")
        if self.vacuum and self.dead > self.vacuum_threshold:
            why.append(f"{self.dead} dead rows, threshold {self.vacuum_threshold:.0f}")
        elif self.vacuum and not self.wraparound:
            why.append(f"{self.inserted} inserted rows, threshold {self.insert_threshold:.0f}")
        if self.analyze:
            why.append(f"{self.changed} changed rows, threshold {self.analyze_threshold:.0f}")
        return "; ".join(why)


def options_of(row: Any) -> dict[str, str]:
    """The storage parameters of a pg_class row, by name."""
    return dict(text.split("=", 1) for text in row.reloptions or () if "=" in text)


def _limit_passed(oldest: int, following: int, age: int, first: int) -> bool:
    """Whether ``oldest`` is more than ``age`` ids old."""
    limit = (following - age) & 0xFFFFFFFF
    if limit < first:
        limit = (limit - first) & 0xFFFFFFFF
    return precedes(oldest, limit) if first == FIRST_NORMAL_XID else _before(oldest, limit)


def _before(a: int, b: int) -> bool:
    """Whether multixact ``a`` precedes ``b``; none is special."""
    return (a - b) & 0x80000000 != 0


def _forced(row: Any, options: Mapping[str, str], settings: Any, horizon: Horizon) -> bool:
    """Whether the age of the relation demands a vacuum."""
    age = int(settings("autovacuum_freeze_max_age"))
    age = min(age, int(options.get("autovacuum_freeze_max_age", age)))
    if row.relfrozenxid >= FIRST_NORMAL_XID and _limit_passed(
        row.relfrozenxid, horizon.next_xid, age, FIRST_NORMAL_XID
    ):
        return True
    age = int(settings("autovacuum_multixact_freeze_max_age"))
    age = min(age, int(options.get("autovacuum_multixact_freeze_max_age", age)))
    return row.relminmxid != 0 and _limit_passed(
        row.relminmxid, horizon.next_multi, age, FIRST_MULTIXACT_ID
    )


def _unfrozen_share(row: Any) -> float:
    frozen = min(getattr(row, "relallfrozen", 0) or 0, row.relpages)
    return 1 - frozen / row.relpages if row.relpages > 0 and frozen > 0 else 1.0


def decide(
    row: Any, options: Mapping[str, str], counts: Any, settings: Any, horizon: Horizon
) -> Decision:
    """What one relation needs.

    ``row`` is a pg_class row, ``counts`` its statistics (None: nothing was counted),
    ``settings`` a function from a setting's name to its value.
    """
    forced = _forced(row, options, settings, horizon)
    enabled = options.get("autovacuum_enabled", "on").lower() not in _FALSE
    if not forced and not enabled:
        return Decision()
    if counts is None or not enabled:
        return Decision(vacuum=forced, wraparound=forced)
    base, most, scale, insert_base, insert_scale, analyze_base, analyze_scale = (
        float(options.get(name, settings(name))) for name in PARAMETERS
    )
    rows = max(row.reltuples, 0.0)
    limit = base + scale * rows
    limit = min(limit, most) if most >= 0 else limit
    insert_limit = insert_base + insert_scale * rows * _unfrozen_share(row)
    analyze_limit = analyze_base + analyze_scale * rows
    inserted = insert_base >= 0 and counts.ins_since_vacuum > insert_limit
    analyze = counts.mod_since_analyze > analyze_limit
    return Decision(
        forced or counts.dead_tuples > limit or inserted,
        analyze and row.relkind != "t" and row.oid != STATISTIC_RELATION_ID,
        forced, counts.dead_tuples, limit, counts.ins_since_vacuum, insert_limit,
        counts.mod_since_analyze, analyze_limit,
    )  # fmt: skip


def candidates(
    rows: list[Any], counts_of: Any, settings: Any, horizon: Horizon
) -> Iterator[tuple[Any, Decision]]:
    """(pg_class row, what it needs) for tables, materialized views and TOAST tables.

    A TOAST table without parameters of its own follows its table's. ``counts_of`` gives a
    row's statistics. Temporary tables are left out: only their session can vacuum them.
    """
    by_toast = {row.reltoastrelid: row for row in rows if row.reltoastrelid}
    for row in rows:
        if row.relkind not in "rmt" or row.relpersistence == "t":
            continue
        options = options_of(row)
        if row.relkind == "t" and not options and row.oid in by_toast:
            options = options_of(by_toast[row.oid])
        found = decide(row, options, counts_of(row), settings, horizon)
        if found:
            yield row, found
