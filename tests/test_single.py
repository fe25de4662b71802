"""``pgtool single`` beside ``postgres --single``: the same input, the same output."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installs import run_as
from tests.servers import MissingServer, Server, cluster

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = """
CREATE TABLE t (a int, b text, c numeric(10, 2), d boolean, e date, n name);
INSERT INTO t SELECT g, 'row ' || g, g / 3.0, g % 2 = 0, date '2020-01-01' + g, 'n' || g
FROM generate_series(1, 5) g;
"""
LINES = (
    "SELECT 1, 'x'::text AS t, NULL AS n;\n"
    "SELECT * FROM t\n"
    "INSERT INTO t VALUES (6, 'new', 1.5, true, '2021-02-03', 'six')\n"
    "SELECT a, b FROM t WHERE a > 4\n"
    "SELECT * FROM nosuch\n"
    "SELECT\n"
    "\n"
    "BEGIN\n"
    "DELETE FROM t WHERE a = 1\n"
    "SELECT 1 / 0\n"
    "SELECT 1\n"
    "ROLLBACK\n"
    "COMMIT\n"
    "SELECT count(*) FROM t; SELECT 2\n"
    "SELECT 1 WHERE false\n"
    "sel \\\nect 5\n"
    "SHOW work_mem\n"
    "COPY t TO STDOUT\n"
    "COPY (SELECT 1, 'a,b') TO STDOUT (FORMAT csv, HEADER)\n"
    "SELECT foo()\n"
    "COPY t FROM STDIN\nseven\n\\."
)
JOINED = "SELECT 1,\n 2;\n\nSELECT 3; SELECT 4;\n\nUPDATE t SET b = 'u' WHERE a = 2;\n\nSELECT 5"
STAMP = re.compile(r"^[\d-]+ [\d:.]+ UTC \[\d+\] ", re.M)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    try:
        with cluster(18) as found:
            found.psql(SCHEMA)
            found.stop()
            yield found
    except MissingServer as missing:
        pytest.skip(str(missing))


def _messages(text: str) -> list[str]:
    """What was logged, less times and what is said of checkpoints."""
    shown = STAMP.sub("", text)
    return [line for line in shown.splitlines() if not line.startswith("LOG:")]


@pytest.mark.parametrize(
    ("text", "args"),
    [(LINES, []), (JOINED, ["-j"]), ("SELECT 1\nSELECT 2;", ["-E"]),
     ("SHOW work_mem\n", ["-c", "work_mem=1MB"])],
    ids=["lines", "joined", "echo", "setting"],
)  # fmt: skip
def test_same_output(server: Server, text: str, args: list[str]) -> None:
    ours, theirs = server.base / "ours", server.base / "theirs"
    for copy in (ours, theirs):
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", str(server.data), str(copy)], check=True)
    wanted = subprocess.run(
        [str(server.tool("postgres")), "--single", "-D", str(theirs), *args, "postgres"],
        input=text.encode(), env=server.install.env(), capture_output=True, check=True,
        **run_as(),  # type: ignore[call-overload]
    )  # fmt: skip
    got = subprocess.run(
        [sys.executable, "-m", "pgtool", "single", "-D", str(ours), *args, "postgres"],
        input=text.encode(), cwd=ROOT, capture_output=True,
    )  # fmt: skip
    assert got.returncode == 0, got.stderr
    head, _, rest = got.stdout.decode().lstrip("\n").partition("\n")
    assert head.startswith("PostgreSQL stand-alone backend 18")
    assert rest == wanted.stdout.decode().lstrip("\n").partition("\n")[2]
    assert _messages(got.stderr.decode()) == _messages(wanted.stderr.decode())
    assert not (ours / "postmaster.pid").exists()
    rows = [
        subprocess.run(
            [sys.executable, "-m", "pgtool", "query", "-D", str(copy), "-t", "TABLE t"],
            cwd=ROOT, capture_output=True, check=True,
        ).stdout
        for copy in (ours, theirs)
    ]  # fmt: skip
    assert rows[0] == rows[1]


def test_unknown_database_is_one_line(server: Server) -> None:
    got = subprocess.run(
        [sys.executable, "-m", "pgtool", "single", "-D", str(server.data), "nosuch"],
        input=b"", cwd=ROOT, capture_output=True,
    )  # fmt: skip
    assert got.returncode == 1
    assert got.stderr.decode() == 'pgtool: error: database "nosuch" does not exist\n'
