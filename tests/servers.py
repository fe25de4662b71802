"""Live servers for the tests: make a cluster, run it, stop it, look at its files.

    with cluster(18, initdb_args=["--data-checksums"], conf={"wal_level": "logical"}) as server:
        server.psql("CREATE TABLE t AS SELECT 1 AS a")
        server.stop()
        server.run_tool("pg_controldata", "-D", server.data)

A server listens on a Unix socket in its own directory only, so its port merely
names the socket and any number of workers can run theirs side by side. In
tests use the fixtures of `conftest`, which skip where a major is missing.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.installs import NOBODY, Install, available, base_temp, client, find_install, run_as

__all__ = ["MissingServer", "Server", "ToolError", "available", "cluster"]

PORT = 5432
INITDB = ("-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
#: Settings of every test cluster: quick, quiet, and with nothing that acts by itself.
CONF: dict[str, object] = {
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": 30,
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "bgwriter_lru_maxpages": 0,
    "log_min_messages": "warning",
    "timezone": "UTC",
}
START_SECONDS = 90
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class MissingServer(Exception):
    """No server of that major on this machine."""


class ToolError(Exception):
    """A program of a real installation failed; the text is what it said."""


def make_base() -> Path:
    """A new directory which the server's user owns and the tests can read."""
    base = Path(tempfile.mkdtemp(prefix="pgt", dir=base_temp()))
    base.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(base, NOBODY, NOBODY)
    return base


