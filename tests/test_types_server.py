"""Every built-in type against live servers of 14 to 18: stored bytes, text, wire form, input."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from pgtool.errors import CorruptData, SqlError, Unsupported
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.encoding import encoding_by_name
from pgtool.types.info import Settings
from pgtool.types.registry import TypeRegistry
from pgtool.types.vector import text_column, wire_column
from tests.types_cases import CASES, SETUP, SINCE
from tests.types_inputs import INPUTS
from tests.types_oracle import ServerLookups, Stored, stored

pytestmark = pytest.mark.server
DB = "types"


class Bench:
    """A database with the test's types, and a table for each SQL type, filled with its cases."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.major = server.major
        server.psql(f"DROP DATABASE IF EXISTS {DB}")
        server.psql('DROP ROLE IF EXISTS "we ird"')
        server.psql(f"CREATE DATABASE {DB}")
        server.psql(SETUP, DB)
        self.conn = server.connect(DB)
        self.conn.prepare_threshold = None
        self.lookups = ServerLookups(server.connect(DB))
        self.tables: dict[str, Stored] = {}
        for number, (name, literals) in enumerate(CASES.items()):
            self.fill(f"t{number}", name, literals)
        self.conn.execute("CHECKPOINT")
        for number, name in enumerate(CASES):
            self.tables[name] = stored(server, f"t{number}", DB)

    def fill(self, table: str, name: str, literals: list[str]) -> None:
        self.conn.execute(f"CREATE TABLE {table} (i int, v {name})")
        for i, literal in enumerate(literals):
            if SINCE.get((name, literal), 0) > self.major:
                continue
            try:
                if literal.startswith("sql:"):
                    self.conn.execute(f"INSERT INTO {table} SELECT {i}, {literal[4:]}")
                else:
                    self.conn.execute(f"INSERT INTO {table} VALUES ({i}, %s)", [literal])
            except (psycopg.errors.FeatureNotSupported, psycopg.errors.IntervalFieldOverflow):
                pass  # no libxml; a limit that an older major has

    def registry(self, **settings: Any) -> TypeRegistry:
        return TypeRegistry(Settings(major=self.major, **settings), self.lookups)

    def answers(self, number: int, *, binary: bool) -> list[bytes | None]:
        cur = self.conn.cursor(binary=binary)
        cur.execute(f"SELECT v FROM t{number} ORDER BY ctid")
        result = cur.pgresult
        return [result.get_value(i, 0) for i in range(result.ntuples)]

    def close(self) -> None:
        self.conn.close()
        self.lookups.conn.close()
        self.server.psql(f"DROP DATABASE {DB}")
        self.server.psql('DROP ROLE IF EXISTS "we ird"')


@pytest.fixture(scope="module", params=[14, 15, 16, 17, 18])
def bench(request: pytest.FixtureRequest, shared_server: Callable[[int], Any]) -> Iterator[Bench]:
    made = Bench(shared_server(request.param))
    yield made
    made.close()


def _datums(bench: Bench, name: str) -> list[bytes | None]:
    return [row[1] for row in bench.tables[name].rows]


def test_text_and_wire(bench: Bench) -> None:
    registry = bench.registry(timezone="UTC")
    for number, name in enumerate(CASES):
        io = registry.io_of(bench.tables[name].columns[1][1])
        datums = _datums(bench, name)
        texts = bench.answers(number, binary=False)
        assert [None if d is None else io.text(d) for d in datums] == texts, name
        try:
            wires = bench.answers(number, binary=True)
        except psycopg.errors.UndefinedFunction:
            continue  # aclitem has none
        assert [None if d is None else io.send(d) for d in datums] == wires, name
        for datum in datums:
            if datum is not None:
                io.to_python(datum)


