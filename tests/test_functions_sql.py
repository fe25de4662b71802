"""Dates, times and json in whole statements: the same rows as the server, or the same error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import need
from tests.differential.functions import open_session
from tests.servers import cluster
from tests.test_sqlfunc import ours, theirs

HERE = Path(__file__).parent / "timejson"
ZONE = "Europe/Berlin"


@pytest.mark.server
def test_statements_answer_as_the_servers() -> None:
    need(18)
    with cluster(18) as server:
        server.psql((HERE / "schema.sql").read_text())
        server.psql("CHECKPOINT")
        session = open_session(str(server.data), "postgres")
        session.set("timezone", ZONE)
        differ = []
        with server.connect() as connection:
            connection.execute(f"SET timezone = '{ZONE}'")
            for statement in (HERE / "queries.sql").read_text().splitlines():
                expected, found = theirs(connection, statement), ours(session, statement)
                if found != expected:
                    differ.append(f"{statement}\n  server {expected}\n  ours   {found}")
    assert not differ, f"{len(differ)} differ:\n" + "\n".join(differ[:20])
