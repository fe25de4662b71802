"""COPY FROM and TO beside a real server: the same data in, the same rows, bytes and errors out."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.commands.copy import quickread
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from pgtool.types import digit_read
from pgtool.types.column import VarColumn
from pgtool.types.info import Settings
from pgtool.types.registry import TypeRegistry
from tests.conftest import need
from tests.servers import cluster

REGISTRY = TypeRegistry(Settings())
SCHEMA = """
create table c (a int, b text, d date, f float8, n numeric(10,2), ts timestamp, bo bool default true);
create table k (id int primary key, v varchar(5) not null default 'dflt', g int generated always as (id * 2) stored, s serial);
create domain pos as int check (value > 0);
create table dm (p pos, t timestamptz, u uuid, arr int[]);
create table nu (n numeric);
create table p (a int, b text) partition by list (a);
create table p1 partition of p for values in (1); create table p2 partition of p for values in (2);
"""  # noqa: E501
CASES: list[tuple[str, bytes]] = [
    ("copy c from stdin", b"1\tone\t2024-02-29\t1.5\t3.456\t2024-01-01 10:11:12.5\tt\n"
     b"2\t\\N\t\\N\t\\N\t\\N\t\\N\tf\n3\ta\\tb\\\\c\\x41\\101\t1999-12-31\t-1e10\t0.1\t"
     b"2000-01-01\tno\n"),
    ("copy c (a, b) from stdin (format csv)", b'4,"quo""ted"\n5,\n6,""\n7,"multi\nline"\n'
     b'8,a"b"c\n'),
    ("copy c (a, b) from stdin (format csv, delimiter ';', quote '''', escape '\\', null 'NUL')",
     b"9;'it\\'s'\n10;NUL\n11;'NUL'\n"),
    ("copy c (a, b) from stdin (delimiter '|', null '')", b"12|x\n13|\n14|\\\n-\n"),
    ("copy c (b, a) from stdin", b"x\t15\r\ny\t16\r\n"),
    ("copy c (a) from stdin", b"  17 \n-18\n+19\n2147483647\n"),
    ("copy c (a) from stdin", b"2147483648\n"), ("copy c (a) from stdin", b"\n"),
    ("copy c (a, b) from stdin", b"8\tx\n9\n"), ("copy c (a, b) from stdin", b"8\tx\n9\ty\tz\n"),
    ("copy c (a, b) from stdin", b"8\tx\nabc\ty\n"),
    # The first row with anything wrong is told; keys are looked at by the thousand.
    ("copy c (a, d) from stdin", b"8\t2023-02-29\nx\t2024-01-01\n"),
    ("copy c (a, d) from stdin", b"x\n"), ("copy c (a, d) from stdin", b"x\t1\t2\n"),
    ("copy c (a, d) from stdin", b"8\tx\n9\n"),
    ("copy dm (u, p) from stdin", b"\\N\t0\nx\t1\n"), ("copy dm (t, p) from stdin", b"x\n"),
    ("copy k (id, v) from stdin", b"70\t\\N\nx\ty\n"),
    ("copy k (id, v) from stdin", b"71\ta\n71\tb\nx\ty\n"),
    ("copy k (id, v) from stdin", b"71\ta\n71\tb\n72\t\\N\n"),
    ("copy c (a, b) from stdin (default 'D')", b"8\tx\nD\t9\ny\tz\n"),
    ("copy c (a, d) from stdin", b"8\t2023-02-29\n"), ("copy c (n) from stdin", b"123456789.1\n"),
    ("copy c (a, b) from stdin", b"1\tok\n2\t\xff\xfe\n"),
    ("copy c (a, b) from stdin (on_error ignore)", b"20\tx\nabc\ty\n21\tq\n"),
    ("copy c (a, b) from stdin (format csv, header match)", b"a,b\n22,x\n"),
    ("copy c (a, b) from stdin (format csv, header match)", b"a,c\n23,x\n"),
    ("copy c (a, b) from stdin (format csv, header)", b"whatever\n24,x\n"),
    ("copy c (a, b) from stdin where a > 25 and b <> 'z'", b"25\tx\n26\ty\n27\tz\n"),
    ("copy c (a, b) from stdin (default 'D', format csv)", b"28,D\nD,x\n"),
    ("copy c (a, bo) from stdin (default 'DD')", b"29\tDD\n30\tf\n"),
    ("copy c (a, b) from stdin (format csv)", b'31,"open\n'),
    ("copy c (a, b, d) from stdin (format csv, force_null (b), force_not_null (b))",
     b'32,,\n33,"",\n34,x,\n'),
    ("copy c (a, b, d) from stdin (format csv, force_null (b, d))", b'35,"",""\n36,,\n37,y,""\n'),
    ("copy c (a, b, d) from stdin (format csv, force_not_null (b), null 'N')",
     b'38,N,N\n39,"N",N\n40,"q""N",N\n'),
    ("copy c (a, b, d) from stdin (format csv, force_not_null (b), escape '!')",
     b'41,,\n42,"!"",",\n'),
    ("copy c (a, d) from stdin (format csv, force_not_null *)", b'43,\n'),
    ("copy c (a, b) from stdin (format csv, force_null (d))", b'44,x\n'),
    ("copy c (n) from stdin", b"1\n-2.5\n.5\n1.\n-0\n0.005\n-0.004999\n99999999.994\n1e3\n 7 \n"
     b"NaN\n\\N\n000012.3\n+4\n10000.00\n0.0001\n-12345678.905\n"),
    ("copy c (n) from stdin", b"5\n99999999.995\n"),
    ("copy nu from stdin", b"1\n10000\n-0.00\n12.3400\n0.0000000000000001\n123456789012345678\n"
     b"99999999.99999999\n1234567890123456789.5\n-100000000\n5e-3\n\\N\n00.50\n.\n"),
    ("copy nu from stdin", b"1\n10000\n-0.00\n12.3400\n0.0000000000000001\n123456789012345678\n"
     b"99999999.99999999\n1234567890123456789.5\n-100000000\n5e-3\n\\N\n00.50\n0.00000001\n"),
    ("copy dm (t, u) from stdin", b"2024-02-29 23:59:59.123456+00\t\\N\n2024-01-01 00:00:00-08\t"
     b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n2024-01-01 10:00+05:30\t"
     b"A0EEBC999C0B4EF8BB6D6BB9BD380A11\ninfinity\t\\N\n"
     b"0999-12-31 01:02:03+02\tFFFFFFFF-ffff-4ef8-bb6d-6bb9bd380a11\n"),
    ("copy dm (u) from stdin", b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g\n"),
    ("copy k (id, v) from stdin", "50\täöü\n51\täöüß!\n52\tabc    \n".encode()),
    ("copy k (id, v) from stdin", "53\täöüß!!\n".encode()),
    ("copy c (f) from stdin", b"1\n-2.5\n.5\n1.\n-.25\n123456789012345\n1234567890123456.75\n1e3\n"
     b"-0\n0.1\nNaN\n-inf\n3.14159265358979\n0.00000000000001\n -7.5 \n"),
    ("copy c (f) from stdin", b"1.5\n-\n"), ("copy c (f) from stdin", b"1.5.5\n"),
    ("copy k (id, v) from stdin", b"1\tabc\n2\tde\n"), ("copy k (id) from stdin", b"3\n4\n"),
    ("copy k (id, v) from stdin", b"5\tx\n1\ty\n"), ("copy k (id, v) from stdin", b"6\t\\N\n"),
    ("copy k (id, v) from stdin", b"7\ttoolong\n"), ("copy k (id, g) from stdin", b"7\t1\n"),
    ("copy dm from stdin", b"1\t2024-01-01 00:00:00+02\ta0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\t"
     b"{1,2,NULL}\n"),
    ("copy dm (p) from stdin", b"5\n-1\n"),
    ("copy p from stdin", b"1\tx\n2\ty\n1\tz\n"), ("copy p from stdin", b"3\tx\n"),
    ("copy c (nosuch) from stdin", b"1\n"), ("copy nosuch from stdin", b"1\n"),
    ("copy c from stdin (format nosuch)", b""), ("copy c from stdin (quote 'x')", b""),
    ("copy c from stdin (delimiter 'ab')", b""), ("copy c from stdin (delimiter 'a')", b""),
    ("copy c from stdin (format csv, force_quote *)", b""),
    ("copy c from stdin (format csv, delimiter ',', quote ',')", b""),
    ("copy c from stdin (format binary, header)", b""),
    ("copy c from stdin (null 'x', null 'y')", b""),
]  # fmt: skip
OUT = [
    "copy c to stdout", "copy c to stdout (format csv, header)",
    "copy c (a, b) to stdout (delimiter '|', null 'NUL')", "copy k to stdout (format binary)",
    "copy (select a, b from c order by a) to stdout (format csv, force_quote *, quote '''')",
    "copy (select a, b from c order by a) to stdout (format csv, force_quote (b), header)",
    "copy p to stdout", "copy (select 1 as x, 'a,b') to stdout with csv header",
    "copy dm to stdout", "copy nu to stdout", "copy nu to stdout (format binary)",
    "copy (delete from c where a = 24 returning a, b) to stdout", "copy c to stdout (freeze)",
    # Values in parentheses, and a star, where an option takes a text.
    "copy (select 1, 2) to stdout (delimiter *)", "copy (select 1, 2) to stdout (format (csv))",
    "copy c to stdout (null (zz))", "copy c to stdout (delimiter (a, b))",
    "copy c to stdout (header (match), format csv)", "copy c to stdout (header *)",
]  # fmt: skip


def _told(error: Any) -> tuple[Any, ...]:
    if isinstance(error, SqlError):
        return error.sqlstate, error.message, error.detail, error.hint, error.context
    diag = error.diag
    return (diag.sqlstate, diag.message_primary, diag.message_detail, diag.message_hint,
            diag.context)  # fmt: skip


def _ours(engine: Engine, statement: str, data: bytes | None) -> Any:
    engine.copy_in = lambda: iter([data or b""])
    try:
        for outcome in engine.run(statement):
            if outcome.copy_out is not None:
                return b"".join(outcome.copy_out)
            return outcome.count
    except SqlError as error:
        return _told(error)


def _theirs(connection: Any, statement: str, data: bytes | None) -> Any:
    try:
        with connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                if data is None:
                    return b"".join(bytes(piece) for piece in copy)
                copy.write(data)
            return cursor.rowcount
    except psycopg.Error as error:
        return _told(error)


def test_copy_as_the_server_does(tmp_path: Path) -> None:
    need(18)
    with cluster(18) as server:
        server.psql(SCHEMA)
        server.stop()
        shutil.copytree(server.data, tmp_path / "data")
        server.start()
        engine = Engine(Session.open(Cluster(str(tmp_path / "data")), "postgres"))
        wrong = []
        with server.connect() as connection:
            connection.autocommit = True
            for statement, data in [*CASES, *[(one, None) for one in OUT]]:
                mine = _ours(engine, statement, data)
                real = _theirs(connection, statement, data)
                if mine != real:
                    wrong.append(f"{statement}\n  ours:   {mine!r}\n  server: {real!r}")
        engine.close()
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("compiled", [True, False])
def test_read_at_once_as_one_by_one(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops (run as Python where they are not compiled), the numpy way, and input itself."""
    monkeypatch.setattr(digit_read, "COMPILED", compiled)
    rng = random.Random(5)
    texts = ["", "-", "0", "-0", "00", "+1", "1.", ".5", "-.5", "1..2", "1.2.3", "1e5", "0.0", "x",
             "-32768", "32768", "2147483647", "2147483648", "-2147483648", "999999999999999999",
             "9223372036854775807", "0.0001", "10000", "100000000", "0.00010000", "-00012.500",
             " 1", "1 ", "--1", "99999999.99", "-99999999.995", "123456789.12", "0x10", "1e-7",
             "1e400", "4.9e-324", "-1.7976931348623157E+308", "9007199254740993", "0.1e+2", "1e",
             "123456789012345.678e-20", "nan", "é", "two words"]  # fmt: skip
    for _ in range(600):
        digits = "".join(rng.choices("0000123456789", k=rng.randrange(1, 20)))
        at = rng.randrange(len(digits) + 1)
        texts.append(rng.choice(["", "-"]) + digits[:at] + rng.choice(["", ".", "."]) + digits[at:])
    column = VarColumn.of([text.encode() for text in texts] + [None])
    for name, oid, typmod in (("int2out", 21, -1), ("int4out", 23, -1), ("int8out", 20, -1),
                              ("numeric_out", 1700, -1), ("numeric_out", 1700, 10 << 16 | 6),
                              ("float8out", 701, -1), ("bpcharout", 1042, 24)):  # fmt: skip
        io = REGISTRY.io_of(oid)
        read = quickread.reader(name, typmod)
        assert read is not None
        made, rest = read(column)
        left = set(rest.tolist())
        assert len(left) < len(texts) - 20 and len(texts) not in left
        for row, text in enumerate(texts):
            if row not in left:
                assert made.datum(row) == io.input(text, typmod), (name, typmod, text)
