"""The scripts of `tests/scenarios/`: SQL with directives, run on a fresh cluster.

A statement ends at a line that ends with `;` (outside `$$`). A line `--@ WORD …` is a
directive; the table at the end of this module names them all. Directives before the first
statement set the cluster up. `--@ if COND` … `--@ end` runs a part only where the condition
holds: `major 15-17`, `extension bloom`, `wal_level logical`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fixture_capture import Capture, in_use
from tests.installs import find_install
from tests.servers import cluster

SCENARIOS = Path(__file__).parent / "scenarios"
CONF = {
    "wal_level": "logical",
    "full_page_writes": "off",
    "wal_keep_size": "400MB",
    "min_wal_size": "400MB",
    "max_wal_size": "2GB",
    "wal_init_zero": "on",
    "wal_recycle": "off",
    "max_prepared_transactions": "10",
    "wal_sender_timeout": "0",
    "lock_timeout": "20s",
    "statement_timeout": "120s",
    "log_min_messages": "error",
}


def in_range(text: str, major: int) -> bool:
    """Whether `14-16`, `17-` or `18` contains the major."""
    low, dash, high = text.partition("-")
    return int(low) <= major <= int(high or (99 if dash else low))


def steps(text: str) -> Iterator[tuple[str, str]]:
    """("do", directive) and ("sql", statement) of a script, in order."""
    statement: list[str] = []
    for line in text.split("\n"):
        if line.startswith("--@"):
            yield "do", line[3:].strip()
            continue
        if line.startswith("--") or (not line.strip() and not statement):
            continue
        statement.append(line)
        whole = "\n".join(statement)
        if line.rstrip().endswith(";") and whole.count("$$") % 2 == 0:
            yield "sql", whole
            statement = []


class Script:
    """One scenario on one major, from initdb to the captured files."""

    def __init__(self, name: str, major: int) -> None:
        self.name = name
        self.major = major
        self.text = (SCENARIOS / f"{name}.sql").read_text()
        self.initdb = ["--wal-segsize=1", "--data-checksums"]
        self.conf: dict[str, object] = dict(CONF)
        self.connections: dict[str, Any] = {}
        self.session = "a"
        self.db = "postgres"
        self.mark = ""
        self.server_version = ""
        self.forgiving = False
        self.skipping: list[bool] = []

    @property
    def wanted(self) -> bool:
        """Whether this major can do it: `--@ needs EXTENSION`."""
        install = find_install(self.major)
        needs = re.findall(r"^--@ needs (\S+)$", self.text, re.M)
        return install is not None and all(n in install.contrib for n in needs)

    def run(self) -> Capture:
        for kind, step in steps(self.text):
            if kind == "do" and step.split()[0] in SETUP:
                SETUP[step.split()[0]](self, shlex.split(step)[1:])
        with cluster(self.major, initdb_args=self.initdb, conf=self.conf, start=False) as server:
            self.server = server
            self.capture = Capture(server)
            for path in server.segments():
                if not in_use(path):  # what initdb recycled would stand behind our WAL
                    path.unlink()
            server.start()
            self.server_version = server.psql("SHOW server_version").strip()
            for kind, step in steps(self.text):
                self._step(kind, step)
            self.disconnect()
            server.stop()
            if self.mark:
                self.capture.wal(server.wal, self.mark)
            self.capture.finish()
        return self.capture

    def _step(self, kind: str, step: str) -> None:
        word, _, rest = step.partition(" ")
        if kind == "do" and word in ("if", "end"):
            if word == "if":
                self.skipping.append(not self._holds(rest.split()))
            else:
                self.skipping.pop()
        elif any(self.skipping):
            return
        elif kind == "sql":
            self.sql(step)
        elif word not in SETUP:
            DIRECTIVES[word](self, shlex.split(rest))

    def _holds(self, condition: list[str]) -> bool:
        what, value = condition
        if what == "major":
            return in_range(value, self.major)
        assert what == "extension", condition
        return value in self.server.install.contrib

    def sql(self, statement: str) -> None:
        import psycopg

        forgiving, self.forgiving = self.forgiving, False
        try:
            self.connection().execute(statement)
        except psycopg.Error as error:
            if not forgiving:
                raise RuntimeError(f"{self.name}/{self.major}: {statement}\n{error}") from error

    def connection(self) -> Any:
        key = f"{self.session}/{self.db}"
        if key not in self.connections:
            self.connections[key] = self.server.connect(self.db, prepare_threshold=None)
        return self.connections[key]

    def disconnect(self) -> None:
        for connection in self.connections.values():
            connection.close()
        self.connections = {}


def _start(script: Script, args: list[str]) -> None:
    script.server.start(**dict(a.split("=", 1) for a in args))


def _stop(script: Script, args: list[str]) -> None:
    script.disconnect()
    script.server.stop(*args)


def _restart(script: Script, args: list[str]) -> None:
    _stop(script, [])
    _start(script, args)


def _kill9(script: Script, args: list[str]) -> None:
    script.server.kill9()
    script.disconnect()


def _session(script: Script, args: list[str]) -> None:
    script.session = args[0]
    script.db = args[1] if len(args) > 1 else "postgres"


def _close(script: Script, args: list[str]) -> None:
    for key in [k for k in script.connections if k.split("/")[0] in args]:
        script.connections.pop(key).close()


def _mark(script: Script, args: list[str]) -> None:
    """Keep the WAL from here on."""
    script.server.psql("CHECKPOINT; SELECT pg_switch_wal()")
    script.mark = script.server.psql(
        "SELECT pg_walfile_name(pg_logical_emit_message(false, 'mark', ''))").strip()


def _reload(script: Script, args: list[str]) -> None:
    script.server.configure(dict(a.split("=", 1) for a in args))
    script.server.psql("SELECT pg_reload_conf(); SELECT pg_sleep(0.3)")


def _call(script: Script, args: list[str]) -> None:
    from tests.scenarios import steps as functions

    getattr(functions, args[0])(script, *args[1:])


#: What stands for the cluster as a whole, wherever it is written.
SETUP: dict[str, Callable[[Script, list[str]], object]] = {
    "needs": lambda script, args: None,
    "initdb": lambda script, args: script.initdb.extend(args),
    "conf": lambda script, args: script.conf.update(a.split("=", 1) for a in args),
}

#: In the order of the script.
DIRECTIVES: dict[str, Callable[[Script, list[str]], object]] = {
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "kill9": _kill9,
    "reload": _reload,
    "session": _session,
    "close": _close,
    "try": lambda script, args: setattr(script, "forgiving", True),
    "mark": _mark,
    "call": _call,
    "extension": lambda script, args: script.server.extension(args[0], script.db),
    "capture": lambda script, args: script.capture.relations(args, script.db),
    "file": lambda script, args: script.capture.file(*args),
    "control": lambda script, args: script.capture.control(args[0]),
}
