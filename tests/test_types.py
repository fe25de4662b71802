"""The built-in types without a server: values that PostgreSQL 18 stored, and what it showed.

``types_known.json`` holds, for each SQL type, [stored bytes, text, wire form] as an 18
with TimeZone America/New_York gave them. The live comparison with all majors is in
`test_types_server`.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import random
import uuid
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from pgtool.errors import CorruptData, SqlError, Unsupported
from pgtool.types import digit_walk, float_walk, vector_floats, vector_jsonb
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.encoding import ENCODINGS, UTF8, encoding_by_id, encoding_by_name
from pgtool.types.floats import float4_text, float8_text
from pgtool.types.info import Settings, TypeInfo
from pgtool.types.registry import BUILTINS, TypeRegistry
from pgtool.types.vector import text_column, wire_column
from pgtool.types.vector_floats import vectorised_text as float_vectorised
from pgtool.types.vector_floats import walked_text as float_walked
from pgtool.types.vector_jsonb import templated_text, walked_text

KNOWN = json.loads((Path(__file__).parent / "types_known.json").read_text())
EDITS = b"0123456789:.,-+{}[]()\"'\\ aEx"
REGISTRY = TypeRegistry(Settings(timezone="America/New_York"))


@pytest.mark.parametrize("name", KNOWN)
def test_known_values(name: str) -> None:
    entry = KNOWN[name]
    io = REGISTRY.io_of(entry["oid"])
    for stored, text, wire in entry["rows"]:
        datum = bytes.fromhex(stored)
        assert io.output(datum) == text
        assert io.send(datum).hex() == wire
        assert io.input(text, entry["typmod"]) == datum
        assert io.receive(bytes.fromhex(wire), entry["typmod"]) == datum


@pytest.mark.parametrize("name", KNOWN)
def test_known_values_as_columns(name: str) -> None:
    entry = KNOWN[name]
    oid = entry["oid"]
    info = REGISTRY.info(oid)
    data = [bytes.fromhex(row[0]) for row in entry["rows"]] + [None]
    if info.typlen < 0:
        column: FixedColumn | VarColumn = VarColumn.of(data)
    else:
        raw = b"".join(d if d is not None else bytes(info.typlen) for d in data)
        valid = np.array([d is not None for d in data])
        column = FixedColumn(np.frombuffer(raw, f"V{info.typlen}"), valid)
    texts = text_column(REGISTRY, oid, column).tolist()
    assert [t.decode() for t in texts] == [row[1] for row in entry["rows"]] + [""]
    wires = wire_column(REGISTRY, oid, column).tolist()
    assert [w.hex() for w in wires] == [row[2] for row in entry["rows"]] + [""]


@pytest.mark.parametrize("name", KNOWN)
def test_any_bytes_are_text_or_damage(name: str) -> None:
    rng = random.Random(name)
    io = REGISTRY.io_of(KNOWN[name]["oid"])
    data = [bytes.fromhex(row[0]) for row in KNOWN[name]["rows"]]
    for _ in range(150):
        blob = bytearray(rng.choice(data) or rng.randbytes(8))
        for _flip in range(rng.randint(1, 4)):
            blob[rng.randrange(len(blob))] = rng.randrange(256)
        for decode in (io.text, io.output, io.send, io.to_python):
            with contextlib.suppress(CorruptData, Unsupported):
                decode(bytes(blob[: rng.randint(0, len(blob))] if rng.random() < 0.3 else blob))


@pytest.mark.parametrize("name", KNOWN)
def test_any_text_is_a_value_or_refused(name: str) -> None:
    rng = random.Random(name)
    io = REGISTRY.io_of(KNOWN[name]["oid"])
    texts = [row[1].encode() for row in KNOWN[name]["rows"]]
    for _ in range(150):
        text = bytearray(rng.choice(texts) or b"x")
        for _edit in range(rng.randint(1, 3)):
            at = rng.randrange(len(text))
            text[at : at + rng.randint(0, 1)] = bytes([rng.choice(EDITS)])
            if not text:
                text += b"0"
        try:
            datum = io.input(bytes(text))
        except (SqlError, Unsupported):
            continue
        io.text(datum)
        wire = io.send(datum)
        try:
            io.receive(wire)
            io.receive(wire[: rng.randint(0, len(wire))])
        except (SqlError, Unsupported):
            pass


def test_python_values() -> None:
    def value(name: str, text: str) -> object:
        io = REGISTRY.by_name(name)
        return io.to_python(io.input(text))

    assert value("int4", "-7") == -7
    assert value("numeric", "1.50") == Decimal("1.50")
    assert value("bool", "t") is True
    assert value("date", "2024-02-29") == datetime.date(2024, 2, 29)
    assert value("date", "0044-03-15 BC") == "0044-03-15 BC"
    assert value("timestamptz", "2024-07-01 12:00+00") == datetime.datetime(
        2024, 7, 1, 12, tzinfo=datetime.UTC
    )
    assert value("interval", "1 day 2 hours") == datetime.timedelta(days=1, hours=2)
    assert value("interval", "1 mon") == "1 mon"
    assert value("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11") == uuid.UUID(
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    )
    assert value("jsonb", '{"a": [1, 2.5, null, "x"]}') == {"a": [1, Decimal("2.5"), None, "x"]}
    assert value("_int4", "{{1,NULL},{3,4}}") == [[1, None], [3, 4]]
    assert value("bytea", "\\xdead") == b"\xde\xad"


def test_unknown_types_are_hexadecimal() -> None:
    class Extension:
        def __getattr__(self, name: str) -> object:
            return lambda *args: None

        def type_info(self, oid: int) -> TypeInfo:
            return TypeInfo(oid, "isbn", "ext", typoutput="isn_out")

    io = TypeRegistry(Settings(), Extension()).io_of(70000)  # type: ignore[arg-type]
    assert io.output(b"\x01\xff") == "ext.isbn:\\x01ff"
    assert io.input("ext.isbn:\\x01ff") == b"\x01\xff"


def test_every_builtin_type_has_an_implementation() -> None:
    from pgtool.types.bootstrap import builtin_types

    pseudo = set()
    for major in (14, 18):
        for info in builtin_types(major).values():
            io_class = TypeRegistry.io_class(info)
            assert issubclass(io_class, object)
            if io_class.__name__ == "Hexed":
                pseudo.add((info.name, info.typtype))
    assert {kind for _name, kind in pseudo} <= {"p"} or not {
        name for name, kind in pseudo if kind != "p"
    } - {"gtsvector"}
    for place in BUILTINS.values():
        assert place


def test_encodings() -> None:
    assert encoding_by_id(6) is UTF8 and encoding_by_name("utf-8") is UTF8
    assert encoding_by_name("latin1").decode(b"\xe9") == "é"
    with pytest.raises(Unsupported):
        encoding_by_id(99)
    for encoding in ENCODINGS:
        assert encoding.encode(encoding.decode(b"plain ASCII")) == b"plain ASCII"
        assert encoding.encode(encoding.decode(b"\xff\xfe")) == b"\xff\xfe"
    japanese = encoding_by_name("EUC_JP")
    text = japanese.encode("日本語ab")
    assert japanese.count(text) == 5 and japanese.head(text, 2) == japanese.encode("日本")
    assert UTF8.clip("日本語".encode(), 7) == "日本".encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e23, "1e+23"), (9.5367431640625e-7, "9.5367431640625e-07"), (1e15, "1e+15"), (-0.0, "-0"),
     (123456789012345.0, "123456789012345"), (0.0001, "0.0001"), (0.00001, "1e-05")],
)  # fmt: skip
def test_float8_text(value: float, text: str) -> None:
    assert float8_text(value) == (text if value != 1e23 else "9.999999999999999e+22")


@pytest.mark.parametrize("way", [float_walked, float_vectorised])
def test_float_columns_agree_with_the_scalar_code(
    way: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_floats, "float_text", way)
    rng = np.random.default_rng(7)
    n = 4000 if way is float_vectorised or float_walk.COMPILED else 800
    doubles = [
        rng.integers(0, 1 << 63, n).view("<f8"), np.round(rng.random(n) * 1000, 2),
        rng.random(n) * 10.0 ** rng.integers(-20, 20, n), 2.0 ** rng.integers(-1000, 1000, n),
        rng.integers(1, 10**6, n) * 10.0 ** rng.integers(15, 30, n),
    ]  # fmt: skip
    for values in doubles:
        got = text_column(REGISTRY, 701, FixedColumn(values)).tolist()
        assert got == [float8_text(v).encode() for v in values.tolist()]
    for single in (rng.integers(0, 1 << 32, n, dtype="<u4").view("<f4"), rng.random(n, "<f4")):
        got = text_column(REGISTRY, 700, FixedColumn(single)).tolist()
        assert got == [float4_text(v).encode() for v in single.tolist()]


def test_integer_columns_agree_with_python() -> None:
    rng = np.random.default_rng(3)
    for code, oid in (("<i2", 21), ("<i4", 23), ("<i8", 20), ("<u4", 26)):
        info = np.iinfo(code)
        values = rng.integers(info.min, info.max, 3000, dtype=code, endpoint=True)
        values >>= rng.integers(0, info.bits, 3000).astype(code)
        values[:3] = [info.min, info.max, 0]
        got = text_column(REGISTRY, oid, FixedColumn(values)).tolist()
        assert got == [str(v).encode() for v in values.tolist()]


def _random_json(rng: random.Random, depth: int = 0) -> object:
    kind = rng.random()
    if depth > 4 or kind < 0.3:
        return rng.choice(["x", "", "é日本", 'a"b', "c\\d", "n\nl", "k" * rng.randint(0, 80)])
    if kind < 0.6:
        return rng.choice([0, -1, 1.5, 100000, 123456789012, 1e30, True, False, None])
    size = rng.choice([0, 1, 2, 3, 40])
    if kind < 0.8:
        return [_random_json(rng, depth + 1) for _ in range(size if depth < 2 else 2)]
    keys = {rng.choice("abcdefgh") * rng.randint(0, 5) for _ in range(size)}
    return {key: _random_json(rng, depth + 1) for key in keys}


@pytest.mark.parametrize("way", [walked_text, templated_text])
def test_jsonb_columns_agree_with_the_scalar_code(
    way: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_jsonb, "jsonb_text", way)
    rng = random.Random(11)
    io = REGISTRY.by_name("jsonb")
    data: list[bytes | None] = [io.input(json.dumps(_random_json(rng))) for _ in range(400)]
    data += [None, io.input("[" * 60 + "]" * 60)]
    got = text_column(REGISTRY, 3802, VarColumn.of(data)).tolist()
    assert got == [b"" if d is None else io.text(d) for d in data]
    for _ in range(400):
        blob = bytearray(rng.choice(data) or b"")
        if not blob:
            continue
        for _flip in range(rng.randint(1, 3)):
            blob[rng.randrange(len(blob))] ^= 1 << rng.randrange(8)
        column = VarColumn.of([data[0], bytes(blob), data[1]])
        try:
            expected: bytes | None = io.text(bytes(blob))
        except CorruptData:
            expected = None
        if expected is None:
            with pytest.raises(CorruptData):
                text_column(REGISTRY, 3802, column)
        else:
            assert text_column(REGISTRY, 3802, column).tolist()[1] == expected


@pytest.mark.parametrize("name", KNOWN)
def test_damaged_columns_agree_with_the_scalar_code(name: str) -> None:
    rng = random.Random(name)
    oid = KNOWN[name]["oid"]
    io = REGISTRY.io_of(oid)
    good = [bytes.fromhex(row[0]) for row in KNOWN[name]["rows"]]
    for _ in range(60):
        blob = bytearray(rng.choice(good) or b"\0")
        for _flip in range(rng.randint(1, 3)):
            blob[rng.randrange(len(blob))] ^= 1 << rng.randrange(8)
        if io.info.typlen < 0:
            cut = rng.randint(0, len(blob)) if rng.random() < 0.3 else len(blob)
            data = [good[0], bytes(blob[:cut]), good[-1]]
            column: FixedColumn | VarColumn = VarColumn.of(list(data))
        else:
            data = [good[0], bytes(blob), good[-1]]
            column = FixedColumn(np.frombuffer(b"".join(data), f"V{io.info.typlen}"))
        for scalar, vectorised in ((io.text, text_column), (io.send, wire_column)):
            try:
                expected = [scalar(datum) for datum in data]
            except CorruptData:
                with pytest.raises(CorruptData):
                    vectorised(REGISTRY, oid, column)
                continue
            assert vectorised(REGISTRY, oid, column).tolist() == expected


@pytest.mark.parametrize("compiled", [True, False])
def test_digit_columns_agree_with_the_scalar_code(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loops (run as Python where they are not compiled) and the numpy way."""
    monkeypatch.setattr(digit_walk, "COMPILED", compiled)
    rng = random.Random(11)
    edges = [0, 1, -1, 9, 10, -10, 9999, 10000, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]
    numbers = edges + [rng.randrange(-(10**k), 10**k) for k in range(1, 19) for _ in range(20)]
    shown = [str(number).encode() for number in numbers]
    assert text_column(REGISTRY, 20, FixedColumn(np.array(numbers, "<i8"))).tolist() == shown
    unsigned = np.array([0, 2**64 - 1, 5, 2**63], "<u8")
    assert text_column(REGISTRY, 5069, FixedColumn(unsigned)).tolist()[1] == str(2**64 - 1).encode()
    numeric = REGISTRY.io_of(1700)
    texts = ["0", "-0.00", "NaN", "Infinity", "-Infinity", "1e40", "0.00001234", "-12.5000"]
    texts += [
        f"{rng.choice('- ')}{rng.randrange(10 ** rng.randrange(1, 33))}"
        f".{rng.randrange(10**9):0{rng.randrange(9, 22)}}".strip() for _ in range(300)
    ]  # fmt: skip
    data = [numeric.input(text) for text in texts]
    column = VarColumn.of([*data, None])
    assert text_column(REGISTRY, 1700, column).tolist() == [*map(numeric.text, data), b""]
    raw = np.frombuffer(rng.randbytes(1600), "V16")
    assert text_column(REGISTRY, 2950, FixedColumn(raw)).tolist() == [
        str(uuid.UUID(bytes=value.tobytes())).encode() for value in raw
    ]
    stamp = REGISTRY.io_of(1114)
    last = 252_455_616_000_000_000
    stamps = [0, -1, 1, 10**6, -(10**6), -63_082_281_600_000_000, last - 1, 13_046_399_999_990_000]
    stamps += [rng.randrange(-63 * 10**15, 252 * 10**15) for _ in range(300)]
    values = np.array(stamps, "<i8")
    assert text_column(REGISTRY, 1114, FixedColumn(values)).tolist() == [
        stamp.text(value.tobytes()) for value in values
    ]
