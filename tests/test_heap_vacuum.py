"""VACUUM of a heap beside the server's: the same pages, the same records, the same maps."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from tests.servers import Server
from tests.test_heapam import Twins, rows, server

pytestmark = pytest.mark.server
__all__ = ["server"]


def both(twins: Twins, sql: str) -> None:
    """A statement on both tables by the server."""
    for name in ("ours", "theirs"):
        twins.server.psql(sql.replace("{}", name))


def vacuum(twins: Twins, options: str) -> None:
    """The server vacuums its table, we ours."""
    server = twins.server
    server.psql("CHECKPOINT")  # as before ours: pages whose image is due are frozen with it
    server.psql(f"VACUUM {options} theirs")
    server.stop()
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "query", "-q", "-D", str(server.data), "-c",
         f"VACUUM {options} ours"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode and not done.stderr, done.stderr
    server.start()


def fill(twins: Twins) -> None:
    rng = random.Random(11)
    values = ", ".join(
        "(" + ", ".join("NULL" if v is None else f"'{v}'" for v in row) + ")"
        for row in rows(rng, 0, 500)
    )
    both(twins, f"INSERT INTO {{}} VALUES {values}")
    both(twins, "UPDATE {} SET v = repeat('u', k % 200) WHERE k % 3 = 0")
    both(twins, "DELETE FROM {} WHERE k % 5 = 0")
    both(twins, "BEGIN; DELETE FROM {} WHERE k % 7 = 0; ROLLBACK")
    both(twins, "BEGIN; UPDATE {} SET n = 0 WHERE k % 11 = 0; SAVEPOINT s; "
                "UPDATE {} SET n = 1 WHERE k % 22 = 0; ROLLBACK TO s; COMMIT")  # fmt: skip
    both(twins, "BEGIN; SELECT FROM {} WHERE k % 13 = 0 FOR UPDATE; SAVEPOINT s; "
                "UPDATE {} SET n = 5 WHERE k % 26 = 0; COMMIT")  # fmt: skip


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("options", ["", "(FREEZE)"])
def test_beside_the_server(server: Server, options: str, indexed: bool) -> None:
    twins = Twins(server)
    if indexed:
        both(twins, "CREATE INDEX ON {} (k)")
    fill(twins)
    vacuum(twins, options)
    twins.compare()
    twins.compare_records()
    both(twins, "DELETE FROM {} WHERE k > 200")
    vacuum(twins, options)
    twins.compare()
    twins.compare_records()


def test_multixacts(server: Server) -> None:
    """Rows that prepared transactions hold while others update and lock them too."""
    twins = Twins(server)
    both(twins, "CREATE UNIQUE INDEX ON {} (k)")
    twins.target.hot_attrs = twins.target.key_attrs = frozenset({1})
    fill(twins)
    both(twins, "VACUUM FREEZE {}")
    both(twins, "BEGIN; SELECT FROM {} WHERE k % 4 = 0 FOR KEY SHARE; "
                "PREPARE TRANSACTION 'held {}'")  # fmt: skip
    both(twins, "UPDATE {} SET n = 9 WHERE k % 8 = 0")
    both(twins, "BEGIN; SELECT FROM {} WHERE k % 12 = 0 FOR KEY SHARE; COMMIT")
    both(twins, "BEGIN; UPDATE {} SET n = 10 WHERE k % 16 = 0; ROLLBACK")
    vacuum(twins, "(FREEZE)")
    twins.compare()
    both(twins, "COMMIT PREPARED 'held {}'")
    vacuum(twins, "(FREEZE)")
    twins.compare()
    assert server.psql("SELECT count(*) FROM ours WHERE n = 9").strip() != "0"
