"""pg_stat_get_io: reads and writes by kind of process, object and context.

What is counted at all differs from major to major (``catalog/data/io.json``, from real
servers); the counters come from the statistics file, and are zero where there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from formats.version import ByMajor
from pgtool.functions.registry import Call, builtin
from pgtool.functions.sysfuncs.stats import fixed_entry

__all__: list[str] = []

BLOCK = 8192
#: Kinds of processes in the order of their numbers ('' has no rows).
_PROCESSES = ByMajor(
    {
        16: ("", "archiver", "autovacuum launcher", "autovacuum worker", "client backend",
             "background worker", "background writer", "checkpointer", "logger",
             "standalone backend", "startup", "walreceiver", "walsender", "walwriter"),
        17: ("", "client backend", "autovacuum launcher", "autovacuum worker",
             "background worker", "walsender", "slotsync worker", "standalone backend",
             "archiver", "background writer", "checkpointer", "startup", "walreceiver",
             "walsummarizer", "walwriter", "logger"),
        18: ("", "client backend", "", "autovacuum launcher", "autovacuum worker",
             "background worker", "walsender", "slotsync worker", "standalone backend",
             "archiver", "background writer", "checkpointer", "io worker", "startup",
             "walreceiver", "walsummarizer", "walwriter", "logger"),
    }
)  # fmt: skip
_OBJECTS = ("relation", "temp relation", "wal")
_CONTEXTS = ByMajor(
    {
        16: ("bulkread", "bulkwrite", "normal", "vacuum"),
        18: ("bulkread", "bulkwrite", "init", "normal", "vacuum"),
    }
)
#: Letters of the operations in the order of their numbers: evict, fsync, hit, reuse …
_OPERATIONS = ByMajor({16: "exfhruwb", 18: "efhubxrw"})
#: The columns after the context: (counter, operation). ``block`` is the size of one.
_COLUMNS = ByMajor(
    {
        16: (
            ("counts", "r"), ("times", "r"), ("counts", "w"), ("times", "w"), ("counts", "b"),
            ("times", "b"), ("counts", "x"), ("times", "x"), ("block", "x"), ("counts", "h"),
            ("counts", "e"), ("counts", "u"), ("counts", "f"), ("times", "f"),
        ),
        18: (
            ("counts", "r"), ("bytes", "r"), ("times", "r"), ("counts", "w"), ("bytes", "w"),
            ("times", "w"), ("counts", "b"), ("times", "b"), ("counts", "x"), ("bytes", "x"),
            ("times", "x"), ("counts", "h"), ("counts", "e"), ("counts", "u"), ("counts", "f"),
            ("times", "f"),
        ),
    }
)  # fmt: skip


@cache
def _rows(major: int) -> list[list[str]]:
    source = resources.files("pgtool.catalog").joinpath("data/io.json")
    found: list[list[str]] = json.loads(source.read_text("utf-8"))[str(major)]
    return found


@builtin("pg_stat_get_io", call=True, returns_set=True)
def pg_stat_get_io(call: Call) -> Iterator[tuple[Any, ...]]:
    """I/O by process, object and context."""
    major = call.session.settings.major
    body = fixed_entry(call.session, "IO")
    processes, contexts = _PROCESSES[major], _CONTEXTS[major]
    for process, of, context, counted in _rows(major):
        number = processes.index(process)
        place = (_OBJECTS.index(of), contexts.index(context))
        stats = None if body is None else body.stats[number]
        values = [
            _value(stats, what, letter, place, major)
            if letter in counted or what == "block" else None
            for what, letter in _COLUMNS[major]
        ]
        reset = None if body is None else body.stat_reset_timestamp or None
        yield process, of, context, *values, reset


def _value(stats: Any, what: str, letter: str, place: tuple[int, int], major: int) -> Any:
    """One counter; times in milliseconds."""
    if what == "block":
        return BLOCK
    of, context = place
    value = 0
    if stats is not None:
        value = stats[what][of][context][_OPERATIONS[major].index(letter)]
    if what == "bytes":
        return Decimal(value)
    return value / 1000.0 if what == "times" else value
