"""``pgtool query`` beside psql: the same bytes on standard output and standard error."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pgtool.cli.main import cli
from pgtool.cli.psql.scan import Met, Scanner, put_in
from tests.conftest import need
from tests.installs import client, run_as
from tests.servers import cluster

SQL = """
CREATE TABLE t (a int PRIMARY KEY, b text DEFAULT 'x', c numeric(10, 2) NOT NULL);
CREATE INDEX tb ON t (b); CREATE UNIQUE INDEX tc ON t (c);
CREATE VIEW v AS SELECT a FROM t; CREATE SEQUENCE sq;
CREATE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql AS 'select 1';
INSERT INTO t VALUES (1, 'a', 1.5), (2, NULL, -2);
CREATE TABLE p (a int REFERENCES t, b date) PARTITION BY RANGE (b);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE top (a int); CREATE TABLE child (x int) INHERITS (top);
CREATE RULE nothing AS ON INSERT TO top DO NOTHING; CREATE STATISTICS st (mcv) ON a, b FROM t;
CREATE POLICY po ON t AS RESTRICTIVE FOR UPDATE TO postgres USING (a > 1) WITH CHECK (a > 2);
CREATE PUBLICATION pub FOR TABLE t
"""
LONG = "x" * 70
STATEMENTS = [
    "select 1", "select 1 as a, 'x' as \"Ünï\"", "select 'a\nb' as x, 1.5 as y, null as z",
    "select '日本' as j, 12345678 as n union all select 'é', 1", "select", "select 1 where false",
    "select nope from t", "select 1 from", "select 'é' as \"ünüü\", fooo from t",
    "select 1+\n  nope, 2", f"select '{LONG}', nope, '{LONG}'", f"select nope, '{LONG}'",
    f"select '{LONG}', nope", "select 1/0", "select E'tab\\there' as \"a\nb\"",
    "select true, '{1,2}'::int[], 'x'::name", "begin; select 1; commit", "commit",
    "show work_mem", "set work_mem='1MB'", "set work_mem='x'", "select E'a\\rb', E'\\x01'",
    "select 1 as \"a\nbc\", 'x' as y", "select 'a\nbb' as \"long name\", 'c\nd\nf'",
    "values (1,'one'),(2,NULL),(-3,'three')", "select 1::oid, 1::money, '1'::xid",
    "select 1 as a; select 2 as b", "select '1'::int8 as \"bigint column here\"",
    "select * from t order by a", "prepare p(int) as select $1 + 1; execute p(2); deallocate p",
    "execute nope", "deallocate all", "reset all", "rollback", "select 'a,\"b', E'x\\ny'",
]  # fmt: skip
SWITCHES: list[list[str]] = [[], ["-x"], ["--csv"], ["-t"], ["-v", "VERBOSITY=verbose"]]
COMMANDS = ["\\dt", "\\di", "\\dv", "\\ds", "\\dn", "\\du", "\\l", "\\df", "\\d", "\\d v", "\\d tb",
            "\\d sq", "\\d t", "\\d p", "\\d p1", "\\d top", "\\d child", "\\d nope",
            "\\dt nope", "\\df f"]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """A running server and a copy of its files."""
    need(18)
    with cluster(18) as server:
        server.psql(SQL)
        server.stop()
        copy = tmp_path_factory.mktemp("query") / "data"
        shutil.copytree(server.data, copy)
        server.start()
        yield server, copy


def psql(server: Any, *args: str) -> tuple[str, str]:
    install, program = client("psql", 18)
    done = subprocess.run(
        [str(program), "-X", "-h", str(server.base), "-p", str(server.port), "-U", "postgres",
         "-d", "postgres", *args], env=install.env(), capture_output=True, cwd=server.base,
        check=False, **run_as())  # type: ignore[call-overload]
    errors = [line for line in done.stderr.decode().split("\n") if not line.startswith("LOCATION")]
    return done.stdout.decode(), "\n".join(errors)


def ours(copy: Path, *args: str, stdin: str | None = None) -> tuple[str, str, int]:
    result = CliRunner().invoke(cli, ["query", "-D", str(copy), *args], input=stdin,
                                standalone_mode=False)  # fmt: skip
    assert result.exception is None, result.exception
    return result.stdout, result.stderr, int(result.return_value or 0)


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda s: " ".join(s) or "plain")
def test_output_is_psqls(place: tuple[Any, Path], switch: list[str]) -> None:
    server, copy = place
    different = []
    for statement in STATEMENTS:
        expected = psql(server, *switch, "-c", statement)
        mine = ["--format", "csv"] if switch == ["--csv"] else switch
        found = ours(copy, *mine, "-c", statement)
        if found[:2] != expected:
            different.append(f"{statement}\n{expected}\n{found}")
        assert found[2] == (1 if "ERROR:" in expected[1] else 0)
    assert not different, "\n\n".join(different)


@pytest.mark.parametrize("command", COMMANDS)
def test_backslash_commands_are_psqls(place: tuple[Any, Path], command: str) -> None:
    server, copy = place
    assert ours(copy, "-c", command)[:2] == psql(server, "-c", command)


def test_json(place: tuple[Any, Path]) -> None:
    out, _err, _code = ours(place[1], "--format", "jsonl", "select a, b, c from t order by a")
    assert out == '{"a": 1, "b": "a", "c": 1.50}\n{"a": 2, "b": null, "c": -2.00}\n'
    out, _err, _code = ours(place[1], "--format", "json", "select 1 as x, '[1]'::json as j")
    assert '"columns": [{"name": "x", "type": "integer"}, {"name": "j", "type": "json"}]' in out


@pytest.mark.parametrize("fmt", ["arrow", "parquet"])
def test_arrow(place: tuple[Any, Path], tmp_path: Path, fmt: str) -> None:
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "out"
    ours(place[1], "--format", fmt, "-o", str(path), "select a, b from t order by a")
    if fmt == "parquet":
        from pyarrow import parquet

        table = parquet.read_table(path)
    else:
        table = pa.ipc.open_file(path).read_all()
    assert table.to_pylist() == [{"a": 1, "b": "a"}, {"a": 2, "b": None}]


def test_variables_and_scripts(place: tuple[Any, Path]) -> None:
    script = "select :x + 1 as \"x\";\nselect :'y' as y \\gx\nselect ':x', :\"x\" from t;\n"
    out, err, code = ours(place[1], "-q", "-v", "x=4", "-v", "y=it's", stdin=script)
    assert " x \n---\n 5\n(1 row)\n" in out
    assert "y | it's" in out
    assert 'column "4" does not exist' in err
    assert code == 1


def test_errors_of_scripts_name_the_line_where_a_statement_ends(place: tuple[Any, Path]) -> None:
    server, copy = place
    script = "select 1;\nselect a,\n  nosuch\nfrom t;\n\n-- so\nselect 1/0\n\\g\nselect\n x"
    (server.base / "script.sql").write_text(script)
    expected = psql(server, "-q", "-f", str(server.base / "script.sql"))[1]
    _out, err, _code = ours(copy, "-q", "-f", str(server.base / "script.sql"))
    assert err.replace("pgtool:", "psql:") == expected


def test_sleeping_ends_with_the_statement(place: tuple[Any, Path]) -> None:
    out, _err, _code = ours(place[1], "-t", "-c", "select pg_sleep(0.01)")
    assert out.strip() == ""
    _out, err, code = ours(place[1], "-c", "set statement_timeout = 50", "-c", "select pg_sleep(9)")
    assert code == 1 and err == "ERROR:  canceling statement due to statement timeout\n"


def test_read_only(place: tuple[Any, Path]) -> None:
    _out, err, code = ours(place[1], "--read-only", "delete from t")
    assert (err, code) == ("ERROR:  cannot execute DELETE in a read-only transaction\n", 1)


@pytest.mark.parametrize(("text", "statements"), [
    ("select 1; select 2;", ["select 1;", "select 2;"]),
    ("select ';'; select \";\";", ["select ';';", 'select ";";']),
    ("select $$;$$; select $a$;$$;$a$;", ["select $$;$$;", "select $a$;$$;$a$;"]),
    ("select E'\\';'; x;", ["select E'\\';';", "x;"]),
    ("select /* ; /* ; */ ; */ 1; -- ;\nselect 2", ["select /* ; /* ; */ ; */ 1;", "select 2"]),
    ("select (1;2);", ["select (1;2);"]),
    ("create function f() begin atomic select 1; select case when true then 1 end; end; x;",
     ["create function f() begin atomic select 1; select case when true then 1 end; end;", "x;"]),
])  # fmt: skip
def test_statements_are_split_as_psql_does(text: str, statements: list[str]) -> None:
    scanner = Scanner({})
    found = []
    for line in text.split("\n"):
        scanner.start(line)
        while scanner.scan() is Met.SEMICOLON:
            found.append(scanner.buffer)
            scanner.reset()
    assert found + [scanner.buffer][: bool(scanner.buffer)] == statements


def test_variables_outside_quotes_only() -> None:
    text = put_in("select :a, ':a', a::a, x[1:a], :'a', :\"a\", $$:a$$, :{?a} -- :a", {"a": "1"})
    assert text == "select 1, ':a', a::a, x[1:a], '1', \"1\", $$:a$$, TRUE -- :a".replace(
        "x[1:a]", "x[11]"
    )
