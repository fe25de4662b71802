"""INSERT, UPDATE, DELETE, constraints, transactions: a script run beside a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import need
from tests.dml_check import content, open_with, problems
from tests.dml_compare import differences
from tests.servers import cluster

HERE = Path(__file__).parent / "dml"


@pytest.mark.parametrize("points", [False, True], ids=["planned", "points"])
def test_script_as_the_server_does(tmp_path: Path, points: bool) -> None:
    """The same outcomes; then the server opens our files: nothing wrong, the same rows."""
    need(18)
    with cluster(18) as server:
        server.psql((HERE / "schema.sql").read_text())
        found = differences(server, (HERE / "script.sql").read_text(), tmp_path / "data",
                            points=points)  # fmt: skip
        assert not found, "\n".join(found)
        with server.connect() as connection:
            theirs = content(connection)
        before = len(server.log.read_text())
        open_with(server, tmp_path / "data")
        with server.connect() as connection:
            connection.autocommit = True
            assert content(connection) == theirs
            assert not problems(connection)
        said = server.log.read_text()[before:]
        assert "WARNING" not in said and "ERROR" not in said
