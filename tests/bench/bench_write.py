"""Bulk statements beside a server of 18: each side on a directory of its own, in one session.

PGTOOL_BENCH_ROWS rows, a million unless told. Single rows are in bench_single.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import servers
from tests.bench import Result
from tests.differential.selects import both_sides

ROWS = int(os.environ.get("PGTOOL_BENCH_ROWS", "1000000"))
ROUNDS = 3
SCHEMA = f"""
CREATE TABLE source AS SELECT g AS id, g % 1000 AS k, 'text ' || (g::int8 * 7919 % {ROWS}) AS t,
  round((g % 100000) / 100.0, 2) AS n FROM generate_series(1, {ROWS}) g;
CREATE TABLE loaded (LIKE source);
CREATE TABLE copied (LIKE source);
VACUUM ANALYZE source;
"""


def run() -> Iterator[Result]:
    """COPY FROM, INSERT … SELECT, CREATE INDEX."""
    conf = {"shared_buffers": "512MB", "max_wal_size": "4GB", "autovacuum": "off"}
    with servers.cluster(18, conf=conf) as server, tempfile.TemporaryDirectory() as place:
        engine, connection = both_sides(server, Path(place) / "data", text=SCHEMA)
        engine.session.set("statement_timeout", "0")
        real, ours = _Server(connection), _Ours(engine)
        yield from _bulk(real, ours)
        engine.close()


class _Server:
    """Statements through libpq."""

    def __init__(self, connection: Any) -> None:
        self.libpq = connection.pgconn
        self.data = b""

    def run(self, text: str) -> None:
        """One statement."""
        result = self.libpq.exec_(text.encode())
        assert not result.error_message, result.error_message

    def load(self, text: str) -> None:
        """COPY FROM STDIN of what :meth:`unload` took."""
        self.libpq.exec_(text.encode())
        for at in range(0, len(self.data), 1 << 16):
            self.libpq.put_copy_data(self.data[at : at + (1 << 16)])
        self.libpq.put_copy_end()
        while (result := self.libpq.get_result()) is not None:
            assert not result.error_message, result.error_message

    def unload(self, text: str) -> None:
        """The data of COPY TO STDOUT."""
        self.libpq.exec_(text.encode())
        pieces = []
        while (found := self.libpq.get_copy_data(0))[0] > 0:
            pieces.append(bytes(found[1]))
        while self.libpq.get_result() is not None:
            pass
        self.data = b"".join(pieces)


class _Ours:
    """Statements through an engine."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.data = b""

    def run(self, text: str) -> None:
        """One statement."""
        for outcome in self.engine.run(text):
            assert outcome.tag

    def load(self, text: str) -> None:
        """COPY FROM STDIN."""
        pieces = [self.data[at : at + (1 << 16)] for at in range(0, len(self.data), 1 << 16)]
        self.engine.copy_in = lambda: iter(pieces)
        self.run(text)


def _timed(
    before: Callable[[Any], None], work: Callable[[Any], None], *sides: Any
) -> list[float]:
    """Best seconds of each side, the sides taking turns."""
    spent: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for side, times in zip(sides, spent, strict=True):
            before(side)
            begin = time.perf_counter()
            work(side)
            times.append(time.perf_counter() - begin)
    return [min(times) for times in spent]


def _bulk(real: _Server, ours: _Ours) -> Iterator[Result]:
    real.unload("COPY source TO STDOUT")
    ours.data = real.data
    names = ("loaded_int", "loaded_text")

    def emptied(table: str) -> Callable[[Any], None]:
        return lambda side: side.run(f"TRUNCATE {table}")

    def unindexed(side: Any) -> None:
        for name in names:
            side.run(f"DROP INDEX IF EXISTS {name}")

    yield Result(f"COPY FROM, {ROWS} rows", *_timed(
        emptied("loaded"), lambda side: side.load("COPY loaded FROM STDIN"), real, ours
    ))  # fmt: skip
    yield Result(f"INSERT SELECT, {ROWS} rows", *_timed(
        emptied("copied"), lambda side: side.run("INSERT INTO copied SELECT * FROM source"),
        real, ours,
    ))  # fmt: skip
    for name, column in zip(names, ("id", "t")):
        yield Result(f"CREATE INDEX on {ROWS} {name.removeprefix('loaded_')}s", *_timed(
            unindexed, lambda side, name=name, column=column: side.run(
                f"CREATE INDEX {name} ON loaded ({column})"), real, ours,
        ))  # fmt: skip