STYLES: list[tuple[dict[str, Any], list[str]]] = [
    ({"date_style": style, "date_order": order, "timezone": zone}, [
        f"SET datestyle = '{style}, {order}'", f"SET timezone = '{zone}'"])
    for style, order, zone in [
        ("ISO", "DMY", "America/New_York"), ("SQL", "DMY", "Asia/Kolkata"),
        ("SQL", "MDY", "Europe/Berlin"), ("Postgres", "DMY", "Australia/Lord_Howe"),
        ("Postgres", "MDY", "America/St_Johns"), ("German", "YMD", "Africa/Monrovia"),
        ("ISO", "YMD", "Europe/Dublin"), ("Postgres", "YMD", "Pacific/Apia"),
    ]
]  # fmt: skip
STYLES += [
    ({"interval_style": style}, [f"SET intervalstyle = {style}"])
    for style in ("postgres_verbose", "sql_standard", "iso_8601")
]
STYLES += [
    ({"bytea_output": "escape", "extra_float_digits": digits}, [
        "SET bytea_output = escape", f"SET extra_float_digits = {digits}"])
    for digits in (0, -5, -15, 3)
]  # fmt: skip
STYLED = ("date", "timestamp", "timestamptz", "timetz", "tstzrange", "timestamptz[]", "interval",
          "bytea", "float8", "float4", "point", "bytea[]")  # fmt: skip


def test_text_under_other_settings(bench: Bench) -> None:
    names = list(CASES)
    for ours, theirs in STYLES:
        registry = bench.registry(**{"timezone": "UTC", **ours})
        for sql in theirs:
            bench.conn.execute(sql)
        for name in STYLED:
            io = registry.io_of(bench.tables[name].columns[1][1])
            texts = bench.answers(names.index(name), binary=False)
            datums = [d for d in _datums(bench, name) if d is not None]
            assert [io.text(d) for d in datums] == texts, (name, ours)
        bench.conn.execute("RESET ALL")


def test_vectorised_equals_scalar(bench: Bench) -> None:
    for settings in ({"timezone": "America/New_York"}, {"date_style": "German"}):
        registry = bench.registry(**settings)
        for name in CASES:
            io = registry.io_of(bench.tables[name].columns[1][1])
            datums = [*_datums(bench, name), None]
            column = _column(io.info.typlen, datums)
            texts = text_column(registry, io.info.oid, column).tolist()
            assert texts == [b"" if d is None else io.text(d) for d in datums], name
            if io.info.typoutput in ("aclitemout", "regtypeout"):
                continue
            try:
                wires = wire_column(registry, io.info.oid, column).tolist()
            except (Unsupported, SqlError):
                continue
            assert wires == [b"" if d is None else io.send(d) for d in datums], name


_KINDS = {"int2": "<i2", "int4": "<i4", "int8": "<i8", "float4": "<f4", "float8": "<f8",
          "date": "<i4", "time": "<i8", "timestamp": "<i8", "timestamptz": "<i8"}  # fmt: skip


def _column(typlen: int, datums: list[bytes | None], kind: str = "") -> FixedColumn | VarColumn:
    import numpy as np

    if typlen < 0:
        return VarColumn.of(datums)
    raw = b"".join(d if d is not None else bytes(typlen) for d in datums)
    valid = np.array([d is not None for d in datums])
    dtype = {1: "u1", 2: "<i2", 4: "<i4", 8: "<i8"}.get(typlen, f"V{typlen}")
    return FixedColumn(np.frombuffer(raw, kind or dtype), valid)


NOT_BACK = {"xml", "regproc", "regoper", "pairrange"}


def test_input_gives_the_stored_bytes(bench: Bench) -> None:
    registry = bench.registry(timezone="UTC")
    for number, name in enumerate(CASES):
        if name in NOT_BACK:
            continue
        _name, oid, typmod = bench.tables[name].columns[1]
        io = registry.io_of(oid)
        texts = bench.answers(number, binary=False)
        wires: list[bytes | None] = []
        if name not in ("aclitem", "aclitem[]"):
            wires = bench.answers(number, binary=True)
        for i, (datum, text) in enumerate(zip(_datums(bench, name), texts)):
            if text is None or datum is None or text.startswith(b"99999="):
                continue
            assert _same(io.input(text, typmod), datum), (name, text)
            if wires:
                assert _same(io.receive(wires[i] or b"", typmod), datum), (name, text)


