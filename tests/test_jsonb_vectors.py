"""Operators of jsonb with a constant over a column: the same answers as one by one."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pgtool.functions import registry
from pgtool.functions.registry import Call
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.info import Settings
from pgtool.types.json import parse_json
from pgtool.types.jsonb import pack_jsonb
from pgtool.types.jsonpath_in import parse_jsonpath
from pgtool.types.vector_jsonb_read import read_jsonb

SETTINGS = Settings()
#: The C collation needs no catalogs.
SESSION = SimpleNamespace(settings=SETTINGS, _collation_keys={100: None})
CALL = Call((), 0, 950, SESSION)
LEAVES = ["1", "1.0", "-2.50", "0", "100000000000000000000", "true", "false", "null", '""',
          '"x"', '"xy"', "7", "7.25"]  # fmt: skip
CONTAINED = ['{"a": 1}', '{"a": -2.5}', '{"a": "x"}', '{"a": null}', '{"a": {"b": 7}}', "{}",
             '{"a": true, "b": 1}', '{"a": [1]}', '{"a": {}}', '{"b": []}']  # fmt: skip
EQUAL = ['{"a": 1}', "1", '"x"', "null", "true", "[]", "{}", "-2.5", "[1, 1]"]
PATHS = ["$.a", "$.a.b", '$.a ? (@ > 0.5)', '$.a ? (@ == "x")', '$.a ? (@.b >= 1)', "$.b.a",
         '$.a ? (@ != "x")', "$.a ? (@ <= 7.001)", "$.a ? (@ < -1e30)"]  # fmt: skip
MATCHES = ["$.a > 0", "$.a == 1", '$.a == "x"', "$.a.b != 7", "$.a <= 7.1", '$.b != "xy"',
           "$.a >= -2.5", "$.a < 1e25"]  # fmt: skip


def document(rng: random.Random, depth: int = 0) -> str:
    kind = rng.randrange(3 if depth > 2 else 9)
    if kind < 3:
        return rng.choice(LEAVES)
    if kind == 3:
        return "[" + ", ".join(document(rng, depth + 1) for _ in range(rng.randrange(3))) + "]"
    keys = rng.sample(["a", "b", "long key"], rng.randrange(4))
    return "{" + ", ".join(f'"{key}": {document(rng, depth + 1)}' for key in keys) + "}"


def packed(text: str) -> bytes:
    return pack_jsonb(parse_json(text.encode(), SETTINGS, unescape=True))


@pytest.fixture(scope="module")
def data() -> list[bytes]:
    registry.load()
    rng = random.Random(12)
    return [packed(document(rng)) for _ in range(1500)]


def check(data: list[bytes], name: str, datum: bytes, value: Any) -> None:
    one, shape = VarColumn.of([datum]), (len(data),)
    constant = VarColumn(one.buffer, np.broadcast_to(one.start, shape),
                         np.broadcast_to(one.length, shape))  # fmt: skip
    found = registry.VECTORS[name](
        *([CALL] if name in registry.VECTOR_CALLS else []), VarColumn.of(list(data)), constant
    )
    assert found is not NotImplemented
    if isinstance(found, VarColumn):
        got = [found.datum(i) for i in range(len(data))]
    elif isinstance(found, FixedColumn) and found.valid is not None:
        got = [v if ok else None for v, ok in zip(found.values.tolist(), found.valid.tolist())]
    else:
        got = (found.values if isinstance(found, FixedColumn) else found).tolist()
    built = registry.BUILTINS[name]
    wanted = [built.scalar(*([CALL] if built.call else []), d, value) for d in data]
    assert got == wanted


@pytest.mark.parametrize("text", CONTAINED)
def test_containment(data: list[bytes], text: str) -> None:
    check(data, "jsonb_contains", packed(text), packed(text))


@pytest.mark.parametrize("text", EQUAL)
def test_equality(data: list[bytes], text: str) -> None:
    check(data, "jsonb_eq", packed(text), packed(text))
    check(data, "jsonb_ne", packed(text), packed(text))


@pytest.mark.parametrize("key", ["a", "long key", "x", ""])
def test_members(data: list[bytes], key: str) -> None:
    check(data, "jsonb_exists", key.encode(), key)
    check(data, "jsonb_object_field", key.encode(), key)


@pytest.mark.parametrize("path", PATHS)
def test_paths(data: list[bytes], path: str) -> None:
    datum = parse_jsonpath(path.encode(), SETTINGS.encoding, SETTINGS.major)
    check(data, "jsonb_path_exists_opr", datum, datum)


@pytest.mark.parametrize("path", MATCHES)
def test_matches(data: list[bytes], path: str) -> None:
    datum = parse_jsonpath(path.encode(), SETTINGS.encoding, SETTINGS.major)
    check(data, "jsonb_path_match_opr", datum, datum)


@pytest.mark.parametrize("kind", ["int2", "int4", "int8", "numeric"])
def test_casts(kind: str) -> None:
    registry.load()
    texts = ["1", "-5", "0", "32767", "10000"]
    cast = registry.VECTORS[f"jsonb_{kind}"]
    found = cast(VarColumn.of([packed(t) for t in texts]))
    if kind != "numeric":
        assert found.tolist() == [int(t) for t in texts]
    for other in ('"x"', "[1]", "null", "{}", "true"):
        assert cast(VarColumn.of([packed("1"), packed(other)])) is NotImplemented


def test_types(data: list[bytes]) -> None:
    found = registry.VECTORS["jsonb_typeof"](VarColumn.of(list(data)))
    scalar = registry.BUILTINS["jsonb_typeof"].scalar
    assert [found.datum(i).decode() for i in range(len(data))] == [scalar(d) for d in data]


def spelled(rng: random.Random, depth: int = 0) -> str:
    """JSON in odd forms, some of them wrong."""
    space = rng.choice(["", "", "", " ", "\n\t", "\r"])
    kind = rng.randrange(4 if depth > 4 else 8)
    if kind == 0:
        digits = str(rng.randrange(10 ** rng.randrange(1, 20)))
        decimals = f".{rng.randrange(10 ** rng.randrange(1, 8))}"
        tail = rng.choice(["", "", decimals, ".500", "e2", "."])
        return rng.choice(["", "-"]) + digits + tail + space
    if kind == 1:
        return rng.choice(["0", "-0", "0.00", "-0.010", "01", "10000", "true", "false", "null",
                           "nul"])  # fmt: skip
    if kind in (2, 3):
        parts = ["a", "key", "é", "\\n", '\\"', "\\\\", "\\/", "\\u0041", "x" * 90, "\\b",
                 "\\f\\r\\t"]  # fmt: skip
        parts.append(rng.choice(["b", "b", "b", "\\x", "\x01", '"']))
        return space + '"' + "".join(rng.choices(parts, k=rng.randrange(4))) + '"'
    count = rng.choice([0, 1, 2, 3, 3, 40 if depth < 2 else 4])
    items = [spelled(rng, depth + 1) for _ in range(count)]
    if kind < 6:
        return "[" + space + ",".join(items) + rng.choice(["]"] * 30 + [",]"])
    named = ['"a"', '"b"', '"aa"', '""', '"é"', '"\\n"']
    keys = [rng.choice([*named, f'"{n}"']) for n in range(count)]
    return "{" + ",".join(f"{k}{space}:{item}" for k, item in zip(keys, items)) + space + "}"


@pytest.mark.parametrize("seed", range(3))
def test_text_read_at_once(seed: int) -> None:
    """The loop (run as Python where it is not compiled) beside the input function."""
    rng = random.Random(seed)
    texts = [spelled(rng) for _ in range(700)]
    texts += [text[: rng.randrange(len(text) + 1)] for text in texts[:200]]
    texts += ["", " ", "[[]", "[" * 70 + "]" * 70, "[" * 60 + "]" * 60, '{"a":{"a":[{}]}}']
    made, good = read_jsonb(VarColumn.of([*(text.encode() for text in texts), None]))
    assert 300 < good.sum() < len(texts) and not good[-1]
    for row in np.flatnonzero(good).tolist():
        assert made.datum(row) == packed(texts[row]), texts[row]
