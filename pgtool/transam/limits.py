"""How far a cluster is from wraparound: the limits that the oldest xid and multixact set.

With 2^31 values behind and before each of them, ids compare rightly only while the oldest
one in use is less than 2^31 behind the next. From the oldest the server derives, and so do
we, four limits on the circle::

    oldest ──→ vacuum ──→ warn ──→ stop ──→ wrap
      + freeze_max_age     wrap − 40M  wrap − 3M   oldest + 2^31 − 1

Past *vacuum* autovacuum is forced, past *warn* every assignment warns, past *stop* none is
made but in single-user mode, at *wrap* data would be lost. Source: the manual's "Routine
Vacuuming", "Preventing Transaction ID Wraparound Failures".
"""

from __future__ import annotations

from typing import NamedTuple

from formats.slru import FIRST_MULTIXACT_ID
from formats.units import FIRST_NORMAL_XID

__all__ = ["Limits", "multixact_limits", "xid_limits"]

HALF = 0xFFFFFFFF >> 1
STOP_BEFORE_WRAP = 3_000_000
WARN_BEFORE_WRAP = 40_000_000
_CIRCLE = 1 << 32
#: No id can be assigned farther ahead: the wrap limit, past the special ids.
_FARTHEST = HALF + FIRST_NORMAL_XID


class Limits(NamedTuple):
    """Four points on the circle of ids, and the id that they are counted from."""

    oldest: int
    vacuum: int
    warn: int
    stop: int
    wrap: int

    def distances(self, following: int) -> Limits:
        """How many more ids can be assigned before each limit; ``oldest`` is the age."""
        age = (following - self.oldest) % _CIRCLE
        age -= _CIRCLE if age > _FARTHEST else 0
        left = ((limit - self.oldest) % _CIRCLE - age for limit in self[1:])
        return Limits(age, *left)


def _ahead(start: int, distance: int, first: int) -> int:
    """The id ``distance`` after ``start``, past the special ones."""
    there = (start + distance) % _CIRCLE
    return there + first if there < first else there


def _behind(start: int, distance: int, first: int) -> int:
    """The id ``distance`` before ``start``, past the special ones."""
    there = (start - distance) % _CIRCLE
    return (there - first) % _CIRCLE if there < first else there


def _limits(oldest: int, freeze_max_age: int, first: int) -> Limits:
    wrap = _ahead(oldest, HALF, first)
    return Limits(
        oldest,
        _ahead(oldest, freeze_max_age, first),
        _behind(wrap, WARN_BEFORE_WRAP, first),
        _behind(wrap, STOP_BEFORE_WRAP, first),
        wrap,
    )


def xid_limits(oldest_xid: int, freeze_max_age: int) -> Limits:
    """The limits of transaction ids; ``freeze_max_age`` is autovacuum_freeze_max_age."""
    return _limits(oldest_xid, freeze_max_age, FIRST_NORMAL_XID)


def multixact_limits(oldest_multi: int, freeze_max_age: int) -> Limits:
    """The limits of multixacts; the age is autovacuum_multixact_freeze_max_age."""
    return _limits(oldest_multi, freeze_max_age, FIRST_MULTIXACT_ID)
