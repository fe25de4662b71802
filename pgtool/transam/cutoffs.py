"""The ids that one VACUUM works with: what is dead, what must be frozen, whether to see all.

Computed once per table before it is scanned, from the ids that are next to be assigned, the
oldest that anybody may still need, and the ages that settings, storage parameters or options
give (``-1`` stands for "as the setting says" and is resolved by the caller). Source of the
rules: the manual's "Preventing Transaction ID Wraparound Failures" and the descriptions of
the ``vacuum_*`` settings.

Invariant: nothing at or after ``oldest_xmin`` is removed or frozen, nothing before
``freeze_limit`` stays unfrozen on a page that is scanned with the duty to freeze.
"""

from __future__ import annotations

from dataclasses import dataclass

from formats.slru import FIRST_MULTIXACT_ID
from formats.units import FIRST_NORMAL_XID
from pgtool.transam.xid import multi_precedes, precedes

__all__ = ["Ages", "Cutoffs", "compute", "failsafe_reached"]

_MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Ages:
    """How old ids may grow before VACUUM freezes them; names are the settings'."""

    freeze_min_age: int = 50_000_000
    freeze_table_age: int = 150_000_000
    multixact_freeze_min_age: int = 5_000_000
    multixact_freeze_table_age: int = 150_000_000
    autovacuum_freeze_max_age: int = 200_000_000
    multixact_freeze_max_age: int = 400_000_000
    failsafe_age: int = 1_600_000_000
    multixact_failsafe_age: int = 1_600_000_000


@dataclass(frozen=True)
class Cutoffs:
    """What :func:`compute` found; ``aggressive``: every page not all-frozen is looked at."""

    relfrozenxid: int
    relminmxid: int
    oldest_xmin: int
    oldest_mxact: int
    freeze_limit: int
    multi_cutoff: int
    aggressive: bool
    #: The horizons lie dangerously far back: somebody holds them.
    xmin_is_old: bool = False
    mxact_is_old: bool = False


def _xid_before(xid: int, distance: int) -> int:
    back = (xid - distance) & _MASK
    return back if back >= FIRST_NORMAL_XID else FIRST_NORMAL_XID


def _multi_before(multi: int, distance: int) -> int:
    back = (multi - distance) & _MASK
    return back if back >= FIRST_MULTIXACT_ID else FIRST_MULTIXACT_ID


def compute(
    relfrozenxid: int, relminmxid: int, next_xid: int, next_multi: int, oldest_xmin: int,
    oldest_mxact: int, ages: Ages,
) -> Cutoffs:  # fmt: skip
    """The cutoffs of one table."""
    most, most_multi = ages.autovacuum_freeze_max_age, ages.multixact_freeze_max_age
    limit = _xid_before(next_xid, min(ages.freeze_min_age, most // 2))
    if precedes(oldest_xmin, limit):
        limit = oldest_xmin
    cutoff = _multi_before(next_multi, min(ages.multixact_freeze_min_age, most_multi // 2))
    if multi_precedes(oldest_mxact, cutoff):
        cutoff = oldest_mxact
    see_all = _xid_before(next_xid, min(ages.freeze_table_age, int(most * 0.95)))
    see_all_multi = _multi_before(
        next_multi, min(ages.multixact_freeze_table_age, int(most_multi * 0.95))
    )
    aggressive = not precedes(see_all, relfrozenxid) or not multi_precedes(
        see_all_multi, relminmxid
    )
    return Cutoffs(
        relfrozenxid, relminmxid, oldest_xmin, oldest_mxact, limit, cutoff, aggressive,
        precedes(oldest_xmin, _xid_before(next_xid, most)),
        multi_precedes(oldest_mxact, _multi_before(next_multi, most_multi)),
    )  # fmt: skip


def failsafe_reached(cutoffs: Cutoffs, next_xid: int, next_multi: int, ages: Ages) -> bool:
    """Whether wraparound is so near that all but freezing must wait."""
    oldest = _xid_before(
        next_xid, max(ages.failsafe_age, int(ages.autovacuum_freeze_max_age * 1.05))
    )
    oldest_multi = _multi_before(
        next_multi, max(ages.multixact_failsafe_age, int(ages.multixact_freeze_max_age * 1.05))
    )
    return precedes(cutoffs.relfrozenxid, oldest) or multi_precedes(
        cutoffs.relminmxid, oldest_multi
    )
