"""Functions over the catalogs whose answers are facts of a major or of stored statistics."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pgtool.functions import registry
from tests.conftest import need
from tests.differential.selects import both_sides, difference, ours, theirs
from tests.servers import cluster

#: Words of pg_get_keywords by major, as the servers count them.
WORDS = {14: 457, 15: 460, 16: 471, 17: 491, 18: 494}


def _call(major: int) -> Any:
    database: Any = SimpleNamespace(_statistics=({}, {}))
    session: Any = SimpleNamespace(settings=SimpleNamespace(major=major), database=database)
    return registry.Call((), 2249, 0, session)


@pytest.mark.parametrize("major", WORDS)
def test_keywords(major: int) -> None:
    """Every major has its own words, in order."""
    found = list(registry.find("pg_get_keywords").scalar(_call(major)))
    words = [row[0] for row in found]
    assert len(words) == WORDS[major] and words == sorted(words)
    assert ("select", "R", True, "reserved", "can be bare label") in found
    assert ("as", "R", False, "reserved", "requires AS") in found


@pytest.mark.parametrize(("major", "rows", "width"), [(16, 30, 18), (17, 35, 18), (18, 79, 20)])
def test_io_without_statistics(major: int, rows: int, width: int) -> None:
    """Without a statistics file everything that is counted is zero."""
    found = list(registry.find("pg_stat_get_io").scalar(_call(major)))
    assert len(found) == rows and {len(row) for row in found} == {width}
    assert {value for row in found for value in row[3:]} <= {0, None, 8192}


SETUP = """
CREATE SCHEMA s; CREATE TABLE s.t (a int PRIMARY KEY, b text DEFAULT 'x', c bool);
INSERT INTO s.t SELECT g, 'k' || g % 3, CASE WHEN g % 7 > 0 THEN g % 2 = 0 END
FROM generate_series(1, 500) g;
CREATE STATISTICS s.st (mcv) ON b, c FROM s.t; ANALYZE s.t;
CREATE DOMAIN s.d AS int CHECK (value > 0); CREATE VIEW s.v AS SELECT a FROM s.t;
CREATE PUBLICATION pub FOR TABLE s.t; CREATE POLICY pol ON s.t USING (true);
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO public;
CREATE FUNCTION s.f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE s.p (a int) PARTITION BY LIST (a);
CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES IN (1);
"""
_OBJECTS = """FROM (SELECT classid c, objid o, objsubid n FROM pg_depend
UNION SELECT 1255, oid, 0 FROM pg_proc UNION SELECT 1247, 99999999, 0) x"""
QUERIES = (
    f"SELECT c, o, n, pg_describe_object(c, o, n) {_OBJECTS}",
    f"SELECT c, o, n, i.* {_OBJECTS}, pg_identify_object(c, o, n) i",
    f"SELECT c, o, n, i.* {_OBJECTS}, pg_identify_object_as_address(c, o, n) i",
    "SELECT i.* FROM pg_statistic_ext_data, pg_mcv_list_items(stxdmcv) i",
    "SELECT * FROM pg_get_keywords()",
)
FIRST_OF_MANY = 16
SINCE_16 = ("SELECT * FROM pg_publication_tables",)


@pytest.mark.parametrize("major", [14, 17, 18])
def test_as_the_server(major: int, tmp_path: Path) -> None:
    """Descriptions, identities and lists are those of the server."""
    need(major)
    with cluster(major) as server:
        engine, connection = both_sides(server, tmp_path / "data", text=SETUP)
        for query in QUERIES + (SINCE_16 if major >= FIRST_OF_MANY else ()):
            found = difference(query, ours(engine, query), theirs(connection, query))
            assert found is None, (query, found)
