"""Near wraparound: the server's warnings and refusals, and the ways out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from formats.slru import MULTIXACT_OFFSETS, XACT
from tests.installs import NOBODY
from tests.servers import MissingServer, Server, cluster

ROOT = Path(__file__).resolve().parent.parent
STOP, WARN = 3_000_000, 40_000_000
SEGMENT = 32 * 8192


def pgtool(*args: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pgtool", *map(str, args)], cwd=ROOT, capture_output=True,
        text=True, input=stdin,
    )  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    try:
        with cluster(18, conf={"autovacuum": "off"}) as made:
            made.psql("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 500)")
            made.psql("DELETE FROM t WHERE a % 2 = 0")
            made.stop()
            made.data.rename(made.base / "original")
            yield made
    except MissingServer as missing:
        pytest.skip(str(missing))


def brought_to(server: Server, margin: int) -> None:
    """A fresh directory in which so many xids are left before wraparound."""
    subprocess.run(["rm", "-rf", str(server.data)], check=True)
    subprocess.run(["cp", "-a", str(server.base / "original"), str(server.data)], check=True)
    control = server.run_tool("pg_controldata", "-D", server.data).decode()
    oldest = next(int(line.split(":")[1]) for line in control.splitlines()
                  if "oldestXID:" in line)  # fmt: skip
    xid = oldest + 2**31 - 1 - margin
    server.run_tool("pg_resetwal", "-x", xid, "-D", server.data)
    segment = server.data / XACT.path(xid // XACT.per_segment, 18)
    segment.write_bytes(bytes(SEGMENT))
    if segment.owner() != server.data.owner():
        os.chown(segment, NOBODY, NOBODY)


#: A locker and an updater, so a multixact.
SHARED = ("BEGIN; SELECT a FROM t WHERE a = 1 FOR KEY SHARE; SAVEPOINT s; "
          "UPDATE t SET a = a WHERE a = 1; COMMIT")  # fmt: skip


def brought_to_multi(server: Server, margin: int) -> None:
    """A fresh directory in which so many multixacts are left before wraparound."""
    subprocess.run(["rm", "-rf", str(server.data)], check=True)
    subprocess.run(["cp", "-a", str(server.base / "original"), str(server.data)], check=True)
    multi = 2**31 - margin
    server.run_tool("pg_resetwal", "-m", f"{multi},1", "-D", server.data)
    segment = server.data / MULTIXACT_OFFSETS.path(multi // MULTIXACT_OFFSETS.per_segment, 18)
    segment.write_bytes(bytes(SEGMENT))
    if segment.owner() != server.data.owner():
        os.chown(segment, NOBODY, NOBODY)


def server_says(
    server: Server, text: str, *, near: bool = False, hints: bool = False
) -> list[str]:
    """The messages of one statement, warnings and error.

    ``near`` the limit a worker starts without autovacuum too, and would vacuum the oldest
    database before the server is asked: it waits when it has begun, as does every session
    that does not ask not to; so it is not waited for in the end.
    """
    import psycopg

    said: list[str] = []

    def note(diag: Any) -> None:
        said.append(f"{diag.severity}:  {diag.message_primary}")
        if hints and diag.message_hint:
            said.append(f"HINT:  {diag.message_hint}")

    server.start(**({"post_auth_delay": 60} if near else {}))
    with server.connect(options="-c post_auth_delay=0") as connection:
        connection.add_notice_handler(note)
        try:
            connection.execute(text)
        except psycopg.Error as error:
            said.append(f"ERROR:  {error.sqlstate}: {error.diag.message_primary}")
            if hints:
                said.append(f"HINT:  {error.diag.message_hint}")
    server.stop("immediate" if near else "fast")
    return said


def test_warned_as_the_server_warns(server: Server) -> None:
    brought_to(server, WARN - 1000)
    ours = pgtool("query", "-D", server.data, "-c", "INSERT INTO t VALUES (1)")
    assert ours.returncode == 0, ours.stderr
    brought_to(server, WARN - 1000)
    theirs = server_says(server, "INSERT INTO t VALUES (1)", near=True)
    lines = [line for line in ours.stderr.splitlines() if line.startswith("WARNING")]
    assert lines == theirs
    assert "must be vacuumed within" in theirs[0]


def test_refused_as_the_server_refuses(server: Server) -> None:
    brought_to(server, STOP - 5)
    ours = pgtool("query", "--verbose", "-D", server.data, "-c", "INSERT INTO t VALUES (1)")
    assert ours.returncode == 1
    theirs = server_says(server, "INSERT INTO t VALUES (1)", near=True)
    assert [line for line in ours.stderr.splitlines() if line.startswith("ERROR")] == theirs
    assert "54000" in theirs[0]
    age = pgtool("age", "-D", server.data)
    assert age.returncode == 2
    assert "CRITICAL" in age.stdout


@pytest.mark.parametrize("margin", [WARN - 1000, STOP - 5])
def test_multixacts_as_the_server_has_them(server: Server, margin: int) -> None:
    brought_to_multi(server, margin)
    ours = pgtool("query", "--verbose", "-D", server.data, "-c", SHARED)
    brought_to_multi(server, margin)
    theirs = server_says(server, SHARED, near=True, hints=True)
    said = ours.stderr.replace("WARNING:  01000: ", "WARNING:  ").splitlines()
    wanted = "\n".join(theirs).splitlines()
    assert [line for line in said if not line.startswith("LINE")][: len(wanted)] == wanted
    assert len(theirs) == 2
    done = pgtool("vacuum", "--auto", "--all", "-q", "-D", server.data)
    assert done.returncode == 0, done.stderr
    assert server_says(server, SHARED) == []


def test_single_user_mode_rescues(server: Server) -> None:
    brought_to(server, STOP - 5)
    for database in ("template1", "postgres"):
        done = pgtool("single", "-D", server.data, database,
                      stdin="VACUUM FREEZE\nINSERT INTO t VALUES (7)\n")  # fmt: skip
        assert done.returncode == 0, done.stderr
    # template0 takes no connections, so it holds the limit until it is vacuumed as well.
    done = pgtool("single", "-D", server.data, "template0", stdin="VACUUM FREEZE\n")
    assert done.returncode == 0, done.stderr
    assert server_says(server, "INSERT INTO t VALUES (8)") == []


def test_vacuum_rescues(server: Server) -> None:
    brought_to(server, STOP - 5)
    done = pgtool("vacuum", "--freeze", "--all", "-q", "-D", server.data)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "WARNING:" in line]
    assert warnings and all("as a failsafe" in line for line in warnings)
    assert server_says(server, "INSERT INTO t VALUES (8)") == []
    age = pgtool("age", "-D", server.data)
    assert age.returncode == 0, age.stdout
