"""What one execution shares: the session, parameters, limits, cancellation, measurements.

PARAM_EXEC parameters have *versions*: a node that kept a result for being read again
(Material, a hash table, a subplan) compares the versions of the parameters below it to
know whether the result still holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Context", "Measure"]

_MULTIPLIER = 2.0

@dataclass(slots=True)
class Measure:
    """What EXPLAIN ANALYZE shows of a node: times in seconds, rows, loops, pages."""

    startup: float = 0.0
    total: float = 0.0
    rows: int = 0
    loops: int = 0
    hit: int = 0
    read: int = 0
    searches: int = 0
    fetches: int = 0
    heap_blocks: int = 0
    removed: int = 0
    extra: Any = None


class Context:
    """The state of one execution of a plan."""

    def __init__(self, session: Any, externs: tuple[Any, ...] = (), measure: bool = False) -> None:
        self.session = session
        self.registry = session.types
        self.externs = externs
        self.params: dict[int, Any] = {}
        self.versions: dict[int, int] = {}
        self.pending: dict[int, Callable[[Context], None]] = {}
        self.kept: dict[Any, Any] = {}
        self.measures: dict[int, Measure] | None = {} if measure else None
        self.check = session.check
        #: Rows that the statement's own ModifyTable wrote.
        self.processed = 0
        #: What is to be done once the statement's rows are read: WITH queries that write are
        #: run to their end, then constraints are checked.
        self.unfinished: list[Callable[[], None]] = []
        self.endings: list[Callable[[], None]] = []

    @cached_property
    def work_mem(self) -> int:
        """work_mem in bytes."""
        return 1024 * int(self.session.get("work_mem"))

    @cached_property
    def hash_mem(self) -> int:
        """What a hash table may take."""
        multiplier = _MULTIPLIER if self.session.database.cluster.major < 15 else float(
            self.session.get("hash_mem_multiplier")
        )
        return int(self.work_mem * multiplier)

    def finish(self) -> None:
        """The statement's rows are read."""
        for run in self.unfinished:
            run()
        while self.endings:
            self.endings.pop(0)()

    def set_param(self, number: int, value: Any) -> None:
        """Give a PARAM_EXEC parameter its value."""
        old = self.params.get(number, self)
        if old is not self and (old is value or (type(value) in (int, str) and old == value)):
            return
        self.params[number] = value
        self.versions[number] = self.versions.get(number, 0) + 1

    def param(self, number: int) -> Any:
        """The value of a PARAM_EXEC parameter, computed now if an initplan gives it."""
        if number in self.pending:
            self.pending[number](self)
        return self.params.get(number)

    def version(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """The versions of some parameters."""
        return tuple(self.versions.get(n, 0) for n in numbers)
