"""``pgtool age`` and ``pgtool bloat`` beside the server's age() and pgstattuple."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pgtool.cli.main import main
from pgtool.cli.monitoring import nagios
from pgtool.transam.limits import multixact_limits, xid_limits
from tests.servers import MissingServer, Server, cluster

SCHEMA = """
CREATE EXTENSION pgstattuple;
CREATE TABLE t AS SELECT g AS a, md5(g::text) AS b FROM generate_series(1, 6000) g;
CREATE INDEX t_btree ON t (a);
CREATE INDEX t_hash ON t USING hash (a);
CREATE INDEX t_gist ON t USING gist (point(a, a));
CREATE INDEX t_gin ON t USING gin (string_to_array(b, 'a'));
CREATE TABLE empty (a int);
CREATE TABLE wide AS SELECT repeat(md5(g::text), 200) AS b FROM generate_series(1, 50) g;
DELETE FROM t WHERE a % 3 = 0;
UPDATE t SET b = 'x' WHERE a % 7 = 0;
BEGIN;
INSERT INTO t SELECT g, 'p' FROM generate_series(1, 500) g;
DELETE FROM t WHERE a % 11 = 0;
PREPARE TRANSACTION 'pending';
DELETE FROM t WHERE a BETWEEN 100 AND 2000 AND a % 11 <> 0;
SET enable_seqscan = off;
SELECT count(*) FROM t WHERE a < 2000;
"""
QUERY = (
    "SELECT c.oid::regclass, s.* FROM pg_class c, LATERAL pgstattuple(c.oid) s"
    " WHERE c.relkind IN ('r', 'i', 't') AND c.relnamespace = 'public'::regnamespace"
    " AND c.relname <> 't_gin'"
)


@pytest.fixture(scope="module")
def seen() -> Iterator[tuple[Path, dict[str, list[float]], dict[str, list[int]]]]:
    """(directory, pgstattuple by relation, ages by database) of a server that was stopped."""
    try:
        with cluster(18, conf={"max_prepared_transactions": 5}) as server:
            yield _prepare(server)
    except MissingServer as missing:
        pytest.skip(str(missing))


def _prepare(server: Server) -> tuple[Path, dict[str, list[float]], dict[str, list[int]]]:
    server.psql(SCHEMA)
    space = [line.split("|") for line in server.psql(QUERY).splitlines()]
    ages = server.psql("SELECT datname, age(datfrozenxid), mxid_age(datminmxid) FROM pg_database")
    server.stop()
    return (
        server.data,
        {row[0]: [float(x) for x in row[1:]] for row in space},
        {n: [int(a), int(m)] for n, a, m in (line.split("|") for line in ages.splitlines())},
    )


class Done(NamedTuple):
    """How a command ended and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


def _run(*args: str) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), \
            pytest.raises(SystemExit) as stop:
        main(list(args))
    return Done(int(stop.value.code or 0), out.getvalue(), err.getvalue())


def _rows(*args: str) -> list[dict[str, object]]:
    result = _run(*args, "--format", "jsonl")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_bloat_is_what_pgstattuple_says(seen: tuple[Path, dict[str, list[float]], object]) -> None:
    directory, wanted, _ = seen
    got = {
        str(row.pop("name")).removeprefix("public."): row
        for row in _rows("bloat", "-D", str(directory))
    }
    for name, numbers in wanted.items():
        row = got[name]
        row.pop("kind")
        assert list(row.values()) == numbers, name
    assert "t_gin" not in got


def test_bloat_says_what_it_leaves_out(seen: tuple[Path, object, object]) -> None:
    result = _run("bloat", "-D", str(seen[0]), "-t", "t_gin")
    assert result.exit_code == 0
    assert 'left out: space of index "t_gin" (gin)' in result.stderr


def test_bloat_thresholds(seen: tuple[Path, object, object]) -> None:
    directory = str(seen[0])
    result = _run("bloat", "-D", directory, "-t", "t", "--warn", "10", "--format", "nagios")
    assert result.exit_code == 1
    assert re.fullmatch(r"BLOAT WARNING: public\.t \| 'public\.t'=\d+\n", result.stdout)
    quiet = _run("bloat", "-D", directory, "-q", "--warn", "100")
    assert quiet == (0, "", "")


def test_ages_are_the_servers(seen: tuple[Path, object, dict[str, list[int]]]) -> None:
    directory, _, wanted = seen
    rows = _rows("age", "-D", str(directory))
    # The shutdown itself assigns nothing, so the ages are still the same.
    assert {row["name"]: [row["age"], row["mxid_age"]] for row in rows} == wanted
    late = _run("age", "-D", str(directory), "--warn", "1")
    assert late.exit_code == 2
    tables = _rows("age", "-D", str(directory), "-d", "postgres", "-n", "5")
    assert len(tables) == 5


def test_nagios_error_is_unknown(tmp_path: Path) -> None:
    result = _run("age", "-D", str(tmp_path), "--format", "nagios")
    assert result.exit_code == 3
    assert result.stdout.startswith("UNKNOWN: ")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("wrong", [
    ("-D", "/nowhere/at|all"), ("-D", "/", "--warn", "much"), ("-D", "/", "--no-such"), ("-D", "/"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["age", "bloat"])
def test_nagios_is_told_of_every_mistake(command: str, wrong: tuple[str, ...]) -> None:
    for form in (("--format", "nagios"), ("--format=nagios",)):
        result = _run(command, *wrong, *form)
        assert result.exit_code == 3 and not result.stderr
        assert re.fullmatch(r"UNKNOWN: [^|\n]+\n", result.stdout)
    assert _run(command, *wrong).exit_code == 1


def test_labels_keep_their_form() -> None:
    out = io.StringIO()
    assert nagios("X", 1, "a|b", [("d|b='x y", 3), ("db", 4)], out) == 1
    assert out.getvalue() == "X WARNING: a/b | 'd/b_''x y'=3 db=4\n"


def test_prometheus_form(seen: tuple[Path, object, object]) -> None:
    result = _run("age", "-D", str(seen[0]), "--format", "prometheus")
    assert result.exit_code == 0
    for line in result.stdout.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+\{database="\w+"\} -?\d+', line), line


@pytest.mark.parametrize("oldest", [3, 4, 1000, 2**31 - 5, 2**31 + 2, 2**32 - 1])
def test_limits_stand_in_order_on_the_circle(oldest: int) -> None:
    for limits in (xid_limits(oldest, 200_000_000), multixact_limits(oldest, 400_000_000)):
        left = limits.distances(oldest)
        assert left.oldest == 0
        assert 0 < left.vacuum < left.warn < left.stop < left.wrap <= 2**31 + 2
        assert left.wrap - left.stop in range(3_000_000, 3_000_004)
