"""Connections of several threads on one directory: they take turns, and all of it is there."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pgtool
from tests.servers import Server

THREADS, ROWS = 4, 60


def test_threads_write_through_one_instance(make_cluster: Callable[..., Server]) -> None:
    server = make_cluster(18, conf={"fsync": "off", "autovacuum": "off"})
    server.psql("CREATE TABLE t (who int, n int, pad text, PRIMARY KEY (who, n))")
    server.stop()
    failures: list[BaseException] = []

    def work(who: int) -> None:
        try:
            with pgtool.connect(str(server.data), autocommit=True) as connection:
                cursor = connection.cursor()
                for n in range(ROWS):
                    cursor.execute("insert into t values (%s, %s, %s)", (who, n, "x" * n * 10))
                    if n % 10 == 9:
                        cursor.execute("select count(*), sum(n) from t where who = %s", (who,))
                        assert cursor.fetchone() == (n + 1, n * (n + 1) // 2)
                        cursor.execute("delete from t where who = %s and n = %s", (who, n))
                        cursor.execute("insert into t values (%s, %s, 'again')", (who, n))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(THREADS)]
    with pgtool.connect(str(server.data)) as first:
        first.cursor().execute("insert into t values (99, 0, 'keeps the instance open')")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, failures
    server.start()
    found = server.psql("SELECT who, count(*), sum(n) FROM t GROUP BY 1 ORDER BY 1").split()
    total = ROWS * (ROWS - 1) // 2
    assert found == [*(f"{who}|{ROWS}|{total}" for who in range(THREADS)), "99|1|0"]
    server.psql("CREATE EXTENSION amcheck")
    server.psql("SELECT bt_index_check('t_pkey', true)")


def test_a_savepoint_begins_a_transaction(make_cluster: Callable[..., Server]) -> None:
    server = make_cluster(18, conf={"fsync": "off"})
    server.psql("CREATE TABLE t (n int)")
    server.stop()
    with pgtool.connect(str(server.data)) as connection:
        connection.execute("savepoint s")
        connection.execute("insert into t values (1)")
        connection.execute("rollback to s")
        connection.execute("insert into t values (2)")
    server.start()
    assert server.psql("SELECT n FROM t").split() == ["2"]
