"""``pgtool query`` as a writer: scripts with COPY data, what the directory is like afterwards."""

from __future__ import annotations

import errno
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import need
from tests.servers import cluster
from tests.statement_compare import Ours

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """
create table q (a int primary key, b text);
insert into q values (1, 'one') returning *;
copy q from stdin;
2\ttwo
3\t\\N
\\.
copy q from stdin;
bad\tx
4\tfour
\\.
insert into q values (1, 'again');
select * from q order by a;
\\copy q to '{out}' csv
begin;
delete from q;
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need(18)
    with cluster(18) as server:
        server.stop()
        copy = tmp_path_factory.mktemp("query") / "data"
        shutil.copytree(server.data, copy)
    return copy


def run(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pgtool", "query", *args], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, **options,  # type: ignore[call-overload]
    )


def test_script(directory: Path, tmp_path: Path) -> None:
    """Tags, rows, an error; the open transaction is rolled back, the directory at rest."""
    text = SCRIPT.format(out=tmp_path / "q.csv")
    done = run("-D", str(directory), input=text)
    assert done.stdout.splitlines() == [
        "CREATE TABLE", " a |  b  ", "---+-----", " 1 | one", "(1 row)", "", "INSERT 0 1", "COPY 2",
        " a |  b  ", "---+-----", " 1 | one", " 2 | two", " 3 | ", "(3 rows)", "", "COPY 3",
        "BEGIN", "DELETE 3",
    ]  # fmt: skip
    assert done.stderr.splitlines() == [
        'ERROR:  invalid input syntax for type integer: "bad"',
        'CONTEXT:  COPY q, line 1, column a: "bad"',
        'ERROR:  duplicate key value violates unique constraint "q_pkey"',
        "DETAIL:  Key (a)=(1) already exists.",
    ]
    assert (tmp_path / "q.csv").read_text() == "1,one\n2,two\n3,\n"
    assert not (directory / "postmaster.pid").exists()
    again = run("-D", str(directory), "-t", "-c", "select count(*) from q")
    assert again.stdout.strip() == "3" and not again.stderr


def test_read_only_and_stopped(directory: Path) -> None:
    """--read-only refuses; SIGTERM rolls back and leaves a directory at rest."""
    done = run("-D", str(directory), "--read-only", "-c", "create table r (a int)")
    assert done.returncode == 1
    assert "cannot execute CREATE TABLE in a read-only transaction" in done.stderr
    program = subprocess.Popen(
        [sys.executable, "-m", "pgtool", "query", "-D", str(directory)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert program.stdin is not None
    program.stdin.write("begin; create table gone (a int); insert into gone values (1);\n")
    program.stdin.flush()
    for _ in range(600):
        if (directory / "postmaster.pid").exists():
            break
        time.sleep(0.1)
    time.sleep(0.5)
    program.send_signal(signal.SIGTERM)
    assert program.wait(60) == 128 + signal.SIGTERM
    assert not (directory / "postmaster.pid").exists()
    query = "select count(*) from pg_class where relname = 'gone'"
    done = run("-D", str(directory), "-t", "-c", query)
    assert done.stdout.strip() == "0"


def test_data_at_a_terminal(directory: Path) -> None:
    """COPY FROM STDIN asks for lines up to the end mark; a hangup ends the program cleanly."""
    master, slave = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "pgtool", "query", "-D", str(directory)], cwd=ROOT, stdin=slave,
        stdout=slave, stderr=slave, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(slave)
    said = b""

    def until(wanted: bytes) -> None:
        nonlocal said
        limit = time.monotonic() + 60
        while wanted not in said:
            assert time.monotonic() < limit, said
            if select.select([master], [], [], 1)[0]:
                said += os.read(master, 4096)

    until(b"# ")
    os.write(master, b"create table typed (a int, b text);\ncopy typed from stdin;\n")
    until(b">> ")
    os.write(master, b"1\tone\n2\t\n\\.\n")
    until(b"COPY 2")
    program.send_signal(signal.SIGHUP)
    assert program.wait(60) == 128 + signal.SIGHUP
    os.close(master)
    assert not (directory / "postmaster.pid").exists()


def test_full_disk(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bulk load that finds no room is an error of its statement: the session goes on."""
    copy = tmp_path / "data"
    shutil.copytree(directory, copy)
    ours = Ours(copy)

    def full(handle: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    ours.run("create table f (a int, b text)", None)
    fill = "insert into f select g, repeat('x', 200) from generate_series(1, 20000) g"
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        told = ours.run(fill, None)[0]
    assert told[:2] == ("ERROR", "53100") and told[2].endswith(": No space left on device")
    assert ours.run("select count(*) from f", None)[0][1] == [("0",)]
    assert ours.run(fill, None)[0][0] == "INSERT 0 20000"
    ours.engine.close()
    done = run("-D", str(copy), "-t", "-c", "select count(*) from f")
    assert done.stdout.strip() == "20000" and not done.stderr
