"""``pgtool query`` beside psql: the same bytes on standard output and standard error."""

from __future__ import annotations

import shutil
import subprocess
import sys
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

ROOT = Path(__file__).parent.parent
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
#: Backslash commands; those of a line run in one session.
COMMANDS = r"""
\dt;\di;\dv;\ds;\dn;\du;\l;\df;\d;\d v;\d tb;\d sq;\d t;\d p;\d p1;\d top;\d child;\d nope;\dt nope
\d+;\d+ t;\d+ p1;\d+ top;\d+ v;\d+ tb;\dtS+ pg_am;\dix t*;\df f;\df+ f;\du+;\dn+;\dp;\dT int
\dD;\df f int;\da;\dA+;\dAo btree oid*;\db;\dC bool;\dd;\ddp;\dF+ simple;\dFp+;\dL+
\drds;\do = int4 int4;\dO+;\dPn;\drg;\dRp+;\dRs+;\dX;\dy;\dconfig work_mem
\sf+ f;\sv v;\dt a.b.c.d;\dfoo;\pset;\x;\d t;\dt t
"""
#: Scripts on standard input, each beside psql with the switches before it.
SCRIPTS: list[tuple[list[str], str]] = [
    ([], "\\set a 'it''s' x\n\\echo :a :'a' :\"a\" :{?a} :{?b} 'q\\'\\t' \"d e\" `echo f`\n"
     "\\set q 'select 1; select'\n:q 2;\nselect :'a', ':a', $$:a$$, :b;\n\\unset a\n\\echo :a\n"),
    ([], "select 1 as a, null as b \\gset p_\n\\echo :p_a :p_b\nselect 1 where false \\gset\n"
     "select 1 as a \\gx\nselect 2\n\\g\n\\g (format=unaligned) | cat\nselect a, c from t \\gdesc\n"
     "select 'select ' || a from t order by a \\gexec\nselect 1/0;\n"
     "\\echo :ERROR :SQLSTATE :ROW_COUNT :LAST_ERROR_MESSAGE\n"),
    ([], "\\if false\n\\echo no\nselect 1/0;\n\\elif 1\nselect 1 \\else 2 \\endif\n as x;\n"
     "\\if maybe\n\\else\n\\echo yes\n\\endif\n\\endif\n\\else\n\\if true\n"),
    ([], "select 1\n\\p\n\\r\nselect 2 \\; select 3;\n\\qecho q\n\\warn w\n\\foo\n\\i nofile\n"
     "select 4; \\echo x \\\\ select 5;\n\\pset border 2\n\\pset format x\n\\x auto\n\\t 1\n\\a\n"),
    ([], "begin;\nselect 1/0;\nselect 2;\n\\dt\nrollback;\n\\set ON_ERROR_ROLLBACK 1\n"
     "begin;\nselect 1/0;\nselect 2;\ncommit;\n"
     "\\set AUTOCOMMIT off\nselect 3;\nrollback;\nrollback;\n"),
    ([], "\\o | cat\nselect 1;\n\\o\n\\copy t (a) to stdout\n\\copy (select 1) to program 'cat'\n"
     "copy t (a) to stdout \\g | cat\n\\! exit 3\n\\echo :SHELL_EXIT_CODE\n\\timing x\n"
     "select 1 as v, 2 as h, 'a' as c \\crosstabview\nselect 'open\n"),
    (["-a"], "select 1;\n\\echo x\n"), (["-e"], "select\n1;\n"), (["-b"], "select nope;\n"),
    (["-v", "ON_ERROR_STOP=1"], "select 1;\nselect 1/0;\nselect 2;\n"),
]  # fmt: skip
FORMS: list[list[str]] = [
    ["-A"], ["-A", "-x"], ["-A", "-t", "-F", ";"], ["-H"], ["--csv", "-x"], ["-P", "border=0"],
    ["-x", "-P", "border=2"], ["-P", "linestyle=unicode", "-P", "border=2"],
    ["-x", "-P", "linestyle=old-ascii"], ["-P", "format=wrapped", "-P", "columns=30"],
    ["-x", "-P", "format=wrapped", "-P", "columns=30"], ["-P", "format=asciidoc"],
    ["-P", "numericlocale=on", "-P", "null=-"], ["-P", "expanded=auto", "-P", "columns=20"],
]  # fmt: skip


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


def psql(server: Any, *args: str, stdin: str | None = None) -> tuple[str, str]:
    install, program = client("psql", 18)
    done = subprocess.run(
        [str(program), "-X", "-h", str(server.base), "-p", str(server.port), "-U", "postgres",
         "-d", "postgres", *args], env=install.env(), capture_output=True, cwd=server.base,
        input=None if stdin is None else stdin.encode(), check=False, **run_as())  # type: ignore[call-overload]
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


@pytest.mark.parametrize("line", COMMANDS.split("\n")[1:-1], ids=lambda line: line[:12])
def test_backslash_commands_are_psqls(place: tuple[Any, Path], line: str) -> None:
    server, copy = place
    commands = [part for command in line.split(";") for part in ("-c", command)]
    out, err, _code = ours(copy, *commands)
    expected, errors = psql(server, *commands)
    assert out.split("\n") == expected.split("\n")
    assert err == errors


def test_scripts_are_psqls(place: tuple[Any, Path]) -> None:
    """Variables, buffers, conditions, output: what psql does with the same input."""
    server, copy = place
    different = []
    for switches, script in SCRIPTS:
        expected = psql(server, *switches, stdin=script)
        shell = "| cat" in script
        found = _process(copy, switches, script) if shell else ours(
            copy, *switches, stdin=script)[:2]
        if found != expected:
            different.append(f"{script}\n{expected}\n{found}")
    assert not different, "\n\n".join(different)


def _process(copy: Path, switches: list[str], script: str) -> tuple[str, str]:
    """In a process of its own, for what shell commands print."""
    done = subprocess.run(
        [sys.executable, "-m", "pgtool", "query", "-D", str(copy), *switches], input=script,
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    return done.stdout, done.stderr


def test_forms_are_psqls(place: tuple[Any, Path]) -> None:
    server, copy = place
    queries = ["select 'a\nb ccccc dddd' as \"x\ny\", '日本|\"' as z, 12345.5 as n, null as w, "
               "repeat('word ', 6) as l union all select '', 'é', -1, 'q', 'z'",
               "select 1 where false"]  # fmt: skip
    commands = [part for query in queries for part in ("-c", query)]
    for form in FORMS:
        assert ours(copy, *form, *commands)[:2] == psql(server, *form, *commands), form


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