class Server:
    """A cluster of one major and, between start and stop, the server on it."""

    def __init__(self, major: int, base: Path | None = None) -> None:
        install = find_install(major)
        if install is None:
            raise MissingServer(f"no PostgreSQL {major} here")
        self.major = major
        self.install: Install = install
        self.base = base or make_base()
        self.data = self.base / "data"
        self.log = self.base / "log"
        self.port = PORT
        self.process: subprocess.Popen[bytes] | None = None

    # -- programs ---------------------------------------------------------

    def tool(self, name: str) -> Path:
        """The path of one of this major's own programs."""
        path = self.install.bin / name
        if not path.exists():
            raise MissingServer(f"PostgreSQL {self.major} here has no {name}")
        return path

    def has_tool(self, name: str) -> bool:
        return self.install.has(name)

    def run_tool(self, name: str, *args: object, check: bool = True,
                 merge: bool = False) -> bytes:
        """What one of this major's programs prints (with `merge`, its stderr too)."""
        done = subprocess.run(
            [str(self.tool(name)), *map(str, args)], env=self.install.env(), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            cwd=self.base, stdin=subprocess.DEVNULL, **run_as())  # type: ignore[call-overload]
        if check and done.returncode != 0:
            text = (done.stdout if merge else done.stderr).decode(errors="replace")
            raise ToolError(f"{name} {args}: exit {done.returncode}: {text}{self.tail()}")
        return bytes(done.stdout)

    def tail(self) -> str:
        """The end of the server's log."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    # -- life ---------------------------------------------------------------

    def initdb(self, *args: str, conf: Mapping[str, object] | None = None) -> None:
        self.run_tool("initdb", "-D", self.data, *INITDB, *args)
        self.configure({**CONF, "unix_socket_directories": str(self.base), "port": self.port})
        if conf:
            self.configure(conf)

    def configure(self, conf: Mapping[str, object]) -> None:
        """Settings for the next start; the last one of a name counts."""
        with open(self.data / "postgresql.conf", "a") as file:
            for name, value in conf.items():
                text = str(value).replace("'", "''")
                file.write(f"{name} = '{text}'\n")

    def start(self, **conf: object) -> None:
        """Start as our own child (so that a killed one is reaped) and wait until it answers."""
        if conf:
            self.configure(conf)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.tool("postgres")), "-D", str(self.data)], env=self.install.env(),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.base,
                start_new_session=True, **run_as())  # type: ignore[call-overload]
        for _ in range(START_SECONDS * 20):
            if self.process.poll() is not None:
                raise ToolError(f"PostgreSQL {self.major} did not start: {self.tail()}")
            if self._status() in ("ready", "standby"):
                return
            time.sleep(0.05)
        raise ToolError(f"PostgreSQL {self.major} does not get ready: {self.tail()}")

    def _status(self) -> str:
        """The last line of postmaster.pid, of this very process."""
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return ""
        ours = self.process is not None and lines[0] == str(self.process.pid)
        return lines[7].strip() if ours and len(lines) > 7 else ""

    def stop(self, mode: str = "fast") -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(STOP_SIGNALS[mode])
            self.process.wait(START_SECONDS)
        self.process = None

    def restart(self, **conf: object) -> None:
        self.stop()
        self.start(**conf)

    def pid(self) -> int | None:
        """The postmaster, if it runs."""
        alive = self.process is not None and self.process.poll() is None
        return self.process.pid if alive and self.process is not None else None

    def kill9(self) -> None:
        """Every process dies at once, in the midst of what it was doing."""
        pid = self.pid()
        if pid is None or self.process is None:
            return
        os.kill(pid, signal.SIGSTOP)  # from now on no child is born
        family = [pid, *children(pid)]
        for sent in (signal.SIGSTOP, signal.SIGKILL):
            for one in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, sent)
        self.process.wait(START_SECONDS)
        self.process = None
        for one in family[1:]:
            _wait_gone(one)

    def close(self) -> None:
        """Stop, and leave nothing behind: no process, no shared memory, no files."""
        try:
            self.stop("immediate")
        except subprocess.TimeoutExpired:
            self.kill9()
        self._drop_shared_memory()
        shutil.rmtree(self.base, ignore_errors=True)

    def _drop_shared_memory(self) -> None:
        """A killed server leaves its segment; the key and id stand in postmaster.pid."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            line = (self.data / "postmaster.pid").read_text().split("\n")[6]
            subprocess.run(["ipcrm", "-m", line.split()[1]], check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # -- SQL ------------------------------------------------------------------

    def psql(self, sql: str, db: str = "postgres", *args: str, check: bool = True) -> str:
        """Run a script; its rows come back as unaligned text, one per line."""
        install, program = client("psql", self.major)
        done = subprocess.run(
            [str(program), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.base),
             "-p", str(self.port), "-U", "postgres", "-d", db, *args, "-f", "-"],
            env=install.env(), input=sql.encode(), capture_output=True, check=False,
            cwd=self.base, **run_as())  # type: ignore[call-overload]
        if check and done.returncode != 0:
            raise ToolError(f"psql: {done.stderr.decode(errors='replace')}{self.tail()}")
        return str(done.stdout.decode(errors="replace"))

    def connect(self, db: str = "postgres", autocommit: bool = True, **options: Any) -> Any:
        """A psycopg connection."""
        import psycopg

        return psycopg.connect(host=str(self.base), port=self.port, user="postgres", dbname=db,
                               autocommit=autocommit, **options)

    def extension(self, name: str, db: str = "postgres") -> bool:
        """Create an extension if this installation has it."""
        if name not in self.install.contrib:
            return False
        self.psql(f"CREATE EXTENSION IF NOT EXISTS {name}", db)
        return True

    # -- places ---------------------------------------------------------------

    def path_of(self, relation: str, db: str = "postgres") -> Path:
        """The file of a relation's main fork."""
        text = self.psql(f"SELECT pg_relation_filepath('{relation}')", db).strip()
        return self.data / text

    @property
    def wal(self) -> Path:
        return self.data / "pg_wal"

    def segments(self) -> list[Path]:
        """The WAL files, oldest name first."""
        return sorted(p for p in self.wal.iterdir() if len(p.name) == 24)

    def lsn(self) -> str:
        return self.psql("SELECT pg_current_wal_insert_lsn()").strip()


def children(pid: int) -> list[int]:
    """The processes that this one started and that are there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                stat = (entry / "stat").read_text()
                if int(stat.rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry.name))
    return found


def _wait_gone(pid: int) -> None:
    """Until a killed process is gone or a zombie (its parent may not be ours to wait for)."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.01)


_OPEN: dict[int, Server] = {}


@atexit.register
def _close_all() -> None:
    for server in list(_OPEN.values()):
        server.close()


@contextlib.contextmanager
def cluster(major: int, tmpdir: Path | None = None, *, initdb_args: Sequence[str] = (),
            conf: Mapping[str, object] | None = None, start: bool = True) -> Iterator[Server]:
    """A fresh cluster, started unless told not to; stopped and removed afterwards.

    `tmpdir` must be a directory which the server's user can enter and own.
    """
    server = Server(major, tmpdir)
    _OPEN[id(server)] = server
    try:
        server.initdb(*initdb_args, conf=conf)
        if start:
            server.start()
        yield server
    finally:
        server.close()
        _OPEN.pop(id(server), None)
