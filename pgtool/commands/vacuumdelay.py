"""Cost-based delay: a VACUUM that gives way, by vacuum_cost_delay and its relatives.

Each page costs by how it was had: found in the pool, read, made dirty. When the costs reach
the limit, VACUUM sleeps. It looks at the costs between runs of pages, not between pages, so
its sleeps are fewer and as much longer; over a table they come to the same.
"""

from __future__ import annotations

import time
from typing import Any

__all__ = ["CostDelay"]

#: So long is slept without looking whether the statement was cancelled.
SLICE_SECONDS = 0.1


class CostDelay:
    """Called between pieces of work: raises where the statement is cancelled, and sleeps."""

    def __init__(self, session: Any, pool: Any, options: dict[str, str] | None = None) -> None:
        """``options`` are a table's storage parameters, where autovacuum's settings count."""
        get = session.get
        self.session = session
        self.pool = pool
        self.delay, self.limit = float(get("vacuum_cost_delay")), int(get("vacuum_cost_limit"))
        if options is not None:
            delay = float(options.get("autovacuum_vacuum_cost_delay",
                                      get("autovacuum_vacuum_cost_delay")))  # fmt: skip
            limit = int(options.get("autovacuum_vacuum_cost_limit",
                                    get("autovacuum_vacuum_cost_limit")))  # fmt: skip
            self.delay = delay if delay >= 0 else self.delay
            self.limit = limit if limit > 0 else self.limit
        self.costs = [int(get(f"vacuum_cost_page_{what}")) for what in ("hit", "miss", "dirty")]
        self._seen = self._counts()
        #: Milliseconds slept so far.
        self.slept = 0.0

    def _counts(self) -> tuple[int, int, int]:
        return self.pool.hits, self.pool.reads, self.pool.dirtied

    def off(self) -> None:
        """There is no time to lose (failsafe)."""
        self.delay = 0.0

    def __call__(self) -> None:
        self.session.check()
        if self.delay <= 0:
            return
        now = self._counts()
        balance = sum(
            cost * (count - seen) for cost, count, seen in zip(self.costs, now, self._seen)
        )
        if balance < self.limit:
            return
        self._seen = now
        left = self.delay * balance / self.limit
        self.slept += left
        end = time.monotonic() + left / 1000
        while (rest := end - time.monotonic()) > 0:
            time.sleep(min(rest, SLICE_SECONDS))
            self.session.check()
