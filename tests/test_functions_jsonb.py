"""``jsonb ->> key`` over a column: the same answers as one by one."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgtool.functions import registry
from pgtool.functions.registry import Call
from pgtool.types.column import VarColumn
from pgtool.types.info import Settings
from pgtool.types.json import parse_json
from pgtool.types.jsonb import pack_jsonb

SETTINGS = Settings()


def _document(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(4 if depth > 2 else 8)
    if kind < 4:
        return rng.choice([None, True, 1, -2.50, 10**20, "", "x", "l\u00e4nger " * 3, "7"])
    if kind == 4:
        return [_document(rng, depth + 1) for _ in range(rng.randrange(4))]
    keys = rng.sample(["a", "b", "k", "kk", "\u00e4", "", "long key", "z9"], rng.randrange(7))
    return {key: _document(rng, depth + 1) for key in keys}


def test_members_as_text() -> None:
    registry.load()
    rng = random.Random(5)
    data = []
    for number in range(600):
        document = _document(rng)
        if number % 9 == 0:
            document = {f"k{i}": i for i in range(40)} | {"k": "deep", "a": number}
        text = json.dumps(document).encode()
        data.append(pack_jsonb(parse_json(text, SETTINGS, unescape=True)))
    column = VarColumn.of(data)
    call = Call((), 0, 0, SimpleNamespace(settings=SETTINGS))
    scalar = registry.BUILTINS["jsonb_object_field_text"].scalar
    for key in ("a", "k", "kk", "\u00e4", "", "long key", "nosuch"):
        one = VarColumn.of([key.encode()])
        shape = (len(data),)
        word = VarColumn(one.buffer, np.broadcast_to(one.start, shape),
                         np.broadcast_to(one.length, shape))  # fmt: skip
        found = registry.VECTORS["jsonb_object_field_text"](column, word)
        assert found is not NotImplemented
        got = [found.datum(i) for i in range(len(data))]
        expected = [scalar(call, datum, key) for datum in data]
        assert got == [None if text is None else text.encode() for text in expected]


def test_damage_is_left_to_the_scalar_form() -> None:
    registry.load()
    good = pack_jsonb({b"a": b"x"})
    bad = good[:4] + b"\xff\xff\xff\x0f" + good[8:]
    one = VarColumn.of([b"a"])
    word = VarColumn(one.buffer, np.broadcast_to(one.start, (2,)),
                     np.broadcast_to(one.length, (2,)))  # fmt: skip
    for second in (bad, good[:9], good[:3]):
        column = VarColumn.of([good, second])
        assert registry.VECTORS["jsonb_object_field_text"](column, word) is NotImplemented
