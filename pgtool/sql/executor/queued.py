"""Constraints that are checked later: at the end of the statement, or of the transaction.

Rows that a statement writes leave events here: references to be checked or followed
(:mod:`.references`), unique keys to be looked at again. The statement's own run at its end;
those of constraints that are deferred wait for the commit, or for SET CONSTRAINTS. What a
rolled back subtransaction queued goes with it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Event", "Queue", "nothing", "queue_of"]


def nothing() -> None:
    """What an event does of which only matters that it waits."""


class Event(NamedTuple):
    """Something to do about one row. ``constraint`` is 0 where it cannot be deferred."""

    constraint: int
    run: Callable[[], None]
    #: The table whose row it is about.
    relation: int
    #: Events with the same key, not None, need to be run only once.
    key: Any = None


class _Settings(NamedTuple):
    """What SET CONSTRAINTS said: for all, and for some constraints by OID."""

    everything: bool | None
    named: dict[int, bool]


class Queue:
    """The events of one session's transaction."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.deferred: list[Event] = []
        #: How many of them are about each table's rows.
        self.tables: Counter[int] = Counter()
        self.settings = _Settings(None, {})
        self._hooked = False

    def is_deferred(self, constraint: int, deferrable: bool, initially: bool) -> bool:
        """Whether a constraint waits for the end of the transaction now."""
        if not deferrable or not constraint:
            return False
        if constraint in self.settings.named:
            return self.settings.named[constraint]
        return initially if self.settings.everything is None else self.settings.everything

    def defer(self, event: Event) -> None:
        """Keep an event until the commit."""
        xact = self.session.xact
        self.deferred.append(event)
        self.tables[event.relation] += 1
        if xact.depth > 1:
            xact.on_subabort(lambda: self._drop(event))

    def _drop(self, event: Event) -> None:
        kept = [other for other in self.deferred if other is not event]
        self.tables[event.relation] -= len(self.deferred) - len(kept)
        self.deferred = kept

    def set(self, constraints: list[int] | None, deferred: bool) -> None:
        """SET CONSTRAINTS; None: all of them."""
        before = self.settings
        if constraints is None:
            self.settings = _Settings(deferred, {})
        else:
            named = {**before.named, **dict.fromkeys(constraints, deferred)}
            self.settings = _Settings(before.everything, named)
        xact = self.session.xact
        if xact is not None and xact.depth > 1:
            xact.on_subabort(lambda: self._restore(before))
        if not deferred:
            self.run_deferred(constraints)

    def _restore(self, settings: _Settings) -> None:
        self.settings = settings

    def run_deferred(self, constraints: list[int] | None = None) -> None:
        """Run what waits: all of it, or the events of some constraints."""
        while True:
            if constraints is None:
                now, self.deferred = self.deferred, []
            else:
                now = [e for e in self.deferred if e.constraint in constraints]
                self.deferred = [e for e in self.deferred if e.constraint not in constraints]
            if not now:
                return
            self.tables.subtract(event.relation for event in now)
            run_events(self.session, now)

    def waits_on(self, relation: int) -> bool:
        """Whether events about a table's rows wait."""
        return self.tables[relation] > 0

    def end(self) -> None:
        """The transaction is over."""
        self.deferred = []
        self.tables.clear()
        self.settings = _Settings(None, {})


def run_events(session: Any, events: list[Event]) -> None:
    """Run events in their order, equal ones once.

    What the statements of events queue comes after all that waits already, at the outermost.
    """
    waiting: deque[list[Event]] | None = session.__dict__.get("_waiting_events")
    if waiting is not None:
        waiting.append(list(events))
        return
    waiting = session.__dict__["_waiting_events"] = deque([events])
    try:
        while waiting:
            _run_once(session, waiting.popleft())
    finally:
        del session.__dict__["_waiting_events"]


def _run_once(session: Any, events: list[Event]) -> None:
    session.xact.command_counter_increment()
    done: set[Any] = set()
    for event in events:
        if event.key is not None:
            if event.key in done:
                continue
            done.add(event.key)
        event.run()


def queue_of(session: Any) -> Queue:
    """The session's queue."""
    found = session.__dict__.get("_constraint_queue")
    if found is None:
        found = session.__dict__["_constraint_queue"] = Queue(session)
    made: Queue = found
    return made
