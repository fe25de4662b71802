"""A standby of the real server replays our WAL, page images compared; what is prepared stays."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable

import pytest

import pgtool
from pgtool.dbapi import Error
from tests.installs import run_as
from tests.servers import Server

Make = Callable[..., Server]
QUERY = "SELECT count(*), sum(a), sum(n) FROM b; SELECT count(*) FROM p"


def statements(rng: random.Random) -> list[str]:
    """DDL and DML, with commits and rollbacks among them."""
    out = ["create table b(id serial primary key, a int, t text, unique(a))", "commit",
           "insert into p values (4)", "commit"]  # fmt: skip
    for i in range(60):
        out.append(
            "insert into b(a,t) select g, repeat('z', g %% 50) "
            f"from generate_series({i * 10},{i * 10 + 30}) g on conflict do nothing"
        )
        out.append(rng.choice(["rollback", "commit", "commit", "savepoint s", "select 1"]))
        if i == 30:
            out += ["commit", "create table gone(i int)",
                    "insert into gone select generate_series(1,1000)", "commit", "drop table gone",
                    "alter table b add column n int default 5", "create index on b(t)",
                    "update b set t = t || 'x' where a %% 7 = 0", "truncate a",
                    "commit"]  # fmt: skip
    return [*out, "commit"]


def test_a_standby_replays_what_we_write(make_cluster: Make) -> None:
    server = make_cluster(
        18, initdb_args=("--wal-segsize=1",),
        conf={"fsync": "off", "autovacuum": "off", "wal_consistency_checking": "all",
              "min_wal_size": "2MB", "wal_keep_size": "300MB", "max_prepared_transactions": 5},
    )  # fmt: skip
    server.psql("CREATE TABLE a(id int primary key, v text); CREATE TABLE p(i int);"
                "INSERT INTO p VALUES (1), (2)")  # fmt: skip
    server.psql("BEGIN; SAVEPOINT x; INSERT INTO p VALUES (3); SAVEPOINT y;"
                "UPDATE p SET i = 10 WHERE i = 1; PREPARE TRANSACTION 'foo'")  # fmt: skip
    server.stop()
    standby = server.base / "standby"
    subprocess.run(["cp", "-a", str(server.data), str(standby)], check=True)
    with pgtool.connect(str(server.data), dbname="postgres") as connection:
        cursor = connection.cursor()
        for text in ("drop table p", "alter table p add column z int", "truncate p",
                     "update p set i = 11 where i = 1"):  # fmt: skip
            with pytest.raises(Error, match="could not obtain lock"):
                cursor.execute(text)
            connection.rollback()
        cursor.execute("select i from p order by 1")
        assert cursor.fetchall() == [(1,), (2,)]
        connection.rollback()
        for text in statements(random.Random(3)):
            if text in ("commit", "rollback"):
                getattr(connection, text)()
            else:
                cursor.execute(text, ())
    _follow(server, standby)
    server.psql("COMMIT PREPARED 'foo'")
    assert server.psql("SELECT i FROM p ORDER BY 1").split() == ["2", "3", "4", "10"]


def _follow(server: Server, standby: os.PathLike[str]) -> None:
    """Start both; the standby must come to show what its primary does."""
    with open(f"{standby}/postgresql.conf", "a") as conf:
        conf.write(f"restore_command = 'cp {server.data}/pg_wal/%f %p'\nhot_standby = on\n"
                   f"port = 5433\nunix_socket_directories = '{server.base}'\n")  # fmt: skip
    with open(f"{standby}/standby.signal", "w"):
        os.chmod(f"{standby}/standby.signal", 0o644)
    log = server.base / "standby.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [str(server.tool("postgres")), "-D", str(standby)], env=server.install.env(),
            stdout=out, stderr=out, cwd=server.base, start_new_session=True,
            **run_as())  # type: ignore[call-overload]
    try:
        server.start()
        wanted, found = server.psql(QUERY), ""
        for _ in range(100):
            done = subprocess.run(
                [str(server.tool("psql")), "-XAtq", "-h", str(server.base), "-p", "5433",
                 "-U", "postgres", "-c", QUERY], env=server.install.env(), check=False,
                capture_output=True, text=True, **run_as())  # type: ignore[call-overload]
            found = done.stdout
            if found == wanted:
                break
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.2)
        assert found == wanted, log.read_text()[-2000:]
    finally:
        process.terminate()
        process.wait()
    assert "inconsistent page" not in log.read_text()
