"""Statements that write, define and copy: a client is told the same as by a real server.

Afterwards the catalogs are alike, the server opens our files, finds nothing wrong with them and
has the same rows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.functions.session import Session
from tests.catalog_dump import difference, dump
from tests.conftest import need
from tests.dml_check import content, open_with, problems
from tests.servers import cluster
from tests.statement_compare import differences, read_script

SCRIPTS = sorted((Path(__file__).parent / "statements").glob("*.sql"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_client_is_told_the_same(tmp_path: Path, script: Path) -> None:
    need(18)
    ours = tmp_path / "data"
    with cluster(18) as server:
        server.psql("CREATE ROLE r1; CREATE ROLE r2 SUPERUSER")
        found = differences(server, read_script(script), ours)
        assert not found, "\n".join(found)
        with server.connect() as connection:
            theirs = content(connection)
        server.stop()
        sides = [Session.open(Cluster(str(root)), "postgres") for root in (server.data, ours)]
        assert not difference(*(dump(session.cache) for session in sides))
        open_with(server, ours)
        with server.connect() as connection:
            connection.autocommit = True
            assert content(connection) == theirs
            assert not problems(connection)
