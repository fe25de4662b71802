"""Statements that are cut off by a crash: run through the engine on a CrashBackend.

    script = Script(setup, statements, query)
    script.check(server, stop=("sync", 3), seed=1, mode="tear")

The statements run on a copy of the server's directory until the moment asked for; then the
copy is crashed, the real server (or pgtool) recovers it, and what `query` answers must be
what the real server answers after the statements that were reported done, or after the one
more that was under way. Indexes and heaps are checked by amcheck.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pgtool.catalog.cluster import Cluster
from pgtool.errors import Panic
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from pgtool.transam.instance import Instance
from tests.crash import CrashBackend, Killed
from tests.servers import Server

AMCHECK = """
SELECT count(bt_index_parent_check(i.indexrelid, true, true)) >= 0
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND i.indisvalid AND c.relpersistence = 'p'
AND (c.relnamespace <> 11 OR c.relname LIKE 'pg_class%' OR c.relname LIKE 'pg_attribute%'
     OR c.relname LIKE 'pg_depend%');
SELECT c.relname, v.* FROM pg_class c, LATERAL verify_heapam(c.oid) v
WHERE c.relkind IN ('r', 't') AND c.relpersistence = 'p';
"""


class Script:
    """A setup that the real server made, statements to be cut off, a query that tells all."""

    def __init__(self, server: Server, setup: str, statements: Sequence[str], query: str) -> None:
        """The server runs; it is stopped afterwards, its directory kept aside."""
        self.server = server
        self.statements = list(statements)
        self.query = query
        server.psql("CREATE EXTENSION amcheck;" + setup)
        server.stop()
        self.original = server.base / "original"
        server.data.rename(self.original)
        self.answers = self._expected()

    def _fresh(self) -> Path:
        shutil.rmtree(self.server.data, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.original), str(self.server.data)], check=True)
        return self.server.data

    def _expected(self) -> list[str]:
        """What the query answers before, and after each statement, on the real server."""
        self._fresh()
        self.server.start()
        out = [self.server.psql(self.query)]
        for statement in self.statements:
            self.server.psql(statement)
            out.append(self.server.psql(self.query))
        self.server.stop()
        return out

    def run(self, stop: tuple[str, int] | None) -> tuple[CrashBackend, int]:
        """(the backend, how many statements were done) up to the moment asked for."""
        root = str(self._fresh())
        backend = CrashBackend(root, stop)
        done = 0
        instance = None
        try:
            instance = Instance.start(root, backend=backend)
            engine = Engine(Session.open(Cluster(root), "postgres"))
            try:
                for statement in self.statements:
                    for outcome in engine.run(statement):
                        if outcome.answer is not None:
                            list(outcome.answer.texts())
                    done += 1
            finally:
                engine.close()
        except (Killed, Panic):
            if instance is not None:
                instance.abandon()
        return backend, done

    def check(self, stop: tuple[str, int] | None, seed: int, mode: str) -> None:
        """Crash at a moment, let the real server recover, look at everything."""
        backend, done = self.run(stop)
        if stop is not None:
            backend.crash(seed, mode)
        allowed = self.answers[done : done + 2]
        self.server.start()
        try:
            found = self.server.psql(self.query)
            assert found in allowed, (stop, mode, done, found)
            damage = self.server.psql(AMCHECK).split()
            assert damage == ["t"], (stop, mode, damage)
        finally:
            self.server.stop()