def _same(ours: bytes, theirs: bytes) -> bool:
    """Equal, but for the parts of a row value's header that mean nothing."""
    if ours == theirs or len(ours) != len(theirs):
        return ours == theirs
    spots = [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    return b"\xff\xff\xff\xff" in ours and all(
        ours[i] in (0, 0xFF, 2, 3, 4, 1) for i in spots
    )


def test_odd_input(bench: Bench) -> None:
    """What the server makes of a text, or says against it, word for word."""
    if bench.major != 18:
        pytest.skip("the wording of 18")
    bench.conn.execute("SET timezone = 'America/New_York'")
    registry = bench.registry(timezone="America/New_York")
    for name, texts in INPUTS.items():
        bench.conn.execute(f"DROP TABLE IF EXISTS odd; CREATE TABLE odd (i int, v {name})")
        expected: dict[int, object] = {}
        for i, text in enumerate(texts):
            try:
                with bench.conn.cursor().copy("COPY odd FROM STDIN (FORMAT csv)") as copy:
                    copy.write(f'{i},"{text.replace(chr(34), chr(34) * 2)}"\n'.encode())
            except psycopg.Error as error:
                d = error.diag
                expected[i] = (d.sqlstate, d.message_primary, d.message_detail, d.message_hint)
        found = stored(bench.server, "odd", DB)
        for row in found.rows:
            assert row[0] is not None
            expected[int.from_bytes(row[0], "little")] = row[1]
        io = registry.io_of(found.columns[1][1])
        for i, text in enumerate(texts):
            try:
                ours: object = io.input(text, found.columns[1][2])
            except SqlError as error:
                ours = (error.sqlstate, error.message, error.detail, error.hint)
            if text != "a.b.c.d":
                assert ours == expected[i], (name, text)
    bench.conn.execute("RESET ALL")


def test_damage_is_named(bench: Bench) -> None:
    """Flipped bits and cut values give text or CorruptData, never anything else."""
    import random

    rng = random.Random(bench.major)
    registry = bench.registry(timezone="Europe/Berlin")
    for name in CASES:
        io = registry.io_of(bench.tables[name].columns[1][1])
        datums = [d for d in _datums(bench, name) if d]
        for _ in range(60 if bench.major == 18 else 15):
            data = bytearray(rng.choice(datums)) if datums else bytearray(8)
            for _flip in range(rng.randint(1, 3)):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            cut = len(data) if rng.random() < 0.6 else rng.randint(0, len(data))
            for decode in (io.text, io.output, io.send, io.to_python):
                with contextlib.suppress(CorruptData, Unsupported, SqlError):
                    decode(bytes(data[:cut]))


BULK = {
    "timestamptz": "to_timestamp(random() * 8e9 - 5e9)",
    "timestamp": "timestamp '2000-01-01' + (random() - 0.5) * interval '300000 days'",
    "date": "date '2000-01-01' + ((random() - 0.5) * 2000000)::int",
    "float8": "(random() - 0.5) * power(10::float8, (random() * 600 - 300)::int)",
    "float4": "((random() - 0.5) * power(10::float8, (random() * 70 - 35)::int))::float4",
    "numeric": "(random() - 0.5)::numeric * power(10::numeric, (random() * 60 - 30)::int)",
    "interval": "make_interval((random() * 20 - 10)::int, (random() * 20 - 10)::int, 0,"
    " (random() * 60 - 30)::int, (random() * 50 - 25)::int, 0, random() * 60 - 30)",
    "jsonb": "jsonb_build_object('a', random(), 'b', array[g, g + 1], 'c', jsonb_build_object("
    "'x', repeat('ab', g % 7), 'y', null, 'z', g % 2 = 0), 'd\"q', 'e' || chr(9) || g)",
    "money": "((random() - 0.5) * 1e9)::numeric::money",
    "uuid": "gen_random_uuid()",
}
ZONES = ("America/New_York", "Europe/London", "Asia/Tehran", "America/St_Johns", "Pacific/Apia",
         "Europe/Dublin", "Antarctica/Troll", "America/Sao_Paulo")  # fmt: skip


def test_random_columns(bench: Bench) -> None:
    """Many random values at once, in several time zones, there and back."""
    rows = 1500 if bench.major == 18 else 300
    bench.conn.execute("SELECT setseed(0.42)")
    for name, expression in BULK.items():
        bench.conn.execute(f"DROP TABLE IF EXISTS bulk; CREATE TABLE bulk (v {name})")
        bench.conn.execute(
            f"INSERT INTO bulk SELECT {expression} FROM generate_series(1, {rows}) g"
        )
        found = stored(bench.server, "bulk", DB)
        datums = [row[0] for row in found.rows]
        for zone in ZONES if name == "timestamptz" else ("UTC",):
            bench.conn.execute(f"SET timezone = '{zone}'")
            registry = bench.registry(timezone=zone)
            cur = bench.conn.cursor()
            cur.execute("SELECT v FROM bulk ORDER BY ctid")
            texts = [cur.pgresult.get_value(i, 0) for i in range(cur.pgresult.ntuples)]
            io = registry.io_of(found.columns[0][1])
            column = _column(io.info.typlen, datums)
            assert text_column(registry, io.info.oid, column).tolist() == texts, (name, zone)
            assert [io.input(text) for text in texts[:300]] == datums[:300], (name, zone)
    bench.conn.execute("RESET ALL")


ENCODED = {
    "text": ["Grüße", "Привет", "日本語テキスト", "ｶﾅ", "ñandú €", 'über\\"{},(', "plain"],
    "varchar(5)": ["Grüße", "日本語テ", "Привет", "äöüÄÖ"],
    "char(6)": ["日本", "Пр", "äö"],
    "jsonb": ['{"Пр":"日本","ä":"\\u00e4"}', '"\\u65e5"', '["\\u041f"]', '{"ä":[1,"ö"]}'],
    "text[]": ['{日本,Пр,ä," "}', "{ä,ö}"],
    "tsvector": ["'日本':1 ä:2 'Пр'", "ä:1"],
    "name": ["ä" * 40, "日" * 30, "П" * 50],
}


@pytest.mark.parametrize("name", ["LATIN1", "EUC_JP", "SQL_ASCII", "WIN1251", "KOI8R", "EUC_KR"])
def test_other_encodings(name: str, shared_server: Callable[[int], Any]) -> None:
    server = shared_server(18)
    db = "types_" + name.lower()
    server.psql(
        f"CREATE DATABASE {db} ENCODING '{name}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    registry = TypeRegistry(Settings(encoding=encoding_by_name(name)))
    with server.connect(db) as conn:
        conn.prepare_threshold = None
        seen = 0
        for sql_type, texts in ENCODED.items():
            conn.execute("SET client_encoding = 'UTF8'")
            conn.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (v {sql_type})")
            kept = []
            for text in texts:
                with contextlib.suppress(psycopg.Error):
                    with conn.cursor().copy("COPY t FROM STDIN") as copy:
                        copy.write(text.replace("\\", "\\\\").encode() + b"\n")
                    kept.append(text)
            found = stored(server, "t", db)
            conn.execute(f"SET client_encoding = '{name}'")
            cur = conn.cursor()
            cur.execute("SELECT v FROM t ORDER BY ctid")
            shown = [cur.pgresult.get_value(i, 0) for i in range(cur.pgresult.ntuples)]
            io = registry.io_of(found.columns[0][1])
            for row, raw, text in zip(found.rows, shown, kept):
                assert row[0] is not None
                assert io.text(row[0]) == raw
                assert io.input(raw, found.columns[0][2]) == row[0]
                if name != "SQL_ASCII":
                    assert io.input(text, found.columns[0][2]) == row[0]
                seen += 1
    server.psql(f"DROP DATABASE {db}")
    assert seen >= 3
